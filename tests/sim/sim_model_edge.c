// What operations link and unlink: each edge stands at both of its objects, the target decides;
// reactions; steps of cascades.
#include <stddef.h>

#include "core/errors.h"
#include "core/fb_copy.h"
#include "core/id.h"
#include "core/notes.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

struct model_end model_forward(struct model_edge x)
{
    return (struct model_end){.owner = x.from, .list = (uint8_t)(2 * x.kind), .other = x.to,
                              .stamp = x.stamp};
}

struct model_end model_reverse(struct model_edge x)
{
    return (struct model_end){.owner = x.to, .list = (uint8_t)(2 * x.kind + 1), .other = x.from,
                              .stamp = x.stamp};
}
static struct model_end *stands(struct model *m, struct model_end end)
{
    return model_end(m, end.owner, (enum list_kind)end.list, end.other);
}

void model_owe_undo(const struct step *s, struct model_end end)
{
    model_owe(s, (struct model_owed){.op = OP_undo, .owner = end.owner, .other = end.other,
                                     .list = end.list,
                                     .partition = id_slot(end.other) % MODEL_PARTITIONS});
}

bool model_void(struct model_edge x)
{
    return x.from == 0 || x.to == 0 || (edge_row(x.kind)->self != 0 && x.from == x.to);
}

static struct model_object *target(struct model *m, struct model_edge x)
{
    unsigned kind = edge_row(x.kind)->to;
    if (kind == ENTITY_user)
        return model_user(m, x.to);
    if (kind == ENTITY_post)
        return model_post(m, x.to);
    struct model_object *c = model_comment(m, x.to);
    return c != NULL && !c->tombstone ? c : NULL;
}

unsigned model_judge(struct model *m, struct model_edge x)
{
    const struct edge_row *row = edge_row(x.kind);
    if (x.from == 0)
        return KITH_forbidden;
    if (row->self != 0 && x.from == x.to)
        return row->self;
    return target(m, x) != NULL ? KITH_ok : KITH_not_found;
}

// The user, or a collection of the user who acts.
static bool from_stands(const struct step *s, struct model_edge x)
{
    unsigned kind = edge_row(x.kind)->from;
    if (kind == ENTITY_user)
        return model_user(s->m, x.from) != NULL;
    const struct model_object *o = model_doc(s->m, x.from, kind);
    return o != NULL && o->author == s->e->actor;
}

// To put a post into a collection is to save it; from 0: there is nothing to be made besides.
static struct model_edge along(const struct step *s, struct model_edge x)
{
    struct model_edge with = x;
    with.kind = EDGE_bookmark;
    with.from = s->e->actor;
    bool own = x.kind == EDGE_collect && with.from != 0 && id_slot(x.from) == id_slot(with.from);
    if (!own)
        with.from = 0;
    return with;
}

// Whether who makes the edge may see where it leads.
static bool may_reach(const struct step *s, struct model_edge x)
{
    uint64_t actor = edge_row(x.kind)->from == ENTITY_user ? x.from : s->e->actor;
    return model_may(s->m, actor, model_find(s->m, x.to));
}

bool model_link_at_target(const struct step *s, struct model_edge x)
{
    bool added = false;
    unsigned error = model_judge(s->m, x);
    if (error == KITH_ok && edge_row(x.kind)->seen && !may_reach(s, x))
        error = KITH_not_found;
    if (error == KITH_ok && x.kind == EDGE_like && model_find(s->m, x.to)->rules.no_likes)
        error = KITH_likes_disabled;
    if (error == KITH_ok && x.together && !from_stands(s, x))
        error = KITH_not_found;
    struct model_edge with = along(s, x);
    if (error == KITH_ok && with.from != 0 && model_owes_undo(s->m, x.to, model_forward(with)))
        error = KITH_conflict;
    if (error == KITH_ok && model_owes_undo(s->m, x.to, model_forward(x)))
        error = KITH_conflict;
    if (error == KITH_ok && with.from != 0)
        model_add(s, model_reverse(with));
    if (error == KITH_ok)
        added = model_add(s, model_reverse(x));
    else if (!model_void(x) && !x.together)
        model_owe_undo(s, model_forward(x));
    if (error != KITH_ok && !model_void(x) && !x.together && with.from != 0)
        model_owe_undo(s, model_forward(with));
    s->out->error = error;
    return added;
}

void model_link_at_actor(const struct step *s, struct model_edge x)
{
    if (model_void(x))
        return;
    if (x.together ||
        (from_stands(s, x) && !model_owes_undo(s->m, x.from, model_reverse(x)))) {
        model_add(s, model_forward(x));
    } else
        model_owe_undo(s, model_reverse(x));
    struct model_edge with = along(s, x);
    if (with.from != 0)
        model_link_at_actor(s, with);
}

