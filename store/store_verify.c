// Everything against everything (store.h, store_verify): what apply keeps up to date is computed
// anew from records and edges alone. Undone consequences excuse what they will mend.
#include <string.h>

#include "core/assert.h"
#include "core/id.h"
#include "core/notes.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/audit.h"
#include "store/check.h"
#include "store/digest.h"
#include "store/hang.h"
#include "store/jobs.h"
#include "store/keys.h"
#include "store/lists.h"
#include "store/names.h"
#include "store/owed.h"
#include "store/popular.h"
#include "store/queues.h"
#include "store/record.h"
#include "store/store.h"
#include "store/stream.h"
#include "store/verify_feeds.h"

struct inquiry {
    struct store *s;
    struct part *p;              // that is looked at
    struct store_counts *counts;
    void (*say)(void *ctx, const char *line);
    void *ctx;
    uint64_t findings;
    struct digest objects, edges; // of the partition, computed anew
    uint64_t posts, listed;      // living posts of the core; ids in its authors' sequences
    uint64_t binned;             // posts and comments of the core that can be restored
    uint64_t queued[DOC_QUEUES]; // documents of the core that have to be there
    uint64_t names;              // of the partition, by id
};

// ---- what is said ------------------------------------------------------------------------------

enum { LINE_BYTES = 200, DIGITS = 20 };

static void add_text(char *line, size_t *n, const char *text)
{
    for (; *text != 0 && *n < LINE_BYTES - 1; text++) line[(*n)++] = *text;
    line[*n] = 0;
}

static void add_number(char *line, size_t *n, uint64_t v)
{
    char digits[DIGITS + 1];
    size_t at = DIGITS;
    digits[at] = 0;
    do digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    add_text(line, n, digits + at);
}

static void find(struct inquiry *a, const char *what, uint64_t id, uint64_t other)
{
    char line[LINE_BYTES];
    size_t n = 0;
    add_text(line, &n, "partition ");
    add_number(line, &n, a->p->number);
    add_text(line, &n, ": ");
    add_text(line, &n, what);
    add_text(line, &n, ": ");
    add_number(line, &n, id);
    add_text(line, &n, ", ");
    add_number(line, &n, other);
    a->findings++;
    if (a->say != NULL) a->say(a->ctx, line);
}

static void expect(struct inquiry *a, bool ok, const char *what, uint64_t id)
{
    if (!ok) find(a, what, id, 0);
}

static void expect_equal(struct inquiry *a, const char *what, uint64_t id, uint64_t is,
                         uint64_t should)
{
    if (is == should) return;
    find(a, what, id, is);
    find(a, "  should be", id, should);
}

// ---- objects -----------------------------------------------------------------------------------

static struct object *object_of(const struct store *s, uint64_t id, enum entity kind)
{
    struct object *o = id != 0 ? store_find(s, id) : NULL;
    return o != NULL && o->kind == kind ? o : NULL;
}

static uint32_t edges_of(const struct inquiry *a, uint64_t id, enum list_kind list)
{
    return edges_count(a->p, (struct edge_at){id, list});
}

static uint32_t seq_of(const struct inquiry *a, uint64_t id, enum list_kind list)
{
    const struct seq *q = seqs_find(a->p, (struct edge_at){id, list});
    return q != NULL ? q->count : 0;
}

static bool in_seq(const struct inquiry *a, uint64_t owner, enum list_kind list, uint64_t id)
{
    uint64_t found = 0;
    const struct seq *q = seqs_find(a->p, (struct edge_at){owner, list});
    return seq_above(q, id - 1, &found, 1) == 1 && found == id;
}

// Deleted and kept: what hangs on it is not counted as being there.
static bool in_bin(const struct store *s, uint64_t post)
{
    const struct object *o = object_of(s, post, ENTITY_post);
    return o != NULL && (o->flags & OBJECT_HIDDEN) == OBJECT_BINNED;
}

