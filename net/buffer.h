// Growing byte buffers out of a reactor's own pool: a connection holds memory only while it has
// bytes to keep, and a request in steady state costs no malloc.
#ifndef KITH_NET_BUFFER_H
#define KITH_NET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POOL_CLASS_MIN = 9,            // 512 bytes
    POOL_CLASS_MAX = 24,           // 16 MiB: no buffer grows beyond SEND_BUFFER_HARD
    POOL_KEEP = 8 << 20,           // bytes a pool keeps of blocks given back
};

struct net_block { struct net_block *next; };

// Blocks are powers of two, 16-aligned. One thread.
struct net_pool {
    struct net_block *idle[POOL_CLASS_MAX + 1];
    size_t kept;                   // bytes in all idle lists
};

struct net_buffer {
    char *p;                       // NULL while cap = 0
    uint32_t n, cap;
};

void net_pool_free(struct net_pool *pool);
// A block of at least n bytes, its size in *cap; NULL when there is no memory.
void *net_pool_take(struct net_pool *pool, size_t n, uint32_t *cap);
void net_pool_give(struct net_pool *pool, void *block, uint32_t cap);

// Room for `more` bytes behind the n there are. false when there is no memory.
bool net_buffer_reserve(struct net_pool *pool, struct net_buffer *b, size_t more);
bool net_buffer_append(struct net_pool *pool, struct net_buffer *b, const void *bytes, size_t n);
// Empties it and gives its block back.
void net_buffer_free(struct net_pool *pool, struct net_buffer *b);

#endif
