// Follows of private accounts, and the requests that they are until the owner has approved them.
//
// Each end knows by itself whether the request is there, and acts on that at its own place in the
// same order. Where they could differ (an undo is under way), the decider refuses and takes back
// what the other end did.
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/owed.h"
#include "store/record.h"

static struct edge_at at_from(enum edge_kind kind, struct graph_edge x)
{
    return (struct edge_at){x.from, (enum list_kind)(2 * kind)};
}

static struct edge_at at_to(enum edge_kind kind, struct graph_edge x)
{
    return (struct edge_at){x.to, (enum list_kind)(2 * kind + 1)};
}

// ---- follow ------------------------------------------------------------------------------------

// The account may have become private since it was asked whether it is.
static void decide_follow(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    const struct user *to = object_account(record_find(p, x.to));
    bool private = to != NULL && to->o.rules & RULE_PRIVATE;
    if (!private || check_edge_void(x) || edges_find(p, at_to(EDGE_follow, x), x.from) != 0) {
        verb_link.decide(a, p);
        return;
    }
    verb_link.again(a, p);
    a->out.id = x.to;
    apply_refuse(a, KITH_conflict);
}

static void other_follow(struct apply *a, struct part *p) { verb_link.other(a, p); }
static void again_follow(struct apply *a, struct part *p) { verb_link.again(a, p); }

const struct verb verb_follow = {decide_follow, other_follow, again_follow, NULL};

// ---- request -----------------------------------------------------------------------------------

// count2 of the outcome: 1 = it is a request now, 0 = it is a follow already.
static void decide_request(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    bool follows = !check_edge_void(x) && edges_find(p, at_to(EDGE_follow, x), x.from) != 0;
    bool undone = owed_undo(p, at_from(EDGE_follow, x), x.to);
    if (follows && !undone) {
        a->out.id = x.to;
        a->out.count = end_count(p, at_to(EDGE_follow, x));
        return;
    }
    // The other end may be keeping a follow that was refused, and then no request.
    if (undone) {
        a->out.id = x.to;
        apply_refuse(a, KITH_conflict);
        apply_owe_undo(a, at_from(EDGE_request, x), x.to, a->e->stamp);
        return;
    }
    verb_link.decide(a, p);
    a->out.count = end_count(p, at_to(EDGE_follow, x));
    a->out.count2 = 1;
}

static void other_request(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    if (check_edge_void(x) || edges_find(p, at_from(EDGE_follow, x), x.to) != 0) return;
    verb_link.other(a, p);
}

static void again_request(struct apply *a, struct part *p) { verb_link.again(a, p); }

const struct verb verb_follow_request = {decide_request, other_request, again_request, NULL};

// ---- approve -----------------------------------------------------------------------------------

static void decide_approve(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    unsigned error = check_edge(a->s->store, x);
    bool unsettled = owed_undo(p, at_from(EDGE_request, x), x.to) ||
                     owed_undo(p, at_from(EDGE_follow, x), x.to);
    bool asked = error == KITH_ok && end_remove(p, at_to(EDGE_request, x), x.from, NULL);
    bool follows = !check_edge_void(x) && edges_find(p, at_to(EDGE_follow, x), x.from) != 0;
    if (error == KITH_ok && unsettled) error = KITH_conflict;
    if (error == KITH_ok && !asked && !follows) error = KITH_not_found;
    a->out.id = x.from;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        if (!check_edge_void(x)) apply_owe_undo(a, at_from(EDGE_follow, x), x.to, a->e->stamp);
        return;
    }
    a->out.changed = asked && end_add(p, at_to(EDGE_follow, x), x.from, a->e->stamp);
    a->out.count = end_count(p, at_to(EDGE_follow, x));
}

static void other_approve(struct apply *a, struct part *p)
{
    struct graph_edge x = check_edge_of(a->e, a->body);
    if (check_edge_void(x)) return;
    bool alive = check_alive(a->s->store, x.from);
    if (end_remove(p, at_from(EDGE_request, x), x.to, NULL))
        end_add(p, at_from(EDGE_follow, x), x.to, a->e->stamp);
    else if (!alive || owed_undo(p, at_to(EDGE_request, x), x.from))
        // The account has a request that was never here: what it has approved goes too. Nothing is
        // owed otherwise: a follow of this moment would be taken for what is undone.
        apply_owe_undo(a, at_to(EDGE_follow, x), x.from, a->e->stamp);
}

// The other end has acted on a newer request, if there was one: so does this one.
static void again_approve(struct apply *a, struct part *p)
{
    struct outcome said = a->out;
    decide_approve(a, p);
    a->out = said;
}

const struct verb verb_request_approve = {decide_approve, other_approve, again_approve, NULL};
