// Sorted pointers in blocks (order.h).
#include "store/order.h"

#include <string.h>

#include "core/assert.h"

enum { BLOCK_ITEMS = 126 };    // with its head 1 KiB

struct order_block { uint64_t n; const void *item[BLOCK_ITEMS]; };

static struct order_block *block_new(struct pool *pool)
{
    struct order_block *b = pool_alloc(pool, sizeof *b, MEM_index);
    b->n = 0;
    return b;
}

static void insert_block(struct order *o, struct pool *pool, uint32_t k, struct order_block *b)
{
    if (o->n == o->room) {
        uint32_t room = o->room == 0 ? 4 : 2 * o->room;
        struct order_block **to = pool_alloc(pool, room * sizeof *to, MEM_index);
        if (o->n > 0) memcpy(to, o->block, o->n * sizeof *to);
        if (o->room > 0) pool_free(pool, o->block, o->room * sizeof *to, MEM_index);
        o->block = to;
        o->room = room;
    }
    memmove(o->block + k + 1, o->block + k, (o->n - k) * sizeof *o->block);
    o->block[k] = b;
    o->n++;
}

static void remove_block(struct order *o, struct pool *pool, uint32_t k)
{
    pool_free(pool, o->block[k], sizeof *o->block[k], MEM_index);
    memmove(o->block + k, o->block + k + 1, (o->n - k - 1) * sizeof *o->block);
    if (--o->n > 0) return;
    pool_free(pool, o->block, o->room * sizeof *o->block, MEM_index);
    *o = (struct order){0};
}

// The first block whose last item is not before the key, else the last block.
static uint32_t block_for(const struct order *o, order_before before, const void *key)
{
    uint32_t lo = 0, hi = o->n - 1;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const struct order_block *b = o->block[mid];
        if (before(b->item[b->n - 1], key))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static uint32_t place_in(const struct order_block *b, order_before before, const void *key)
{
    uint32_t lo = 0, hi = (uint32_t)b->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (before(b->item[mid], key))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void order_insert(struct order *o, struct pool *pool, order_before before, const void *item)
{
    if (o->n == 0) insert_block(o, pool, 0, block_new(pool));
    uint32_t k = block_for(o, before, item);
    struct order_block *b = o->block[k];
    if (b->n == BLOCK_ITEMS) {
        // What comes in order fills its blocks.
        bool behind = k + 1 == o->n && before(b->item[b->n - 1], item);
        uint32_t keep = behind ? BLOCK_ITEMS : BLOCK_ITEMS / 2;
        struct order_block *upper = block_new(pool);
        upper->n = b->n - keep;
        memcpy(upper->item, b->item + keep, upper->n * sizeof *b->item);
        b->n = keep;
        insert_block(o, pool, k + 1, upper);
        if (behind || before(b->item[b->n - 1], item)) b = upper;
    }
    uint32_t at = place_in(b, before, item);
    memmove(b->item + at + 1, b->item + at, (b->n - at) * sizeof *b->item);
    b->item[at] = item;
    b->n++;
}

void order_remove(struct order *o, struct pool *pool, order_before before, const void *item)
{
    ASSERT(o->n > 0);
    uint32_t k = block_for(o, before, item);
    struct order_block *b = o->block[k];
    uint32_t at = place_in(b, before, item);
    ASSERT(at < b->n && b->item[at] == item);
    b->n--;
    memmove(b->item + at, b->item + at + 1, (b->n - at) * sizeof *b->item);
    if (b->n == 0) remove_block(o, pool, k);
}

void order_clear(struct order *o, struct pool *pool)
{
    while (o->n > 0) remove_block(o, pool, o->n - 1);
}

const void *order_first(struct order_walk *w, const struct order *o, order_before before,
                        const void *key)
{
    *w = (struct order_walk){o, 0, 0};
    if (o->n == 0) return NULL;
    if (key != NULL) {
        w->block = block_for(o, before, key);
        w->at = place_in(o->block[w->block], before, key);
    }
    return order_next(w);
}

const void *order_next(struct order_walk *w)
{
    const struct order *o = w->of;
    while (w->block < o->n && w->at == o->block[w->block]->n) {
        w->block++;
        w->at = 0;
    }
    return w->block < o->n ? o->block[w->block]->item[w->at++] : NULL;
}

uint32_t order_behind(const struct order_walk *w)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < w->block; k++) n += (uint32_t)w->of->block[k]->n;
    return n + w->at - 1;
}

const void *order_last(const struct order *o)
{
    if (o->n == 0) return NULL;
    const struct order_block *b = o->block[o->n - 1];
    return b->item[b->n - 1];
}
