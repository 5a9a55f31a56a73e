// What a user did, newest first. Nothing is kept for it: a like, a follow, a comment and a post
// each stand in a list of the user's own, in the order of their stamps, and these lists are read
// as one. On the user's core.
#ifndef KITH_STORE_ACTS_H
#define KITH_STORE_ACTS_H

#include <stdint.h>

#include "store/stream.h"

struct shard;

// Acts below the key `before` (0 = from the newest), of the stamp `since` and later, at most
// `want` (<= PAGE_MAX).
struct acts_read { uint64_t owner, before, since; uint32_t want; };
// An act has the form of an item: number (its stamp), actor, entity, type, data.
uint32_t acts_below(const struct part *p, struct acts_read what, struct stream_item *out);
// Of those that lead somewhere. *next: the key to go on from, 0 = the end.
uint32_t read_acts(const struct shard *s, struct acts_read what, struct stream_item *out,
                   uint64_t *next);
// Where the next page begins behind this one.
uint64_t act_key(const struct stream_item *act);

#endif
