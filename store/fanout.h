// Who hears of a new post: followers who hold a timeline, by push; all of them by pull, where the
// author has too many followers to push to.
#ifndef KITH_STORE_FANOUT_H
#define KITH_STORE_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

struct part;
struct shard;

// The post is in the author's lists. p is the author's partition.
void fanout(struct part *p, uint64_t author, uint64_t post);

// Authors who are pulled, as far as this core was told: a set that only grows, until it is dropped
// together with the timelines that it completes.
bool pulled_has(const struct shard *s, uint64_t author);
uint32_t pulled_count(const struct shard *s);
// The i-th of pulled_slots places, 0 = none there.
uint32_t pulled_slots(const struct shard *s);
uint64_t pulled_at(const struct shard *s, uint32_t i);

#endif
