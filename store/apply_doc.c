// Documents (doc.h): one check and one verb for every operation of ops.def that has .doc.
#include <string.h>

#include "core/assert.h"
#include "core/fb_copy.h"
#include "core/language.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/doc.h"
#include "store/hang.h"
#include "store/jobs.h"
#include "store/queues.h"
#include "store/record.h"

// ---- what is asked for -------------------------------------------------------------------------

struct doc_call doc_call_of(const struct op_row *op, uint64_t actor, const void *body)
{
    const struct doc_row *row = doc_row(op->doc);
    const fb_type *type = op_entry_type(op);
    ASSERT(row != NULL);
    struct doc_call c = {
        .row = row,
        .act = (enum doc_act)op->act,
        .type = type,
        .body = body,
        .id = fb_number_of(type, body, row->id_name),
        .owner = fb_number_of(type, body, "user_id"),
    };
    if (c.owner == 0 && fb_find_field(type, row->id_name) == NULL) c.owner = actor;
    return c;
}

unsigned check_doc_owner(const struct store *s, uint64_t actor, uint64_t id, unsigned kind)
{
    const struct doc *d = store_doc(s, id, kind);
    if (d == NULL) return KITH_not_found;
    if (actor != 0 && d->owner == actor) return KITH_ok;
    return doc_open(d) ? KITH_forbidden : KITH_not_found;
}

unsigned check_doc(const struct store *s, const struct entry *e, const void *body)
{
    struct doc_call c = doc_call_of(op_row(e->op), e->actor, body);
    bool by_id = fb_find_field(c.type, c.row->id_name) != NULL;
    bool writes = c.row->writes != NULL;
    if (writes && fb_number_of(c.type, body, c.row->writes) >= LANGUAGES) return KITH_invalid_field;
    // Who acts on what is others' by his role was judged at the gate (api/gate.c).
    if (op_row(e->op)->auth == AUTH_ROLE)
        return store_doc(s, c.id, c.row->kind) != NULL ? KITH_ok : KITH_not_found;
    if (c.owner == 0) return check_doc_owner(s, e->actor, c.id, c.row->kind);
    if (!check_alive(s, c.owner)) return KITH_not_found;
    if (e->actor != 0 && e->actor != c.owner) return KITH_forbidden;
    if (!by_id) return KITH_ok;
    // The slot is the owner's: what lies in another one is not looked at.
    if (id_slot(c.id) != id_slot(c.owner)) return KITH_not_found;
    const struct doc *d = store_doc(s, c.id, c.row->kind);
    return d != NULL && d->owner == c.owner ? KITH_ok : KITH_not_found;
}

// ---- the owner's documents ---------------------------------------------------------------------

static struct edge_at docs_of(uint64_t owner, const struct doc_row *row)
{
    return (struct edge_at){owner, doc_list(row->kind)};
}

// The next older one than `id` (0 = the newest), NULL behind the last.
static struct doc *next_doc(const struct part *p, struct edge_at all, uint64_t id)
{
    if (seq_below(seqs_find(p, all), id, &id, 1) == 0) return NULL;
    struct doc *d = (struct doc *)record_find(p, id);
    ASSERT(d != NULL);
    return d;
}

static bool same_field(const struct doc_call *c, const struct doc *d, const char *field)
{
    const void *content = doc_content(d);
    fb_str a = fb_text_of(c->type, c->body, field), b = doc_text(c->row, content, field);
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0 &&
           fb_number_of(c->type, c->body, field) == fb_number_of(c->row->content, content, field);
}

static struct doc *find_by_key(const struct part *p, const struct doc_call *c)
{
    struct edge_at all = docs_of(c->owner, c->row);
    for (struct doc *d = next_doc(p, all, 0); d != NULL; d = next_doc(p, all, d->o.id))
        if (same_field(c, d, c->row->key)) return d;
    return NULL;
}

// Whether request and document have the same content but for one field.
static bool same_but(const struct doc_call *c, const struct doc *d, const char *but)
{
    for (unsigned i = 0; i < c->row->content->n_fields; i++) {
        const char *field = c->row->content->fields[i].name;
        if (!doc_has_content(c->row, field) || strcmp(field, but) == 0) continue;
        if (!same_field(c, d, field)) return false;
    }
    return true;
}

