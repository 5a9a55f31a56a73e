// Edges between users and what they act on (ops.def: link, unlink), their taking down, and in bulk.
//
// `to` decides (existence, count); `from` keeps the mirror. The set of `to` and that of `from` have
// the same edges with the same stamps whenever no undo is owed.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "store/along.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/hang.h"
#include "store/hot.h"
#include "store/notes.h"
#include "store/owed.h"
#include "store/popular.h"
#include "store/record.h"
#include "store/sees.h"
#include "store/stats.h"

static struct edge_at forward_of(struct graph_edge x)
{
    return (struct edge_at){x.from, (enum list_kind)(2 * x.kind)};
}

static struct edge_at reverse_of(struct graph_edge x)
{
    return (struct edge_at){x.to, (enum list_kind)(2 * x.kind + 1)};
}

// ---- ends --------------------------------------------------------------------------------------

void counter_move(_Atomic uint32_t *counter, int by)
{
    uint32_t n = atomic_load_explicit(counter, memory_order_relaxed);
    ASSERT(by > 0 || n > 0);
    atomic_store_explicit(counter, n + (uint32_t)by, memory_order_relaxed);
}

static void end_moved(struct part *p, struct edge_at at, uint64_t stamp, int by)
{
    struct object *o = hanging_counted(at.list) ? record_find(p, at.owner) : NULL;
    _Atomic uint32_t *counter = o != NULL ? hanging_counter_own(p, o, at.list, stamp) : NULL;
    if (counter != NULL) {
        counter_move(counter, by);
        stats_moved(p, o, at.list, by);
        if (at.list == LIST_followers)
            popular_moved(p->shard, (const struct user *)o, by);
    }
    // Other authors now: it is computed anew when it is read.
    bool authors = at.list == LIST_following || at.list == LIST_muting;
    if (authors) timeline_outdate(p->shard, at.owner, p->shard->applying);
}

bool end_add(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp)
{
    if (!edges_add(p, at, other, stamp)) return false;
    end_moved(p, at, stamp, 1);
    if (at.list == LIST_likers) hot_moved(p, at.owner, stamp, 1);
    return true;
}

bool end_remove(struct part *p, struct edge_at at, uint64_t other, uint64_t *stamp)
{
    uint64_t was;
    if (!edges_remove(p, at, other, &was)) return false;
    if (stamp != NULL) *stamp = was;
    end_moved(p, at, was, -1);
    if (at.list == LIST_likers) hot_moved(p, at.owner, was, -1);
    if (at.list == LIST_sharers) share_text_drop(p, at.owner, was);
    notes_edge_gone(p, at, other, was);
    return true;
}

uint32_t end_count(const struct part *p, struct edge_at at)
{
    return edges_count(p, at);
}

// ---- what goes with an edge --------------------------------------------------------------------

// A block ends all that is between two users; a follow, made or ended, the request for it. Both
// ends do that at their own places whatever the word on the edge itself is: so neither has to wait
// for the other, and a repetition does it again at both.
static void go_along(struct part *p, struct graph_edge x, bool at_to)
{
    static const uint8_t severed[] = {LIST_following, LIST_followers, LIST_requested,
                                      LIST_requests, LIST_close_friends, LIST_close_friend_of};
    const struct edge_row *row = edge_row(x.kind);
    if (check_edge_void(x)) return;
    uint64_t own = at_to ? x.to : x.from, other = at_to ? x.from : x.to;
    for (unsigned i = 0; row->severs && i < sizeof severed; i++)
        end_remove(p, (struct edge_at){own, (enum list_kind)severed[i]}, other, NULL);
    if (row->clears == EDGE_none) return;
    struct graph_edge request = {(enum edge_kind)row->clears, x.from, x.to};
    if (at_to)
        end_remove(p, reverse_of(request), x.from, NULL);
    else
        end_remove(p, forward_of(request), x.to, NULL);
}

static void go_along_decided(const struct apply *a, struct part *p, struct graph_edge x)
{
    go_along(p, x, true);
    if (a->together) go_along(p, x, false);
}

// ---- link, unlink ------------------------------------------------------------------------------

// At `to`.
static unsigned judge(const struct apply *a, const struct part *p, struct graph_edge x)
{
    unsigned error = check_edge(a->s->store, x);
    if (error != KITH_ok) return error;
    const struct object *to = record_find(p, x.to);
    uint64_t actor = check_edge_actor(a->e, x);
    if (edge_row(x.kind)->seen && !sees_at(p, actor, to)) return KITH_not_found;
    if (x.kind == EDGE_like && to->rules & RULE_NO_LIKES) return KITH_likes_disabled;
    if (a->together && !check_edge_from(a->s->store, a->e, x)) return KITH_not_found;
    struct graph_edge with = along_of(a->e, x);
    if (with.kind != EDGE_none && owed_undo(p, forward_of(with), with.to)) return KITH_conflict;
    return owed_undo(p, forward_of(x), x.to) ? KITH_conflict : KITH_ok;
}

