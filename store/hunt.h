// Ids that stand in several postings at once, newest first, and those of any of several lists; and
// those that any of several hunts finds.
#ifndef KITH_STORE_HUNT_H
#define KITH_STORE_HUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/postings.h"

enum {
    HUNT_LISTS = 96,
    HUNT_STEPS = 30000,        // of one turn: half a millisecond
    HUNTS = 32,                // that go on together at most
};

struct hunt {
    uint32_t n, room, steps;   // room: for lists; steps: that are left
    bool nowhere;              // one of the lists does not exist
    uint64_t stopped;          // 0, or the steps are used up: ids from here down are not looked at
    struct posting_walk *list; // not owned
};

// Room for at most HUNT_LISTS.
void hunt_begin(struct hunt *h, struct posting_walk *room, uint32_t lists);
// One more list that the ids must be in; NULL: one that does not exist. More than there is room for
// are left out: so what is found has to be judged by its record.
void hunt_in(struct hunt *h, const struct postings *p);
// The highest id below `before` (0: any) that is in all lists; 0: none, or stopped.
uint64_t hunt_all(struct hunt *h, uint64_t before);
// Whether an id is in all of them.
bool hunt_has(struct hunt *h, uint64_t id);
// The highest id below `before` that is in at least `least` of the lists, and how many it is in.
uint64_t hunt_some(struct hunt *h, uint64_t before, uint32_t least);

struct hunts {
    uint32_t n, from;          // from: which one found the last id
    uint64_t stopped;          // of all, as of one
    struct hunt hunt[HUNTS];
    uint64_t next[HUNTS];      // found by each, and not given yet; 0: not looked for
    bool over[HUNTS];
};

void hunts_begin(struct hunts *h);
// The last one that was added, and has begun, goes on with the others; they share the steps.
void hunts_share(struct hunts *h);
// The highest id below `before` (0: any) that one of them finds; 0: none, or stopped. `before` only
// falls.
uint64_t hunts_next(struct hunts *h, uint64_t before);
bool hunts_have(struct hunts *h, uint64_t id);
// So many steps for what was done with the id of the last one.
void hunts_spend(struct hunts *h, uint32_t steps);

#endif
