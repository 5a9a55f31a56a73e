// Deleted posts (bin.h). A reply in the bin keeps its end of what it answers, whose list loses it
// by a consequence and has it again by another one.
#include "store/bin.h"

#include "core/assert.h"
#include "core/fb_build.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/fanout.h"
#include "store/notes.h"
#include "store/post_lists.h"
#include "store/post_record.h"
#include "store/record.h"

uint64_t post_deleted_ms(const struct post *post)
{
    const void *cold = post->o.flags & OBJECT_BINNED ? post_cold(post) : NULL;
    return cold != NULL ? kt_PostCreate_deleted_at(kt_root_PostCreate(cold)) : 0;
}

uint64_t bin_deleted_ms(const struct object *o)
{
    if (o->kind == ENTITY_post) return post_deleted_ms((const struct post *)o);
    bool removed = o->kind == ENTITY_comment && o->flags & OBJECT_REMOVED;
    return removed ? ((const struct comment *)o)->updated_ms : 0;
}

// ---- replies -----------------------------------------------------------------------------------

struct answer { uint64_t reply, parent, stamp; }; // stamp 0: it is not to be listed

static struct edge_at list_of(struct answer x)
{
    return (struct edge_at){x.parent, LIST_post_replies};
}

static void become(struct part *p, struct answer x)
{
    if (edges_find(p, list_of(x), x.reply) == x.stamp) return;
    end_remove(p, list_of(x), x.reply, NULL);
    if (x.stamp != 0) end_add(p, list_of(x), x.reply, x.stamp);
}

// At the reply, which has changed sides.
static void tell_parent(struct apply *a, struct part *p, uint64_t reply, bool listed)
{
    struct edge to;
    if (edges_page(p, (struct edge_at){reply, LIST_reply_to}, 0, (struct edge_room){&to, 1}) == 0)
        return;
    fb_builder *b = apply_build(a);
    kt_new_Replied w = {0};
    kt_put_Replied_parent_id(&w, to.other);
    kt_put_Replied_reply_id(&w, reply);
    kt_put_Replied_stamp(&w, listed ? to.stamp : 0);
    struct consequence c = {OP_replied, id_slot(reply), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Replied(b, &w));
    ASSERT(owed);
}

static struct answer answer_of(const struct apply *a)
{
    return (struct answer){kt_Replied_reply_id(a->body), kt_Replied_parent_id(a->body),
                           kt_Replied_stamp(a->body)};
}

static void decide_replied(struct apply *a, struct part *p)
{
    struct answer x = answer_of(a);
    const struct object *parent = record_find(p, x.parent);
    a->out.changed = 1;
    if (x.stamp == 0 || (parent != NULL && !(parent->flags & OBJECT_GONE))) {
        become(p, x);
        return;
    }
    // What it answers went while it was in the bin: it answers nothing any more.
    fb_builder *b = apply_build(a);
    kt_new_Unlink w = {0};
    kt_put_Unlink_kind(&w, EDGE_reply);
    kt_put_Unlink_from(&w, x.reply);
    kt_put_Unlink_to(&w, x.parent);
    struct consequence c = {OP_unlink, id_slot(x.parent), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Unlink(b, &w));
    ASSERT(owed);
}

// The reply may have gone since, and its cascade have passed by.
static void other_replied(struct apply *a, struct part *p)
{
    struct answer x = answer_of(a);
    uint64_t stamp = edges_find(p, (struct edge_at){x.reply, LIST_reply_to}, x.parent);
    if (x.stamp == 0 || stamp == x.stamp) return;
    if (a->together)
        become(p, (struct answer){x.reply, x.parent, 0});
    else
        apply_owe_undo(a, list_of(x), x.reply, x.stamp);
}

const struct verb verb_replied = {decide_replied, other_replied, NULL, NULL};

// ---- in and out --------------------------------------------------------------------------------

// flags: of the new record; deleted_ms: of a post that goes in.
struct side { unsigned flags; uint64_t deleted_ms; };

