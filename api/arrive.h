// What both protocols have in common: a request that has a row, an actor and a table is judged by
// the gate and the rules, and set on its way.
#ifndef KITH_API_ARRIVE_H
#define KITH_API_ARRIVE_H

#include "api/reactor.h"

void arrive_from(struct request *q, net_conn c, enum channel channel, uint64_t sequence);
// What a read must not be older than: what the client says, and all that was answered before it
// came.
void arrive_demand(struct reactor *r, struct request *q, uint64_t place);
// An idempotency key as sent; false: not 1 to 128 visible ASCII characters.
bool arrive_key(struct request *q, const char *s, size_t n);
// false: nobody asks, and the operation is not open to everybody.
bool arrive_known(const struct request *q);
// The request is whole: judges it and makes it ready.
void arrive(struct reactor *r, struct request *q);

#endif