bool doc_agrees(const struct doc_call *c, const struct doc *d)
{
    for (unsigned i = 0; i < c->row->content->n_fields; i++) {
        const char *field = c->row->content->fields[i].name;
        bool said = doc_has_content(c->row, field) && fb_has_field(c->type, c->body, field);
        if (said && !same_field(c, d, field)) return false;
    }
    return true;
}

// The newest one that the request completes.
static struct doc *find_incomplete(const struct part *p, const struct doc_call *c)
{
    const struct doc_row *row = c->row;
    struct edge_at all = docs_of(c->owner, row);
    if (row->completes == NULL || !fb_has_field(c->type, c->body, row->completes)) return NULL;
    for (struct doc *d = next_doc(p, all, 0); d != NULL; d = next_doc(p, all, d->o.id)) {
        bool whole = fb_has_field(row->content, doc_content(d), row->completes);
        if (!whole && same_but(c, d, row->completes)) return d;
    }
    return NULL;
}

static struct doc *find(const struct part *p, const struct doc_call *c)
{
    if (c->act == DOC_ADD && c->row->key == NULL) return find_incomplete(p, c);
    if (c->id != 0) return (struct doc *)record_find(p, c->id);
    if (c->row->key != NULL) return find_by_key(p, c);
    return c->row->single ? next_doc(p, docs_of(c->owner, c->row), 0) : NULL;
}

void doc_take_down(struct part *p, struct doc *d)
{
    ASSERT(!(d->o.flags & OBJECT_GONE));
    queues_remove(p, d);
    seqs_remove(p, docs_of(d->owner, doc_row(d->o.kind)), d->o.id);
    if (hanging_none(p, &d->o))
        record_remove(p, &d->o);
    else
        jobs_add(p, record_flag(p, &d->o, OBJECT_GONE));
}

// ---- content -----------------------------------------------------------------------------------

// Newer fields over older ones; one field may be left out. Of each table NULL = none.
struct source {
    const fb_type *type;
    const void *newer;
    const struct doc *older;
    const char *without;
};

static size_t build_content(struct apply *a, const struct doc_row *row, struct source from)
{
    _Alignas(8) uint8_t staged[FB_STAGED_MAX] = {0};
    fb_builder *b = apply_build(a);
    const void *older = from.older != NULL ? doc_content(from.older) : NULL;
    for (unsigned i = 0; i < row->content->n_fields; i++) {
        const char *field = row->content->fields[i].name;
        if (!doc_has_content(row, field)) continue;
        if (from.without != NULL && strcmp(field, from.without) == 0) continue;
        bool newer = fb_has_field(from.type, from.newer, field);
        struct fb_field_copy copy = {row->content, staged, newer ? from.type : row->content,
                                     newer ? from.newer : older};
        fb_copy_field(b, copy, field);
    }
    return fb_finish(b, fb_table(b, row->content, staged));
}

// Writes what the scratch holds: in the place of old, or as a new document of the owner.
static struct doc *write_doc(struct apply *a, struct part *p, const struct doc_call *c,
                             struct doc *old)
{
    const fb_builder *b = a->s->scratch;
    struct record_head h = {
        .id = id_make(a->e->stamp, id_slot(c->owner)),
        .word = {c->owner},
        .kind = c->row->kind,
    };
    if (old != NULL) h = record_head(&old->o);
    h.word[1] = stamp_ms(a->e->stamp);
    h.n[1] = b->payload;
    struct object *o = record_new(p, &h);
    memcpy(record_data_of(o), fb_data(b), h.n[1]);
    if (old != NULL) {
        queues_remove(p, old);
        record_swap(p, &old->o, o);
    } else {
        record_insert(p, o);
        seqs_add(p, docs_of(c->owner, c->row), h.id);
    }
    queues_add(p, (struct doc *)o);
    return (struct doc *)o;
}

// ---- what follows from it ----------------------------------------------------------------------

