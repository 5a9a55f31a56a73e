// Counters beside what they count, while the server serves: a few objects at a time, round and
// round. That a counter is the size of its list holds by construction; this is what would notice if
// it did not.
#ifndef KITH_STORE_RECOUNT_H
#define KITH_STORE_RECOUNT_H

#include <stdint.h>

struct shard;

// Looks at about `budget` objects of this core, more where lists are long. Counts into s->recount.
void shard_recount(struct shard *s, uint32_t budget);

#endif
