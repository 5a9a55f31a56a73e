// What operations link and unlink: each edge stands at both of its objects, the target decides;
// reactions; steps of cascades.
#include <stddef.h>

#include "core/errors.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

struct edge { enum edge_kind kind; uint64_t from, to, stamp; bool together; };

static struct model_end forward(struct edge x)
{
    return (struct model_end){.owner = x.from, .list = (uint8_t)(2 * x.kind), .other = x.to,
                              .stamp = x.stamp};
}
static struct model_end reverse(struct edge x)
{
    return (struct model_end){.owner = x.to, .list = (uint8_t)(2 * x.kind + 1), .other = x.from,
                              .stamp = x.stamp};
}
static struct model_end *stands(struct model *m, struct model_end end)
{
    return model_end(m, end.owner, (enum list_kind)end.list, end.other);
}

static void owe_undo(const struct step *s, struct model_end end)
{
    model_owe(s, (struct model_owed){.op = OP_undo, .owner = end.owner, .other = end.other,
                                     .list = end.list,
                                     .partition = id_slot(end.other) % MODEL_PARTITIONS});
}

static bool is_void(struct edge x)
{
    return x.from == 0 || (edge_row(x.kind)->self != 0 && x.from == x.to);
}

static struct model_object *target(struct model *m, struct edge x)
{
    unsigned kind = edge_row(x.kind)->to;
    if (kind == ENTITY_user)
        return model_user(m, x.to);
    if (kind == ENTITY_post)
        return model_post(m, x.to);
    struct model_object *c = model_comment(m, x.to);
    return c != NULL && !c->tombstone ? c : NULL;
}

static unsigned judge(struct model *m, struct edge x)
{
    if (x.from == 0)
        return KITH_forbidden;
    if (is_void(x))
        return edge_row(x.kind)->self;
    return target(m, x) != NULL ? KITH_ok : KITH_not_found;
}

// At the target.
static unsigned link_at_target(const struct step *s, struct edge x, bool *added)
{
    unsigned error = judge(s->m, x);
    if (error == KITH_ok && x.together && model_user(s->m, x.from) == NULL)
        error = KITH_not_found;
    if (error == KITH_ok && model_owes_undo(s->m, x.to, forward(x)))
        error = KITH_conflict;
    if (error == KITH_ok)
        *added = model_add(s, reverse(x));
    else if (!is_void(x) && !x.together)
        owe_undo(s, forward(x));
    return error;
}

// At who acts.
static void link_at_actor(const struct step *s, struct edge x)
{
    if (is_void(x))
        return;
    if (x.together ||
        (model_user(s->m, x.from) != NULL && !model_owes_undo(s->m, x.from, reverse(x))))
        model_add(s, forward(x));
    else
        owe_undo(s, reverse(x));
}

static void add_edge(const struct step *s, struct edge x)
{
    bool added = false;
    s->out->error = link_at_target(s, x, &added);
    if (!x.together || s->out->error == KITH_ok)
        link_at_actor(s, x);
    if (x.kind == EDGE_like && s->out->error == KITH_ok)
        model_set_reaction(s, x.from, x.to, 0);
    s->out->counted = s->out->error == KITH_ok;
    s->out->count = model_count(s->m, x.to, (enum list_kind)(2 * x.kind + 1));
}

static void remove_edge(const struct step *s, struct edge x)
{
    bool keyed = entry_key(s->e) != NULL;
    bool removed = !is_void(x) && model_remove(s->m, reverse(x));
    s->out->error = judge(s->m, x);
    s->out->counted = s->out->error == KITH_ok;
    s->out->count = model_count(s->m, x.to, (enum list_kind)(2 * x.kind + 1));
    if (x.together ? removed : !is_void(x) && !keyed)
        model_remove(s->m, forward(x));
    else if (removed && keyed)
        owe_undo(s, forward(x));
}

static void add_rows(const struct step *s)
{
    fb_vec from = kt_ImportEdges_from(s->body), to = kt_ImportEdges_to(s->body);
    for (uint32_t i = 0; i < to.n; i++) {
        struct edge x = {(enum edge_kind)kt_ImportEdges_kind(s->body), fb_vec_u64(from, i),
                         fb_vec_u64(to, i), s->e->stamp + i, false};
        bool added = false;
        x.together = id_slot(x.from) == id_slot(x.to);
        unsigned error = is_void(x) ? KITH_invalid_field : link_at_target(s, x, &added);
        s->out->refused += error != KITH_ok;
        s->out->count += error == KITH_ok && added;
        s->out->repeated += error == KITH_ok && !added;
        if (!x.together || error == KITH_ok)
            link_at_actor(s, x);
        if (x.kind == EDGE_like && error == KITH_ok)
            model_set_reaction(s, x.from, x.to, 0);
    }
    s->out->counted = true;
}

// ---- taken back --------------------------------------------------------------------------------

