// Home timelines: for each reader who reads, a bounded list of post ids, pushed by the authors'
// cores, completed at read from the authors too widely followed to push. Derived: never logged,
// dropped at will, never wrong. Private to the reader's core.
//
//   slot:     | reader 8 | timeline* 8 |            open addressing by reader; 0 = free
//   timeline: | floor 8 | base 8 | n 2 | capacity 2 | width 1 | read 1 | 0 0 | ids, ascending |
//             an id is kept as its distance from the base, in 7 bytes where 198 days have all,
//             otherwise in 8
//
//   A timeline holds every post of every pushed followee with id >= floor; floor 0 = all there are.
//   A full one forgets its oldest eighth at once, so that most pushes only append. Where there are
//   too many timelines, one that was not read for a round of the hand goes (second chance).
#ifndef KITH_STORE_TIMELINE_H
#define KITH_STORE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/id.h"
#include "core/pool.h"

struct shard;
struct timeline;

enum { TIMELINE_MARKS = 4096 };

struct timelines {          // of one core
    struct timeline_slot *slot;
    uint32_t capacity, count;
    uint32_t limit;         // most timelines held, 0 = any
    uint32_t hand;          // slot that the next eviction looks at first
    uint64_t evicted, computed, pushed;
    // By hash of the reader: the place at which somebody there last followed or unfollowed.
    uint64_t outdated[TIMELINE_MARKS];
};

// NULL if the reader has none. Valid until the next call that may change the timelines.
struct timeline *timeline_find(struct timelines *t, uint64_t reader);
// Asks memory for the newest ids of these readers' timelines, of at most 16.
void timeline_ahead(const struct timelines *t, struct id_list readers);
// A new one with these ids (descending, n <= TIMELINE_MAX) and floor.
struct timeline_fill { const uint64_t *id; uint32_t n; uint64_t floor; };
void timeline_put(struct shard *s, uint64_t reader, struct timeline_fill fill);
// A post for readers; nothing happens to one who has none materialised, or whose floor is above the
// id, or who has it.
void timeline_push(struct shard *s, uint64_t post, struct id_list to);
void timeline_drop(struct shard *s, uint64_t reader);
// The reader follows others than before, from `place` on. What authors' cores that are not there
// yet publish and push may still be for the old followees, and not for the new ones: until every
// core has applied up to that place, timeline_ready is false and no timeline may be put.
void timeline_outdate(struct shard *s, uint64_t reader, uint64_t place);
bool timeline_ready(const struct timelines *t, uint64_t reader, uint64_t seen);
void timeline_drop_all(struct shard *s);
uint64_t timeline_floor(const struct timeline *t);
// Ids strictly below `before` (0 = from the newest), descending, at most max.
uint32_t timeline_below(const struct timeline *t, uint64_t before, uint64_t *out, uint32_t max);

#endif
