// The community as whole rows, for who fills a peer: each row is given once, in an order that the
// peer likes.
#ifndef KITH_BENCH_COMPARE_FILL_H
#define KITH_BENCH_COMPARE_FILL_H

#include <stddef.h>
#include <stdint.h>

#include "bench/community.h"

// When the posts of the community were made: as `kith bench` has it.
struct time_span fill_span(void);

struct fill {
    const struct community *c;
    struct pair *edge;             // all of them; numbers from 0
    uint64_t edges;
    uint32_t *follower;            // of user u: follower[first[u]] up to follower[first[u + 1]]
    uint32_t *first;               // [users + 1]
    uint32_t *following;           // [users] how many each follows
    uint32_t *posts;               // [users] how many each wrote
    uint32_t *timeline;            // [users][kept] posts, newest first; numbers from 0
    uint32_t *timeline_n, kept;
};

// Timelines hold the newest `kept` posts of whom a user follows.
void fill_begin(struct fill *f, const struct community *c, uint32_t kept);
void fill_post(const struct fill *f, uint64_t i, struct made_post *out);
void fill_end(struct fill *f);

#endif
