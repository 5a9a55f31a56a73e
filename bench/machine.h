// What the system says of the machine and of a process: for the environment of a report, processor
// time per request, and how busy each core was.
#ifndef KITH_BENCH_MACHINE_H
#define KITH_BENCH_MACHINE_H

#include <stdint.h>
#include <sys/types.h>

#include "core/limits.h"

struct machine {
    char cpu[96], kernel[96], governor[32], clock[32];
    unsigned cores;            // online
    uint64_t memory_bytes;
    double load;               // of the last minute
};
void machine_describe(struct machine *m);

// Time that each core was not idle so far, in nanoseconds (to a hundredth of a second).
struct machine_cores { uint64_t busy_ns[CORES_MAX]; unsigned n; };
void machine_cores(struct machine_cores *out);

// Processor time of all threads of a process so far, and what it holds of memory; 0 where the
// process cannot be looked at.
uint64_t process_cpu_ns(pid_t pid);
uint64_t process_resident_bytes(pid_t pid);
// The process of this machine that listens on a TCP port; 0 where it is not to be found.
pid_t process_listening(unsigned port);

#endif
