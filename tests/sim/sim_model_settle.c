// What follows from a post's way into the bin and out of it: the other ends of its edges, and what
// its author and others were told.
#include <stddef.h>

#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

// ---- the other ends ----------------------------------------------------------------------------

static void owe_relisted(const struct step *s, uint64_t owner, uint64_t item)
{
    model_owe(s, (struct model_owed){.op = OP_relisted, .owner = owner, .other = item,
                                     .partition = id_slot(item) % MODEL_PARTITIONS});
}

// A collection told a post what its end has to become; what it says now may be something else.
static void collector(const struct step *s, struct model_end end)
{
    struct model_end in = {.owner = end.other, .list = LIST_collected, .other = end.owner};
    const struct model_object *post = model_find(s->m, end.owner);
    bool there = post != NULL && !post->gone;
    if (end.stamp != 0 && !there)
        model_owe(s, (struct model_owed){.op = OP_unlink, .owner = end.other, .other = end.owner,
                                         .partition = id_slot(end.owner) % MODEL_PARTITIONS});
    else if (end.stamp == 0 || !model_owes_undo(s->m, end.owner, in)) {
        model_remove(s->m, end);
        if (end.stamp != 0)
            model_add(s, end);
    }
    const struct model_end *is = model_end(s->m, end.other, LIST_collected, end.owner);
    if ((is != NULL ? is->stamp : 0) != end.stamp)
        owe_relisted(s, end.owner, end.other);
}

// Whether the post may not come back into the collection, because its owner saved it no more.
static bool stays_away(const struct step *s, struct model_end end)
{
    const struct model_object *o = model_find(s->m, end.owner);
    return end.list == LIST_collected && end.stamp != 0 && o != NULL &&
           model_end(s->m, o->author, LIST_bookmarks, end.other) == NULL;
}

// The owner's end becomes what the post's is, if the owner is there.
static void relist(const struct step *s, struct model_end end)
{
    const struct model_object *o = model_find(s->m, end.owner);
    bool begins = end.list % 2 == 0;
    model_remove(s->m, end);
    if (end.stamp != 0 && o != NULL && !o->gone)
        model_add(s, end);
    else if (end.stamp != 0)
        model_owe(s, (struct model_owed){.op = OP_unlink,
                                         .owner = begins ? end.owner : end.other,
                                         .other = begins ? end.other : end.owner,
                                         .partition = id_slot(end.owner) % MODEL_PARTITIONS});
}

static void relisted(const struct step *s)
{
    uint64_t owner = kt_Relisted_owner(s->body), post = kt_Relisted_item(s->body);
    uint64_t stamp = kt_Relisted_stamp(s->body);
    uint8_t list = kt_Relisted_list(s->body);
    struct model_end end = {.owner = owner, .list = list, .other = post, .stamp = stamp};
    model_paid(s, owner, post);
    if (list == LIST_collectors) {
        collector(s, end);
        return;
    }
    if (stays_away(s, end))
        owe_relisted(s, post, owner);
    else
        relist(s, end);
    const struct model_end *own = model_end(s->m, post, (enum list_kind)(list ^ 1), owner);
    if (stamp == 0 || (own != NULL && own->stamp == stamp))
        return;
    if (id_slot(owner) == id_slot(post))
        model_remove(s->m, end);
    else
        model_owe_undo(s, end);
}

// ---- settling ----------------------------------------------------------------------------------

static const uint8_t lists[] = {LIST_reply_to, LIST_collectors, LIST_likers, LIST_sharers,
                                LIST_comments};

struct settling { const struct model_object *post; unsigned items, owes; };

static void show(struct model *m, uint64_t to, struct model_note of, bool hidden)
{
    for (unsigned i = 0; i < m->notes; i++)
        if (m->note[i].to == to && m->note[i].number == of.number &&
            m->note[i].entity == of.entity)
            m->note[i].hidden = hidden;
}

// false: there is no room for it in this step.
static bool settle_one(const struct step *s, struct settling *w, uint8_t list, uint64_t other)
{
    const struct model_object *post = w->post, *c = model_find(s->m, other);
    bool edges = list == LIST_reply_to || list == LIST_collectors;
    bool told = list == LIST_comments && post->binned && !c->tombstone;
    unsigned owes = edges ? 1 : told ? c->nameds : 0;
    if (w->items == 0 || w->owes < owes)
        return false;
    w->items--;
    w->owes -= owes;
    const struct model_end *end = model_end(s->m, post->id, (enum list_kind)list, other);
    struct model_note note = {.number = end->stamp, .entity = post->id};
    if (list == LIST_comments)
        note = (struct model_note){.number = id_stamp(other), .entity = other};
    if (edges)
        model_owe(s, (struct model_owed){.op = OP_relisted, .owner = other, .other = post->id,
                                         .partition = id_slot(post->id) % MODEL_PARTITIONS});
    else
        show(s->m, post->author, note, post->binned);
    if (told)
        model_untell_named(s, c);
    return true;
}

static void settle_from(const struct step *s, struct settling *w, unsigned list, uint64_t before)
{
    static uint64_t item[MODEL_OBJECTS];
    for (; list < sizeof lists; list++, before = 0) {
        unsigned n = model_list(s->m, w->post->id, (enum list_kind)lists[list], item);
        for (unsigned i = 0; i < n; i++) {
            const struct model_end *end =
                model_end(s->m, w->post->id, (enum list_kind)lists[list], item[i]);
            if (before != 0 && end->stamp >= before)
                continue;
            if (settle_one(s, w, lists[list], item[i]))
                continue;
            model_owe(s, (struct model_owed){.op = OP_settle, .owner = w->post->id});
            return;
        }
    }
}

void model_settle_post(const struct step *s, const struct model_object *post)
{
    struct settling w = {post, 8, 8};
    settle_from(s, &w, 0, 0);
}

static void settle(const struct step *s)
{
    uint64_t id = kt_Settle_post_id(s->body);
    const struct model_object *post = model_find(s->m, id);
    model_paid(s, id, 0);
    s->out->id = id;
    if (post == NULL || post->gone)
        return;
    struct settling w = {post, 64, 48};
    settle_from(s, &w, kt_Settle_list(s->body), kt_Settle_before(s->body));
}

bool model_settle(const struct step *s)
{
    if (s->e->op == OP_relisted)
        relisted(s);
    else if (s->e->op == OP_settle)
        settle(s);
    else
        return false;
    return true;
}
