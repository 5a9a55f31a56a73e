// Marks in a program whose instructions are counted (tests/bench/test_budgets.py): what runs
// between cost_begin and cost_end is `path`, done n times. callgrind sees the two functions by
// name, so they are never inlined.
#ifndef KITH_TESTS_BENCH_COST_H
#define KITH_TESTS_BENCH_COST_H

#include <stdio.h>

static __attribute__((noinline, unused)) void cost_begin(void)
{
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noinline, unused)) void cost_end(const char *path, unsigned n)
{
    printf("%s %u\n", path, n);
}

#endif
