// Deleted posts (bin.h).
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
#include "store/settle.h"

uint64_t post_deleted_ms(const struct post *post)
{
    const void *cold = post->o.flags & OBJECT_BINNED ? post_cold(post) : NULL;
    return cold != NULL ? kt_PostCreate_deleted_at(kt_root_PostCreate(cold)) : 0;
}

uint64_t bin_deleted_ms(const struct object *o)
{
    if (o->kind == ENTITY_post) return post_deleted_ms((const struct post *)o);
    bool removed = o->kind == ENTITY_comment && o->flags & OBJECT_REMOVED;
    return removed ? comment_updated_ms((const struct comment *)o) : 0;
}

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
    settle_post(a, p, id);
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
