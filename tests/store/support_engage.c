// What people do with posts and comments (support_engage.h).
#include "tests/store/support_engage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kith_fb.h"
#include "store/bin.h"

// Half of them with a key that may have been used.
static struct outcome say(struct chaos *c, enum op op, uint64_t actor, fb_ref body)
{
    struct entry_key key = {1 + rng_below(&c->rng, 60), 9, op};
    bool keyed = rng_below(&c->rng, 4) == 0;
    return world_say(c->w, (struct change){op, actor, body, keyed ? &key : NULL});
}

static struct outcome say_post_id(struct chaos *c, enum op op, uint64_t actor, uint64_t post)
{
    fb_builder *b = world_body(c->w);
    kt_new_Like w = {0};
    kt_put_Like_post_id(&w, post);
    return say(c, op, actor, kt_end_Like(b, &w));
}

static struct outcome react(struct chaos *c, struct drawn x)
{
    fb_builder *b = world_body(c->w);
    kt_new_React w = {0};
    kt_put_React_post_id(&w, x.post);
    // None and like are refused.
    kt_put_React_reaction_type(&w, (kt_Reaction)rng_below(&c->rng, 7));
    return say(c, OP_react, x.user, kt_end_React(b, &w));
}

static struct outcome share(struct chaos *c, struct drawn x)
{
    fb_builder *b = world_body(c->w);
    kt_new_SharePost w = {0};
    kt_put_SharePost_post_id(&w, x.post);
    if (rng_below(&c->rng, 2)) kt_put_SharePost_content(&w, fb_cstring(b, "look at this"));
    return say(c, OP_share, x.user, kt_end_SharePost(b, &w));
}

static struct outcome reply(struct chaos *c, struct drawn x)
{
    fb_builder *b = world_body(c->w);
    kt_new_PostCreate w = {0};
    uint32_t what = rng_below(&c->rng, 8);
    if (what > 0) kt_put_PostCreate_caption(&w, fb_cstring(b, "an answer"));
    if (what > 1) kt_put_PostCreate_reply_to_post_id(&w, x.post);
    kt_put_PostCreate_is_pinned(&w, what == 1 || what == 2);
    return say(c, OP_post_create, x.user, kt_end_PostCreate(b, &w));
}

static struct outcome change_rules(struct chaos *c, uint64_t post)
{
    const struct post *is = store_post(c->w->store, post);
    fb_builder *b = world_body(c->w);
    kt_new_PostUpdate w = {0};
    kt_put_PostUpdate_post_id(&w, post);
    bool on = rng_below(&c->rng, 2);
    switch (rng_below(&c->rng, 5)) {
    case 0: kt_put_PostUpdate_is_archived(&w, on); break;
    case 1: kt_put_PostUpdate_is_pinned(&w, on); break;
    case 2: kt_put_PostUpdate_audience(&w, (kt_Audience)rng_below(&c->rng, 3)); break;
    case 3: kt_put_PostUpdate_likes_disabled(&w, on); break;
    default: kt_put_PostUpdate_comments_disabled(&w, on);
    }
    return say(c, OP_post_update, is != NULL ? is->author : 1, kt_end_PostUpdate(b, &w));
}

// Into the bin and out of it, by the author; or erased, as the server does after a time.
static struct outcome change_sides(struct chaos *c, uint64_t post)
{
    const struct object *o = store_find(c->w->store, post);
    bool is_post = o != NULL && o->kind == ENTITY_post;
    uint64_t author = is_post ? ((const struct post *)o)->author : 1;
    bool binned = is_post && o->flags & OBJECT_BINNED;
    if (!binned || rng_below(&c->rng, 2))
        return say_post_id(c, binned ? OP_post_restore : OP_post_delete, author, post);
    fb_builder *b = world_body(c->w);
    kt_new_Erase w = {0};
    kt_put_Erase_object_id(&w, post);
    uint64_t deleted = post_deleted_ms((const struct post *)o);
    kt_put_Erase_deleted_at(&w, rng_below(&c->rng, 3) ? deleted : deleted + 1);
    return world_say(c->w, (struct change){OP_erase, 0, kt_end_Erase(b, &w), NULL});
}

struct outcome chaos_engage(struct chaos *c, struct drawn x, bool *born)
{
    static const enum op of_posts[] = {OP_bookmark, OP_unbookmark, OP_unshare, OP_unreact, OP_like};
    static const enum op of_comments[] = {OP_comment_like, OP_comment_like, OP_comment_unlike};
    *born = false;
    switch (rng_below(&c->rng, 10)) {
    case 8:
    case 9: return change_sides(c, x.post);
    case 0:
    case 1: return say_post_id(c, of_posts[rng_below(&c->rng, 5)], x.user, x.post);
    case 2:
    case 3: return say_post_id(c, of_comments[rng_below(&c->rng, 3)], x.user, x.comment);
    case 4: return share(c, x);
    case 5: return react(c, x);
    case 6: return change_rules(c, x.post);
    default: *born = true;
    }
    return reply(c, x);
}
