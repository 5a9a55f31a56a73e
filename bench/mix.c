#include "bench/mix.h"

#include <stdbool.h>

#include "core/assert.h"
#include "core/hash.h"

const char *const ask_names[ASK_KINDS] = {
    "ping",   "echo", "feed",   "like",   "unlike", "comment",    "post", "follow", "unfollow",
    "get_post", "update_post", "delete_post", "likers", "like_count", "get_user",
    "search_posts", "search_users", "suggestions",
};

const struct mix_row mix_rows[MIXES] = {
    [MIX_PING] = {"ping", 1, "an empty request"},
    [MIX_ECHO] = {"echo", 1, "64 bytes out and a page's bytes back from a bare reactor: a limit"},
    [MIX_FEED] = {"feed", 2, "a home feed of 20 posts with authors, counts and viewer state"},
    [MIX_LIKE] = {"like", 2, "a user likes a post that he did not like before"},
    [MIX_FOLLOW] = {"follow", 2, "a user follows another whom he did not follow before"},
    [MIX_COMMENT] = {"comment", 1, "a user comments a post"},
    [MIX_MIXED] = {"mixed", 2, "80 % feed of 20 posts, 10 % like or unlike, 6 % comment, 2 % post, "
                               "2 % follow"},
    [MIX_FANOUT] = {"post-fanout", 1, "posts to 100 followers each, all of whom have read before"},
    [MIX_GRAPH] = {"graph", 2, "LinkBench's mix: nodes are posts, links are likes, ten a post"},
    [MIX_CELEBRITY] = {"celebrity", 2, "an author whom all follow posts 100 times while all read"},
    [MIX_WARM] = {"warm", 1, "every user's feed once"},
    [MIX_SEARCH] = {"search", 1, "half posts by one word or two of theirs, half people by 2 to 5 "
                                 "letters of their name"},
    [MIX_SUGGEST] = {"suggest", 1, "ten to follow, asked by users who follow a thousand"},
};

enum {
    // A like is taken back so many requests later: more than are ever under way.
    BLOCK = 1 << 14,
    PERCENT = 100,
};

__extension__ typedef unsigned __int128 u128;

static uint64_t dice(const struct mix *m, uint64_t i, uint64_t what)
{
    return hash_u64(i, m->order * UINT64_C(0x9e3779b97f4a7c15) + what);
}

static double fraction(uint64_t random)
{
    return (double)(random >> 11) * 0x1p-53;
}

static bool coprime(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a == 1;
}

void mix_init(struct mix *m)
{
    const struct community *c = m->community;
    uint32_t posts = mix_lasting_posts(m);
    zipf_init(&m->user, c->users, m->skew);
    zipf_init(&m->post, posts > 0 ? posts : 1, m->skew);
    m->pairs = (uint64_t)c->users * (posts > 0 ? posts : 1);
    // A step that shares no divisor with the number of pairs comes to each of them once.
    m->stride[0] = dice(m, 0, 1) % m->pairs;
    m->stride[1] = (uint64_t)((double)m->pairs * (0.3 + 0.4 * fraction(dice(m, 1, 1)))) | 1;
    while (!coprime(m->stride[1], m->pairs))
        m->stride[1] += 2;
}

void mix_free(struct mix *m)
{
    zipf_free(&m->user);
    zipf_free(&m->post);
}

uint32_t mix_lasting_posts(const struct mix *m)
{
    uint64_t posts = m->community->posts;
    return (uint32_t)(m->kind == MIX_GRAPH ? posts - posts / 10 : posts);
}

static uint32_t draw_user(const struct mix *m, uint64_t random)
{
    uint32_t rank = zipf_draw(&m->user, random);
    return m->skew > 0 ? community_rank(m->community, rank) : rank;
}

// The newest are the most popular.
static uint32_t draw_post(const struct mix *m, uint64_t random)
{
    uint32_t rank = zipf_draw(&m->post, random);
    return m->skew > 0 ? m->post.n - 1 - rank : rank;
}

