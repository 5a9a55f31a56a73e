// Edge sets: (owner, list) → the unique set of (other, stamp), newest last in memory, with
// membership in constant time. Private to the owner's core.
//
//   small, about 31:  | list_head 16 | base 8 | other 8 × capacity | stamp w × capacity |
//   big:              | list_head 16 | base 8 | 32 | other 8 × capacity | stamp w × capacity |
//                                              └► index: u16[slots] or u32[slots]
//   Others and stamps are columns: who asks for one does not read the other. A stamp is kept as its
//   distance from the base in w bytes: 0 of a lone edge, 4 of those of 17 minutes, 6 of two years.
//   Stamps rise. A small set has no holes. What is removed from a big one leaves a hole (other = 0,
//   its stamp stays for the search); holes are squeezed out when they are more than the edges.
//   An index slot is | bits of the hash | position + 1 |; all 0 = free, position bits 0 = removed.
#ifndef KITH_STORE_EDGES_H
#define KITH_STORE_EDGES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/graph.h"
#include "core/pool.h"

struct list_head;
struct part;
struct store;

struct edge { uint64_t other, stamp; };
struct edge_at { uint64_t owner; enum list_kind list; };

// false: it was there (its stamp stays). Stamps of one set must rise, but a lower one is put in its
// place, at the cost of the set's length.
bool edges_add(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp);
// false: it was not there. *stamp (may be NULL) is what it had.
bool edges_remove(struct part *p, struct edge_at at, uint64_t other, uint64_t *stamp);
// The edge's stamp, 0 = not there.
uint64_t edges_find(const struct part *p, struct edge_at at, uint64_t other);
// The same for many questions about one set, which is found once: NULL = it is empty. Valid until
// the set changes. `ahead` asks memory for what `in` will look at.
const struct list_head *edges_set(const struct part *p, struct edge_at at);
uint64_t edges_in(const struct part *p, const struct list_head *set, uint64_t other);
void edges_ahead(const struct part *p, const struct list_head *set, uint64_t other);
// Asks memory for the heads of n sets, at most 16.
void edges_sets_ahead(const struct store *s, const struct edge_at *at, uint32_t n);
uint32_t edges_count(const struct part *p, struct edge_at at);
// Newest first, stamps strictly below `before` (0 = from the newest), as many as there is room
// for; returns how many.
struct edge_room { struct edge *out; uint32_t max; };
uint32_t edges_page(const struct part *p, struct edge_at at, uint64_t before,
                    struct edge_room room);
// The oldest edge in constant (amortised) time, false if empty: for cascades.
bool edges_any(const struct part *p, struct edge_at at, struct edge *out);
// All edges in place, oldest first, holes (other = 0) among them; valid until the set changes. No
// edges: n = 0.
struct edge_list {
    const uint64_t *other;
    const uint8_t *stamp;  // column of `wide` bytes each, behind others in memory
    uint64_t base;
    uint32_t n;
    uint32_t wide;         // at most 7
};
struct edge_list edges_all(const struct part *p, struct edge_at at);
// A word that ends where the stamp ends: what is read before it is memory of the set too.
static inline uint64_t edge_stamp(const struct edge_list *l, uint32_t i)
{
    uint64_t word;
    memcpy(&word, l->stamp + (size_t)(i + 1) * l->wide - sizeof word, sizeof word);
    return l->base + (word >> 1 >> (63 - 8 * l->wide));
}
// For bytes from disk: n edges, each other 8 and stamp 8, become the set's newest. false: they are
// not what a set can hold, and the partition is of no use any more.
struct edge_bytes { const uint8_t *at; uint32_t n; };
bool edges_load(struct part *p, struct edge_at at, struct edge_bytes from);
// Asks memory for what edges_add will look at, in waves: n edges of one shard's sets, at most 16.
struct edge_wish { struct edge_at at; uint64_t other; };
void edges_add_ahead(const struct store *s, const struct edge_wish *wish, uint32_t n);
// Frees the set with all that is in it. (A set that loses its last edge frees itself.)
void edges_drop(struct part *p, struct edge_at at);

#endif