// The edge at `from` has to go if this entry made it.
static void owe_refusal(struct apply *a, struct graph_edge x)
{
    struct graph_edge with = along_of(a->e, x);
    if (check_edge_void(x)) return;
    apply_owe_undo(a, forward_of(x), x.to, a->e->stamp);
    if (with.kind != EDGE_none) apply_owe_undo(a, forward_of(with), with.to, a->e->stamp);
}

// At `from`: nobody, or somebody gone, or somebody whose last refusal is not undone yet adds
// nothing, and the other end has to give back what it took. Whether the edge was added.
static bool mirror(struct apply *a, struct part *p, struct graph_edge x, uint64_t stamp)
{
    if (check_edge_void(x)) return false;
    bool ready = a->together ||
                 (check_edge_from(a->s->store, a->e, x) && !owed_undo(p, reverse_of(x), x.from));
    if (ready) return end_add(p, forward_of(x), x.to, stamp);
    apply_owe_undo(a, reverse_of(x), x.from, stamp);
    return false;
}

static void decide_link(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    go_along_decided(a, p, x);
    unsigned error = judge(a, p, x);
    a->out.id = x.to;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        owe_refusal(a, x);
        return;
    }
    struct graph_edge with = along_of(a->e, x);
    if (with.kind != EDGE_none) end_add(p, reverse_of(with), with.from, a->e->stamp);
    a->out.changed = end_add(p, reverse_of(x), x.from, a->e->stamp);
    a->out.count = end_count(p, reverse_of(x));
    if (a->out.changed) notes_of_edge(a, p, x);
    if (x.kind == EDGE_share && a->out.changed) share_text_add(a, p);
    uint32_t follow = x.kind == EDGE_like ? reaction_clear(a, p, x) : 0;
    if (follow > 0) apply_wait(a, p, follow);
}

static void other_link(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    if (!a->together) go_along(p, x, false);
    mirror(a, p, x, a->e->stamp);
    // Though the document may be gone by now: it was there when the client asked.
    struct graph_edge with = along_of(a->e, x);
    if (with.kind != EDGE_none) mirror(a, p, with, a->e->stamp);
}

// The mirror has it by now if it had not: it goes unless it is the one that is here.
static void again_at(struct apply *a, struct part *p, struct graph_edge x)
{
    if (check_edge_void(x) || edges_find(p, reverse_of(x), x.from) != 0) return;
    apply_owe_undo(a, forward_of(x), x.to, a->e->stamp);
}

static void again_link(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body), with = along_of(a->e, x);
    go_along_decided(a, p, x);
    again_at(a, p, x);
    if (with.kind != EDGE_none) again_at(a, p, with);
}

// At `from`, where it has been made on purpose and is ended on purpose.
static void forward_end(struct apply *a, struct part *p, struct graph_edge x)
{
    if (end_remove(p, forward_of(x), x.to, NULL)) along_end(a, p, x);
}

// Of a target that is gone the edge is removed all the same, for the mirror does not know that.
// With a key, only the decider knows whether this was said before: then the mirror waits for its
// word, an undo of just the edge that went here, and the client waits for that.
static void decide_unlink(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    uint64_t stamp = 0;
    go_along_decided(a, p, x);
    bool removed = !check_edge_void(x) && end_remove(p, reverse_of(x), x.from, &stamp);
    unsigned error = check_edge(a->s->store, x);
    // What is hidden answers as if it were not there, though the edge goes.
    bool asked = error == KITH_ok && edge_row(x.kind)->seen;
    if (asked && !sees_at(p, check_edge_actor(a->e, x), record_find(p, x.to)))
        error = KITH_not_found;
    a->out.id = x.to;
    if (error == KITH_ok) {
        a->out.changed = removed;
        a->out.count = end_count(p, reverse_of(x));
    } else {
        apply_refuse(a, error);
    }
    if (removed && a->together) {
        forward_end(a, p, x);
    } else if (removed && entry_key(a->e) != NULL) {
        apply_owe_undo(a, forward_of(x), x.to, stamp);
        apply_wait(a, p, 1);
    }
}

static void other_unlink(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    if (check_edge_void(x) || a->together) return;
    go_along(p, x, false);
    if (entry_key(a->e) == NULL) forward_end(a, p, x);
}

static void again_unlink(struct apply *a, struct part *p)
{
    go_along_decided(a, p, check_edge_of(a->e, a->body));
}

const struct verb verb_link = {decide_link, other_link, again_link, NULL};
const struct verb verb_unlink = {decide_unlink, other_unlink, again_unlink, NULL};

