// Reactions: the post's end decides, the user's end becomes what it is told.
#include "core/errors.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

static struct model_end at_post(uint64_t user, uint64_t post, uint64_t stamp)
{
    return (struct model_end){.owner = post, .list = LIST_reactors, .other = user, .stamp = stamp};
}

static struct model_end at_user(uint64_t user, uint64_t post, uint64_t stamp)
{
    return (struct model_end){.owner = user, .list = LIST_reacted, .other = post, .stamp = stamp};
}

static uint64_t stamp_at(const struct step *s, struct model_end end)
{
    const struct model_end *is = model_end(s->m, end.owner, (enum list_kind)end.list, end.other);
    return is != NULL ? is->stamp : 0;
}

static void become(const struct step *s, struct model_end end)
{
    if (stamp_at(s, end) == end.stamp)
        return;
    model_remove(s->m, end);
    if (end.stamp != 0)
        model_add(s, end);
}

void model_set_reaction(const struct step *s, uint64_t user, uint64_t post, uint64_t stamp)
{
    uint64_t was = stamp_at(s, at_post(user, post, 0));
    if (was == stamp || (was != 0 && stamp != 0 && was % 8 == stamp % 8))
        return;
    become(s, at_post(user, post, stamp));
    if (id_slot(user) == id_slot(post))
        become(s, at_user(user, post, stamp));
    else
        model_owe(s, (struct model_owed){.op = OP_reacted, .owner = user, .other = post,
                                         .partition = id_slot(post) % MODEL_PARTITIONS});
}

static void drop_like(const struct step *s, uint64_t user, uint64_t post)
{
    struct model_end liked = {.owner = user, .list = LIST_liked, .other = post};
    struct model_end liker = {.owner = post, .list = LIST_likers, .other = user};
    if (!model_remove(s->m, liker))
        return;
    if (id_slot(user) == id_slot(post))
        model_remove(s->m, liked);
    else
        model_owe_undo(s, liked);
}

static void react(const struct step *s)
{
    uint64_t user = s->e->actor, post = kt_React_post_id(s->body), stamp = 0;
    bool together = id_slot(user) == id_slot(post);
    s->out->id = post;
    const struct model_object *to = model_post(s->m, post);
    if (to == NULL || !model_may(s->m, user, to) ||
        (together && model_user(s->m, user) == NULL)) {
        s->out->error = KITH_not_found;
        return;
    }
    if (s->e->op == OP_react && to->rules.no_likes) {
        s->out->error = KITH_likes_disabled;
        return;
    }
    if (s->e->op == OP_react)
        stamp = s->e->stamp * 8 + kt_React_reaction_type(s->body) - 1;
    drop_like(s, user, post);
    model_set_reaction(s, user, post, stamp);
}

static void reacted(const struct step *s)
{
    uint64_t user = kt_Reacted_user_id(s->body), post = kt_Reacted_post_id(s->body);
    uint64_t stamp = kt_Reacted_stamp(s->body);
    model_paid(s, user, post);
    if (stamp == 0 || model_user(s->m, user) != NULL)
        become(s, at_user(user, post, stamp));
    else
        model_owe_undo(s, at_post(user, post, stamp));
    if (stamp != 0 && stamp_at(s, at_post(user, post, 0)) != stamp)
        model_owe_undo(s, at_user(user, post, stamp));
}

bool model_react(const struct step *s)
{
    if (s->e->op == OP_react || s->e->op == OP_unreact)
        react(s);
    else if (s->e->op == OP_reacted)
        reacted(s);
    else
        return false;
    return true;
}
