// Objects, ends, keys and what is owed; sim_model_*.c say what the operations do with them.
#include "tests/sim/sim_model.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/id.h"
#include "core/ops.h"
#include "tests/sim/sim_model_parts.h"

// All but the arrays that are used from their beginning.
void model_reset(struct model *m)
{
    memset(m->object_bucket, 0, sizeof m->object_bucket);
    memset(m->end_bucket, 0, sizeof m->end_bucket);
    memset(m->of_kind, 0, sizeof m->of_kind);
    memset(m->audits, 0, sizeof m->audits);
    memset(m->note_bucket, 0, sizeof m->note_bucket);
    m->free_end = m->free_note = 0;
    m->objects = m->ends = m->names = m->oweds = m->keys = m->chunks = 0;
    m->notes = m->preferences = 0;
    m->entries = 0;
}

static unsigned bucket_of(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ b << 56 ^ b) * UINT64_C(0x9e3779b97f4a7c15);
    return (unsigned)(h >> 40) % MODEL_BUCKETS;
}

static void link_object(struct model *m, unsigned i)
{
    struct model_object *o = &m->object[i];
    int *head = &m->object_bucket[bucket_of(o->id, 0)], *alike = &m->of_kind[o->kind];
    o->next = *head;
    o->next_alike = *alike;
    *head = *alike = (int)i + 1;
}

void model_tidy(struct model *m)
{
    unsigned n = m->objects;
    m->keys = m->objects = 0;
    memset(m->object_bucket, 0, sizeof m->object_bucket);
    memset(m->of_kind, 0, sizeof m->of_kind);
    for (unsigned i = 0; i < n; i++)
        if (m->object[i].there) {
            if (i != m->objects)
                m->object[m->objects] = m->object[i];
            link_object(m, m->objects++);
        }
}

void model_text(char to[MODEL_TEXT], fb_str s)
{
    size_t n = s.n < MODEL_TEXT - 1 ? s.n : MODEL_TEXT - 1;
    if (n > 0)
        memcpy(to, s.s, n);
    to[n] = 0;
}

// ---- objects -----------------------------------------------------------------------------------

struct model_object *model_new(struct model *m, uint64_t id, enum entity kind)
{
    ASSERT(m->objects < MODEL_OBJECTS && model_find(m, id) == NULL);
    struct model_object *o = &m->object[m->objects];
    *o = (struct model_object){.id = id, .kind = (uint8_t)kind, .there = true};
    link_object(m, m->objects++);
    return o;
}

struct model_object *model_next(struct model *m, unsigned kind, const struct model_object *at)
{
    int i = at == NULL ? m->of_kind[kind] : at->next_alike;
    while (i > 0 && !m->object[i - 1].there)
        i = m->object[i - 1].next_alike;
    return i > 0 ? &m->object[i - 1] : NULL;
}

struct model_object *model_find(struct model *m, uint64_t id)
{
    for (int i = m->object_bucket[bucket_of(id, 0)]; i > 0; i = m->object[i - 1].next)
        if (m->object[i - 1].id == id && m->object[i - 1].there)
            return &m->object[i - 1];
    return NULL;
}

static struct model_object *living(struct model *m, uint64_t id, enum entity kind)
{
    struct model_object *o = model_find(m, id);
    return o != NULL && o->kind == kind && !o->gone && !o->binned ? o : NULL;
}

struct model_object *model_user(struct model *m, uint64_t id)
{
    return living(m, id, ENTITY_user);
}

struct model_object *model_post(struct model *m, uint64_t id)
{
    struct model_object *p = living(m, id, ENTITY_post);
    return p != NULL && model_user(m, p->author) != NULL ? p : NULL;
}

struct model_object *model_comment(struct model *m, uint64_t id)
{
    struct model_object *c = living(m, id, ENTITY_comment);
    return c != NULL && model_post(m, c->post) != NULL ? c : NULL;
}

static bool shown_comment(struct model *m, const struct model_object *c)
{
    struct model_object *author = c->removed ? NULL : model_user(m, c->author);
    bool replies = model_count(m, c->id, LIST_replies) > 0;
    return model_shown(m, c->post) && (replies || (author != NULL && !author->hidden));
}

bool model_shown(struct model *m, uint64_t id)
{
    struct model_object *o = model_find(m, id);
    if (o == NULL || o->gone || o->binned)
        return false;
    if (o->kind == ENTITY_user)
        return !o->hidden;
    if (o->kind == ENTITY_comment)
        return shown_comment(m, o);
    return model_shown(m, o->author);
}

