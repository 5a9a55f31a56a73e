// Steps of settling (settle.h).
//
// A list elsewhere and the post's own end are the two ends of an edge. The post keeps its end, with
// the stamp; the other one becomes what a `relisted` says of it.
#include "store/settle.h"

#include "core/assert.h"
#include "core/fb_build.h"
#include "kith_fb.h"
#include "store/along.h"
#include "store/apply.h"
#include "store/edges.h"
#include "store/notes.h"
#include "store/owed.h"
#include "store/record.h"
#include "store/seq.h"

// ---- relisted ----------------------------------------------------------------------------------

// The end at `owner` of an edge with the item; stamp 0: there is to be none.
struct place { uint64_t owner, item, stamp; enum list_kind list; };

static struct edge_at end_of(struct place x) { return (struct edge_at){x.owner, x.list}; }

// The ends of edge k are lists 2k and 2k + 1.
static struct edge_at own_end_of(struct place x)
{
    return (struct edge_at){x.item, (enum list_kind)(x.list ^ 1)};
}

static void become(struct part *p, struct place x)
{
    if (edges_find(p, end_of(x), x.item) == x.stamp) return;
    end_remove(p, end_of(x), x.item, NULL);
    if (x.stamp != 0) end_add(p, end_of(x), x.item, x.stamp);
}

static void owe_relisted(struct apply *a, struct place x)
{
    fb_builder *b = apply_build(a);
    kt_new_Relisted w = {0};
    kt_put_Relisted_owner(&w, x.owner);
    kt_put_Relisted_item(&w, x.item);
    kt_put_Relisted_list(&w, (uint8_t)x.list);
    kt_put_Relisted_stamp(&w, x.stamp);
    struct consequence c = {OP_relisted, id_slot(x.item), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Relisted(b, &w));
    ASSERT(owed);
}

static void owe_unlink(struct apply *a, struct place x)
{
    bool begins = x.list % 2 == 0;
    fb_builder *b = apply_build(a);
    kt_new_Unlink w = {0};
    kt_put_Unlink_kind(&w, (uint8_t)(x.list / 2));
    kt_put_Unlink_from(&w, begins ? x.owner : x.item);
    kt_put_Unlink_to(&w, begins ? x.item : x.owner);
    struct consequence c = {OP_unlink, id_slot(x.owner), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Unlink(b, &w));
    ASSERT(owed);
}

static bool place_of(const struct apply *a, struct place *x)
{
    const kt_Relisted *r = a->body;
    *x = (struct place){kt_Relisted_owner(r), kt_Relisted_item(r), kt_Relisted_stamp(r),
                        (enum list_kind)kt_Relisted_list(r)};
    return x->list == LIST_post_replies || x->list == LIST_collected ||
           x->list == LIST_collectors;
}

// What the item's slot says last counts (store/along.h). An edge that this slot has refused goes at
// the item, which has not read that yet: it does not come.
static void follow(struct apply *a, struct part *p, struct place x)
{
    const struct object *owner = record_find(p, x.owner);
    if (x.stamp != 0 && (owner == NULL || owner->flags & OBJECT_GONE))
        owe_unlink(a, x);
    else if (x.stamp == 0 || !owed_undo(p, own_end_of(x), x.owner))
        become(p, x);
}

// At the item: what it says now, if that is something else by now.
static void say_again(struct apply *a, struct part *p, struct place x)
{
    uint64_t now = edges_find(p, own_end_of(x), x.owner);
    if (now == x.stamp) return;
    x.stamp = now;
    if (a->together)
        become(p, x);
    else
        owe_relisted(a, x);
}

// An edge that may stand here no more although the post is back: there either.
static bool stays_away(struct apply *a, const struct part *p, struct place x)
{
    if (x.stamp == 0 || x.list != LIST_collected) return false;
    struct graph_edge e = {EDGE_collect, x.owner, x.item};
    if (along_stands(p, e)) return false;
    owe_relisted(a, (struct place){x.item, x.owner, 0, LIST_collectors});
    return true;
}

static void decide_relisted(struct apply *a, struct part *p)
{
    struct place x;
    if (!place_of(a, &x)) return;
    const struct object *owner = record_find(p, x.owner);
    a->out.id = x.owner;
    a->out.changed = 1;
    if (x.list == LIST_collectors)
        follow(a, p, x);
    else if (stays_away(a, p, x))
        return;
    else if (x.stamp == 0 || (owner != NULL && !(owner->flags & OBJECT_GONE)))
        become(p, x);
    else
        owe_unlink(a, x); // what had listed it went while it was in the bin
}

// The post may have gone since, and its cascade have passed by.
static void other_relisted(struct apply *a, struct part *p)
{
    struct place x;
    if (!place_of(a, &x)) return;
    if (x.list == LIST_collectors) {
        say_again(a, p, x);
        return;
    }
    if (x.stamp == 0 || edges_find(p, own_end_of(x), x.owner) == x.stamp) return;
    if (a->together)
        become(p, (struct place){x.owner, x.item, 0, x.list});
    else
        apply_owe_undo(a, end_of(x), x.item, x.stamp);
}

const struct verb verb_relisted = {decide_relisted, other_relisted, NULL, NULL};

