// Reads: when this core has seen what the client knows of, on the core of the acting user.
#ifndef KITH_API_READS_H
#define KITH_API_READS_H

#include "api/reactor.h"

// request.run of a read that has just arrived.
void reads_begin(struct reactor *r, struct request *q);
// Asks memory for what these requests, about to run, will look at first.
void reads_ahead(struct reactor *r, struct request *const *q, uint32_t n);

#endif
