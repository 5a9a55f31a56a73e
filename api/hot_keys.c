#include "api/hot_keys.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/reactor.h"
#include "api/text.h"
#include "core/hash.h"

#define HALF_NS (UINT64_C(60) * 1000 * 1000 * 1000)

static uint32_t get(const _Atomic uint32_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void set(_Atomic uint32_t *to, uint32_t v)
{
    atomic_store_explicit(to, v, memory_order_relaxed);
}

void hot_keys_note(struct hot_keys *h, const struct request *q)
{
    // By a hash, not every sixteenth: clients ask in patterns.
    if (q->row->key == NULL || hash_u64(q->number, 0) % HOT_ONE_IN != 0)
        return;
    uint64_t id = request_key(q);
    if (id != 0)
        hot_keys_count(h, id, q->row->key);
}

void hot_keys_count(struct hot_keys *h, uint64_t id, const char *field)
{
    struct hot_key *least = &h->at[0];
    uint32_t lowest = UINT32_MAX;
    for (unsigned i = 0; i < HOT_KEYS; i++) {
        struct hot_key *one = &h->at[i];
        uint32_t count = get(&one->count);
        if (atomic_load_explicit(&one->id, memory_order_relaxed) == id) {
            set(&one->count, count + 1);
            return;
        }
        if (count < lowest) {
            lowest = count;
            least = one;
        }
    }
    // The newcomer takes the place of the least with its count: it may have been here before.
    set(&least->error, lowest);
    set(&least->count, lowest + 1);
    atomic_store_explicit(&least->field, field, memory_order_relaxed);
    atomic_store_explicit(&least->id, id, memory_order_relaxed);
}

void hot_keys_age(struct hot_keys *h, uint64_t now_ns)
{
    if (now_ns - h->halved_ns < HALF_NS)
        return;
    h->halved_ns = now_ns;
    for (unsigned i = 0; i < HOT_KEYS; i++) {
        set(&h->at[i].count, get(&h->at[i].count) / 2);
        set(&h->at[i].error, get(&h->at[i].error) / 2);
    }
}

// ---- shown -------------------------------------------------------------------------------------

struct shown { uint64_t id, least; const char *field; };

static int by_count(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;
    if (x->least != y->least)
        return x->least < y->least ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void add(struct shown *all, unsigned *n, struct shown one)
{
    for (unsigned i = 0; i < *n; i++) {
        if (all[i].id == one.id) {
            all[i].least += one.least;
            return;
        }
    }
    all[(*n)++] = one;
}

void hot_keys_prometheus(const struct server *s, struct text *out)
{
    struct shown *all = calloc((size_t)s->cores * HOT_KEYS, sizeof *all);
    unsigned n = 0;
    if (all == NULL)
        return;
    for (unsigned c = 0; c < s->cores; c++) {
        for (unsigned i = 0; i < HOT_KEYS; i++) {
            const struct hot_key *one = &s->reactor[c]->hot.at[i];
            uint32_t count = get(&one->count), error = get(&one->error);
            uint64_t id = atomic_load_explicit(&one->id, memory_order_relaxed);
            const char *field = atomic_load_explicit(&one->field, memory_order_relaxed);
            if (id != 0 && field != NULL && count > error)
                add(all, &n, (struct shown){id, (uint64_t)(count - error) * HOT_ONE_IN, field});
        }
    }
    qsort(all, n, sizeof *all, by_count);
    text_add(out, "# HELP kith_hot_key_requests Requests for the ids asked most, of the last "
                  "minutes, from a sample\n# TYPE kith_hot_key_requests gauge\n");
    for (unsigned i = 0; i < n && i < HOT_SHOWN; i++)
        text_format(out, "kith_hot_key_requests{field=\"%s\",id=\"%" PRIu64 "\"} %" PRIu64 "\n",
                    all[i].field, all[i].id, all[i].least);
    free(all);
}
