// A made-up community, the same for the same seed on every machine: who is there, who follows whom
// with followers after a power law, what they post. Integers only.
#ifndef KITH_BENCH_COMMUNITY_H
#define KITH_BENCH_COMMUNITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/zipf.h"

struct pair { uint32_t from, to; };

struct community {
    uint64_t seed;
    uint32_t users;
    // users * (users - 1) at most; the generator makes exactly so many, all different
    uint64_t edges;
    uint64_t posts;
    // > 0: no power law, but everybody is followed by the next so many; edges = users * circle
    uint32_t circle;
    uint32_t askers;       // the first so many users follow asker_follows each, out of `edges`
    uint32_t asker_follows;
    bool star;             // besides, user 0 is followed by all who do not follow him by then
    // A graph from elsewhere, else NULL: its `edges` by follower, all different, and its users, the
    // most followed first.
    const struct pair *given;
    const uint32_t *ranked;
    const struct zipf *words; // texts of vocabulary.h's words in the place of phrases, else NULL
    uint64_t step;         // by community_init
};

// After the other members are set: at least two users.
void community_init(struct community *c);

// The user that a random 64-bit number stands for: the r-th most followed of n has about n^-1/2 /
// 2r^1/2 of all followers.
uint32_t community_popular(const struct community *c, uint64_t random);
// The r-th most followed.
uint32_t community_rank(const struct community *c, uint32_t rank);

// Edges one after the other, by follower.
struct community_edges {
    const struct community *c;
    uint32_t from;         // follower of the last edge
    uint32_t left;         // that it still gets
    uint32_t fan;          // star: the next that follows user 0
    uint64_t tried;
    uint64_t made;
    uint32_t *seen;        // marks of whom `from` follows: users entries
};
void community_edges_begin(struct community_edges *e, const struct community *c);
// False behind the last.
bool community_edges_next(struct community_edges *e, struct pair *out);
void community_edges_end(struct community_edges *e);

// The i-th post: its author, milliseconds since 1970 and text (at least 320 bytes of room).
struct made_post { uint32_t author; uint64_t created_ms; size_t text_n; char text[384]; };
void community_post(const struct community *c, uint64_t i, struct made_post *out);
uint32_t community_author(const struct community *c, uint64_t i);
// The same, spread over the `span_ms` before `end_ms`.
struct time_span { uint64_t end_ms, span_ms; };
void community_post_in(const struct community *c, uint64_t i, struct time_span when,
                       struct made_post *out);

// Who likes what and who comments what, user and post, where a community has such from the start. A
// popular post is liked more often, perhaps twice by the same user; who likes is anyone.
struct pair community_like(const struct community *c, uint64_t i);
struct pair community_commented(const struct community *c, uint64_t i);

// The i-th person: names as people have them, a user name that no other has.
struct made_person {
    char username[40], first[24], last[24], bio[160], avatar[96];
};
void community_person(const struct community *c, uint32_t i, struct made_person *out);
// A remark for under a post.
const char *community_comment(const struct community *c, uint64_t i);

#endif