static void check_recent(struct inquiry *a, const struct user *u)
{
    uint64_t id[RECENT_MAX];
    const struct seq *q = seqs_find(a->p, (struct edge_at){u->o.id, LIST_posts});
    uint32_t n = seq_below(q, 0, id, RECENT_MAX);
    const struct recent *r = u->recent;
    uint32_t has = r != NULL ? r->n : 0;
    expect(a, has == n && (n == 0 || memcmp(r->id, id, n * sizeof id[0]) == 0), "newest posts",
           u->o.id);
    bool more = q != NULL && q->count > n;
    expect(a, r == NULL || (r->more != 0) == more, "more than the newest posts", u->o.id);
}

static uint64_t likes_received(const struct inquiry *a, uint64_t user)
{
    uint64_t id = UINT64_MAX, sum = 0;
    const struct seq *q = seqs_find(a->p, (struct edge_at){user, LIST_posts});
    while (seq_below(q, id, &id, 1) == 1) {
        const struct post *p = (const struct post *)object_of(a->s, id, ENTITY_post);
        if (p != NULL) sum += edges_of(a, id, LIST_likers);
    }
    return sum;
}

static void check_user(struct inquiry *a, const struct user *u)
{
    uint64_t id = u->o.id;
    expect_equal(a, "likes received", id, u->received, likes_received(a, id));
    a->counts->users++;
    expect_equal(a, "posts", id, u->posts, seq_of(a, id, LIST_posts));
    check_recent(a, u);
}

static void check_post(struct inquiry *a, const struct post *p)
{
    uint64_t id = p->o.id, comment = UINT64_MAX;
    uint32_t living = 0;
    const struct seq *q = seqs_find(a->p, (struct edge_at){id, LIST_comments});
    while (seq_below(q, comment, &comment, 1) == 1) {
        const struct comment *c =
            (const struct comment *)object_of(a->s, comment, ENTITY_comment);
        expect(a, c != NULL && comment_post(c) == id, "listed comment", comment);
        living += c != NULL && !(c->o.flags & OBJECT_TOMBSTONE);
    }
    bool kept = p->o.flags & OBJECT_BINNED && !(p->o.flags & OBJECT_GONE);
    a->counts->posts += !kept;
    a->counts->binned += kept;
    a->binned += kept;
    expect_equal(a, "comments", id, p->comments, living);
    if (p->o.flags & OBJECT_GONE) return;
    bool archived = p->o.rules & RULE_ARCHIVED;
    a->posts += !archived && !kept;
    expect(a, object_of(a->s, p->author, ENTITY_user) != NULL, "author of a post", id);
    enum list_kind list = kept ? LIST_binned : archived ? LIST_archived : LIST_posts;
    expect(a, in_seq(a, p->author, list, id), "post is listed at its author", id);
    bool pinned = p->o.rules & RULE_PINNED && !kept;
    expect(a, in_seq(a, p->author, LIST_pinned, id) == pinned, "pinned at its author", id);
}

static void check_comment(struct inquiry *a, const struct comment *c)
{
    uint64_t id = c->o.id, post = comment_post(c), parent = comment_parent(c);
    bool placeholder = c->o.flags & OBJECT_TOMBSTONE;
    a->counts->comments += !in_bin(a->s, post);
    if (c->o.flags & OBJECT_GONE) return;
    expect_equal(a, "replies", id, c->replies, seq_of(a, id, LIST_replies));
    expect(a, object_of(a->s, post, ENTITY_post) != NULL, "post of a comment", id);
    expect(a, in_seq(a, post, LIST_comments, id), "comment is listed at its post", id);
    bool removed = c->o.flags & OBJECT_REMOVED;
    a->binned += removed;
    expect(a, !placeholder || removed || (c->replies > 0 && c->author == 0), "placeholder", id);
    if (parent != 0) {
        expect(a, object_of(a->s, parent, ENTITY_comment) != NULL, "parent of a comment", id);
        expect(a, in_seq(a, parent, LIST_replies, id), "reply is listed at its parent", id);
    }
    if (c->author == 0) return;
    const struct part *p = store_part(a->s, id_slot(c->author));
    uint64_t stamp = edges_find(p, (struct edge_at){c->author, LIST_written}, id);
    bool excused = owed_undo(p, (struct edge_at){id, LIST_writer}, c->author);
    expect(a, stamp == id_stamp(id) || excused, "comment is listed at its writer", id);
}

