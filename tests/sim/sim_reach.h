// What the seeds of a run have met, and that a long run has met everything.
#ifndef KITH_TESTS_SIM_SIM_REACH_H
#define KITH_TESTS_SIM_SIM_REACH_H

#include <stdint.h>

#include "persist/recover.h"

enum { SIM_REACH_SEEDS = 200 };    // a run of so many has to meet everything

struct sim_reached {
    uint64_t requests, lives, group_lives, stops, rotations, leaps, clock_steps, turned;
    uint64_t rewritten;            // W6: batches beyond the witness, to be written again
    uint64_t decisions[DECISION_D9 + 1];
};
extern struct sim_reached sim_reached;

// Prints the table; returns how many rows of it a run of `seeds` should have met and did not.
unsigned sim_reach_report(uint64_t seeds);

#endif
