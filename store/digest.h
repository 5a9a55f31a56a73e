// The digest of a state: a sum modulo 2^128 of keyed hashes, one of every object, name and edge
// end. A sum does not care for order, so neither cores nor partitions nor tables reach it.
#ifndef KITH_STORE_DIGEST_H
#define KITH_STORE_DIGEST_H

#include "core/hash.h"
#include "store/edges.h"
#include "store/store.h"

void digest_add(struct digest *d, struct hash128 h);
void digest_sub(struct digest *d, struct hash128 h);
// Hash of one end of an edge, under the log's key.
struct hash128 digest_edge(const struct store *s, struct edge_at at, uint64_t other,
                           uint64_t stamp);
// Hash of n bytes under the log's key; `what` tells kinds of content apart.
struct hash128 digest_bytes(const struct store *s, uint64_t what, const void *bytes, size_t n);

#endif
