#include "bench/mix.h"

#include <stdio.h>

#include "core/assert.h"
#include "core/fb_build.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"

const char *const mix_names[MIXES] = {"ping", "feed", "follow", "like", "post", "mixed", "warm"};
const char *const mix_words[MIXES] = {
    "an empty request",
    "a home feed of 20 posts by any user",
    "any user follows any other",
    "any user likes any post",
    "a popular author posts; all readers' timelines are materialised before",
    "80 % feed, 10 % like, 4 % follow, 3 % comment, 3 % post",
    "every user's feed once",
};

// Two requests of one number never share their dice.
struct dice { uint64_t actor, other, extra; };

static fb_ref build_feed(fb_builder *b)
{
    kt_new_Feed w = {0};
    kt_put_Feed_limit(&w, PAGE_DEFAULT);
    return kt_end_Feed(b, &w);
}

static fb_ref build_follow(fb_builder *b, uint64_t user)
{
    kt_new_Follow w = {0};
    kt_put_Follow_user_id(&w, user);
    return kt_end_Follow(b, &w);
}

static fb_ref build_like(fb_builder *b, uint64_t post)
{
    kt_new_Like w = {0};
    kt_put_Like_post_id(&w, post);
    return kt_end_Like(b, &w);
}

static fb_ref build_comment(fb_builder *b, const struct mix *m, const struct dice *d)
{
    kt_new_CommentCreate w = {0};
    const char *text = community_comment(&m->world->community, d->extra);
    kt_put_CommentCreate_post_id(&w, m->world->post[d->other % m->world->posts]);
    kt_put_CommentCreate_content(&w, fb_cstring(b, text));
    return kt_end_CommentCreate(b, &w);
}

static fb_ref build_post(fb_builder *b, const struct mix *m, uint64_t i)
{
    struct made_post made;
    community_post(&m->world->community, i, &made);
    kt_new_PostCreate w = {0};
    kt_put_PostCreate_caption(&w, fb_string(b, made.text, made.text_n));
    return kt_end_PostCreate(b, &w);
}

static enum op choose(enum mix_kind kind, uint64_t dice)
{
    static const enum op simple[MIXES] = {
        [MIX_PING] = OP_ping, [MIX_FEED] = OP_feed,        [MIX_FOLLOW] = OP_follow,
        [MIX_LIKE] = OP_like, [MIX_POST] = OP_post_create, [MIX_WARM] = OP_feed,
    };
    if (kind != MIX_MIXED)
        return simple[kind];
    uint64_t percent = dice % 100;
    return percent < 80   ? OP_feed
           : percent < 90 ? OP_like
           : percent < 94 ? OP_follow
           : percent < 97 ? OP_comment_create
                          : OP_post_create;
}

static fb_ref build(fb_builder *b, const struct mix *m, enum op op, const struct dice *d)
{
    const struct world *w = m->world;
    if (op == OP_feed)
        return build_feed(b);
    if (op == OP_follow)
        return build_follow(b, w->user[d->other % w->community.users]);
    if (op == OP_like)
        return build_like(b, w->post[d->other % w->posts]);
    if (op == OP_comment_create)
        return build_comment(b, m, d);
    if (op == OP_post_create)
        return build_post(b, m, d->extra);
    kt_new_Ping w0 = {0};
    return kt_end_Ping(b, &w0);
}

void mix_make(void *ctx, uint64_t i, struct client_request *out, uint8_t *buf, size_t cap)
{
    const struct mix *m = ctx;
    const struct world *w = m->world;
    struct dice d = {
        hash_u64(i, m->seed * 3 + 101),
        hash_u64(i, m->seed * 3 + 102),
        hash_u64(i, m->seed * 3 + 103),
    };
    enum op op = choose(m->kind, d.extra >> 32);
    fb_builder b;
    fb_init(&b, buf, cap);
    uint64_t actor = m->kind == MIX_WARM ? i % w->community.users : d.actor % w->community.users;
    if (op == OP_post_create)
        actor = community_popular(&w->community, d.actor);
    else if (op == OP_follow && w->user[actor] == w->user[d.other % w->community.users])
        d.other++;
    out->op = (uint16_t)op;
    out->actor = op == OP_ping ? 0 : w->user[actor];
    out->body_n = fb_finish(&b, build(&b, m, op, &d));
    out->body = fb_data(&b);
    ASSERT(out->body_n > 0);
}
