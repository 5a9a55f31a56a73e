// Idempotency keys (keys.h).
#include "store/keys.h"

#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "store/image_parts.h"
#include "store/store.h"

struct keys_table {
    struct key_item *ring;
    uint32_t *index;          // place in the ring + 1, 0 = free; twice as many as the ring has
    uint32_t capacity;        // of the ring, a power of two
    uint64_t first, last;
    uint64_t seed;
};

enum { RING_MIN = 16 };
_Static_assert((IDEMPOTENCY_PER_PARTITION & (IDEMPOTENCY_PER_PARTITION - 1)) == 0, "a ring of it");

static uint32_t index_mask(const struct keys_table *t) { return t->capacity * 2 - 1; }

static struct key_item *item_at(const struct keys_table *t, uint64_t number)
{
    return &t->ring[number & (t->capacity - 1)];
}

// The keys are hashes of what clients say, and clients could say what meets in one place: so once
// more, under the log's own key.
static uint32_t home_of(const struct keys_table *t, const struct entry_key *key)
{
    return (uint32_t)hash_u64(key->key_lo, t->seed) & index_mask(t);
}

static bool same(const struct entry_key *a, const struct entry_key *b)
{
    return a->key_lo == b->key_lo && a->key_hi == b->key_hi;
}

static void index_key(struct keys_table *t, uint64_t number)
{
    uint32_t i = home_of(t, &item_at(t, number)->key);
    while (t->index[i] != 0) i = (i + 1) & index_mask(t);
    t->index[i] = (uint32_t)(number & (t->capacity - 1)) + 1;
}

// Takes it out; what stood behind it moves up, so that there are no tombstones.
static void unindex_key(struct keys_table *t, uint64_t number)
{
    uint32_t mask = index_mask(t), want = (uint32_t)(number & (t->capacity - 1)) + 1;
    uint32_t i = home_of(t, &item_at(t, number)->key);
    while (t->index[i] != want) {
        ASSERT(t->index[i] != 0);
        i = (i + 1) & mask;
    }
    for (uint32_t j = (i + 1) & mask; t->index[j] != 0; j = (j + 1) & mask) {
        uint32_t home = home_of(t, &t->ring[t->index[j] - 1].key);
        if (((j - home) & mask) < ((j - i) & mask)) continue;
        t->index[i] = t->index[j];
        i = j;
    }
    t->index[i] = 0;
}

static void grow(struct part *p)
{
    struct pool *pool = &p->shard->pool;
    struct keys_table old = *p->keys, *t = p->keys;
    t->capacity = old.capacity == 0 ? RING_MIN : old.capacity * 2;
    t->ring = pool_alloc(pool, t->capacity * sizeof *t->ring, MEM_keys);
    t->index = pool_alloc_zero(pool, 2 * t->capacity * sizeof *t->index, MEM_keys);
    for (uint64_t i = old.first; i < old.last; i++) {
        *item_at(t, i) = *item_at(&old, i);
        index_key(t, i);
    }
    pool_free(pool, old.ring, old.capacity * sizeof *old.ring, MEM_keys);
    pool_free(pool, old.index, 2 * old.capacity * sizeof *old.index, MEM_keys);
}

static void forget_first(struct part *p)
{
    struct keys_table *t = p->keys;
    ASSERT(t->first < t->last);
    if (p->image != NULL) image_before_key(p, t->first);
    unindex_key(t, t->first);
    t->first++;
}

void keys_expire(struct part *p, uint64_t stamp)
{
    const struct keys_table *t = p->keys;
    while (t != NULL && t->first < t->last &&
           stamp_ms(item_at(t, t->first)->stamp) + IDEMPOTENCY_MS <= stamp_ms(stamp))
        forget_first(p);
}

const struct key_item *keys_find(const struct part *p, const struct entry_key *key)
{
    const struct keys_table *t = p->keys;
    if (t == NULL) return NULL;
    for (uint32_t i = home_of(t, key); t->index[i] != 0; i = (i + 1) & index_mask(t)) {
        const struct key_item *item = &t->ring[t->index[i] - 1];
        if (same(&item->key, key)) return item;
    }
    return NULL;
}

void keys_put(struct part *p, const struct key_item *item)
{
    ASSERT(keys_find(p, &item->key) == NULL);
    if (p->keys == NULL) {
        p->keys = pool_alloc_zero(&p->shard->pool, sizeof *p->keys, MEM_keys);
        p->keys->seed = p->shard->store->hash_key[1];
    }
    struct keys_table *t = p->keys;
    if (t->last - t->first == IDEMPOTENCY_PER_PARTITION) forget_first(p);
    if (t->last - t->first == t->capacity) grow(p);
    *item_at(t, t->last) = *item;
    index_key(t, t->last++);
}

uint64_t keys_first(const struct part *p)
{
    return p->keys != NULL ? p->keys->first : 0;
}

uint64_t keys_last(const struct part *p)
{
    return p->keys != NULL ? p->keys->last : 0;
}

const struct key_item *keys_at(const struct part *p, uint64_t number)
{
    ASSERT(number >= p->keys->first && number < p->keys->last);
    return item_at(p->keys, number);
}
