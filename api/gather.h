// The same work on several cores for one request, which goes on when all have done it.
//
//   begin ─► work on each core asked ─► done, on the core that asked
#ifndef KITH_API_GATHER_H
#define KITH_API_GATHER_H

#include <stdint.h>

#include "api/reactor.h"

struct gathering;

// One core's share; goes there and comes back. Belongs to the gathering.
struct share {
    struct gathering *of;
    unsigned core;
    void *result;              // malloc'd by the work, freed with the gathering; NULL: no memory
    uint32_t n;
};

struct gathering {
    struct request *request;
    unsigned home, due, cores;
    void (*work)(struct reactor *r, struct share *share);
    void (*done)(struct reactor *r, struct request *q);
    void *input;               // malloc'd, freed with the gathering; read by all cores
    uint32_t input_n;
    struct share share[];      // [cores]
};

// A gathering for q, which owns it from then on. NULL: no memory; nothing is answered yet.
struct gathering *gather_new(struct reactor *r, struct request *q);
// Every core does the work; or the one core.
void gather_all(struct reactor *r, struct gathering *g);
void gather_one(struct reactor *r, struct gathering *g, unsigned core);

// Letters.
void gather_asked(struct reactor *r, struct share *share);
void gather_told(struct reactor *r, struct share *share);
// With the request, when it is answered; or when the server ends, and nobody works any more.
void gather_free(struct request *q);

#endif
