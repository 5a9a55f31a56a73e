// Requests are made once and used again; a generation in the ticket keeps the answer to an earlier
// one away.
#include "api/request.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/random.h"

enum { INDEX_BITS = 24, GENERATION_BITS = 24 };

void requests_init(struct requests *t, unsigned core, uint64_t boot)
{
    *t = (struct requests){.core = core};
    t->numbers = boot << 40 | (uint64_t)core << 32;
}

static void drop_owned(struct requests *t, struct request *q)
{
    if (q->body != q->bytes)
        free(q->body);
    q->body = NULL;
    request_drop_answer(t, q);
}

void requests_free(struct requests *t)
{
    for (uint32_t i = 0; i < t->made; i++) {
        drop_owned(t, t->slot[i]);
        free(t->slot[i]);
    }
    free(t->slot);
    net_pool_free(&t->answers);
    *t = (struct requests){0};
}

static bool grow(struct requests *t)
{
    uint32_t cap = t->cap ? 2 * t->cap : 256;
    struct request **slot = realloc(t->slot, cap * sizeof *slot);
    if (slot == NULL)
        return false;
    t->slot = slot;
    t->cap = cap;
    return true;
}

static struct request *make(struct requests *t)
{
    if (t->made == REQUESTS_MAX || (t->made == t->cap && !grow(t)))
        return NULL;
    struct request *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    // Begins anywhere: what an earlier process left in the log names no request of this one.
    uint32_t generation;
    random_bytes(&generation, sizeof generation);
    q->index = t->made;
    q->ticket = (uint64_t)generation << INDEX_BITS;
    t->slot[t->made++] = q;
    return q;
}

struct request *request_new(struct requests *t)
{
    struct request *q = t->spare;
    if (q != NULL)
        t->spare = q->next;
    else if ((q = make(t)) == NULL)
        return NULL;
    const uint64_t mask = (UINT64_C(1) << GENERATION_BITS) - 1;
    uint64_t generation = ((q->ticket >> INDEX_BITS & mask) + 1) & mask;
    uint32_t index = q->index;
    memset(q, 0, offsetof(struct request, bytes));
    q->index = index;
    q->core = (uint16_t)t->core;
    q->ticket = (uint64_t)t->core << (INDEX_BITS + GENERATION_BITS) |
                (generation ? generation : 1) << INDEX_BITS | index;
    q->number = ++t->numbers;
    q->live = true;
    t->live++;
    return q;
}

void request_free(struct requests *t, struct request *q)
{
    ASSERT(q->live);
    ASSERT(q->core == t->core);
    ASSERT(q->reading == NULL);
    ASSERT(q->account == NULL);
    drop_owned(t, q);
    q->live = false;
    q->next = t->spare;
    t->spare = q;
    t->live--;
}

struct request *request_find(const struct requests *t, uint64_t ticket)
{
    uint32_t index = ticket & ((1u << INDEX_BITS) - 1);
    if (index >= t->made)
        return NULL;
    struct request *q = t->slot[index];
    return q->live && q->ticket == ticket ? q : NULL;
}

bool request_keep_body(struct request *q, const void *payload, uint32_t n)
{
    uint32_t padded = (n + 7) / 8 * 8;
    ASSERT(q->body == NULL);
    q->body = padded <= REQUEST_INLINE ? q->bytes : malloc(padded);
    if (q->body == NULL)
        return false;
    memcpy(q->body, payload, n);
    memset(q->body + n, 0, padded - n);
    q->body_n = padded;
    return true;
}

bool request_keep_answer(struct requests *t, struct request *q, const void *payload, uint32_t n)
{
    ASSERT(q->answer == NULL);
    q->answer = net_pool_take(&t->answers, n, &q->answer_cap);
    if (q->answer == NULL)
        return false;
    memcpy(q->answer, payload, n);
    q->answer_n = n;
    return true;
}

void request_drop_answer(struct requests *t, struct request *q)
{
    net_pool_give(&t->answers, q->answer, q->answer_cap);
    q->answer = NULL;
}

uint64_t request_id_field(const struct request *q, const char *name)
{
    const fb_type *t = q->row->request;
    for (unsigned i = 0; i < t->n_fields; i++) {
        const fb_field *f = &t->fields[i];
        if (f->base != FB_U64 || strcmp(f->name, name) != 0)
            continue;
        const uint8_t *table = request_table(q);
        uint32_t at = fb_at(table, f->slot);
        return at ? fb_u64(table + at) : 0;
    }
    return 0;
}

uint64_t request_key(const struct request *q)
{
    return q->row->key != NULL ? request_id_field(q, q->row->key) : 0;
}
