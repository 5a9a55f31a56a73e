// Comments: born in their post's slot, listed at the post, at the comment they answer, and at the
// author.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/hang.h"
#include "store/jobs.h"
#include "store/notes.h"
#include "store/record.h"
#include "store/sees.h"

static struct comment *find_comment(const struct part *p, uint64_t id)
{
    struct object *o = record_find(p, id);
    return o != NULL && o->kind == ENTITY_comment ? (struct comment *)o : NULL;
}

static struct edge_at at_list(uint64_t owner, enum list_kind list)
{
    return (struct edge_at){owner, list};
}

void comment_count(struct part *p, uint64_t post, int by)
{
    struct object *o = record_find(p, post);
    if (o != NULL && o->kind == ENTITY_post) counter_move(&((struct post *)o)->comments, by);
}

static uint64_t comment_id(const struct apply *a)
{
    return id_make(a->e->stamp, id_slot(kt_CommentCreate_post_id(a->body)));
}

// ---- create ------------------------------------------------------------------------------------

static struct edge_at written_by_actor(const struct apply *a)
{
    return at_list(a->e->actor, LIST_written);
}

static void decide_create(struct apply *a, struct part *p)
{
    const kt_CommentCreate *c = a->body;
    uint64_t id = comment_id(a), post = kt_CommentCreate_post_id(c);
    unsigned error = check_decider(a->s->store, a->e);
    if (error == KITH_ok && a->together && !check_alive(a->s->store, a->e->actor))
        error = KITH_not_found;
    const struct object *on = error == KITH_ok ? record_find(p, post) : NULL;
    if (on != NULL && !sees_at(p, a->e->actor, on))
        error = KITH_not_found;
    else if (on != NULL && on->rules & RULE_NO_COMMENTS)
        error = KITH_comments_disabled;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        if (a->e->actor != 0) apply_owe_undo(a, written_by_actor(a), id, a->e->stamp);
        return;
    }
    fb_str content = kt_CommentCreate_content(c);
    uint64_t parent = kt_CommentCreate_parent_id(c);
    uint8_t language = kt_CommentCreate_language(c);
    struct comment_told told;
    notes_hearers(a, p, &told);
    struct record_head h = {
        .id = id,
        .word = {post, a->e->actor, parent, stamp_ms(a->e->stamp)},
        .n = {content.n, told.n * (uint32_t)sizeof told.id[0]},
        .kind = ENTITY_comment,
        .language = language,
    };
    struct object *o = record_new(p, &h);
    char *data = record_data_of(o);
    memcpy(data, content.s, content.n);
    memcpy(data + record_pad(content.n + 1), told.id, h.n[1]);
    record_insert(p, o);
    seqs_add(p, at_list(post, LIST_comments), id);
    comment_count(p, post, 1);
    if (parent != 0) {
        seqs_add(p, at_list(parent, LIST_replies), id);
        counter_move(&find_comment(p, parent)->replies, 1);
    }
    notes_of_comment(a, p, &told);
    a->out.id = id;
    a->out.changed = 1;
    a->out.count = ((struct post *)record_find(p, post))->comments;
}

static void other_create(struct apply *a, struct part *p)
{
    uint64_t id = comment_id(a), actor = a->e->actor;
    if (!a->together && !check_alive(a->s->store, actor))
        apply_owe_undo(a, at_list(id, LIST_writer), actor, a->e->stamp);
    else
        end_add(p, written_by_actor(a), id, a->e->stamp);
}

// A repeat made no comment, but the author's end did not know.
static void again_create(struct apply *a, struct part *p)
{
    (void)p;
    if (a->e->actor != 0) apply_owe_undo(a, written_by_actor(a), comment_id(a), a->e->stamp);
}

const struct verb verb_comment_create = {decide_create, other_create, again_create, NULL};

// ---- update ------------------------------------------------------------------------------------

static struct object *with_content(struct apply *a, struct part *p, const struct comment *c)
{
    fb_str content = kt_CommentUpdate_content(a->body);
    struct record_head h = record_head(&c->o);
    h.word[3] = stamp_ms(a->e->stamp);
    h.n[0] = content.n;
    struct object *o = record_new(p, &h);
    char *data = record_data_of(o);
    memcpy(data, content.s, content.n);
    memcpy(data + record_pad(content.n + 1), c->data + record_pad(c->o.text_n + 1), h.n[1]);
    return o;
}

