// What is between two users: blocks and what they end, requests to follow, who sees whom.
#include <stddef.h>

#include "core/errors.h"
#include "core/notes.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

static bool between(struct model *m, uint64_t a, enum list_kind list, uint64_t b)
{
    return model_end(m, a, list, b) != NULL;
}

static bool blocked(struct model *m, uint64_t at, uint64_t other)
{
    return between(m, at, LIST_blocking, other) || between(m, at, LIST_blockers, other);
}

// Of a comment the post.
static const struct model_object *thing(struct model *m, const struct model_object *o)
{
    return o->kind == ENTITY_comment ? model_find(m, o->post) : o;
}

// The user whose things these are.
static uint64_t owner_of(struct model *m, const struct model_object *o)
{
    if (o->kind == ENTITY_user)
        return o->id;
    o = thing(m, o);
    return o != NULL ? o->author : 0;
}

// Whether there is no list to look at, or this one has the other.
static bool lets(struct model *m, const struct model_object *o, const struct model_end who)
{
    bool at_owner = who.list == LIST_followers;
    enum list_kind follows = at_owner ? LIST_followers : LIST_following;
    enum list_kind close = at_owner ? LIST_close_friends : LIST_close_friend_of;
    const struct model_object *post = thing(m, o);
    uint64_t author = owner_of(m, o);
    if (o->kind == ENTITY_user)
        return true;
    if (post->rules.archived)
        return false;
    if (post->rules.audience == kt_Audience_close_friends)
        return between(m, who.owner, close, who.other);
    bool all = !model_user(m, author)->is_private &&
               post->rules.audience != kt_Audience_followers;
    return all || between(m, who.owner, follows, who.other);
}

bool model_may(struct model *m, uint64_t actor, const struct model_object *o)
{
    uint64_t owner = owner_of(m, o);
    struct model_object *u = model_user(m, owner);
    if (owner == actor || u == NULL)
        return u != NULL;
    if (blocked(m, owner, actor))
        return false;
    return lets(m, o, (struct model_end){.owner = owner, .other = actor, .list = LIST_followers});
}

bool model_lists(struct model *m, uint64_t viewer, uint64_t id)
{
    const struct model_object *o = model_find(m, id);
    if (!model_shown(m, id))
        return false;
    if (o->kind != ENTITY_comment || !model_shows(m, viewer, o))
        return model_shows(m, viewer, o);
    if (o->removed)
        return model_count(m, id, LIST_replies) > 0;
    // A placeholder is nobody's; of somebody gone or deactivated it shows no more.
    return o->author == 0 || !model_shown(m, o->author) || !blocked(m, viewer, o->author);
}

bool model_shows(struct model *m, uint64_t viewer, const struct model_object *o)
{
    uint64_t owner = owner_of(m, o);
    struct model_object *u = model_user(m, owner);
    if (owner == viewer || u == NULL)
        return u != NULL;
    if (blocked(m, viewer, owner))
        return false;
    if (doc_row(o->kind) != NULL && !o->open)
        return false;
    return lets(m, o, (struct model_end){.owner = viewer, .other = owner, .list = LIST_following});
}

bool model_hears(struct model *m, uint64_t user, uint64_t actor)
{
    return !blocked(m, user, actor) && !between(m, user, LIST_muting, actor);
}

static void drop(struct model *m, uint64_t owner, enum list_kind list, uint64_t other)
{
    model_remove(m, (struct model_end){.owner = owner, .list = (uint8_t)list, .other = other});
}

void model_go_along(struct model *m, struct model_edge x, bool at_to)
{
    static const uint8_t severed[] = {LIST_following, LIST_followers, LIST_requested,
                                      LIST_requests, LIST_close_friends, LIST_close_friend_of};
    if (model_void(x))
        return;
    uint64_t own = at_to ? x.to : x.from, other = at_to ? x.from : x.to;
    for (unsigned i = 0; x.kind == EDGE_block && i < sizeof severed; i++)
        drop(m, own, (enum list_kind)severed[i], other);
    if (x.kind == EDGE_follow)
        drop(m, own, at_to ? LIST_requests : LIST_requested, other);
}

// ---- follow, request, approve ------------------------------------------------------------------

static struct model_edge as(struct model_edge x, enum edge_kind kind)
{
    x.kind = kind;
    return x;
}

static bool follows_at_target(struct model *m, struct model_edge x)
{
    return between(m, x.to, LIST_followers, x.from);
}

// At the target. true: the account is private, so a plain follow is refused.
bool model_follow_refused(const struct step *s, struct model_edge x)
{
    struct model_object *to = model_user(s->m, x.to);
    if (to == NULL || !to->is_private || model_void(x) || follows_at_target(s->m, x))
        return false;
    model_go_along(s->m, x, true);
    if (x.together)
        model_go_along(s->m, x, false);
    else
        model_owe_undo(s, model_forward(x));
    s->out->error = KITH_conflict;
    return true;
}

void model_request(const struct step *s, struct model_edge x)
{
    struct model_edge follow = as(x, EDGE_follow);
    bool unsettled = model_owes_undo(s->m, x.to, model_forward(follow));
    if (!model_void(x) && !unsettled && follows_at_target(s->m, x)) {
        s->out->error = KITH_ok;
    } else if (unsettled) {
        s->out->error = KITH_conflict;
        model_owe_undo(s, model_forward(x));
    } else if (model_link_at_target(s, x)) {
        model_tell(s, (struct model_note){.to = x.to, .actor = x.from, .entity = x.from,
                                          .type = NOTE_follow_request});
    }
    bool acts = !x.together || s->out->error == KITH_ok;
    if (acts && !between(s->m, x.from, LIST_following, x.to))
        model_link_at_actor(s, x);
    s->out->counted = s->out->error == KITH_ok;
    s->out->count = model_count(s->m, x.to, LIST_followers);
}

static unsigned approve_at_target(const struct step *s, struct model_edge x)
{
    struct model_edge follow = as(x, EDGE_follow);
    struct model *m = s->m;
    unsigned error = model_judge(m, x);
    bool unsettled = model_owes_undo(m, x.to, model_forward(x)) ||
                     model_owes_undo(m, x.to, model_forward(follow));
    bool asked = error == KITH_ok && !model_void(x) && model_remove(m, model_reverse(x));
    if (error == KITH_ok && unsettled)
        error = KITH_conflict;
    if (error == KITH_ok && !asked && !follows_at_target(m, x))
        error = KITH_not_found;
    if (error == KITH_ok && asked)
        model_add(s, model_reverse(follow));
    else if (error != KITH_ok && !model_void(x) && !x.together)
        model_owe_undo(s, model_forward(follow));
    return error;
}

static void approve_at_actor(const struct step *s, struct model_edge x)
{
    struct model_edge follow = as(x, EDGE_follow);
    if (model_void(x))
        return;
    if (model_remove(s->m, model_forward(x)))
        model_add(s, model_forward(follow));
    else if (!x.together && (model_user(s->m, x.from) == NULL ||
                             model_owes_undo(s->m, x.from, model_reverse(x))))
        model_owe_undo(s, model_reverse(follow));
}

void model_approve(const struct step *s, struct model_edge x)
{
    s->out->error = approve_at_target(s, x);
    if (!x.together || s->out->error == KITH_ok)
        approve_at_actor(s, x);
    s->out->counted = s->out->error == KITH_ok;
    s->out->count = model_count(s->m, x.to, LIST_followers);
}

void model_approve_again(const struct step *s, struct model_edge x)
{
    approve_at_target(s, x);
    approve_at_actor(s, x);
}
