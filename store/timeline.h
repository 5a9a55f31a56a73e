// Home timelines: for each reader who reads, a bounded list of post ids, pushed by the authors'
// cores, completed at read from the authors too widely followed to push. Derived: never logged,
// dropped at will, never wrong. Private to the reader's core.
//
//   timeline: | reader 8 | floor 8 | older* 8 | newer* 8 | n 4 | capacity 4 | id* 8 |
//                               id[capacity: 32, 64 … 512], ascending: the newest last
//   It holds every post of every pushed followee with id >= floor; floor 0 = all there are. A full
//   one forgets its oldest eighth at once, so that most pushes only append.
#ifndef KITH_STORE_TIMELINE_H
#define KITH_STORE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pool.h"

struct shard;
struct timeline;

struct timelines {          // of one core
    struct timeline **slot; // open addressing by reader
    uint32_t capacity, count;
    uint32_t limit;         // most timelines held, 0 = any; the least lately read goes first
    struct timeline *lru_old, *lru_new;
    uint64_t evicted, computed, pushed;
};

// NULL if the reader has none.
struct timeline *timeline_find(struct timelines *t, uint64_t reader);
// A new one with these ids (descending, n <= TIMELINE_MAX) and floor.
struct timeline_fill { const uint64_t *id; uint32_t n; uint64_t floor; };
struct timeline *timeline_put(struct shard *s, uint64_t reader, struct timeline_fill fill);
// A post for a reader; nothing happens if none is materialised or the id is below its floor or
// there.
void timeline_push(struct shard *s, uint64_t reader, uint64_t post);
void timeline_drop(struct shard *s, uint64_t reader);
void timeline_drop_all(struct shard *s);
uint64_t timeline_floor(const struct timeline *t);
// Ids strictly below `before` (0 = from the newest), descending, at most max.
uint32_t timeline_below(const struct timeline *t, uint64_t before, uint64_t *out, uint32_t max);

#endif
