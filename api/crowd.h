// How many connections each address has, over all cores, in memory that is fixed: an address counts
// in one cell of each of two rows, and has what the lesser of the two says. So it is never counted
// too low, and too high only where it shares both cells with addresses that have many.
#ifndef KITH_API_CROWD_H
#define KITH_API_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { CROWD_CELLS = 1 << 14 };

struct crowd {
    uint64_t seed[2];
    uint32_t most;               // connections of one address
    _Atomic uint32_t cell[2][CROWD_CELLS];
};

// NULL: no memory.
struct crowd *crowd_new(uint32_t most);
// One more connection, unless the address has `most`. Any thread.
bool crowd_enter(struct crowd *w, uint64_t address);
// One that has entered leaves. Any thread.
void crowd_leave(struct crowd *w, uint64_t address);

#endif