static void check_session(struct inquiry *a, const struct session *s)
{
    a->counts->sessions++;
    expect(a, object_of(a->s, s->user, ENTITY_user) != NULL, "user of a session", s->o.id);
    expect(a, in_seq(a, s->user, LIST_sessions, s->o.id), "session is listed at its user", s->o.id);
}

static void check_document(struct inquiry *a, const struct doc *d)
{
    a->counts->documents++;
    if (d->o.flags & OBJECT_GONE) return;
    expect(a, object_of(a->s, d->owner, ENTITY_user) != NULL, "owner of a document", d->o.id);
    bool listed = in_seq(a, d->owner, doc_list(d->o.kind), d->o.id);
    expect(a, listed, "document is listed at its owner", d->o.id);
    struct shard *s = a->p->shard;
    const struct seq *queue = queues_of(s, d);
    uint64_t found = 0;
    if (queue == NULL) return;
    a->queued[queue - s->queue]++;
    bool queued = seq_below(queue, d->o.id + 1, &found, 1) == 1 && found == d->o.id;
    expect(a, queued, "document stands in its queue", d->o.id);
}

static void check_share(struct inquiry *a, const struct share_text *t)
{
    uint64_t stamp = edges_find(a->p, (struct edge_at){t->post, LIST_sharers}, t->author);
    expect(a, stamp == id_stamp(t->o.id), "share of a text", t->o.id);
}

// Edges of a type.
static uint32_t typed_of(const struct inquiry *a, uint64_t id, enum list_kind list, uint64_t type)
{
    struct edge_list all = edges_all(a->p, (struct edge_at){id, list});
    uint32_t count = 0;
    for (uint32_t i = 0; i < all.n; i++)
        count += all.other[i] != 0 && (edge_stamp(&all, i) & TYPE_MASK) == type;
    return count;
}

// Every counter of an edge set is its size.
static void check_counters(struct inquiry *a, struct object *o)
{
    struct hanging h;
    for (unsigned n = 0; hanging_at((enum entity)o->kind, n, &h); n++) {
        if (h.edge == EDGE_none) continue;
        bool typed = edge_row(h.edge)->typed;
        for (uint64_t type = 0; type <= (typed ? TYPE_MASK : 0); type++) {
            const _Atomic uint32_t *counter = hanging_counter(o, h.list, type);
            if (counter == NULL) continue;
            uint32_t size = typed ? typed_of(a, o->id, h.list, type) : edges_of(a, o->id, h.list);
            expect_equal(a, "counter of an edge set", o->id, *counter, size);
        }
    }
}

static void check_audit(struct inquiry *a, const struct audit *act)
{
    unsigned slot = id_slot(act->o.id);
    expect(a, in_seq(a, audit_ring(slot), LIST_audits, act->o.id), "act is listed in its slot",
           act->o.id);
    expect(a, id_slot(act->user) == slot, "slot of an act", act->o.id);
}

static bool check_object(void *ctx, void *record)
{
    struct inquiry *a = ctx;
    const struct object *o = record;
    struct digest d = record_digest(a->s, o);
    digest_add(&a->objects, (struct hash128){d.lo, d.hi});
    a->counts->gone += o->flags & OBJECT_GONE;
    check_counters(a, record);
    if (doc_row(o->kind) != NULL) {
        check_document(a, record);
        return true;
    }
    switch ((enum entity)o->kind) {
    case ENTITY_user: check_user(a, record); break;
    case ENTITY_post: check_post(a, record); break;
    case ENTITY_comment: check_comment(a, record); break;
    case ENTITY_session: check_session(a, record); break;
    case ENTITY_audit: check_audit(a, record); break;
    case ENTITY_share_text: check_share(a, record); break;
    case ENTITY_none:
    case ENTITY_COUNT: find(a, "kind of an object", o->id, o->kind); break;
    }
    return true;
}

// ---- sequences ---------------------------------------------------------------------------------

