// How the generator speaks with one kind of server: writes what is asked, finds and judges the
// answers. Kith's is bench/frames.c; a driver for another server fills in the same functions, and
// is then asked the same things in the same order at the same times.
#ifndef KITH_BENCH_DRIVER_H
#define KITH_BENCH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/mix.h"

// A request under way.
struct job {
    struct ask ask;
    uint64_t intended_ns;      // when it was to be sent: latency counts from here
    uint64_t sent_ns;
    uint32_t connection, slot; // slot: 0 … in_flight - 1 of its connection
    uint8_t step;              // round trips made so far, for what takes several
    bool measured;
};

enum verdict {
    VERDICT_DONE,
    VERDICT_AGAIN,             // one more round trip: write is called with step + 1
    VERDICT_REFUSED,           // an answer, but an error
    VERDICT_WRONG,             // validated, and not what the model says
};

#define DRIVER_NONSENSE SIZE_MAX
enum { DRIVER_WHY = 256 };

struct driver {
    const char *system;        // "kith": goes into the report
    // Answers come in the order of the requests on their connection; else `whole` tells the slot.
    bool in_order;
    size_t request_max;        // bytes that write needs at most
    // Opens connection number i, ready for requests: a non-blocking descriptor. 0, or errno with a
    // sentence in why[DRIVER_WHY].
    int (*open)(void *ctx, unsigned i, int *fd, char *why);
    // The bytes of a request at `at`, with room for request_max; returns how many.
    size_t (*write)(void *ctx, struct job *job, uint8_t *at);
    // Bytes of the first answer in in[0, n), 0 while it is not whole, DRIVER_NONSENSE where it is
    // none.
    size_t (*whole)(void *ctx, const uint8_t *in, size_t n, uint32_t *slot);
    // Of a whole answer. Errors and wrong answers are noted in ctx, the first in words.
    enum verdict (*judge)(void *ctx, struct job *job, const uint8_t *answer, size_t n);
    void *ctx;
    char *first_error;         // [DRIVER_WHY], of judge; empty while there is none
};

#endif
