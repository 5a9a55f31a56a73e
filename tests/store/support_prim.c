// A store of bare shards and partitions.
#include "tests/store/support_prim.h"

#include <stdlib.h>
#include <string.h>

struct chunk {
    struct chunk *next;
    void *at;
};

struct prim_heard prim_heard;

void prim_before_list(struct part *p, void *list, bool is_seq)
{
    prim_heard.lists += !is_seq;
    prim_heard.seqs += is_seq;
    prim_heard.list = list;
    if (prim_heard.on_list != NULL) prim_heard.on_list(p, list);
}

void prim_before_names(struct part *p, uint64_t id)
{
    (void)p;
    prim_heard.names++;
    prim_heard.names_id = id;
}

uint8_t prim_generation(const struct part *p)
{
    (void)p;
    return prim_heard.generation;
}

static void *map(void *ctx, size_t bytes)
{
    struct prim *m = ctx;
    struct chunk *c = malloc(sizeof *c);
    assert_non_null(c);
    c->at = aligned_alloc(64, bytes);
    assert_non_null(c->at);
    memset(c->at, 0, bytes);
    c->next = m->chunks;
    m->chunks = c;
    return c->at;
}

static void unmap(void *ctx, void *p, size_t bytes)
{
    (void)bytes;
    struct prim *m = ctx;
    struct chunk **at = &m->chunks;
    while (*at != NULL && (*at)->at != p) at = &(*at)->next;
    assert_non_null(*at);
    struct chunk *c = *at;
    *at = c->next;
    free(c->at);
    free(c);
}

struct prim *prim_new(unsigned readers)
{
    struct prim *m = aligned_alloc(64, sizeof *m);
    assert_non_null(m);
    memset(m, 0, sizeof *m);
    memset(&prim_heard, 0, sizeof prim_heard);
    m->store.cores = 1 + readers;
    m->store.partitions = 1;
    m->store.hash_key[0] = UINT64_C(0x1234567812345678);
    m->store.hash_key[1] = UINT64_C(0x8765432187654321);
    m->store.shard = &m->shard;
    m->store.part = &m->part;
    quiet_init(&m->store.quiet, m->store.cores);
    m->shard.store = &m->store;
    pool_init(&m->shard.pool, map, unmap, m);
    m->part.shard = &m->shard;
    return m;
}

void prim_drain(struct prim *m)
{
    for (int i = 0; i < 3; i++) {
        for (unsigned c = 0; c < m->store.cores; c++) quiet_point(&m->store.quiet, c);
        quiet_reclaim(&m->store.quiet, &m->shard.limbo, &m->shard.pool, UINT32_MAX);
    }
    assert_int_equal(m->shard.limbo.items, 0);
}

void prim_free(struct prim *m)
{
    prim_drain(m);
    for (int k = 0; k < MEM_KINDS; k++)
        if (k != MEM_table && k != MEM_names) assert_int_equal(m->shard.pool.used[k], 0);
    while (m->chunks != NULL) {
        struct chunk *c = m->chunks;
        m->chunks = c->next;
        free(c->at);
        free(c);
    }
    free(m);
}

uint64_t prim_next(struct prim_random *r)
{
    r->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = r->state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t prim_below(struct prim_random *r, uint32_t bound)
{
    return (uint32_t)((prim_next(r) >> 32) * bound >> 32);
}