static bool same_text(const struct doc_row *row, const struct doc *x, const struct doc *y,
                      const char *field)
{
    fb_str a = doc_text(row, doc_content(x), field), b = doc_text(row, doc_content(y), field);
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

static bool is_sole(const struct doc_row *row, const struct doc *d)
{
    return fb_number_of(row->content, doc_content(d), row->sole) != 0;
}

// Only the newest choice stands.
static void keep_sole(struct apply *a, struct part *p, const struct doc_call *c,
                      const struct doc *chosen)
{
    const struct doc_row *row = c->row;
    struct edge_at all = docs_of(c->owner, row);
    if (row->sole == NULL || !is_sole(row, chosen)) return;
    for (struct doc *d = next_doc(p, all, 0); d != NULL; d = next_doc(p, all, d->o.id)) {
        if (d == chosen || !is_sole(row, d) || !same_text(row, d, chosen, row->among)) continue;
        size_t n = build_content(a, row, (struct source){row->content, NULL, d, row->sole});
        ASSERT(n > 0);
        d = write_doc(a, p, c, d);
    }
}

static bool says(const struct doc_call *c, const char *field)
{
    return field != NULL && fb_has_field(c->type, c->body, field);
}

// The account's rule, and the language of what its user will write, follow what the document says,
// when it says it anew.
static void keep_account(struct apply *a, struct part *p, const struct doc_call *c)
{
    const struct doc_row *row = c->row;
    if (!says(c, row->privacy) && !says(c, row->language)) return;
    struct object *old = record_find(p, c->owner);
    struct record_head h = record_head(old);
    uint32_t n;
    const void *data = record_data(old, &n);
    if (says(c, row->privacy)) {
        bool open = fb_number_of(c->type, c->body, row->privacy) == kt_PrivacyLevel_public;
        h.rules = (uint8_t)(open ? h.rules & ~RULE_PRIVATE : h.rules | RULE_PRIVATE);
    }
    if (says(c, row->language)) h.language = (uint8_t)fb_number_of(c->type, c->body, row->writes);
    if (h.rules != old->rules)
        h.word[0] = stamp_ms(a->e->stamp);
    else if (h.language == old->language)
        return;
    struct object *fresh = record_new(p, &h);
    memcpy(record_data_of(fresh), data, n);
    record_swap(p, old, fresh);
}

// ---- the verb ----------------------------------------------------------------------------------

static bool make_room(struct part *p, const struct doc_call *c)
{
    const struct seq *all = seqs_find(p, docs_of(c->owner, c->row));
    if (all == NULL || all->count < c->row->most) return true;
    uint64_t oldest;
    if (!c->row->rolls || seq_above(all, 0, &oldest, 1) == 0) return false;
    doc_take_down(p, (struct doc *)record_find(p, oldest));
    return true;
}

static void put(struct apply *a, struct part *p, const struct doc_call *c, struct doc *old)
{
    const struct doc *older = c->act == DOC_CHANGE ? old : NULL;
    if (old == NULL && !make_room(p, c)) {
        apply_refuse(a, KITH_too_many_documents);
        return;
    }
    if (build_content(a, c->row, (struct source){c->type, c->body, older, NULL}) == 0) {
        apply_refuse(a, KITH_too_large);
        return;
    }
    struct doc *d = write_doc(a, p, c, old);
    a->out.id = d->o.id;
    a->out.changed = 1;
    keep_sole(a, p, c, d);
    keep_account(a, p, c);
}

// Said anew after the moment up to which the request knows it.
static bool said_since(const struct doc_call *c, const struct doc *d)
{
    uint64_t as_of = fb_number_of(c->type, c->body, "as_of");
    return as_of != 0 && d->updated_ms > as_of;
}

static void clear(struct apply *a, struct part *p, const struct doc_call *c)
{
    struct edge_at all = docs_of(c->owner, c->row);
    for (struct doc *d; (d = next_doc(p, all, 0)) != NULL; a->out.count++) doc_take_down(p, d);
    a->out.changed = a->out.count > 0;
}

static void decide_doc(struct apply *a, struct part *p)
{
    struct doc_call c = doc_call_of(op_row(a->e->op), a->e->actor, a->body);
    unsigned error = check_decider(a->s->store, a->e);
    struct doc *old = error == KITH_ok ? find(p, &c) : NULL;
    bool needed = c.act == DOC_REMOVE || (c.act == DOC_CHANGE && !c.row->single);
    if (error == KITH_ok && needed && old == NULL) error = KITH_not_found;
    if (error == KITH_ok && c.act == DOC_REMOVE && said_since(&c, old)) error = KITH_conflict;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    if (old != NULL) c.owner = old->owner;
    a->out.id = old != NULL ? old->o.id : c.owner;
    if (c.act == DOC_CLEAR) {
        clear(a, p, &c);
    } else if (c.act == DOC_REMOVE) {
        doc_take_down(p, old);
        a->out.changed = 1;
    } else if (c.act != DOC_ADD || c.row->key == NULL || old == NULL) {
        put(a, p, &c, old);
    }
}

const struct verb verb_doc = {decide_doc, NULL, NULL, NULL};
