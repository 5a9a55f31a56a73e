// What a user's statistics show beside the counters: likes that the posts have, and when a count
// moved last. Derived from the log and no part of the digest; the likes follow from what a snapshot
// has, the time stands in it, for what moved a count may be gone.
#ifndef KITH_STORE_STATS_H
#define KITH_STORE_STATS_H

#include <stdint.h>

#include "core/graph.h"
#include "store/objects.h"

struct part;
struct record_head;

// A counter of the record for this list moved: a user's, or a post's of a user in the part.
void stats_moved(struct part *p, struct object *o, enum list_kind list, int by);
// The post comes (+1) among its author's or leaves it (-1), with the likes that it has.
void stats_post(struct part *p, struct post *post, int by);
// While a partition is loaded, when the post's likes are there.
void stats_load_post(struct part *p, const struct post *post);
// The head of a user's record as it stands in an image, which has that time as well.
void stats_keep(struct record_head *head, const struct object *o);
void stats_kept(struct object *o, const struct record_head *head);

#endif