// At the actor a bookmark has gone: the post leaves his collections, whose slot tells the post's.
static void leave_collections(const struct step *s, uint64_t user, uint64_t post)
{
    static uint64_t id[MODEL_OBJECTS];
    unsigned n = model_list(s->m, user, LIST_collections, id);
    for (unsigned i = 0; i < n; i++) {
        struct model_end in = {.owner = id[i], .list = LIST_collected, .other = post};
        struct model_end of = {.owner = post, .list = LIST_collectors, .other = id[i]};
        if (!model_remove(s->m, in))
            continue;
        if (id_slot(user) == id_slot(post))
            model_remove(s->m, of);
        else
            model_owe(s, (struct model_owed){.op = OP_relisted, .owner = post, .other = id[i],
                                             .partition = id_slot(id[i]) % MODEL_PARTITIONS});
    }
}

static void end_at_actor(const struct step *s, struct model_edge x)
{
    if (model_remove(s->m, model_forward(x)) && x.kind == EDGE_bookmark)
        leave_collections(s, x.from, x.to);
}

static bool tells_count(const struct entry *e)
{
    return op_row(e->op)->reply != &kt_desc_Relationship && op_row(e->op)->from == NULL;
}

static void act_at_actor(const struct step *s, struct model_edge x)
{
    if (!x.together)
        model_go_along(s->m, x, false);
    model_link_at_actor(s, x);
}

static void tell_of_edge(const struct step *s, struct model_edge x)
{
    bool of_post = x.kind == EDGE_like || x.kind == EDGE_share;
    struct model_note n = {.to = x.to, .actor = x.from, .entity = of_post ? x.to : x.from};
    n.type = x.kind == EDGE_like ? NOTE_like : of_post ? NOTE_share : NOTE_follow;
    if (of_post)
        n.to = model_find(s->m, x.to)->author;
    if (of_post || x.kind == EDGE_follow)
        model_tell(s, n);
}

static void add_edge(const struct step *s, struct model_edge x)
{
    if (x.kind == EDGE_follow && model_follow_refused(s, x)) {
        if (!x.together)
            act_at_actor(s, x);
        return;
    }
    model_go_along(s->m, x, true);
    if (x.together)
        model_go_along(s->m, x, false);
    if (model_link_at_target(s, x))
        tell_of_edge(s, x);
    if (!x.together || s->out->error == KITH_ok)
        act_at_actor(s, x);
    if (x.kind == EDGE_like && s->out->error == KITH_ok)
        model_set_reaction(s, x.from, x.to, 0);
    s->out->counted = s->out->error == KITH_ok && tells_count(s->e);
    s->out->count = model_count(s->m, x.to, (enum list_kind)(2 * x.kind + 1));
}

static void remove_edge(const struct step *s, struct model_edge x)
{
    bool keyed = entry_key(s->e) != NULL;
    model_go_along(s->m, x, true);
    model_go_along(s->m, x, false);
    bool removed = !model_void(x) && model_remove(s->m, model_reverse(x));
    s->out->error = model_judge(s->m, x);
    if (s->out->error == KITH_ok && edge_row(x.kind)->seen && !may_reach(s, x))
        s->out->error = KITH_not_found;
    s->out->counted = s->out->error == KITH_ok && tells_count(s->e);
    s->out->count = model_count(s->m, x.to, (enum list_kind)(2 * x.kind + 1));
    if (x.together ? removed : !model_void(x) && !keyed)
        end_at_actor(s, x);
    else if (removed && keyed)
        model_owe_undo(s, model_forward(x));
}

static void add_rows(const struct step *s)
{
    fb_vec from = kt_ImportEdges_from(s->body), to = kt_ImportEdges_to(s->body);
    for (uint32_t i = 0; i < to.n; i++) {
        struct model_edge x = {(enum edge_kind)kt_ImportEdges_kind(s->body), fb_vec_u64(from, i),
                         fb_vec_u64(to, i), s->e->stamp + i, false};
        x.together = id_slot(x.from) == id_slot(x.to);
        model_go_along(s->m, x, true);
        model_go_along(s->m, x, false);
        bool added = !model_void(x) && model_link_at_target(s, x);
        unsigned error = model_void(x) ? KITH_invalid_field : s->out->error;
        s->out->refused += error != KITH_ok;
        s->out->count += error == KITH_ok && added;
        s->out->repeated += error == KITH_ok && !added;
        if (!x.together || error == KITH_ok)
            model_link_at_actor(s, x);
        if (x.kind == EDGE_like && error == KITH_ok)
            model_set_reaction(s, x.from, x.to, 0);
    }
    s->out->error = KITH_ok;
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
            model_comment_down(s, end.owner);
        return;
    }
    const struct model_end *is = stands(s->m, end);
    if (is == NULL || is->stamp != kt_Undo_stamp(u))
        return;
    bool at_target = end.list % 2 == 1;
    uint64_t from = at_target ? end.other : end.owner, to = at_target ? end.owner : end.other;
    struct model_edge x = {list_edge(end.list), from, to, 0, false};
    const struct edge_row *row = edge_row(x.kind);
    bool begins = row->from == ENTITY_user ? model_user(s->m, from) != NULL
                                           : model_doc(s->m, from, row->from) != NULL;
    bool both = begins && target(s->m, x) != NULL;
    if (both && (at_target || model_end(s->m, to, (enum list_kind)(end.list + 1), from) != NULL))
        s->out->undone = is->place;
    model_remove(s->m, end);
    if (end.list == LIST_bookmarks)
        leave_collections(s, from, to);
    struct model_object *reply = end.list == LIST_reply_to ? model_find(s->m, end.owner) : NULL;
    if (reply == NULL)
        return;
    reply->made[0] = 0; // as if it had never been
    if (!reply->gone)
        model_post_down(s, reply);
}