// ---- undo, unlink ------------------------------------------------------------------------------

// The comment goes, if it is there and this one's.
static bool unwrite(struct apply *a, struct part *p, uint64_t comment, uint64_t author)
{
    const struct object *o = record_find(p, comment);
    if (o == NULL || o->kind != ENTITY_comment || o->flags & OBJECT_GONE) return false;
    if (((const struct comment *)o)->author != author) return false;
    comment_take_down(a, p, comment);
    return true;
}

static void decide_undo(struct apply *a, struct part *p)
{
    const kt_Undo *u = a->body;
    struct edge_at at = {kt_Undo_owner(u), (enum list_kind)kt_Undo_kind(u)};
    uint64_t other = kt_Undo_other(u), stamp = kt_Undo_stamp(u);
    a->out.id = at.owner;
    if (at.list == LIST_writer) {
        a->out.changed = unwrite(a, p, at.owner, other);
    } else if (list_edge(at.list) != EDGE_none) {
        if (stamp == 0 || edges_find(p, at, other) != stamp) return;
        a->out.changed = end_remove(p, at, other, NULL);
        struct graph_edge x = {list_edge(at.list), at.owner, other};
        if (a->out.changed && at.list % 2 == 0) along_end(a, p, x);
        if (at.list == LIST_reply_to) post_unborn(a, p, at.owner);
    }
}

static void decide_unlink_step(struct apply *a, struct part *p)
{
    const kt_Unlink *u = a->body;
    struct graph_edge x = {(enum edge_kind)kt_Unlink_kind(u), kt_Unlink_from(u), kt_Unlink_to(u)};
    a->out.id = x.to;
    if (x.kind == EDGE_write) {
        a->out.changed = unwrite(a, p, x.to, x.from);
    } else if (!check_edge_void(x)) {
        a->out.changed = end_remove(p, reverse_of(x), x.from, NULL);
    }
}

static void other_unlink_step(struct apply *a, struct part *p)
{
    const kt_Unlink *u = a->body;
    struct graph_edge x = {(enum edge_kind)kt_Unlink_kind(u), kt_Unlink_from(u), kt_Unlink_to(u)};
    if (x.from == 0 || edge_row(x.kind) == NULL) return;
    end_remove(p, forward_of(x), x.to, NULL);
}

const struct verb verb_undo = {decide_undo, NULL, NULL, NULL};
const struct verb verb_unlink_step = {decide_unlink_step, other_unlink_step, NULL, NULL};

// ---- in bulk -----------------------------------------------------------------------------------

static void row_decide(struct apply *a, struct part *p, struct graph_edge x, uint64_t stamp)
{
    unsigned error = check_edge_void(x) ? KITH_invalid_field : judge(a, p, x);
    go_along(p, x, true);
    if (error != KITH_ok) {
        a->out.count3++;
        if (!check_edge_void(x)) apply_owe_undo(a, forward_of(x), x.to, stamp);
        return;
    }
    if (end_add(p, reverse_of(x), x.from, stamp))
        a->out.count++;
    else
        a->out.count2++;
    if (x.kind == EDGE_like) reaction_clear(a, p, x);
    if (a->together) mirror(a, p, x, stamp);
}

static void import_row(struct apply *a, struct graph_edge x, uint32_t i)
{
    uint64_t stamp = a->e->stamp + i;
    struct part *p = apply_half(a, id_slot(x.to)), *q = apply_half(a, id_slot(x.from));
    a->together = id_slot(x.to) == id_slot(x.from);
    a->ordinal = 2 * i;
    if (p != NULL) row_decide(a, p, x, stamp);
    a->ordinal = 2 * i + 1;
    if (q != NULL) go_along(q, x, false);
    if (q != NULL && !a->together) mirror(a, q, x, stamp);
}

static void import_edges(struct apply *a)
{
    const kt_ImportEdges *body = a->body;
    fb_vec from = kt_ImportEdges_from(body), to = kt_ImportEdges_to(body);
    ASSERT(from.n == to.n);
    struct graph_edge x[AHEAD_EDGES];
    for (uint32_t done = 0, n; done < to.n; done += n) {
        n = to.n - done < AHEAD_EDGES ? to.n - done : AHEAD_EDGES;
        for (uint32_t i = 0; i < n; i++)
            x[i] = (struct graph_edge){(enum edge_kind)kt_ImportEdges_kind(body),
                                       fb_vec_u64(from, done + i), fb_vec_u64(to, done + i)};
        ahead_edges(a->s, x, n);
        for (uint32_t i = 0; i < n; i++) import_row(a, x[i], done + i);
    }
    a->out.changed = a->out.count > 0;
}

const struct verb verb_import_edges = {.all = import_edges};
