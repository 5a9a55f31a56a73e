// Requests that wait for something to happen to a user, or for a time: on the user's core, by user,
// until they are woken or their time is up.
#ifndef KITH_API_WATCH_H
#define KITH_API_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct reactor;
struct request;

enum {
    WATCH_BUCKETS = 1024,      // a power of two
    WATCHERS_MAX = 32768,      // of a core; above it nobody begins to wait
    WATCH_SWEEP_MS = 50,
};

struct watch {
    struct request *bucket[WATCH_BUCKETS];
    uint32_t n;
    uint64_t swept_ns;
};

// Runs q->run again when q->watch_user (0 = nobody) is told of something, at q->watch_ns, or when
// the server stops.
void watch_add(struct reactor *r, struct request *q);
// The user was told of something.
void watch_wake(struct reactor *r, uint64_t user);
// Once a turn: wakes those whose time is up.
void watch_turn(struct reactor *r);

#endif
