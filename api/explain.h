// The operation `explain`: another one is run as the same caller, and answered with what it
// touched. What the other one refuses is refused as ever.
#ifndef KITH_API_EXPLAIN_H
#define KITH_API_EXPLAIN_H

#include <stdint.h>

struct reactor;
struct request;

// q, whose table is an Explain, becomes the request that it names, and arrives anew.
void explain_begin(struct reactor *r, struct request *q);
// That request's answer is ready, at its own core: it is told of instead.
void explain_end(struct reactor *r, struct request *q, const void *payload, uint32_t n);

#endif
