// Sequences: (owner, list) → ordered unique ids, for objects born in the owner's slot (posts of a
// user, comments of a post, replies of a comment). Append is the common case; any order is taken.
// Private to the owner's core.
//
//   seq: | owner 8 | list 1 | image 1 | far 1 | lone 1 | count 4 | near id[2] |    at most two ids
//        | owner 8 | list 1 | image 1 | far 1 | lone 1 | count 4 | pointer 8 | blocks 4 | cap 4 |
//          one block:                                 └► | n 4 | capacity 4 | id[<= 255] |
//          more:                                      └► block*[], each wholly below the next
//   Ids ascend. Blocks grow 3, 5, 7, 9 … 255, each filling a size class of the pool; a full one of
//   255 is split in the middle, or followed by a new one if it was the last and the id goes to its
//   end.
#ifndef KITH_STORE_SEQ_H
#define KITH_STORE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "store/edges.h"

// A sequence by itself (a core's list of all posts), or one found by (owner, list) in a partition.
struct seq {
    uint64_t owner;
    uint8_t list, image;       // as in struct list_head
    uint8_t far;               // 1: the ids lie in blocks
    uint8_t lone;              // 1: its memory ends behind near[0]
    uint32_t count;            // ids
    union {
        uint64_t near[2];
        struct {
            union {
                struct seq_block *only;
                struct seq_block **block;
            };
            uint32_t blocks;
            uint32_t blocks_cap; // of block[]; 0 = there is at most one, `only`
        };
    };
};

// All zero = empty.
bool seq_insert(struct seq *s, struct pool *pool, uint64_t id); // false: it was there
bool seq_delete(struct seq *s, struct pool *pool, uint64_t id); // false: it was not
// Descending ids below `before` (0 = from the highest), at most max; returns how many.
// s may be NULL.
uint32_t seq_below(const struct seq *s, uint64_t before, uint64_t *out, uint32_t max);
// Ascending ids above `after`. s may be NULL.
uint32_t seq_above(const struct seq *s, uint64_t after, uint64_t *out, uint32_t max);
// Gives back all memory; the sequence is empty then.
void seq_clear(struct seq *s, struct pool *pool);

bool seqs_add(struct part *p, struct edge_at at, uint64_t id);
bool seqs_remove(struct part *p, struct edge_at at, uint64_t id);
struct seq *seqs_find(const struct part *p, struct edge_at at); // NULL = empty
void seqs_drop(struct part *p, struct edge_at at);
// Asks memory for what adding a newest id to each of n sequences, at most SEQS_AHEAD, looks at.
enum { SEQS_AHEAD = 16 };
void seqs_ahead(const struct store *s, const struct edge_at *at, uint32_t n);

#endif
