// What the machine can do at best, measured beside a benchmark so that its figures are fractions of
// something: synced writes through the file layer of the log, and reads of memory.
#ifndef KITH_BENCH_LIMITS_H
#define KITH_BENCH_LIMITS_H

#include <stddef.h>
#include <stdint.h>

// Synced writes of so many bytes, one after the other into a file that was filled with zeros.
struct limit_append {
    const char *dir;           // of the file, removed afterwards
    size_t bytes;              // of a write, a multiple of PAGE
    unsigned in_flight;
    double seconds;
    double per_second, p50_us, p99_us; // measured
};
int limit_append(struct limit_append *a); // 0 or errno

// Reads of random cache lines in so many bytes: each address known only from the line before, and
// all addresses known beforehand.
struct limit_memory { size_t bytes; double dependent_ns, overlapped_ns; };
int limit_memory(struct limit_memory *m); // 0 or ENOMEM

#endif
