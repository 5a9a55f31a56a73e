// The quiet points of quiet.h. A retired block waits in a batch; a closed batch carries the epoch
// that its owner made by closing it, and is freed when every core that is awake has seen that
// epoch.
//
// Why that is enough, without fences: closing adds to `epoch`, and so does going online. These
// additions stand in one order, each sees what came before the ones that it follows. A core whose
// quiet point read the batch's epoch or a later one therefore sees that the blocks are gone from
// where they were published. A core that comes online either follows the closing, and sees the
// same; or precedes it, and then the owner sees it awake with an older epoch, and waits.
#include "core/quiet.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/assert.h"

enum { BATCH_BLOCKS = 31 };

struct quiet_item {
    struct quiet_item *next;
    uint64_t epoch;        // 0 while the batch is open
    uint32_t count;        // of block[]
    uint32_t freed;        // of those, from the front
    struct quiet_block block[BATCH_BLOCKS];
};
_Static_assert(sizeof(struct quiet_item) == 768, "fills a size class of the pool");

void quiet_init(struct quiet *q, unsigned cores)
{
    ASSERT(cores >= 1);
    ASSERT(cores <= CORES_MAX);
    q->cores = cores;
    atomic_init(&q->epoch, 1);
    // Awake until they say otherwise: a core that has not begun can delay, but not be forgotten.
    for (unsigned c = 0; c < CORES_MAX; c++) atomic_init(&q->core[c].seen, 1);
}

void quiet_point(struct quiet *q, unsigned c)
{
    ASSERT(c < q->cores);
    _Atomic uint64_t *seen = &q->core[c].seen;
    uint64_t before = atomic_load_explicit(seen, memory_order_relaxed);
    if (before == QUIET_OFFLINE) {
        quiet_online(q, c);
        return;
    }
    uint64_t epoch = atomic_load_explicit(&q->epoch, memory_order_acquire);
    // Nothing to say most of the time; then the line stays shared with those who read it.
    if (epoch != before) atomic_store_explicit(seen, epoch, memory_order_release);
}

void quiet_offline(struct quiet *q, unsigned c)
{
    ASSERT(c < q->cores);
    atomic_store_explicit(&q->core[c].seen, QUIET_OFFLINE, memory_order_release);
}

void quiet_online(struct quiet *q, unsigned c)
{
    ASSERT(c < q->cores);
    _Atomic uint64_t *seen = &q->core[c].seen;
    if (atomic_load_explicit(seen, memory_order_relaxed) != QUIET_OFFLINE) {
        quiet_point(q, c);
        return;
    }
    // Awake first, with an epoch that is too old if anything; then into the order of the closings.
    uint64_t old = atomic_load_explicit(&q->epoch, memory_order_relaxed);
    atomic_store_explicit(seen, old, memory_order_release);
    uint64_t epoch = atomic_fetch_add_explicit(&q->epoch, 1, memory_order_acq_rel) + 1;
    atomic_store_explicit(seen, epoch, memory_order_release);
}

static struct quiet_item *open_batch(struct quiet_limbo *l, struct pool *p)
{
    if (l->newest != NULL && l->newest->epoch == 0) return l->newest;
    struct quiet_item *b = pool_alloc(p, sizeof *b, MEM_other);
    b->next = NULL;
    b->epoch = 0;
    b->count = 0;
    b->freed = 0;
    if (l->newest != NULL)
        l->newest->next = b;
    else
        l->oldest = b;
    l->newest = b;
    return b;
}

static void close_batch(struct quiet *q, struct quiet_item *b)
{
    b->epoch = atomic_fetch_add_explicit(&q->epoch, 1, memory_order_acq_rel) + 1;
}

void quiet_retire(struct quiet *q, struct quiet_limbo *l, struct pool *p, struct quiet_block b)
{
    ASSERT(b.block != NULL);
    struct quiet_item *batch = open_batch(l, p);
    batch->block[batch->count++] = b;
    l->items++;
    l->bytes += pool_size(b.n);
    if (batch->count == BATCH_BLOCKS) close_batch(q, batch);
}

// The oldest epoch that a core awake may still be in; QUIET_OFFLINE when all sleep.
static uint64_t oldest_seen(const struct quiet *q)
{
    uint64_t oldest = QUIET_OFFLINE;
    for (unsigned c = 0; c < q->cores; c++) {
        uint64_t seen = atomic_load_explicit(&q->core[c].seen, memory_order_acquire);
        if (seen < oldest) oldest = seen;
    }
    return oldest;
}

void quiet_reclaim(struct quiet *q, struct quiet_limbo *l, struct pool *p, unsigned max)
{
    if (l->oldest == NULL) return;
    // An open batch is closed early only when nothing waits before it, so that a slow core does not
    // make a batch of each turn.
    if (l->oldest->epoch == 0) close_batch(q, l->oldest);
    uint64_t seen = oldest_seen(q);
    while (max > 0 && l->oldest != NULL) {
        struct quiet_item *batch = l->oldest;
        if (batch->epoch == 0 || batch->epoch > seen) return;
        for (; max > 0 && batch->freed < batch->count; max--) {
            struct quiet_block *b = &batch->block[batch->freed++];
            l->items--;
            l->bytes -= pool_size(b->n);
            pool_free(p, b->block, b->n, b->kind);
        }
        if (batch->freed < batch->count) return;
        l->oldest = batch->next;
        if (l->oldest == NULL) l->newest = NULL;
        pool_free(p, batch, sizeof *batch, MEM_other);
    }
}
