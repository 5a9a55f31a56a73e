// Marks in a program whose instructions are counted (tests/bench/test_budgets.py): what runs
// between cost_begin and cost_end is `path`, done n times. callgrind sees the two functions by
// name, so they are never inlined.
#ifndef KITH_TESTS_BENCH_COST_H
#define KITH_TESTS_BENCH_COST_H

#include <stdio.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

// From here on instructions are counted, in a run under --instr-atstart=no: what was made before
// was made ten times as fast.
static inline __attribute__((unused)) void cost_watch(void)
{
#ifdef CALLGRIND_START_INSTRUMENTATION
    CALLGRIND_START_INSTRUMENTATION;
#endif
}

static __attribute__((noinline, unused)) void cost_begin(void)
{
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noinline, unused)) void cost_end(const char *path, unsigned n)
{
    printf("%s %u\n", path, n);
}

#endif