static bool check_seq(void *ctx, void *list)
{
    struct inquiry *a = ctx;
    const struct seq *q = list;
    uint64_t id = 0, n = 0;
    while (seq_above(q, id, &id, 1) == 1) {
        const struct object *o = store_find(a->s, id);
        expect(a, o != NULL, "object of a sequence", id);
        n++;
    }
    expect_equal(a, "length of a sequence", q->owner, n, q->count);
    if (q->list == LIST_posts) a->listed += n;
    return true;
}

static void check_all_posts(struct inquiry *a, const struct shard *s, uint64_t should)
{
    const struct seq *list[] = {&s->open_posts, &s->narrow_posts};
    uint64_t n = 0;
    for (unsigned i = 0; i < 2; i++) {
        for (uint64_t id = 0; seq_above(list[i], id, &id, 1) == 1; n++) {
            const struct object *o = object_of(a->s, id, ENTITY_post);
            bool narrow = o != NULL && o->rules & (RULE_FOLLOWERS | RULE_CLOSE_FRIENDS);
            expect(a, o != NULL && narrow == (i == 1), "post of the list of all", id);
        }
    }
    expect_equal(a, "length of the lists of all posts", s->core, n, should);
}

// ---- streams -----------------------------------------------------------------------------------

static bool comment_by(const struct inquiry *a, uint64_t comment, uint64_t author)
{
    const struct comment *c = (const struct comment *)object_of(a->s, comment, ENTITY_comment);
    return c != NULL && c->author == author;
}

static bool owes_withdraw(const struct inquiry *a, uint64_t of, uint64_t to)
{
    const struct part *p = store_part(a->s, id_slot(of));
    for (uint32_t i = 0; i < owed_rows(p); i++) {
        const struct entry *e = owed_row(p, i);
        if (e == NULL || e->op != OP_withdraw) continue;
        const kt_Notify *n = kt_root_Notify(entry_body(e));
        if (kt_Notify_entity(n) == of && kt_Notify_to(n) == to) return true;
    }
    return false;
}

// What is told has happened, and was not taken back.
static void check_note(struct inquiry *a, uint64_t owner, const struct stream_item *i)
{
    bool here = id_slot(i->entity) == id_slot(owner) && i->number == id_stamp(i->entity);
    bool holds = true;
    if (i->type == NOTE_like)
        holds = edges_find(a->p, (struct edge_at){i->entity, LIST_likers}, i->actor) == i->number;
    else if (i->type == NOTE_follow)
        holds = edges_find(a->p, (struct edge_at){owner, LIST_followers}, i->actor) == i->number;
    else if (i->type == NOTE_follow_request)
        holds = edges_find(a->p, (struct edge_at){owner, LIST_requests}, i->actor) == i->number;
    else if (i->data == ENTITY_comment)
        holds = comment_by(a, i->entity, i->actor) || (!here && owes_withdraw(a, i->entity, owner));
    else if (i->data == ENTITY_post)
        holds = store_find(a->s, i->entity) != NULL || owes_withdraw(a, i->entity, owner);
    expect(a, holds, "notification of nothing", id_make(i->number, id_slot(owner)));
    a->counts->notes++;
}

static void check_items(struct inquiry *a, const struct stream *s, uint32_t *n, uint32_t *unread)
{
    uint64_t last = 0;
    for (uint32_t k = 0; k < s->blocks; k++) {
        const struct stream_block *b = stream_block(s, k);
        uint32_t says = 0;
        for (uint32_t i = 0; i < b->n; i++) {
            const struct stream_item *item = &b->item[i];
            struct hash128 h;
            stream_item_digest(a->s, s, item, &h);
            digest_add(&a->edges, h);
            expect(a, item->number > last, "numbers of a stream rise", s->owner);
            last = item->number;
            bool unsaid = stream_unread(item);
            says += unsaid;
            if (s->list == LIST_notifications) check_note(a, s->owner, item);
            *unread += unsaid && item->number > s->read_to;
        }
        expect_equal(a, "unread items of a block", s->owner, b->unread, says);
        expect(a, b->n > 0 && b->n <= b->capacity, "block of a stream", s->owner);
        *n += b->n;
    }
}

