// People by way of people: whom those that one follows follow, and who of them follows somebody.
#ifndef KITH_STORE_PEOPLE_H
#define KITH_STORE_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/id.h"
#include "store/edges.h"
#include "store/sees.h"
#include "store/tally.h"

struct shard;

enum {
    SUGGEST_FOLLOWEES = 1000,  // newest of the viewer's, and
    SUGGEST_EACH = 1000,       // newest of each of theirs, are counted
};

// ---- on every core, for the followees that it owns ----------------------------------------------
// Whom these users follow, one item for each follow, n = 1: writes at most max, returns how many
// there are.
uint32_t people_followed(const struct shard *s, struct id_list by, struct tally *out, uint32_t max);
// Which of these edges' others follow `user`, who is this core's: moved to the front, in order;
// returns how many.
uint32_t people_following(const struct shard *s, uint64_t user, struct edge *all, uint32_t n);

// ---- on the viewer's core -----------------------------------------------------------------------
// Whom the viewer follows, newest first; returns how many were written.
uint32_t people_followees(const struct shard *s, uint64_t viewer, struct edge_room room);
// How many there may be at most whom people_best leaves out for the viewer's sake.
uint32_t people_left_out(const struct shard *s, uint64_t viewer);
// The best max of all candidates: by n, then by followers, then the lower id. Leaves out the
// viewer, who is followed or asked already, who is dismissed and who is hidden from the viewer.
struct suggested { uint64_t id; uint32_t n, followers; };
struct suggest_room { struct suggested *out; uint32_t max; };
uint32_t people_best(const struct view *v, const struct tally *all, uint32_t n,
                     struct suggest_room room);

#endif
