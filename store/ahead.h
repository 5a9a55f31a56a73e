// What entries that come next will look at is asked of memory while there is time: a miss alone
// costs a hundred nanoseconds or more, one of many a tenth of that.
#ifndef KITH_STORE_AHEAD_H
#define KITH_STORE_AHEAD_H

#include <stdint.h>

struct entry;
struct shard;

enum { AHEAD_MAX = 8 };
// The next n <= AHEAD_MAX entries of a released batch, in order.
void shard_ahead(const struct shard *s, const struct entry *const *e, uint32_t n);

#endif