// An edge that somebody was told of is taken back only when one of its ends is gone, or by a
// keyed removal, which does so by an undo.
static void undo(const struct step *s)
{
    const kt_Undo *u = s->body;
    struct model_end end = {.owner = kt_Undo_owner(u), .list = kt_Undo_kind(u),
                            .other = kt_Undo_other(u)};
    s->out->id = end.owner;
    model_paid(s, end.owner, end.other);
    if (end.list == LIST_writer) {
        struct model_object *c = model_find(s->m, end.owner);
        if (c != NULL && c->kind == ENTITY_comment && !c->gone && c->author == end.other)
            model_comment_down(s->m, end.owner);
        return;
    }
    const struct model_end *is = stands(s->m, end);
    if (is == NULL || is->stamp != kt_Undo_stamp(u))
        return;
    bool at_target = end.list % 2 == 1;
    uint64_t from = at_target ? end.other : end.owner, to = at_target ? end.owner : end.other;
    struct edge x = {list_edge(end.list), from, to, 0, false};
    bool both = model_user(s->m, from) != NULL && target(s->m, x) != NULL;
    if (both && (at_target || model_end(s->m, to, (enum list_kind)(end.list + 1), from) != NULL))
        s->out->undone = is->place;
    model_remove(s->m, end);
    struct model_object *reply = end.list == LIST_reply_to ? model_find(s->m, end.owner) : NULL;
    if (reply == NULL)
        return;
    reply->made[0] = 0; // as if it had never been
    if (!reply->gone)
        model_post_down(s->m, reply);
}

static void unlink_step(const struct step *s)
{
    const kt_Unlink *u = s->body;
    struct edge x = {(enum edge_kind)kt_Unlink_kind(u), kt_Unlink_from(u), kt_Unlink_to(u), 0,
                     false};
    model_paid(s, x.from, x.to);
    if (x.kind == EDGE_write) {
        struct model_object *c = model_find(s->m, x.to);
        if (c != NULL && c->kind == ENTITY_comment && !c->gone && c->author == x.from)
            model_comment_down(s->m, x.to);
    } else {
        model_remove(s->m, reverse(x));
    }
    if (x.from != 0)
        model_remove(s->m, forward(x));
}

bool model_bare(const struct model *m, const struct model_object *o)
{
    for (unsigned list = 1; list <= UINT8_MAX; list++)
        if (list_owner(list) == (enum entity)o->kind &&
            model_count(m, o->id, (enum list_kind)list) > 0)
            return false;
    return true;
}

static void erase(const struct step *s)
{
    uint64_t id = kt_Erase_object_id(s->body);
    struct model_object *o = model_find(s->m, id);
    s->out->id = id;
    if (o == NULL)
        return;
    if (o->kind == ENTITY_session)
        model_end_session(s->m, id);
    else if (o->kind == ENTITY_post && !o->gone && s->e->actor == 0 &&
             (!o->binned || o->deleted_ms != kt_Erase_deleted_at(s->body)))
        return; // restored since
    else if (o->kind == ENTITY_post && !o->gone)
        model_post_down(s->m, o);
    else if (o->gone && model_bare(s->m, o))
        o->there = false;
}

// ---- entries -----------------------------------------------------------------------------------

static struct edge edge_of(const struct step *s)
{
    const struct op_row *row = op_row(s->e->op);
    unsigned kind = row->link != EDGE_none ? row->link : row->unlink;
    // The first field is what is linked, in all of them.
    struct edge x = {(enum edge_kind)kind, s->e->actor, kt_Like_post_id(s->body), s->e->stamp,
                     false};
    x.together = id_slot(x.from) == id_slot(x.to);
    return x;
}

void model_again(const struct step *s)
{
    const struct entry *e = s->e;
    if (e->slot_count < 2 || e->actor == 0)
        return;
    if (e->op == OP_comment_create) {
        struct model_end end = {.owner = e->actor, .list = LIST_written,
                                .other = id_make(e->stamp, e->slots[0]), .stamp = e->stamp};
        owe_undo(s, end);
        if (model_user(s->m, e->actor) != NULL)
            model_add(s, end);
        else
            owe_undo(s, (struct model_end){.owner = end.other, .list = LIST_writer,
                                           .other = e->actor});
    } else if (e->op == OP_post_create) {
        model_born_again(s);
    } else if (op_row(e->op)->link != EDGE_none) {
        struct edge x = edge_of(s);
        if (!is_void(x) && stands(s->m, reverse(x)) == NULL)
            owe_undo(s, forward(x));
        link_at_actor(s, x);
    }
}

bool model_edge(const struct step *s)
{
    const struct op_row *row = op_row(s->e->op);
    if (row->link != EDGE_none) {
        add_edge(s, edge_of(s));
        return true;
    }
    if (row->unlink != EDGE_none) {
        remove_edge(s, edge_of(s));
        return true;
    }
    switch (s->e->op) {
    case OP_import_edges:
        add_rows(s);
        return true;
    case OP_undo:
        undo(s);
        return true;
    case OP_unlink:
        unlink_step(s);
        return true;
    case OP_erase:
        erase(s);
        return true;
    }
    return false;
}
