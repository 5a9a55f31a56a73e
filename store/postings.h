// Postings: an ordered set of ids, coded small. Private to its core; derived, never logged.
//
//   postings: | count 4 | blocks 4 | the id itself, a block*, or a directory of block* 8 |
//   block:    | first 8 | ids 2 | used 2 | room 2 | bytes … |   ascending
//             each id after the first: varint (time since the last one << 12 | slot << 2 | flags),
//             the time in seconds (flag 2) or ms; then varint (sequence) where it is not 0 (flag 1)
//   A block has at most 512 bytes and grows through the pool's classes; a full one is halved, or
//   followed by a new one where the id goes to the end. The directory doubles.
#ifndef KITH_STORE_POSTINGS_H
#define KITH_STORE_POSTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/id.h"
#include "core/pool.h"

enum { POSTING_IDS = 256 };    // of one block at most

struct postings {              // all zero = empty
    uint32_t count;
    uint32_t blocks;           // 0: at most one id, `one`
    union {
        uint64_t one;
        struct posting_block *only;
        struct posting_block **block;
    };
};

bool postings_insert(struct postings *p, struct pool *pool, uint64_t id); // false: it was there
bool postings_remove(struct postings *p, struct pool *pool, uint64_t id); // false: it was not
// ids ascend, and none of them is there.
void postings_add(struct postings *p, struct pool *pool, struct id_list ids);
// Gives back all memory.
void postings_clear(struct postings *p, struct pool *pool);

// A walk from the newest down; keeps the block it is in. The postings may not change meanwhile.
struct posting_walk {
    const struct postings *of;
    uint32_t block;            // that is unpacked, UINT32_MAX = none
    uint32_t n, at;            // ids of it, where the last answer lies
    uint64_t id[POSTING_IDS];
};
void posting_walk(struct posting_walk *w, const struct postings *of);
// The highest id below `before` (0: the highest of all), 0 = there is none.
uint64_t posting_below(struct posting_walk *w, uint64_t before);

#endif
