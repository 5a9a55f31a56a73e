// Random bytes, filled in at link time: the kernel's for the program, the seed's for tests/sim.
#ifndef KITH_CORE_RANDOM_H
#define KITH_CORE_RANDOM_H

#include <stddef.h>

// Fills n bytes fit for keys. Cannot fail: the process stops where the kernel has none.
void random_bytes(void *out, size_t n);

#endif
