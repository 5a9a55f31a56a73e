// The state, and what clients are shown of it, against the model; two replays against each other.
#ifndef KITH_TESTS_SIM_SIM_COMPARE_H
#define KITH_TESTS_SIM_SIM_COMPARE_H

#include <stdint.h>

#include "persist/recover.h"

struct server;

struct sim_compared {
    uint64_t states, pages, replays, snapshots_loaded, notes;
    uint64_t decisions[DECISION_D9 + 1]; // how the log ended in replays
};
extern struct sim_compared sim_compared;   // over all seeds

// At a quiet moment, the log judged: every object, by the state itself.
void compare_state(struct server *server);
// The same by asking: every feed and list of some people, posts and comments.
void compare_reads(void);
// The same log with another number of cores: the same digest.
void compare_replay(struct server *server);

#endif
