// Ids that stand in several postings at once, newest first, and those of any of several lists.
#ifndef KITH_STORE_HUNT_H
#define KITH_STORE_HUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/postings.h"

enum {
    HUNT_LISTS = 96,
    HUNT_STEPS = 30000,        // of one turn: half a millisecond
};

struct hunt {
    uint32_t n, steps;         // steps: that are left
    bool nowhere;              // one of the lists does not exist
    uint64_t stopped;          // 0, or the steps are used up: ids from here down are not looked at
    struct posting_walk list[HUNT_LISTS];
};

void hunt_begin(struct hunt *h);
// One more list that the ids must be in; NULL: one that does not exist. More than there is room for
// are left out: so what is found has to be judged by its record.
void hunt_in(struct hunt *h, const struct postings *p);
// The highest id below `before` (0: any) that is in all lists; 0: none, or stopped.
uint64_t hunt_all(struct hunt *h, uint64_t before);
// Whether an id is in all of them.
bool hunt_has(struct hunt *h, uint64_t id);
// The highest id below `before` that is in at least `least` of the lists, and how many it is in.
uint64_t hunt_some(struct hunt *h, uint64_t before, uint32_t least);

#endif
