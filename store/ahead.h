// Asks memory for what applying will look at, before it is applied: the misses of several edges
// overlap then, where each alone would be waited for. Changes nothing, and may guess wrong.
#ifndef KITH_STORE_AHEAD_H
#define KITH_STORE_AHEAD_H

#include <stdint.h>

#include "core/entry.h"
#include "store/check.h"

struct shard;
struct store;

enum { AHEAD_EDGES = 12 };     // their two ends each are as many misses as overlap

// n records, of any core.
void ahead_records(const struct store *s, const uint64_t *id, uint32_t n);
// The ends of n edges, at most AHEAD_EDGES, that are this shard's.
void ahead_edges(const struct shard *s, const struct graph_edge *x, uint32_t n);
// Posts to be born, at most AHEAD_EDGES: authors of this shard, and where the posts will stand.
struct ahead_post { uint64_t author, id; };
void ahead_posts(const struct shard *s, const struct ahead_post *x, uint32_t n);
// What n entries, at most AHEAD_EDGES, that are verified and are to be applied next will look at.
void shard_ahead(const struct shard *s, const struct entry *const *e, uint32_t n);

#endif
