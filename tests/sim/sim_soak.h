// One long life of a community: every reply held against the model, and at every checkpoint every
// list, count, feed, search and notification of everybody, again after kills.
#ifndef KITH_TESTS_SIM_SIM_SOAK_H
#define KITH_TESTS_SIM_SIM_SOAK_H

#include <stdint.h>

struct soak_options {
    uint64_t seed, operations;
    unsigned users, posts;         // how many there are at a time, about
    uint64_t pairs;                // (viewer, object) pairs at the end
};
// Returns how many of its tests failed; prints `ok` or `FAIL` and their names.
unsigned soak_run(const struct soak_options *o);

#endif
