// Counting how often each id comes in a long list, faster than a table that does not fit the cache:
// the list is first spread over buckets by the hash, which are then counted one by one.
#ifndef KITH_STORE_TALLY_H
#define KITH_STORE_TALLY_H

#include <stdint.h>

struct tally { uint64_t id; uint32_t n, zero; };

// Adds up the n of equal ids in place, in no order; returns how many different ones there are.
// room: as many again. slots: a power of two, at least twice n.
struct tally_room { struct tally *room; uint32_t *slots; };
uint32_t tally_up(struct tally *all, uint32_t n, struct tally_room with);
// How many slots a list of n needs.
uint32_t tally_slots(uint32_t n);

#endif