// Sets actor and post to pair number i; true on every second walk through all pairs.
static bool pair_of(const struct mix *m, uint64_t i, struct ask *a)
{
    uint64_t v = (uint64_t)(((u128)(i % m->pairs) * m->stride[1] + m->stride[0]) % m->pairs);
    a->actor = (uint32_t)(v % m->community->users);
    a->post = (uint32_t)(v / m->community->users);
    if (m->skew <= 0)
        return i / m->pairs % 2 == 1;
    a->actor = draw_user(m, dice(m, i, 2));
    a->post = draw_post(m, dice(m, i, 3));
    return false;
}

static void ask_like(const struct mix *m, uint64_t i, struct ask *a)
{
    a->kind = pair_of(m, i, a) ? ASK_UNLIKE : ASK_LIKE;
}

static void ask_feed(const struct mix *m, uint64_t i, struct ask *a)
{
    a->kind = ASK_FEED;
    a->actor = draw_user(m, dice(m, i, 2));
}

static void ask_comment(const struct mix *m, uint64_t i, struct ask *a)
{
    a->kind = ASK_COMMENT;
    a->actor = draw_user(m, dice(m, i, 2));
    a->post = draw_post(m, dice(m, i, 3));
    a->text = dice(m, i, 4);
}

static void ask_post(const struct mix *m, uint64_t i, struct ask *a)
{
    a->kind = ASK_POST;
    // Who has followers has more to say; with the circle everybody has as many.
    uint64_t random = dice(m, i, 2);
    a->actor = m->community->circle > 0 ? draw_user(m, random)
                                        : community_popular(m->community, random);
    a->text = m->community->posts + i;
}

static void ask_search(const struct mix *m, uint64_t i, struct ask *a)
{
    a->kind = dice(m, i, 5) % 2 == 0 ? ASK_SEARCH_POSTS : ASK_SEARCH_USERS;
    a->actor = draw_user(m, dice(m, i, 2));
    a->text = dice(m, i, 4);
}

static void ask_suggest(const struct mix *m, uint64_t i, struct ask *a)
{
    a->kind = ASK_SUGGEST;
    a->actor = (uint32_t)(dice(m, i, 2) % m->community->askers);
}

static void ask_follow(const struct mix *m, uint64_t i, struct ask *a)
{
    uint64_t users = m->community->users, walk = i / users;
    a->kind = ASK_FOLLOW;
    // Everybody in turn, and each walk a little further on from the actor: never the same twice.
    a->actor = (uint32_t)((i * m->community->step + m->order) % users);
    a->other = (uint32_t)((a->actor + 1 + (walk * 7919 + m->order) % (users - 1)) % users);
    if (m->skew > 0 && draw_user(m, dice(m, i, 3)) != a->actor)
        a->other = draw_user(m, dice(m, i, 3));
    if (walk / (users - 1) % 2 == 1)
        a->kind = ASK_UNFOLLOW;
}

// ---- mixed -------------------------------------------------------------------------------------

// Who asks in an even block; in an odd one each like of the block before is taken back.
static enum ask_kind mixed_kind(const struct mix *m, uint64_t i, double likes)
{
    double writes = 1 - m->read_share, at = fraction(dice(m, i, 5)) * (1 - likes * writes);
    // Of the changes half are likes and unlikes, three tenths comments, a tenth posts and follows.
    if ((at -= m->read_share) < 0)
        return ASK_FEED;
    if ((at -= 0.3 * writes) < 0)
        return ASK_COMMENT;
    if ((at -= 0.1 * writes) < 0)
        return ASK_POST;
    if ((at -= 0.1 * writes) < 0)
        return ASK_FOLLOW;
    return ASK_LIKE;
}

static void ask_mixed(const struct mix *m, uint64_t i, struct ask *a)
{
    bool odd = i / BLOCK % 2 == 1;
    if (odd && mixed_kind(m, i - BLOCK, 0) == ASK_LIKE) {
        pair_of(m, i - BLOCK, a);
        a->kind = ASK_UNLIKE;
        return;
    }
    enum ask_kind kind = mixed_kind(m, i, odd ? 0.5 : 0);
    if (kind == ASK_COMMENT)
        ask_comment(m, i, a);
    else if (kind == ASK_POST)
        ask_post(m, i, a);
    else if (kind == ASK_FOLLOW)
        ask_follow(m, i, a);
    else if (kind == ASK_FEED)
        ask_feed(m, i, a);
    else
        pair_of(m, i, a), a->kind = ASK_LIKE;
}