static bool check_stream(void *ctx, void *list)
{
    struct inquiry *a = ctx;
    const struct stream *s = list;
    uint32_t n = 0, unread = 0;
    struct hash128 h;
    expect(a, object_of(a->s, s->owner, ENTITY_user) != NULL, "owner of a stream", s->owner);
    check_items(a, s, &n, &unread);
    if (stream_mark_digest(a->s, s, &h)) digest_add(&a->edges, h);
    expect_equal(a, "items of a stream", s->owner, s->count, n);
    expect_equal(a, "unread items of a stream", s->owner, s->unread, unread);
    expect(a, n > 0, "a stream of nothing", s->owner);
    return true;
}

// ---- edges -------------------------------------------------------------------------------------

static void check_written(struct inquiry *a, uint64_t author, const struct edge *e)
{
    const struct comment *c = (const struct comment *)object_of(a->s, e->other, ENTITY_comment);
    const struct part *p = store_part(a->s, id_slot(e->other));
    bool mine = c != NULL && c->author == author && e->stamp == id_stamp(e->other);
    bool excused = owed_undo(p, (struct edge_at){author, LIST_written}, e->other);
    for (uint32_t i = 0; i < owed_rows(p) && !excused; i++) {
        const struct entry *o = owed_row(p, i);
        excused = o != NULL && o->op == OP_unlink &&
                  kt_Unlink_to(kt_root_Unlink(entry_body(o))) == e->other;
    }
    expect(a, mine || excused, "written comment", e->other);
}

// Whether the user's end of this reaction still has to be told.
static bool reaction_owed(const struct part *p, uint64_t user, uint64_t post)
{
    for (uint32_t i = 0; i < owed_rows(p); i++) {
        const struct entry *o = owed_row(p, i);
        if (o == NULL || o->op != OP_reacted) continue;
        const kt_Reacted *r = kt_root_Reacted(entry_body(o));
        if (kt_Reacted_user_id(r) == user && kt_Reacted_post_id(r) == post) return true;
    }
    return false;
}

// Whether such an entry is owed here about this post.
static bool settling_owed(const struct part *p, unsigned op, uint64_t post)
{
    for (uint32_t i = 0; i < owed_rows(p); i++) {
        const struct entry *e = owed_row(p, i);
        if (e == NULL || e->op != op) continue;
        const void *body = fb_root(entry_body(e));
        if (op == OP_relisted && kt_Relisted_item(body) == post) return true;
        if (op == OP_settle && kt_Settle_post_id(body) == post) return true;
        if (op == OP_unlink && (kt_Unlink_from(body) == post || kt_Unlink_to(body) == post))
            return true;
    }
    return false;
}

// Whether the other end of this post's edge need not stand: the post is in the bin, or just out of
// it, or learns that the other one is gone.
static bool post_settling(const struct inquiry *a, uint64_t post, uint64_t other)
{
    const struct object *o = store_find(a->s, post);
    return (o != NULL && o->flags & OBJECT_BINNED) || settling_owed(a->p, OP_relisted, post) ||
           settling_owed(a->p, OP_settle, post) ||
           settling_owed(store_part(a->s, id_slot(other)), OP_unlink, post);
}