// ---- settling ----------------------------------------------------------------------------------

// The post's lists whose items have something of it, in the order in which they are gone through.
static const uint8_t lists[] = {LIST_reply_to, LIST_collectors, LIST_likers, LIST_sharers,
                                LIST_comments};
enum {
    LISTS = sizeof lists,
    ITEMS_MAX = 64,            // of one step
    FIRST_ITEMS = 8,           // of the entry that moves the post, which answers somebody
    FIRST_OWES = 8,            // and owes more than these
    STEP_OWES = 48,
};
_Static_assert((int)FIRST_OWES + (int)MENTIONS_MAX < (int)OWED_PER_ENTRY_MAX, "and the next step");
_Static_assert((int)STEP_OWES >= (int)COMMENT_TOLD_MAX, "a comment is settled at once");

struct settling {
    struct apply *a;
    struct part *p;
    const struct post *post;
    bool hidden;
    uint32_t items, owes;      // that this step may still do
    uint64_t before;           // stamps, of comments ids, from here on are done; 0 = none is
};

// Whether there was room for it.
static bool take(struct settling *s, uint64_t next, uint32_t owes)
{
    if (s->items == 0 || owes > s->owes) return false;
    s->items--;
    s->owes -= owes;
    s->before = next;
    return true;
}

static void settle_edge(const struct settling *s, enum list_kind list, const struct edge *e)
{
    uint64_t id = s->post->o.id;
    if (list == LIST_likers || list == LIST_sharers)
        notes_show(s->p, (struct noted_at){s->post->author, e->stamp, id}, !s->hidden);
    else
        owe_relisted(s->a, (struct place){e->other, id, s->hidden ? 0 : e->stamp,
                                          (enum list_kind)(list ^ 1)});
}

// false: this step ends within the list.
static bool settle_edges(struct settling *s, enum list_kind list)
{
    struct edge some[ITEMS_MAX];
    uint32_t owes = list == LIST_reply_to || list == LIST_collectors;
    struct edge_at at = {s->post->o.id, list};
    uint32_t n = edges_page(s->p, at, s->before, (struct edge_room){some, ITEMS_MAX});
    for (uint32_t i = 0; i < n; i++) {
        if (!take(s, some[i].stamp, owes)) return false;
        settle_edge(s, list, &some[i]);
    }
    return n < ITEMS_MAX;
}

static bool settle_comments(struct settling *s)
{
    uint64_t id[ITEMS_MAX];
    const struct seq *all = seqs_find(s->p, (struct edge_at){s->post->o.id, LIST_comments});
    uint32_t n = seq_below(all, s->before, id, ITEMS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct comment *c = (const struct comment *)record_find(s->p, id[i]);
        uint32_t told = s->hidden && !(c->o.flags & OBJECT_TOMBSTONE) ? c->told_n : 0;
        if (!take(s, id[i], told)) return false;
        struct noted_at at = {s->post->author, id_stamp(id[i]), id[i]};
        notes_show(s->p, at, !s->hidden);
        if (told > 0) notes_of_comment_hidden(s->a, c);
    }
    return n < ITEMS_MAX;
}

static void owe_next(const struct settling *s, uint32_t list)
{
    fb_builder *b = apply_build(s->a);
    kt_new_Settle w = {0};
    kt_put_Settle_post_id(&w, s->post->o.id);
    kt_put_Settle_list(&w, (uint8_t)list);
    kt_put_Settle_before(&w, s->before);
    struct consequence c = {OP_settle, id_slot(s->post->o.id), 0, 0};
    bool owed = apply_owe(s->a, c, kt_end_Settle(b, &w));
    ASSERT(owed);
}

// From list number `list` on.
static void settle(struct settling *s, uint32_t list)
{
    for (; list < LISTS; list++, s->before = 0) {
        enum list_kind kind = (enum list_kind)lists[list];
        bool done = kind == LIST_comments ? settle_comments(s) : settle_edges(s, kind);
        if (done) continue;
        owe_next(s, list);
        return;
    }
}

static struct settling settling_of(struct apply *a, struct part *p, uint64_t id)
{
    const struct object *o = record_find(p, id);
    bool there = o != NULL && o->kind == ENTITY_post && !(o->flags & OBJECT_GONE);
    return (struct settling){
        .a = a,
        .p = p,
        .post = there ? (const struct post *)o : NULL,
        .hidden = there && o->flags & OBJECT_BINNED,
        .items = ITEMS_MAX,
        .owes = STEP_OWES,
    };
}

void settle_post(struct apply *a, struct part *p, uint64_t post)
{
    struct settling s = settling_of(a, p, post);
    s.items = FIRST_ITEMS;
    s.owes = FIRST_OWES;
    settle(&s, 0);
}

static void decide_settle(struct apply *a, struct part *p)
{
    const kt_Settle *w = a->body;
    struct settling s = settling_of(a, p, kt_Settle_post_id(w));
    a->out.id = kt_Settle_post_id(w);
    if (s.post == NULL) return;
    a->out.changed = 1;
    s.before = kt_Settle_before(w);
    settle(&s, kt_Settle_list(w));
}

const struct verb verb_settle = {decide_settle, NULL, NULL, NULL};
