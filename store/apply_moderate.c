// Comments that a moderator removes: placeholders to everybody, in their places, with what they
// said and who likes them kept. Restored, or erased like deleted posts (bin.h), whose own removal
// is there. Nobody is told anew of one that comes back.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/notes.h"
#include "store/record.h"

static struct comment *find_comment(const struct part *p, uint64_t id)
{
    struct object *o = record_find(p, id);
    return o != NULL && o->kind == ENTITY_comment ? (struct comment *)o : NULL;
}

// The same words under other flags; those who were told of it are told no more.
static void put_flags(struct apply *a, struct part *p, struct comment *c, unsigned flags)
{
    struct record_head h = record_head(&c->o);
    h.flags = (uint8_t)flags;
    h.n[1] = 0;
    h.word[3] = stamp_ms(a->e->stamp);
    struct object *fresh = record_new(p, &h);
    memcpy(record_data_of(fresh), c->data, c->o.text_n);
    record_swap(p, &c->o, fresh);
    a->out.changed = 1;
}

static void decide_remove(struct apply *a, struct part *p)
{
    a->out.id = kt_CommentRemove_comment_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct comment *c = find_comment(p, a->out.id);
    ASSERT(c != NULL);
    notes_of_comment_gone(a, p, c);
    comment_count(p, comment_post(c), -1);
    seq_insert(&p->shard->binned, &p->shard->pool, c->o.id);
    put_flags(a, p, c, c->o.flags | OBJECT_TOMBSTONE | OBJECT_REMOVED);
}

static void decide_reinstate(struct apply *a, struct part *p)
{
    a->out.id = kt_CommentReinstate_comment_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct comment *c = find_comment(p, a->out.id);
    ASSERT(c != NULL);
    if (!(c->o.flags & OBJECT_REMOVED)) return;
    comment_count(p, comment_post(c), 1);
    seq_delete(&p->shard->binned, &p->shard->pool, c->o.id);
    put_flags(a, p, c, c->o.flags & ~(unsigned)(OBJECT_TOMBSTONE | OBJECT_REMOVED));
}

const struct verb verb_comment_remove = {decide_remove, NULL, NULL, NULL};
const struct verb verb_comment_reinstate = {decide_reinstate, NULL, NULL, NULL};
