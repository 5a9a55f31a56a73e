// The slabs of pool.h. Every class has a list of free blocks; new ones are cut from the newest
// chunk, and what is left of a chunk when the next one comes goes to the lists of the classes that
// still fit.
//
//   classes   8 16 24 … 512 | 576 640 704 … 1024 | … | 72 K 80 K … 128 K
//   above     pages of their own, in multiples of 64 KiB
#include "core/pool.h"

#include <string.h>

#include "core/assert.h"
#include "core/poison.h"
#include "core/probe.h"

enum {
    GRAIN = 8,                // all sizes are multiples of it
    SMALL_CLASSES = 64,       // a grain apart
    SMALL_MAX = SMALL_CLASSES * GRAIN,
    CLASS_MAX = 128 << 10,    // the largest class: eight a doubling from SMALL_MAX on
    MAP_GRAIN = 64 << 10,
    CHUNK_MIN = 1 << 20,
    CHUNK_MAX = 32 << 20,     // a chunk is a quarter of what there is, within these
};

_Static_assert(SMALL_CLASSES + 8 * 8 == POOL_CLASSES, "eight doublings lead from 512 to 128 Ki");
_Static_assert(SMALL_MAX << 8 == CLASS_MAX, "eight doublings lead from 512 to 128 Ki");

const char *const mem_kind_names[MEM_KINDS] = {
    [MEM_user] = "user",         [MEM_post] = "post",
    [MEM_comment] = "comment",   [MEM_session] = "session", [MEM_audit] = "audit",
    [MEM_table] = "table",       [MEM_edges] = "edges",
    [MEM_edge_index] = "edge_index", [MEM_seq] = "seq",
    [MEM_stream] = "stream",     [MEM_names] = "names",
    [MEM_timeline] = "timeline", [MEM_recent] = "recent",
    [MEM_keys] = "keys",         [MEM_doc] = "document",
    [MEM_other] = "other",       [MEM_index] = "index",
};

struct free_block {
    struct free_block *next;
};

static unsigned class_of(size_t n)
{
    if (n <= SMALL_MAX) return n == 0 ? 0 : (unsigned)((n - 1) / GRAIN);
    unsigned log = 63 - (unsigned)__builtin_clzll(n - 1); // 2^log < n <= 2^(log + 1)
    unsigned eighth = (unsigned)((n - 1) >> (log - 3)) & 7;
    return SMALL_CLASSES + (log - 9) * 8 + eighth;
}

static size_t class_size(unsigned cls)
{
    if (cls < SMALL_CLASSES) return (size_t)(cls + 1) * GRAIN;
    unsigned log = 9 + (cls - SMALL_CLASSES) / 8;
    size_t eighths = 9 + (cls - SMALL_CLASSES) % 8;
    return eighths << (log - 3);
}

static size_t round_pages(size_t n)
{
    return (n + MAP_GRAIN - 1) & ~(size_t)(MAP_GRAIN - 1);
}

void pool_init(struct pool *p, void *(*map)(void *, size_t), void (*unmap)(void *, void *, size_t),
               void *ctx)
{
    memset(p, 0, sizeof *p);
    p->map = map;
    p->unmap = unmap;
    p->ctx = ctx;
}

static void *map_pages(struct pool *p, size_t bytes)
{
    void *pages = p->map(p->ctx, bytes);
    ASSERT(pages != NULL);
    ASSERT(((uintptr_t)pages & 63) == 0);
    p->mapped += bytes;
    PROBE(slab_mapped, bytes, p->mapped);
    return pages;
}

static void put_free(struct pool *p, void *block, unsigned cls)
{
    struct free_block *b = block;
    b->next = p->free[cls];
    p->free[cls] = b;
    // A use after quiet_reclaim is seen.
    poison(block, class_size(cls));
}

static void new_chunk(struct pool *p)
{
    for (size_t rest = (size_t)(p->bump_end - p->bump); rest > 0;) {
        unsigned cls = rest >= CLASS_MAX ? POOL_CLASSES - 1 : class_of(rest);
        if (class_size(cls) > rest) cls--;
        put_free(p, p->bump, cls);
        p->bump += class_size(cls);
        rest -= class_size(cls);
    }
    uint64_t bytes = p->mapped / 4 / CHUNK_MIN * CHUNK_MIN;
    if (bytes < CHUNK_MIN) bytes = CHUNK_MIN;
    if (bytes > CHUNK_MAX) bytes = CHUNK_MAX;
    p->bump = map_pages(p, (size_t)bytes);
    p->bump_end = p->bump + bytes;
}

void *pool_alloc(struct pool *p, size_t n, enum mem_kind kind)
{
    ASSERT(kind < MEM_KINDS);
    size_t size = pool_size(n);
    p->used[kind] += size;
    p->count[kind]++;
    if (n > CLASS_MAX) return map_pages(p, size);

    unsigned cls = class_of(n);
    struct free_block *b = p->free[cls];
    if (b != NULL) {
        unpoison(b, size);
        p->free[cls] = b->next;
        return b;
    }
    if ((size_t)(p->bump_end - p->bump) < size) new_chunk(p);
    void *block = p->bump;
    p->bump += size;
    return block;
}

void *pool_alloc_zero(struct pool *p, size_t n, enum mem_kind kind)
{
    void *block = pool_alloc(p, n, kind);
    // Pages of their own come zeroed, and a table that grows wants them untouched.
    if (n <= CLASS_MAX) memset(block, 0, n);
    return block;
}

void pool_free(struct pool *p, void *block, size_t n, enum mem_kind kind)
{
    if (block == NULL) return;
    size_t size = pool_size(n);
    ASSERT(kind < MEM_KINDS);
    ASSERT(p->used[kind] >= size);
    p->used[kind] -= size;
    p->count[kind]--;
    if (n > CLASS_MAX) {
        p->mapped -= size;
        p->unmap(p->ctx, block, size);
        return;
    }
    put_free(p, block, class_of(n));
}

size_t pool_size(size_t n)
{
    return n > CLASS_MAX ? round_pages(n) : class_size(class_of(n));
}
