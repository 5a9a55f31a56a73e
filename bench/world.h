// A made-up community put into a running server through the client: users, follows, posts, likes
// and comments, with the ids that the server gave. For `kith dev` and `kith bench`.
#ifndef KITH_BENCH_WORLD_H
#define KITH_BENCH_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/client.h"
#include "bench/community.h"

struct world {
    struct client *client;      // with a service key
    struct community community; // initialised
    bool named;                 // people with names; else u<number>
    struct time_span when;      // of the posts
    uint64_t likes, comments;   // wanted
    bool want_posts;            // post[] is asked for; needed for likes and comments

    uint64_t *user;             // [community.users] ids
    uint64_t *post;             // [community.posts] ids, by number; 0 = not there
    size_t posts;               // of them found
    uint64_t edges_applied, posts_applied, likes_applied, comments_applied;
    char why[256];
};

// All of it, or one part of it after those before. false, and why.
enum world_part {
    WORLD_USERS, WORLD_FOLLOWS, WORLD_POSTS, WORLD_LIKES, WORLD_COMMENTS, WORLD_PARTS,
};
bool world_make_part(struct world *w, enum world_part part);
bool world_make(struct world *w);
void world_free(struct world *w);

// Sums over all users and posts of the community, asked of the server.
struct world_counts { uint64_t followers, posts, likes, comments; };
bool world_count(struct world *w, struct world_counts *out);

// Asks the server for the author's newest posts, a page at most, and for everybody else's feed:
// those that do not begin with just these posts are counted. For who knows that all follow the
// author and that nobody else has posted since.
struct world_newest { uint32_t author, posts; uint64_t feeds, incomplete; };
bool world_newest(struct world *w, struct world_newest *n);

// Edges of one kind in batches, for who adds some of his own. n counts what was new.
struct world_edges { bool like; const uint64_t *from, *to; size_t n; uint64_t *applied; };
bool world_edges(struct world *w, const struct world_edges *e);

#endif
