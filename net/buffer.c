// The pool of blocks and the buffers made of them.
#include "net/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

static unsigned class_of(size_t n)
{
    if (n <= 1u << POOL_CLASS_MIN) return POOL_CLASS_MIN;
    return 64 - (unsigned)__builtin_clzll(n - 1);
}

void net_pool_free(struct net_pool *pool)
{
    for (unsigned i = 0; i <= POOL_CLASS_MAX; i++)
        for (struct net_block *b = pool->idle[i], *next; b; b = next) {
            next = b->next;
            free(b);
        }
    memset(pool, 0, sizeof *pool);
}

void *net_pool_take(struct net_pool *pool, size_t n, uint32_t *cap)
{
    unsigned class = class_of(n);
    if (class > POOL_CLASS_MAX) return NULL;
    *cap = (uint32_t)1 << class;
    struct net_block *b = pool->idle[class];
    if (!b) return malloc(*cap);
    pool->idle[class] = b->next;
    pool->kept -= *cap;
    return b;
}

void net_pool_give(struct net_pool *pool, void *block, uint32_t cap)
{
    if (!block) return;
    if (pool->kept + cap > POOL_KEEP) {
        free(block);
        return;
    }
    unsigned class = (unsigned)__builtin_ctz(cap);
    ASSERT(cap == (uint32_t)1 << class);
    struct net_block *b = block;
    b->next = pool->idle[class];
    pool->idle[class] = b;
    pool->kept += cap;
}

bool net_buffer_reserve(struct net_pool *pool, struct net_buffer *b, size_t more)
{
    if (b->cap - b->n >= more) return true;
    size_t least = b->n + more;
    if (least < 4096 && b->cap == 0) least = 4096;
    uint32_t cap;
    char *p = net_pool_take(pool, least, &cap);
    if (!p) return false;
    if (b->n) memcpy(p, b->p, b->n);
    net_pool_give(pool, b->p, b->cap);
    b->p = p;
    b->cap = cap;
    return true;
}

bool net_buffer_append(struct net_pool *pool, struct net_buffer *b, const void *bytes, size_t n)
{
    if (n == 0) return true;
    if (!net_buffer_reserve(pool, b, n)) return false;
    memcpy(b->p + b->n, bytes, n);
    b->n += (uint32_t)n;
    return true;
}

void net_buffer_free(struct net_pool *pool, struct net_buffer *b)
{
    net_pool_give(pool, b->p, b->cap);
    *b = (struct net_buffer){0};
}