// ---- ends --------------------------------------------------------------------------------------

struct model_end *model_end(struct model *m, uint64_t owner, enum list_kind list, uint64_t other)
{
    for (int i = m->end_bucket[bucket_of(owner, list)]; i > 0; i = m->end[i - 1].next) {
        struct model_end *x = &m->end[i - 1];
        if (x->owner == owner && x->list == list && x->other == other)
            return x;
    }
    return NULL;
}

bool model_between(struct model *m, uint64_t owner, enum list_kind list, uint64_t other)
{
    return model_end(m, owner, list, other) != NULL;
}

uint64_t model_stamp(struct model *m, uint64_t owner, enum list_kind list, uint64_t other)
{
    const struct model_end *x = model_end(m, owner, list, other);
    return x != NULL ? x->stamp : 0;
}

int model_first(const struct model *m, uint64_t owner, enum list_kind list)
{
    return m->end_bucket[bucket_of(owner, list)];
}

bool model_add(const struct step *s, struct model_end end)
{
    struct model *m = s->m;
    if (model_end(m, end.owner, end.list, end.other) != NULL)
        return false;
    int i = m->free_end;
    if (i > 0) {
        m->free_end = m->end[i - 1].next;
    } else {
        ASSERT(m->ends < MODEL_ENDS);
        i = (int)++m->ends;
    }
    int *head = &m->end_bucket[bucket_of(end.owner, end.list)];
    m->end[i - 1] = end;
    m->end[i - 1].place = s->e->place;
    m->end[i - 1].next = *head;
    *head = i;
    return true;
}

bool model_remove(struct model *m, struct model_end end)
{
    int *at = &m->end_bucket[bucket_of(end.owner, end.list)];
    for (; *at > 0; at = &m->end[*at - 1].next) {
        struct model_end *x = &m->end[*at - 1];
        if (x->owner != end.owner || x->list != end.list || x->other != end.other)
            continue;
        int i = *at;
        const struct model_object *post = model_find(m, end.owner);
        if (end.list == LIST_followers || end.list == LIST_requests)
            model_untell(m, end.owner, x->stamp, end.other);
        else if ((end.list == LIST_likers || end.list == LIST_sharers) && post != NULL)
            model_untell(m, post->author, x->stamp, end.owner);
        *at = x->next;
        x->next = m->free_end;
        m->free_end = i;
        return true;
    }
    return false;
}

struct item { uint64_t stamp, other; };

static int newest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct item *)a)->stamp, y = ((const struct item *)b)->stamp;
    return x < y ? 1 : x > y ? -1 : 0;
}

unsigned model_list(const struct model *m, uint64_t owner, enum list_kind list, uint64_t *out)
{
    static struct item item[MODEL_OBJECTS];
    unsigned n = 0;
    for (int i = m->end_bucket[bucket_of(owner, list)]; i > 0; i = m->end[i - 1].next) {
        const struct model_end *x = &m->end[i - 1];
        ASSERT(n < MODEL_OBJECTS);
        if (x->owner == owner && x->list == list)
            item[n++] = (struct item){x->stamp, x->other};
    }
    qsort(item, n, sizeof *item, newest_first);
    for (unsigned i = 0; i < n; i++)
        out[i] = item[i].other;
    return n;
}

unsigned model_count(const struct model *m, uint64_t owner, enum list_kind list)
{
    unsigned n = 0;
    for (int i = m->end_bucket[bucket_of(owner, list)]; i > 0; i = m->end[i - 1].next)
        n += m->end[i - 1].owner == owner && m->end[i - 1].list == list;
    return n;
}

unsigned model_reactions(const struct model *m, uint64_t post, unsigned type)
{
    unsigned n = 0;
    for (int i = m->end_bucket[bucket_of(post, LIST_reactors)]; i > 0; i = m->end[i - 1].next)
        n += m->end[i - 1].owner == post && m->end[i - 1].list == LIST_reactors &&
             m->end[i - 1].stamp % 8 == type;
    return n;
}

// ---- what is owed ------------------------------------------------------------------------------

void model_owe(const struct step *s, struct model_owed owed)
{
    ASSERT(s->m->oweds < MODEL_OWED);
    owed.place = s->e->place;
    s->m->owed[s->m->oweds++] = owed;
}

