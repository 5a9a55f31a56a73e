// Requests in flight on one connection: sent in order, answered in any, sent again while the server
// says that it is overloaded. A request's bytes are kept until it is answered.
#ifndef KITH_BENCH_PIPELINE_H
#define KITH_BENCH_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/client.h"

enum { PIPELINE_WINDOW = 32 };

struct flight {
    uint32_t request;      // 0 = free
    uint16_t op;
    unsigned tries;
    uint64_t actor, tag;
    uint8_t *body;         // grows with its slot
    size_t n, cap;
};

struct pipeline {
    struct client *client;
    struct flight flight[PIPELINE_WINDOW];
    unsigned waiting;
    uint64_t retries;      // requests sent again
    // An answer, done or refused; tag is the request's. false ends the work.
    bool (*done)(void *ctx, uint64_t tag, const struct answer *a);
    void *ctx;
    bool ended;            // done gave false
};

void pipeline_init(struct pipeline *p, struct client *c);
void pipeline_free(struct pipeline *p);
// Waits for a free place, then sends; the body is copied. false: the connection broke (see
// client->why), or done gave false.
struct pipeline_request { uint16_t op; uint64_t actor, tag; const void *body; size_t n; };
bool pipeline_send(struct pipeline *p, const struct pipeline_request *r);
// Waits for all answers.
bool pipeline_drain(struct pipeline *p);

#endif