static void decide_update(struct apply *a, struct part *p)
{
    a->out.id = kt_CommentUpdate_comment_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct comment *old = find_comment(p, a->out.id);
    struct object *fresh = with_content(a, p, old);
    fresh->flags |= OBJECT_EDITED;
    record_swap(p, &old->o, fresh);
    a->out.changed = 1;
}

const struct verb verb_comment_update = {decide_update, NULL, NULL, NULL};

// ---- delete ------------------------------------------------------------------------------------

static void to_placeholder(struct part *p, struct comment *c)
{
    struct record_head h = record_head(&c->o);
    h.n[0] = h.n[1] = 0;
    h.flags &= (uint8_t)~OBJECT_REMOVED;
    struct object *fresh = record_new(p, &h);
    fresh->flags |= OBJECT_TOMBSTONE;
    ((struct comment *)fresh)->author = 0;
    record_swap(p, &c->o, fresh);
}

// A removed one is in the bin.
static void leave_bin(struct part *p, const struct object *o)
{
    if (o->flags & OBJECT_REMOVED) seq_delete(&p->shard->binned, &p->shard->pool, o->id);
}

// A placeholder that nobody can restore.
static bool is_empty(const struct object *o)
{
    return (o->flags & (OBJECT_TOMBSTONE | OBJECT_REMOVED)) == OBJECT_TOMBSTONE;
}

// It is in no list any more: erased at once, or when those who like it are taken down.
static void erase(struct part *p, struct object *o)
{
    leave_bin(p, o);
    if (hanging_none(p, o))
        record_remove(p, o);
    else
        jobs_add(p, record_flag(p, o, OBJECT_GONE));
}

void comment_take_down(struct apply *a, struct part *p, uint64_t id)
{
    struct comment *c = find_comment(p, id);
    ASSERT(c != NULL);
    ASSERT(!(c->o.flags & OBJECT_GONE));
    if (!(c->o.flags & OBJECT_TOMBSTONE)) {
        comment_count(p, comment_post(c), -1);
        notes_of_comment_gone(a, p, c);
    }
    if (c->replies > 0) {
        leave_bin(p, &c->o);
        if (!is_empty(&c->o)) to_placeholder(p, c);
        return;
    }
    for (;;) {
        uint64_t parent = comment_parent(c);
        seqs_remove(p, at_list(comment_post(c), LIST_comments), c->o.id);
        if (parent != 0) seqs_remove(p, at_list(parent, LIST_replies), c->o.id);
        erase(p, &c->o);
        if (parent == 0) return;
        c = find_comment(p, parent);
        ASSERT(c != NULL);
        counter_move(&c->replies, -1);
        if (c->replies > 0 || !is_empty(&c->o)) return;
    }
}

// The author's list loses it: here, where it is the same slot, else by a consequence.
static void unlist(struct apply *a, struct part *p, uint64_t id, uint64_t author)
{
    if (id_slot(author) == id_slot(id)) {
        end_remove(p, at_list(author, LIST_written), id, NULL);
        return;
    }
    fb_builder *b = apply_build(a);
    kt_new_Unlink w = {0};
    kt_put_Unlink_kind(&w, EDGE_write);
    kt_put_Unlink_from(&w, author);
    kt_put_Unlink_to(&w, id);
    struct consequence c = {OP_unlink, id_slot(id), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Unlink(b, &w));
    ASSERT(owed);
}

void comment_erase(struct apply *a, struct part *p, uint64_t id)
{
    uint64_t author = find_comment(p, id)->author;
    comment_take_down(a, p, id);
    unlist(a, p, id, author);
}

static void decide_delete(struct apply *a, struct part *p)
{
    a->out.id = kt_CommentDelete_comment_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    comment_erase(a, p, a->out.id);
    a->out.changed = 1;
}

const struct verb verb_comment_delete = {decide_delete, NULL, NULL, NULL};
