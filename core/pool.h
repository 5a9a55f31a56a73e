// Memory of one core's state: slabs of size classes cut from chunks that the owner's `map` gives,
// counted by kind. One thread allocates and frees. Never returns NULL: admission (memory budget)
// stands at the door of the log, and a map that fails stops the process (the state would be wrong
// otherwise).
#ifndef KITH_CORE_POOL_H
#define KITH_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

enum mem_kind {
    MEM_user, MEM_post, MEM_comment, MEM_session, MEM_audit, MEM_table, MEM_edges, MEM_edge_index,
    MEM_seq, MEM_stream, MEM_names, MEM_timeline, MEM_recent, MEM_keys, MEM_doc, MEM_other,
    MEM_index, MEM_KINDS,
};
extern const char *const mem_kind_names[MEM_KINDS];

enum { POOL_CLASSES = 128 };

struct pool {
    // Zeroed memory of `bytes` (a multiple of 64 KiB), 64-aligned; and back. Supplied by the owner.
    void *(*map)(void *ctx, size_t bytes);
    void (*unmap)(void *ctx, void *p, size_t bytes);
    void *ctx;
    void *free[POOL_CLASSES];      // singly linked free blocks of each class
    uint8_t *bump, *bump_end;      // rest of the newest chunk
    uint64_t used[MEM_KINDS];      // bytes handed out, rounded to their class
    uint64_t count[MEM_KINDS];     // blocks handed out
    uint64_t mapped;               // bytes taken from map
};

void pool_init(struct pool *p, void *(*map)(void *, size_t), void (*unmap)(void *, void *, size_t),
               void *ctx);
// Block of at least n bytes, 8-aligned, not zeroed. n is remembered by the caller: pool_free takes
// it.
void *pool_alloc(struct pool *p, size_t n, enum mem_kind kind);
void *pool_alloc_zero(struct pool *p, size_t n, enum mem_kind kind);
void pool_free(struct pool *p, void *block, size_t n, enum mem_kind kind);
// Bytes that a block for n really takes.
size_t pool_size(size_t n);
// A map that uses mmap, for the program (pool_mmap.c, not part of the pure core).
void *pool_map_pages(void *ctx, size_t bytes);
void pool_unmap_pages(void *ctx, void *p, size_t bytes);
// What is in this memory is not needed any more: its whole pages go back to the system, and hold
// zeros when they are touched again.
void pool_forget_pages(void *p, size_t bytes);

#endif
