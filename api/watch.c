// Waiting requests, in lists by a hash of their user.
#include "api/watch.h"

#include <string.h>

#include "api/reactor.h"
#include "core/clock.h"
#include "core/hash.h"

static struct request **bucket_of(struct watch *w, uint64_t user)
{
    return &w->bucket[hash_u64(user, 0) & (WATCH_BUCKETS - 1)];
}

void watch_add(struct reactor *r, struct request *q)
{
    struct request **at = bucket_of(&r->watch, q->watch_user);
    q->next = *at;
    *at = q;
    r->watch.n++;
}

static void wake(struct reactor *r, struct request **at)
{
    struct request *q = *at;
    *at = q->next;
    r->watch.n--;
    reactor_ready(r, q);
}

void watch_wake(struct reactor *r, uint64_t user)
{
    if (r->watch.n == 0)
        return;
    struct request **at = bucket_of(&r->watch, user);
    while (*at != NULL) {
        if ((*at)->watch_user == user)
            wake(r, at);
        else
            at = &(*at)->next;
    }
}

void watch_turn(struct reactor *r)
{
    uint64_t now = clock_mono_ns();
    bool stops = reactor_stops(r);
    if (r->watch.n == 0 || (!stops && now - r->watch.swept_ns < WATCH_SWEEP_MS * UINT64_C(1000000)))
        return;
    r->watch.swept_ns = now;
    for (unsigned i = 0; i < WATCH_BUCKETS && r->watch.n > 0; i++) {
        struct request **at = &r->watch.bucket[i];
        while (*at != NULL) {
            if (stops || (*at)->watch_ns <= now)
                wake(r, at);
            else
                at = &(*at)->next;
        }
    }
}
