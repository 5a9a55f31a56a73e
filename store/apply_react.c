// Reactions: one of a user to a post, a like or an edge with a type (core/graph.def).
//
// A change of type takes one away and makes another, and a refusal must leave the first where it
// was. So the post's end alone acts upon the entry; the user's end follows by consequences, each of
// which says what it has to become. They come in the order in which the post's end has moved.
#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/owed.h"
#include "store/record.h"
#include "store/sees.h"

struct reaction { uint64_t user, post; };

static struct edge_at end_of(uint64_t owner, enum list_kind list)
{
    return (struct edge_at){owner, list};
}

static bool one_slot(struct reaction x)
{
    return id_slot(x.user) == id_slot(x.post);
}

// stamp: typed, 0 = none. Nothing if it is that already.
static void become(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp)
{
    if (edges_find(p, at, other) == stamp) return;
    end_remove(p, at, other, NULL);
    if (stamp != 0) end_add(p, at, other, stamp);
}

static void owe_reacted(struct apply *a, struct reaction x, uint64_t stamp)
{
    fb_builder *b = apply_build(a);
    kt_new_Reacted w = {0};
    kt_put_Reacted_user_id(&w, x.user);
    kt_put_Reacted_post_id(&w, x.post);
    kt_put_Reacted_stamp(&w, stamp);
    struct consequence c = {OP_reacted, id_slot(x.post), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Reacted(b, &w));
    ASSERT(owed);
}

// At the post. Returns how many consequences follow.
static uint32_t set_typed(struct apply *a, struct part *p, struct reaction x, uint64_t stamp)
{
    struct edge_at reactors = end_of(x.post, LIST_reactors);
    uint64_t was = edges_find(p, reactors, x.user);
    bool same = stamp != 0 && was != 0 && (was & TYPE_MASK) == (stamp & TYPE_MASK);
    if (same || was == stamp) return 0;
    a->out.changed = 1;
    become(p, reactors, x.user, stamp);
    if (!one_slot(x)) {
        owe_reacted(a, x, stamp);
        return 1;
    }
    become(p, end_of(x.user, LIST_reacted), x.post, stamp);
    return 0;
}

static uint32_t drop_like(struct apply *a, struct part *p, struct reaction x)
{
    uint64_t stamp;
    if (!end_remove(p, end_of(x.post, LIST_likers), x.user, &stamp)) return 0;
    a->out.changed = 1;
    if (!one_slot(x)) {
        apply_owe_undo(a, end_of(x.user, LIST_liked), x.post, stamp);
        return 1;
    }
    end_remove(p, end_of(x.user, LIST_liked), x.post, NULL);
    return 0;
}

uint32_t reaction_clear(struct apply *a, struct part *p, struct graph_edge like)
{
    const struct object *post = record_find(p, like.to);
    if (post_reacted((const struct post *)post) == 0) return 0;
    return set_typed(a, p, (struct reaction){like.from, like.to}, 0);
}

static unsigned judge(const struct apply *a, const struct part *p, struct reaction x)
{
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) return error;
    const struct object *post = record_find(p, x.post);
    if (!sees_at(p, x.user, post)) return KITH_not_found;
    if (one_slot(x) && !check_alive(a->s->store, x.user)) return KITH_not_found;
    return a->e->op == OP_react && post->rules & RULE_NO_LIKES ? KITH_likes_disabled : KITH_ok;
}

// The like is not one of these (ingest makes it a like), and no request says none.
static uint64_t typed_stamp(const struct apply *a)
{
    unsigned type = kt_React_reaction_type(a->body);
    if (type <= kt_Reaction_like) return 0;
    return a->e->stamp << TYPE_BITS | (type - kt_Reaction_like);
}

static void decide(struct apply *a, struct part *p)
{
    struct reaction x = {a->e->actor, kt_React_post_id(a->body)};
    uint64_t stamp = a->e->op == OP_react ? typed_stamp(a) : 0;
    a->out.id = x.post;
    unsigned error = judge(a, p, x);
    if (error == KITH_ok && a->e->op == OP_react && stamp == 0) error = KITH_invalid_field;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    uint32_t follow = drop_like(a, p, x);
    follow += set_typed(a, p, x, stamp);
    if (follow > 0) apply_wait(a, p, follow);
}

const struct verb verb_react = {decide, NULL, NULL, NULL};
const struct verb verb_unreact = {decide, NULL, NULL, NULL};

// ---- the user's end ----------------------------------------------------------------------------

static void decide_reacted(struct apply *a, struct part *p)
{
    struct reaction x = {kt_Reacted_user_id(a->body), kt_Reacted_post_id(a->body)};
    uint64_t stamp = kt_Reacted_stamp(a->body);
    if (stamp != 0 && !check_alive(a->s->store, x.user))
        apply_owe_undo(a, end_of(x.post, LIST_reactors), x.user, stamp);
    else
        become(p, end_of(x.user, LIST_reacted), x.post, stamp);
    a->out.changed = 1;
}

// What the post's end had then may have gone since with the post: nobody else would say so.
static void other_reacted(struct apply *a, struct part *p)
{
    struct reaction x = {kt_Reacted_user_id(a->body), kt_Reacted_post_id(a->body)};
    uint64_t stamp = kt_Reacted_stamp(a->body);
    if (stamp != 0 && edges_find(p, end_of(x.post, LIST_reactors), x.user) != stamp)
        apply_owe_undo(a, end_of(x.user, LIST_reacted), x.post, stamp);
}

const struct verb verb_reacted = {decide_reacted, other_reacted, NULL, NULL};
