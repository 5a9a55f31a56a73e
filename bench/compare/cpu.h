// Processor time of a server: of a process and of the processes that it started.
#ifndef KITH_BENCH_COMPARE_CPU_H
#define KITH_BENCH_COMPARE_CPU_H

#include <sys/types.h>

// Seconds so far; 0 of nobody (pid 0).
double cpu_seconds(pid_t pid);

#endif
