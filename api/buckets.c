// A bucket speaks of nothing but itself, so hardly anything is ordered: whose it is stands there
// before what is taken from it.
#include "api/buckets.h"

#include <stdlib.h>

#include "core/assert.h"

enum { LINE = 64 };

_Static_assert(sizeof(struct bucket) * BUCKETS_IN_LINE == LINE, "a look is one cache line");

bool buckets_init(struct buckets *t, size_t n)
{
    ASSERT(n >= BUCKETS_IN_LINE && (n & (n - 1)) == 0);
    // Not set to zero by hand: pages that no key falls into are never taken.
    t->memory = calloc(n * sizeof(struct bucket) + LINE, 1);
    if (t->memory == NULL)
        return false;
    uintptr_t at = ((uintptr_t)t->memory + LINE - 1) / LINE * LINE;
    t->bucket = (struct bucket *)at;
    t->lines = n / BUCKETS_IN_LINE;
    return true;
}

void buckets_free(struct buckets *t)
{
    free(t->memory);
    t->memory = NULL;
}

static uint64_t load(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static struct bucket *line_of(const struct buckets *t, uint64_t hash)
{
    return t->bucket + (hash & (t->lines - 1)) * BUCKETS_IN_LINE;
}

static bool swap(_Atomic uint64_t *at, uint64_t seen, uint64_t with)
{
    return atomic_compare_exchange_strong_explicit(at, &seen, with, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

// Where the key has none, that of the least debt; *seen: whose it is, and how full. NULL: the key
// has that of *own.
struct seen { uint64_t hash, full; };
static struct bucket *least(struct buckets *t, uint64_t hash, struct bucket **own,
                            struct seen *seen)
{
    struct bucket *line = line_of(t, hash), *best = line;
    *seen = (struct seen){0, UINT64_MAX};
    for (unsigned i = 0; i < BUCKETS_IN_LINE; i++) {
        // What the key itself owes is not seen before that it has this one.
        uint64_t full = atomic_load_explicit(&line[i].full_ns, memory_order_acquire);
        uint64_t of = load(&line[i].hash);
        if (of == hash) {
            *own = &line[i];
            return NULL;
        }
        if (full < seen->full) {
            *seen = (struct seen){of, full};
            best = &line[i];
        }
    }
    return best;
}

// One becomes the key's own. Several cores that ask for a new key at once come to the same one.
static struct bucket *begin(struct buckets *t, const struct bucket_ask *ask)
{
    struct bucket *own = NULL, *other;
    struct seen seen;
    while ((other = least(t, ask->hash, &own, &seen)) != NULL) {
        bool owes = seen.full > ask->now_ns;
        if (owes && !swap(&other->full_ns, seen.full, 0))
            continue;
        if (owes)
            atomic_fetch_add_explicit(&t->forgotten, 1, memory_order_relaxed);
        if (swap(&other->hash, seen.hash, ask->hash))
            return other;
    }
    return own;
}

// NULL: the key has none.
static struct bucket *find(const struct buckets *t, uint64_t hash)
{
    struct bucket *line = line_of(t, hash);
    for (unsigned i = 0; i < BUCKETS_IN_LINE; i++)
        if (load(&line[i].hash) == hash)
            return &line[i];
    return NULL;
}

static struct bucket *claim(struct buckets *t, const struct bucket_ask *ask)
{
    struct bucket *own = find(t, ask->hash);
    return own != NULL ? own : begin(t, ask);
}

// What a bucket that is full at that time says to a taker.
static struct bucket_level judge(const struct bucket_ask *ask, uint64_t full)
{
    struct bucket_level v = {.debt_ns = full > ask->now_ns ? full - ask->now_ns : 0};
    uint64_t after = v.debt_ns + ask->every_ns;
    if (after > ask->until_full_ns)
        v.wait_ns = after - ask->until_full_ns;
    return v;
}

struct bucket_level buckets_take(struct buckets *t, const struct bucket_ask *ask)
{
    struct bucket *b = claim(t, ask);
    uint64_t full = load(&b->full_ns);
    struct bucket_level v;
    do {
        v = judge(ask, full);
        if (v.wait_ns > 0)
            return v;
    } while (!atomic_compare_exchange_weak_explicit(&b->full_ns, &full,
                                                    ask->now_ns + v.debt_ns + ask->every_ns,
                                                    memory_order_release, memory_order_relaxed));
    v.debt_ns += ask->every_ns;
    return v;
}

struct bucket_level buckets_look(const struct buckets *t, const struct bucket_ask *ask)
{
    const struct bucket *b = find(t, ask->hash);
    return judge(ask, b != NULL ? load(&b->full_ns) : 0);
}

void buckets_owe(struct buckets *t, const struct bucket_ask *ask)
{
    struct bucket *b = claim(t, ask);
    uint64_t full = load(&b->full_ns), base;
    do
        base = full > ask->now_ns ? full : ask->now_ns;
    while (!atomic_compare_exchange_weak_explicit(&b->full_ns, &full, base + ask->every_ns,
                                                  memory_order_release, memory_order_relaxed));
}

void buckets_give(struct buckets *t, const struct bucket_ask *ask, uint32_t n)
{
    struct bucket *b = find(t, ask->hash);
    if (b == NULL)
        return; // forgotten, and so forgiven
    uint64_t full = load(&b->full_ns), back = n * ask->every_ns;
    while (full > ask->now_ns &&
           !atomic_compare_exchange_weak_explicit(
               &b->full_ns, &full, full - ask->now_ns > back ? full - back : ask->now_ns,
               memory_order_release, memory_order_relaxed))
        ;
}