bool model_owes_undo(const struct model *m, uint64_t slot_of, struct model_end end)
{
    unsigned partition = id_slot(slot_of) % MODEL_PARTITIONS;
    for (unsigned i = 0; i < m->oweds; i++) {
        const struct model_owed *o = &m->owed[i];
        if (o->op == OP_undo && o->partition == partition && o->owner == end.owner &&
            o->list == end.list && o->other == end.other)
            return true;
    }
    return false;
}

void model_paid(const struct step *s, uint64_t owner, uint64_t other)
{
    const struct entry_parent *parent = entry_parent(s->e);
    if (parent == NULL)
        return;
    for (unsigned i = 0; i < s->m->oweds; i++) {
        struct model_owed *o = &s->m->owed[i];
        if (o->place != parent->place || o->op != s->e->op || o->owner != owner ||
            o->other != other)
            continue;
        *o = s->m->owed[--s->m->oweds];
        return;
    }
    s->out->orphan = true;
}

// ---- an entry ----------------------------------------------------------------------------------

static struct model_key *known_key(struct model *m, const struct entry *e)
{
    const struct entry_key *k = entry_key(e);
    for (unsigned i = 0; k != NULL && i < m->keys; i++)
        if (m->key[i].actor == e->actor && m->key[i].hi == k->key_hi && m->key[i].lo == k->key_lo)
            return &m->key[i];
    return NULL;
}

// Who acted is written down by a consequence.
static void owe_audit(const struct step *s)
{
    const struct entry_audit *w = entry_audit(s->e);
    const struct op_row *row = w != NULL ? op_row(w->act) : NULL;
    if (row == NULL || (row->audit == AUDIT_REFUSED && s->out->error == KITH_ok))
        return;
    model_owe(s, (struct model_owed){.op = OP_audit_add, .owner = w->user});
}

bool model_apply(struct model *m, const struct entry *e, struct expect *out)
{
    struct step s = {m, e, fb_root(entry_body(e)), out};
    *out = (struct expect){.error = KITH_ok};
    m->entries++;
    const struct model_key *known = known_key(m, e);
    if (known != NULL) {
        model_again(&s);
        *out = known->was;
        if (known->request != entry_key(e)->request)
            *out = (struct expect){.error = KITH_idempotency_mismatch};
        return true;
    }
    if (!model_account(&s) && !model_secret(&s) && !model_content(&s) && !model_react(&s) &&
        !model_settle(&s) && !model_edge(&s) && !model_document(&s) && !model_noted(&s))
        return false;
    owe_audit(&s);
    const struct entry_key *k = entry_key(e);
    if (k != NULL) {
        ASSERT(m->keys < MODEL_KEYS);
        m->key[m->keys++] = (struct model_key){e->actor, k->key_hi, k->key_lo, k->request, *out};
    }
    return true;
}

// ---- what is read ------------------------------------------------------------------------------

unsigned model_comments(struct model *m, uint64_t post)
{
    static uint64_t id[MODEL_OBJECTS];
    unsigned n = model_list(m, post, LIST_comments, id), real = 0;
    for (unsigned i = 0; i < n; i++)
        real += !model_find(m, id[i])->tombstone;
    return real;
}

unsigned model_received(const struct model *m, uint64_t user)
{
    static uint64_t id[MODEL_OBJECTS];
    unsigned n = model_list(m, user, LIST_posts, id), likes = 0;
    for (unsigned i = 0; i < n; i++)
        likes += model_count(m, id[i], LIST_likers);
    return likes;
}

static int higher_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

unsigned model_feed(struct model *m, uint64_t viewer, uint64_t *out, unsigned max)
{
    unsigned n = 0;
    for (struct model_object *p = NULL;
         n < max && (p = model_next(m, ENTITY_post, p)) != NULL;) {
        if (model_post(m, p->id) != p || model_end(m, viewer, LIST_following, p->author) == NULL)
            continue;
        if (model_end(m, viewer, LIST_muting, p->author) == NULL && model_shown(m, p->id) &&
            !p->rules.archived && model_shows(m, viewer, p))
            out[n++] = p->id;
    }
    qsort(out, n, sizeof *out, higher_first);
    return n;
}

unsigned model_all_posts(struct model *m, uint64_t viewer, uint64_t *out, unsigned max)
{
    unsigned n = 0;
    for (struct model_object *p = NULL; n < max && (p = model_next(m, ENTITY_post, p)) != NULL;)
        if (model_post(m, p->id) == p && !p->rules.archived && model_shown(m, p->id) &&
            model_shows(m, viewer, p))
            out[n++] = p->id;
    qsort(out, n, sizeof *out, higher_first);
    return n;
}
