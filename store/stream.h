// Streams: (owner, list) → items of fixed size, numbered by the stamps of the entries that made
// them. Appended at the end as a rule, read in pages from the newest, marked and taken out where
// they stand, dropped from the oldest block by block. Private to the owner's core.
//
//   stream: | list_head 16 | read_to 8 | unread 4 | blocks 4 | blocks_cap 4 | 4 | pointer 8 |
//             one block:  └► | n 2 | capacity 2 | unread 2 | image 1 | 1 | item[capacity <= 146] |
//             more:       └► block*[blocks_cap], each wholly below the next
//
// An item is read if it says so, or if its number is not above `read_to`: so that all are marked by
// moving one number. A block counts those that do not say so themselves.
#ifndef KITH_STORE_STREAM_H
#define KITH_STORE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "store/edges.h"

enum stream_flag {
    STREAM_READ = 1,
    STREAM_SILENT = 2,         // kept for whoever delivers it, in no list; always read
    STREAM_HIDDEN = 4,         // what it is about is hidden for a while: in no list, not unread
    STREAM_FLAGS = 7,
};

struct stream_item {
    uint64_t number;           // never 0
    uint64_t actor, entity;
    uint8_t type, flags;       // flags: enum stream_flag
    uint8_t bits, data;        // of the family whose stream it is
} __attribute__((packed, aligned(4)));

// Whether it counts as unread, the mark of its stream aside.
static inline bool stream_unread(const struct stream_item *item)
{
    return !(item->flags & (STREAM_READ | STREAM_HIDDEN));
}

struct stream_block {
    uint16_t n, capacity;
    uint16_t unread;           // items that do not say that they are read
    uint8_t image, zero;       // image: generation of the last snapshot that has it
    struct stream_item item[];
};

struct stream {
    uint64_t owner;
    uint8_t list, image;       // as in struct list_head; image: of the stream but its blocks
    uint16_t zero;
    uint32_t count;            // items
    uint64_t read_to;
    uint32_t unread;
    uint32_t blocks;
    uint32_t blocks_cap;       // of block[]; 0 = there is at most one, `only`
    uint32_t zero2;
    union {
        struct stream_block *only;
        struct stream_block **block;
    };
};

struct stream *streams_find(const struct part *p, struct edge_at at); // NULL = empty
// Asks memory for the heads of n streams, at most 24, and for the ends that are appended to.
void streams_ahead(const struct store *s, const struct edge_at *at, uint32_t n);
// false: there is one of that number.
bool streams_add(struct part *p, struct edge_at at, const struct stream_item *item);
// Puts it in the place of the one of its number, which must be there.
void streams_put(struct part *p, struct edge_at at, const struct stream_item *item);
// false: there is none. A stream that loses its last item frees itself.
bool streams_remove(struct part *p, struct edge_at at, uint64_t number);
// Marks all as read; how many were not.
uint32_t streams_read_all(struct part *p, struct edge_at at);
// Takes out what is numbered below `before`; how many.
uint32_t streams_trim(struct part *p, struct edge_at at, uint64_t before);

// Reads; s may be NULL. Items come with STREAM_READ set if they are read.
bool stream_find(const struct stream *s, uint64_t number, struct stream_item *out);
// Newest first, numbers below `before` (0 = from the newest). unread: only those.
struct stream_room { struct stream_item *out; uint32_t max; bool unread; };
uint32_t stream_below(const struct stream *s, uint64_t before, struct stream_room room);
// Oldest first, numbers above `after`.
uint32_t stream_above(const struct stream *s, uint64_t after, struct stream_room room);
// Of the at most n oldest items above `after` the newest one's number, 0 = there is none.
uint64_t stream_skip(const struct stream *s, uint64_t after, uint32_t n);
// The number of the newest, of the oldest; 0 = empty.
uint64_t stream_last(const struct stream *s);
uint64_t stream_first(const struct stream *s);

// For snapshots and the audit.
struct stream_block *stream_block(const struct stream *s, uint32_t k);
// What a stream adds to the digest besides its items: where its mark stands. false: nothing.
struct hash128;
bool stream_mark_digest(const struct store *store, const struct stream *s, struct hash128 *out);
void stream_item_digest(const struct store *store, const struct stream *s,
                        const struct stream_item *item, struct hash128 *out);
// Loading: the mark, before or after its items; then, when all are there, what follows. false: no
// items.
bool stream_load_mark(struct part *p, struct edge_at at, uint64_t read_to);
bool stream_loaded(struct stream *s);

#endif