static bool change_sides(struct apply *a, struct part *p, uint64_t id, struct side side)
{
    struct object *old = record_find(p, id);
    struct post_draft d = post_draft_of((struct post *)old);
    struct user *author = (struct user *)record_find(p, d.author);
    bool full = post_lists_pins(p, d.author) >= PINS_MAX;
    d.flags = side.flags;
    d.deleted_ms = side.deleted_ms;
    // Others may have been pinned meanwhile.
    if (side.flags == 0 && full) d.rules &= ~(unsigned)RULE_PINNED;
    struct object *fresh = post_record_write(a, p, &d);
    if (fresh == NULL) return false;
    if (side.flags != 0) notes_of_post_binned(a, (struct post *)old);
    record_swap(p, old, fresh);
    post_lists_move(p, author, old, fresh);
    recent_remake(p, author);
    tell_parent(a, p, id, side.flags == 0);
    a->out.changed = 1;
    return true;
}

static void decide_delete(struct apply *a, struct part *p)
{
    a->out.id = kt_PostDelete_post_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    struct side bin = {OBJECT_BINNED, stamp_ms(a->e->stamp)};
    if (error == KITH_ok && !change_sides(a, p, a->out.id, bin)) error = KITH_too_large;
    if (error != KITH_ok) apply_refuse(a, error);
}

static void take_back(struct apply *a, struct part *p, uint64_t id)
{
    a->out.id = id;
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    if (!(record_find(p, id)->flags & OBJECT_BINNED)) return;
    if (!change_sides(a, p, id, (struct side){0, 0})) {
        apply_refuse(a, KITH_too_large);
        return;
    }
    const struct post *post = (const struct post *)record_find(p, id);
    if (!(post->o.rules & RULE_ARCHIVED)) fanout(p, post->author, id);
}

static void decide_restore(struct apply *a, struct part *p)
{
    take_back(a, p, kt_PostRestore_post_id(a->body));
}

// ---- by a moderator ----------------------------------------------------------------------------

static void decide_remove(struct apply *a, struct part *p)
{
    a->out.id = kt_PostRemove_post_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    struct side bin = {OBJECT_BINNED | OBJECT_REMOVED, stamp_ms(a->e->stamp)};
    if (error == KITH_ok && !change_sides(a, p, a->out.id, bin)) error = KITH_too_large;
    if (error != KITH_ok) apply_refuse(a, error);
}

static void decide_reinstate(struct apply *a, struct part *p)
{
    take_back(a, p, kt_PostReinstate_post_id(a->body));
}

const struct verb verb_post_remove = {decide_remove, NULL, NULL, NULL};
const struct verb verb_post_reinstate = {decide_reinstate, NULL, NULL, NULL};
const struct verb verb_post_delete = {decide_delete, NULL, NULL, NULL};
const struct verb verb_post_restore = {decide_restore, NULL, NULL, NULL};

// ---- out of it for good ------------------------------------------------------------------------

enum { ERASE_BYTES = 256 };

static const struct entry *erasure(struct shard *s, const struct object *o)
{
    fb_builder b;
    fb_init(&b, s->scratch, SCRATCH_BYTES);
    kt_new_Erase w = {0};
    kt_put_Erase_object_id(&w, o->id);
    kt_put_Erase_deleted_at(&w, bin_deleted_ms(o));
    size_t n = fb_finish(&b, kt_end_Erase(&b, &w));
    ASSERT(n > 0 && sizeof(struct entry) + n <= ERASE_BYTES);
    if (s->overdue == NULL) s->overdue = pool_alloc_zero(&s->pool, ERASE_BYTES, MEM_other);
    struct entry *e = s->overdue;
    *e = (struct entry){.length = (uint32_t)(sizeof *e + n), .op = OP_erase};
    memcpy(e + 1, fb_data(&b), n);
    unsigned routed = store_route(s->store, e);
    ASSERT(routed == KITH_ok);
    return e;
}

const struct entry *shard_overdue(struct shard *s, uint64_t before_ms, uint32_t *budget)
{
    while (*budget > 0) {
        --*budget;
        if (seq_above(&s->binned, s->binned_at, &s->binned_at, 1) == 0) {
            s->binned_at = 0;
            return NULL;
        }
        const struct object *o = store_find(s->store, s->binned_at);
        ASSERT(o != NULL);
        if (bin_deleted_ms(o) < before_ms) return erasure(s, o);
    }
    return NULL;
}
