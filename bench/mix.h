// What the scenarios of `kith bench` ask: request number i of a run, in no server's words. Users
// and posts are numbers of the community, so that every server can be asked the same; a driver
// (bench/driver.h) makes them its own. The same seed and order give the same requests.
#ifndef KITH_BENCH_MIX_H
#define KITH_BENCH_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "bench/community.h"
#include "bench/zipf.h"

enum ask_kind {
    ASK_PING,        // an empty request
    ASK_ECHO,        // 64 bytes out, mix.echo_bytes back
    ASK_FEED,        // actor's home feed: the newest 20 posts of whom it follows, with authors,
                     // counts, and whether actor likes and follows
    ASK_LIKE,        // actor likes post
    ASK_UNLIKE,      // actor no longer likes post
    ASK_COMMENT,     // actor says community_comment(text) under post
    ASK_POST,        // actor posts the text of community_post(text)
    ASK_FOLLOW,      // actor follows other
    ASK_UNFOLLOW,
    ASK_GET,         // post, whole
    ASK_UPDATE,      // actor, its author, changes post's text to that of community_post(text)
    ASK_DELETE,      // actor, its author, deletes post
    ASK_LIKERS,      // newest 20 who like post
    ASK_LIKE_COUNT,  // of post
    ASK_USER,        // other as actor sees it: with whether actor follows
    ASK_SEARCH_POSTS, // the newest 20 posts that queries_draw_post(text) finds
    ASK_SEARCH_USERS, // the best 20 people that queries_draw_user(text) finds
    ASK_SUGGEST,     // ten whom actor may want to follow
    ASK_KINDS,
};
extern const char *const ask_names[ASK_KINDS];

struct ask {
    enum ask_kind kind;
    uint32_t actor, other;     // users
    uint32_t post;
    uint64_t text;
};

enum mix_kind {
    MIX_PING, MIX_ECHO, MIX_FEED, MIX_LIKE, MIX_FOLLOW, MIX_COMMENT, MIX_MIXED, MIX_FANOUT,
    MIX_GRAPH, MIX_CELEBRITY, MIX_WARM, MIX_SEARCH, MIX_SUGGEST,
    MIXES,
};

// Graph: likes there are from the start, as links of the posts.
enum { GRAPH_LIKES_A_POST = 10 };

struct mix_row { const char *name; unsigned version; const char *words; };
extern const struct mix_row mix_rows[MIXES];

struct mix {
    enum mix_kind kind;
    const struct community *community;
    uint64_t order;            // the dice of this run: another one asks others
    double skew;               // Zipf exponent of who is asked and liked, 0 = all alike
    double read_share;         // mixed: feeds among the requests, 0 to 1
    uint64_t post_every;       // celebrity: user 0 posts once in so many requests, 0 = never
    unsigned echo_bytes;       // of an echo's answer, 64 at least
    struct zipf user, post;    // by mix_init
    uint64_t pairs;            // of actor and post that `like` walks through
    uint64_t stride[2];
};

// After the members above are set.
void mix_init(struct mix *m);
void mix_free(struct mix *m);
// i counts from 0. What is liked, unliked or deleted differs for every i, as far as there are
// pairs: a like in a run finds none there, unless --skew makes some posts so popular that it must.
void mix_ask(const struct mix *m, uint64_t i, struct ask *out);

// Posts from here on are only ever deleted, each once; those before never.
uint32_t mix_lasting_posts(const struct mix *m);

#endif
