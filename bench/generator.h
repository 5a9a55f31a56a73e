// The load generator: many connections in one thread, each with so many requests in flight. With a
// rate the loop is open: a request has an intended time, and its latency counts from there, sent
// late or not. Without one it is closed: an answer brings the next request.
//
// It shares the machine with the server, so it is made to cost little: one wait for all
// connections, one read and one write of a connection for all that is due on it, one look at the
// clock for all answers that come together.
#ifndef KITH_BENCH_GENERATOR_H
#define KITH_BENCH_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/driver.h"
#include "bench/mix.h"
#include "core/hist.h"

#define LATENCY_HIGHEST_NS UINT64_C(100000000000)
enum { GENERATOR_SECONDS_MAX = 3600 };

struct generator_options {
    const struct driver *driver;
    const struct mix *mix;
    uint64_t first;            // number of the first request of the mix
    unsigned connections, in_flight;
    double warmup_s, duration_s;
    double rate;               // requests a second, 0 = as fast as answers come
    uint64_t stop_after;       // requests in all, 0 = by time alone
    // Called when the measured time begins and when it ends. May be NULL.
    void (*mark)(void *ctx, bool end);
    // Called about every tick_s of the measured time. May be NULL.
    void (*tick)(void *ctx, double at_s);
    double tick_s;
    void *ctx;
};

// One second of the measured time, by when answers came.
struct generator_second { uint64_t answered, p50_ns, p99_ns, max_ns; };

struct generator_report {
    struct hist latency;       // nanoseconds, all kinds; freed by generator_free
    struct hist *kind;         // [ASK_KINDS]; counts NULL for a kind that was not asked
    struct generator_second *second; // [seconds_n]
    unsigned seconds_n;
    uint64_t made;             // requests made in all: number of the next one is first + made
    uint64_t sent, answered;   // within the measured time
    uint64_t asked[ASK_KINDS]; // answered without an error, warm-up included
    uint64_t refused, wrong;   // answers with an error; answers that the model refuses
    uint64_t unsent;           // open loop: requests whose time came and that were never sent
    uint64_t late;             // open loop: sent more than a millisecond after their time although
                               // a slot was free: the generator's own fault
    uint64_t bytes_in, bytes_out;
    double seconds;            // measured
    double busy;               // share of the measured time that the generator's thread ran
    char first_error[DRIVER_WHY];
    char why[DRIVER_WHY];
};

// 0, or errno with why.
int generator_run(const struct generator_options *opt, struct generator_report *out);
void generator_free(struct generator_report *r);

#endif
