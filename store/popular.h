// The users of one core that are followed most: derived, kept up with every follow. Who is gone or
// deactivated is not among them, nor who is followed by nobody.
#ifndef KITH_STORE_POPULAR_H
#define KITH_STORE_POPULAR_H

#include <stdbool.h>
#include <stdint.h>

#include "store/objects.h"
#include "store/ranking.h"

struct shard;

enum { POPULAR_MAX = RANKING_SHOWN };   // that a reader gets to see

struct popular {
    struct ranking kept;
    struct ranking next;       // takes its place when all records have been looked at
    bool looking;
    unsigned part;             // where that goes on
    uint64_t at;
};

// The user has followers, as many as the record says by now: `by` more than before.
void popular_moved(struct shard *s, const struct user *u, int by);
// A user's record has taken the place of another: he may have been hidden, or come back.
void popular_swapped(struct shard *s, const struct object *old, const struct object *fresh);
// Housekeeping between turns, bounded.
void popular_tidy(struct shard *s);
// More followers first, then the lower id. Of two structs ranked.
bool popular_before(const void *a, const void *b);
// The first of them, in this order, their followers as score: writes at most max, POPULAR_MAX at
// the most; returns how many.
uint32_t popular_first(const struct shard *s, struct ranked *out, uint32_t max);
// Whether what is kept is what all records say. Looks at all of them: for store_verify.
bool popular_sound(struct shard *s);

#endif