// ---- graph -------------------------------------------------------------------------------------

// LinkBench's default workload, in tenths of a percent (Armstrong, Ponnekanti, Borthakur and
// Callaghan: "LinkBench: a Database Benchmark Based on the Facebook Social Graph", SIGMOD 2013). A
// node is a post; links of a node are its likes, so that a list of links is the newest 20 who like
// a post. What updates a link there is a further like here, the costlier of the two. One link
// looked up is a user with whether the viewer follows him.
static const struct { enum ask_kind kind; unsigned tenths; } graph_mix[] = {
    {ASK_LIKERS, 507},    // get_link_list
    {ASK_GET, 129},       // get_node
    {ASK_LIKE, 90},       // add_link
    {ASK_LIKE, 80},       // update_link
    {ASK_UPDATE, 74},     // update_node
    {ASK_LIKE_COUNT, 49}, // count_link
    {ASK_UNLIKE, 30},     // delete_link
    {ASK_POST, 26},       // add_node
    {ASK_USER, 5},        // get_link; the remaining 10 are delete_node
};

static enum ask_kind graph_kind(const struct mix *m, uint64_t i, uint32_t *doomed)
{
    // Of each hundred requests one deletes, whichever of them: so they can be numbered.
    uint64_t reserve = m->community->posts - mix_lasting_posts(m), number = i / PERCENT;
    if (dice(m, number, 6) % PERCENT == i % PERCENT) {
        *doomed = (uint32_t)(mix_lasting_posts(m) + number);
        return number < reserve ? ASK_DELETE : ASK_POST;
    }
    unsigned at = (unsigned)(dice(m, i, 5) % 990), k = 0;
    while (at >= graph_mix[k].tenths)
        at -= graph_mix[k++].tenths;
    return graph_mix[k].kind;
}

// The pair of a like that was asked for a block ago or a little before: a link that is there.
static uint64_t liked_before(const struct mix *m, uint64_t i)
{
    enum { TRIES = 64 };
    uint32_t doomed;
    uint64_t at = i - BLOCK;
    for (unsigned k = 0; k < TRIES && at > 0 && graph_kind(m, at, &doomed) != ASK_LIKE; k++)
        at--;
    return at;
}

static void ask_graph(const struct mix *m, uint64_t i, struct ask *a)
{
    uint32_t doomed = 0;
    enum ask_kind kind = graph_kind(m, i, &doomed);
    if (kind == ASK_POST) {
        ask_post(m, i, a);
        return;
    }
    pair_of(m, kind == ASK_UNLIKE && i >= BLOCK ? liked_before(m, i) : i, a);
    a->kind = kind;
    a->text = m->community->posts + i;
    if (kind == ASK_USER)
        a->other = draw_user(m, dice(m, i, 3));
    else if (kind == ASK_DELETE)
        a->post = doomed;
    if (kind == ASK_DELETE || kind == ASK_UPDATE)
        a->actor = community_author(m->community, a->post);
}

void mix_ask(const struct mix *m, uint64_t i, struct ask *out)
{
    *out = (struct ask){.kind = ASK_PING};
    switch (m->kind) {
    case MIX_PING: break;
    case MIX_ECHO: out->kind = ASK_ECHO; break;
    case MIX_FEED: ask_feed(m, i, out); break;
    case MIX_LIKE: ask_like(m, i, out); break;
    case MIX_FOLLOW: ask_follow(m, i, out); break;
    case MIX_COMMENT: ask_comment(m, i, out); break;
    case MIX_MIXED: ask_mixed(m, i, out); break;
    case MIX_FANOUT: ask_post(m, i, out); break;
    case MIX_GRAPH: ask_graph(m, i, out); break;
    case MIX_CELEBRITY:
        ask_feed(m, i, out);
        if (m->post_every > 0 && i % m->post_every == m->post_every - 1)
            *out = (struct ask){.kind = ASK_POST, .text = m->community->posts + i};
        break;
    case MIX_WARM:
        out->kind = ASK_FEED;
        out->actor = (uint32_t)(i % m->community->users);
        break;
    case MIX_SEARCH: ask_search(m, i, out); break;
    case MIX_SUGGEST: ask_suggest(m, i, out); break;
    case MIXES:
        ASSERT(false);
    }
}
