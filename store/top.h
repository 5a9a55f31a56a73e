// The highest ids of many lists.
#ifndef KITH_STORE_TOP_H
#define KITH_STORE_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/id.h"
#include "core/limits.h"

// Few ids in any order: descending, without repeats.
struct top {
    uint32_t n, max;
    uint64_t id[TIMELINE_MAX + 1];
};
void top_init(struct top *t, uint32_t max);
// false: it is below all of them and there is no room, so what is lower need not be tried.
bool top_add(struct top *t, uint64_t id);
// Drops what is below the floor.
void top_cut(struct top *t, uint64_t floor);

// Many descending lists that have no id in common. Lists of about the same length are merged in
// pairs, as in a merge sort from below: n ids of k lists take n log k steps.
enum { MERGE_LEVELS = 32 };
struct merger {
    uint64_t *room;
    uint32_t max, n[MERGE_LEVELS];     // n: ids at a level, merged from 2^level lists; 0 = free
};
// room: for MERGE_LEVELS + 2 lists of max ids, the caller's.
void merger_init(struct merger *m, void *room, uint32_t max);
// The list is not needed afterwards.
void merger_add(struct merger *m, struct id_list list);
// The highest max of all ids, in the room.
struct id_list merger_end(struct merger *m);

#endif