static void check_one(struct inquiry *a, struct edge_at at, const struct edge *e)
{
    digest_add(&a->edges, digest_edge(a->s, at, e->other, e->stamp));
    if (at.list == LIST_following) a->counts->follows++;
    if (at.list == LIST_liked) a->counts->likes += !in_bin(a->s, e->other);
    if (at.list == LIST_reactors) {
        uint64_t like = edges_find(a->p, (struct edge_at){at.owner, LIST_likers}, e->other);
        expect(a, like == 0, "one reaction of a user to a post", at.owner);
    }
    if (at.list == LIST_written) {
        check_written(a, at.owner, e);
        return;
    }
    struct edge_at mirror = {e->other, (enum list_kind)((unsigned)at.list ^ 1)};
    const struct part *p = store_part(a->s, id_slot(e->other));
    if (edges_find(p, mirror, at.owner) == e->stamp) return;
    if (owed_undo(p, at, e->other) || owed_undo(a->p, mirror, at.owner)) return;
    bool keeps = at.list == LIST_reply_to || at.list == LIST_collectors;
    if (keeps && post_settling(a, at.owner, e->other)) return;
    if (at.list == LIST_collectors && settling_owed(p, OP_relisted, e->other)) return;
    if (at.list == LIST_collected && settling_owed(a->p, OP_relisted, at.owner)) return;
    if (at.list == LIST_reacted && reaction_owed(p, at.owner, e->other)) return;
    if (at.list == LIST_reactors && reaction_owed(a->p, e->other, at.owner)) return;
    find(a, "edge without its mirror", at.owner, e->other);
}

static bool check_set(void *ctx, void *list)
{
    struct inquiry *a = ctx;
    const struct list_head *set = list;
    struct edge_at at = {set->owner, (enum list_kind)set->list};
    uint32_t count = 0;
    uint64_t last = 0;
    struct edge_list all = edges_all(a->p, at);
    bool owned = object_of(a->s, at.owner, list_owner(at.list)) != NULL;
    expect(a, owned, "owner of an edge set", at.owner);
    for (uint32_t i = 0; i < all.n; i++) {
        struct edge one = {all.other[i], edge_stamp(&all, i)};
        if (one.other == 0) continue;
        expect(a, one.stamp > last, "stamps of an edge set rise", at.owner);
        expect(a, edges_find(a->p, at, one.other) == one.stamp, "index of an edge set", at.owner);
        last = one.stamp;
        count++;
        check_one(a, at, &one);
    }
    expect_equal(a, "size of an edge set", at.owner, edges_count(a->p, at), count);
    return true;
}

// ---- names -------------------------------------------------------------------------------------

// Whether the user's record and names may differ: a consequence for it is under way.
static bool settling(const struct inquiry *a, uint64_t id)
{
    const struct part *accounts = store_part(a->s, ACCOUNTS_SLOT);
    const struct part *own = store_part(a->s, id_slot(id));
    for (uint32_t i = 0; i < owed_rows(accounts); i++) {
        const struct entry *e = owed_row(accounts, i);
        if (e != NULL && (e->op == OP_user_create || e->op == OP_user_apply) && e->actor == id)
            return true;
    }
    for (uint32_t i = 0; i < owed_rows(own); i++) {
        const struct entry *e = owed_row(own, i);
        if (e != NULL && e->op == OP_names_release && e->actor == id) return true;
    }
    return false;
}

static enum user_string string_of(enum name_kind kind)
{
    if (kind == NAME_username) return USER_username;
    return kind == NAME_email ? USER_email : USER_phone;
}

static bool check_name_set(void *ctx, void *list)
{
    struct inquiry *a = ctx;
    uint64_t id = ((const struct list_head *)list)->owner;
    struct name held[NAMES_MAX];
    uint32_t n = names_of(a->p, id, held);
    bool excused = settling(a, id);
    const struct user *u = store_account(a->s, id);
    expect(a, u != NULL || excused, "names of nobody", id);
    for (uint32_t i = 0; i < n; i++) {
        a->names++;
        digest_add(&a->objects, names_digest(a->s, held[i], id));
        expect(a, names_find(a->s, held[i]) == id, "name leads back", id);
        if (u == NULL || excused || held[i].kind == NAME_identity) continue;
        uint32_t length;
        const char *text = user_string(u, string_of(held[i].kind), &length);
        expect(a, length == held[i].n && memcmp(text, held[i].text, length) == 0,
               "name and record agree", id);
    }
    return true;
}

static bool check_user_names(void *ctx, void *record)
{
    struct inquiry *a = ctx;
    const struct user *u = record;
    if (u->o.kind != ENTITY_user || (u->o.flags & OBJECT_GONE) || settling(a, u->o.id)) return true;
    struct name held[NAMES_MAX];
    uint32_t all = names_of(store_part(a->s, ACCOUNTS_SLOT), u->o.id, held), n = 0;
    for (uint32_t i = 0; i < all; i++) n += held[i].kind != NAME_identity;
    uint32_t should = u->username_n > 0;
    should += u->email_n > 0;
    should += u->phone_n > 0;
    expect_equal(a, "number of names", u->o.id, n, should);
    return true;
}

