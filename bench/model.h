// What a server must answer, known from the community that was put into it and from what was asked
// since: who follows whom, who wrote what and when. For the samples that --validate checks. Not
// more than that: what other requests under way may change is not demanded.
#ifndef KITH_BENCH_MODEL_H
#define KITH_BENCH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/driver.h"
#include "bench/queries.h"
#include "bench/world.h"

// The highest comment count that an answer showed, and when that answer had come.
struct model_seen { uint32_t comments; uint64_t at_ns; };

struct model {
    const struct world *world;
    uint64_t *followee_at;     // [users + 1]: where each user's begin in followee
    uint32_t *followee;        // sorted by user
    uint32_t *post_at, *post;  // [users + 1], [posts]: each author's, newest first
    struct model_seen *seen;   // [posts]
    uint64_t *followed;        // pairs that were asked for since: a set, from << 32 | to, 0 = free
    uint64_t followed_n, followed_cap;
    const struct queries *queries; // what is searched for
    bool deleting;             // posts may go: pages need not be complete
    bool crowded;              // the community was not alone in the server: others may be followed
};

void model_init(struct model *m, const struct world *w);
void model_free(struct model *m);
// A request goes out.
void model_sent(struct model *m, const struct job *job);
// Whether a done answer is what it may be; a sentence in why[DRIVER_WHY] if not.
bool model_agrees(struct model *m, const struct job *job, const void *table, char *why);

#endif
