// What load_posix.c does with threads, one after the other.
#include "api/load.h"

void load_parallel(unsigned n, void (*fn)(void *ctx, unsigned i), void *ctx)
{
    for (unsigned i = 0; i < n; i++)
        fn(ctx, i);
}
