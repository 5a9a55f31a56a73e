// The clock of tests/net: the kernel's, which a test can put forward. Stands in the place of
// core/clock_posix.c.
#include "tests/net/support_clock.h"

#include <stdatomic.h>
#include <time.h>

#include "core/clock.h"

static _Atomic uint64_t skipped_ns;

void test_clock_skip(unsigned ms)
{
    atomic_fetch_add(&skipped_ns, (uint64_t)ms * 1000000);
}

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec + atomic_load(&skipped_ns);
}

uint64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

uint64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_ns(void)
{
    return read_ns(CLOCK_MONOTONIC_COARSE);
}