// ---- all ---------------------------------------------------------------------------------------

static bool count_gone(void *ctx, void *record)
{
    *(uint32_t *)ctx += ((const struct object *)record)->flags & OBJECT_GONE;
    return true;
}

static uint32_t gone_of(const struct part *p)
{
    uint32_t n = 0;
    uint64_t at = 0;
    ptable_walk(&p->objects, &at, count_gone, &n);
    return n;
}

static bool same_digest(struct digest a, struct digest b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

static void check_part(struct inquiry *a, struct part *p)
{
    a->p = p;
    a->objects = a->edges = (struct digest){0};
    a->names = 0;
    uint64_t at = 0;
    ptable_walk(&p->objects, &at, check_object, a);
    at = 0;
    ptable_walk(&p->objects, &at, check_user_names, a);
    at = 0;
    lists_walk(&p->edges, &at, check_set, a);
    at = 0;
    lists_walk(&p->seqs, &at, check_seq, a);
    at = 0;
    lists_walk(&p->streams, &at, check_stream, a);
    at = 0;
    lists_walk(&p->names_by_id, &at, check_name_set, a);
    expect_equal(a, "names by text", p->number, p->names.live, a->names);
    expect_equal(a, "cascades", p->number, jobs_count(p), gone_of(p));
    expect(a, same_digest(a->objects, p->objects_digest), "digest of the objects", p->number);
    expect(a, same_digest(a->edges, p->edges_digest), "digest of the edges", p->number);
    for (uint32_t i = 0; i < owed_rows(p); i++) {
        const struct entry *e = owed_row(p, i);
        if (e == NULL) continue;
        const struct entry_parent *parent = entry_parent(e);
        bool sound = parent->place <= p->shard->place && store_part(a->s, parent->decider) == p;
        expect(a, sound, "parent of what is owed", parent->place);
    }
    a->counts->names += a->names;
    a->counts->owed += owed_count(p);
    a->counts->keys += keys_last(p) - keys_first(p);
}

enum { FEEDS_COMPARED = 2000 };  // of as many readers at most

static void found_in_feed(void *ctx, const char *what, uint64_t reader, uint64_t post)
{
    struct inquiry *a = ctx;
    a->p = store_part(a->s, id_slot(reader));
    find(a, what, reader, post);
}

uint64_t store_verify(struct store *s, struct store_audit *out,
                      void (*say)(void *ctx, const char *line), void *ctx)
{
    struct inquiry a = {.s = s, .counts = &out->counts, .say = say, .ctx = ctx};
    *out = (struct store_audit){0};
    for (unsigned core = 0; core < s->cores; core++) {
        a.posts = a.listed = a.binned = 0;
        memset(a.queued, 0, sizeof a.queued);
        for (unsigned i = core; i < s->partitions; i += s->cores) {
            check_part(&a, &s->part[i]);
            digest_add(&out->anew.objects, (struct hash128){a.objects.lo, a.objects.hi});
            digest_add(&out->anew.edges, (struct hash128){a.edges.lo, a.edges.hi});
        }
        a.p = &s->part[core];
        expect_equal(&a, "posts listed at their authors", core, a.listed, a.posts);
        check_all_posts(&a, &s->shard[core], a.posts);
        expect_equal(&a, "length of the bin", core, s->shard[core].binned.count, a.binned);
        for (unsigned i = 0; i < DOC_QUEUES; i++)
            expect_equal(&a, "length of a queue", i, s->shard[core].queue[i].count, a.queued[i]);
        expect(&a, popular_sound(&s->shard[core]), "who is followed most", core);
    }
    struct feeds_asked feeds = {FEEDS_COMPARED, found_in_feed, &a};
    out->counts.feeds = verify_feeds(s, &feeds);
    return a.findings;
}
