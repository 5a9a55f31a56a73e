// Time, filled in at link time: clock_posix.c for the program, the simulator's for tests/sim.
#ifndef KITH_CORE_CLOCK_H
#define KITH_CORE_CLOCK_H

#include <stdint.h>

// Wall clock, milliseconds since 1970. May step in either direction.
uint64_t clock_wall_ms(void);
// Monotonic clock, nanoseconds since some start.
uint64_t clock_mono_ns(void);
// CLOCK_MONOTONIC_COARSE-like: cheap, a few milliseconds coarse, for timeouts. Nanoseconds.
uint64_t clock_coarse_ns(void);

#endif
