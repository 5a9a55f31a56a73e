// What a user's statistics show beside the counters: likes that the posts have, and when a count
// moved last. Derived: from a snapshot the time is that of the newest thing counted.
#ifndef KITH_STORE_STATS_H
#define KITH_STORE_STATS_H

#include <stdint.h>

#include "core/graph.h"
#include "store/objects.h"

struct part;

// A counter of the record for this list moved: a user's, or a post's of a user in the part.
void stats_moved(struct part *p, struct object *o, enum list_kind list, int by);
// The post comes (+1) among its author's or leaves it (-1), with the likes that it has.
void stats_post(struct part *p, struct post *post, int by);
// While a partition is loaded: the newest item of a list was counted at ms; a post, when the likes
// are there.
void stats_load_list(struct part *p, struct object *o, enum list_kind list, uint64_t ms);
void stats_load_post(struct part *p, const struct post *post);

#endif