static void unlink_step(const struct step *s)
{
    const kt_Unlink *u = s->body;
    struct model_edge x = {(enum edge_kind)kt_Unlink_kind(u), kt_Unlink_from(u), kt_Unlink_to(u), 0,
                     false};
    model_paid(s, x.from, x.to);
    if (x.kind == EDGE_write) {
        struct model_object *c = model_find(s->m, x.to);
        if (c != NULL && c->kind == ENTITY_comment && !c->gone && c->author == x.from)
            model_comment_down(s, x.to);
    } else {
        model_remove(s->m, model_reverse(x));
    }
    if (x.from != 0)
        model_remove(s->m, model_forward(x));
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
    else if (doc_row(o->kind) != NULL && !o->gone)
        model_doc_down(s->m, o);
    else if (o->kind == ENTITY_post && !o->gone && s->e->actor == 0 &&
             (!o->binned || o->deleted_ms != kt_Erase_deleted_at(s->body)))
        return; // restored since
    else if (o->kind == ENTITY_post && !o->gone)
        model_post_down(s, o);
    else if (o->kind == ENTITY_comment && !o->gone && s->e->actor == 0) {
        if (o->removed && o->deleted_ms == kt_Erase_deleted_at(s->body))
            model_comment_erase(s, o);
    }
    else if (o->gone && model_bare(s->m, o))
        o->there = false;
}

// ---- entries -----------------------------------------------------------------------------------

static struct model_edge edge_of(const struct step *s)
{
    const struct op_row *row = op_row(s->e->op);
    uint64_t key = fb_sub_u64(s->body, 4); // the first field
    struct model_edge x = {(enum edge_kind)(row->link | row->unlink), s->e->actor, key,
                           s->e->stamp, false};
    if (row->reverse) {
        x.from = key;
        x.to = s->e->actor;
    } else if (row->from != NULL) {
        x.from = fb_number_of(row->request, s->body, row->from);
    }
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
        model_owe_undo(s, end);
        if (model_user(s->m, e->actor) != NULL)
            model_add(s, end);
        else
            model_owe_undo(s, (struct model_end){.owner = end.other, .list = LIST_writer,
                                           .other = e->actor});
        return;
    }
    if (e->op == OP_post_create) {
        model_born_again(s);
        return;
    }
    const struct op_row *row = op_row(e->op);
    if ((row->link | row->unlink) == EDGE_none)
        return;
    struct model_edge x = edge_of(s);
    if (e->op == OP_request_approve) {
        model_approve_again(s, x);
        return;
    }
    model_go_along(s->m, x, true);
    struct model_edge with = along(s, x);
    if (row->link != EDGE_none && !model_void(x) && stands(s->m, model_reverse(x)) == NULL)
        model_owe_undo(s, model_forward(x));
    if (row->link != EDGE_none && with.from != 0 && stands(s->m, model_reverse(with)) == NULL)
        model_owe_undo(s, model_forward(with));
    model_go_along(s->m, x, false);
    bool follows = e->op == OP_follow_request &&
                   model_end(s->m, x.from, LIST_following, x.to) != NULL;
    if (row->link != EDGE_none && !follows)
        model_link_at_actor(s, x);
}

bool model_edge(const struct step *s)
{
    switch (s->e->op) {
    case OP_follow_request:
        model_request(s, edge_of(s));
        return true;
    case OP_request_approve:
        model_approve(s, edge_of(s));
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
    const struct op_row *row = op_row(s->e->op);
    if (row->link != EDGE_none)
        add_edge(s, edge_of(s));
    else if (row->unlink != EDGE_none)
        remove_edge(s, edge_of(s));
    return (row->link | row->unlink) != EDGE_none;
}
