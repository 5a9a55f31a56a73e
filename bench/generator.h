// The load generator: many connections in one thread, each with so many requests in flight. With a
// rate the loop is open: a request has an intended time, and its latency counts from there, sent
// late or not. Without one it is closed: an answer brings the next request.
#ifndef KITH_BENCH_GENERATOR_H
#define KITH_BENCH_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "api/client.h"
#include "core/hist.h"

// Makes request number i into at most cap bytes at buf.
struct request_maker {
    void (*make)(void *ctx, uint64_t i, struct client_request *out, uint8_t *buf, size_t cap);
    void *ctx;
};

struct generator_options {
    const char *address, *service_key;
    unsigned connections, in_flight;
    double warmup_s, duration_s;
    uint64_t rate;             // requests a second, 0 = as fast as answers come
    uint64_t stop_after;       // requests in all, 0 = by time alone
    struct request_maker maker;
    // Called when the measured time begins and when it ends. May be NULL.
    void (*mark)(void *ctx, bool end);
    void *mark_ctx;
};

struct generator_report {
    struct hist latency;       // nanoseconds; freed by generator_free
    uint64_t sent, answered;   // within the measured time
    uint64_t refused;          // answers with an error, of those
    uint64_t malformed;        // answers that had not their declared shape
    uint64_t late;             // open loop: requests whose time came and that were never sent
    uint64_t bytes_in, bytes_out;
    double seconds;            // measured
    double busy;               // share of the measured time that the generator's thread ran
    char first_error[128];     // of the answers refused
    char why[CLIENT_WHY];
};

// 0, or errno with why.
int generator_run(const struct generator_options *opt, struct generator_report *out);
void generator_free(struct generator_report *r);

#endif
