// Records (record.h). A change makes a new record and swaps it in; what any core may still read is
// retired.
#include "store/record.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_verify.h"
#include "core/hash.h"
#include "core/id.h"
#include "core/language.h"
#include "kith_fb.h"
#include "store/card.h"
#include "store/devices.h"
#include "store/digest.h"
#include "store/hang.h"
#include "store/image_hooks.h"
#include "store/index.h"
#include "store/popular.h"
#include "store/store.h"

enum { HASH_BYTES = sizeof ((struct session *)0)->refresh_hash };

static enum mem_kind kind_of(unsigned entity)
{
    static const uint8_t kind[ENTITY_COUNT] = {
        [ENTITY_user] = MEM_user,
        [ENTITY_post] = MEM_post,
        [ENTITY_comment] = MEM_comment,
        [ENTITY_session] = MEM_session,
        [ENTITY_audit] = MEM_audit,
        [ENTITY_share_text] = MEM_other,
    };
    ASSERT(entity > ENTITY_none && entity < ENTITY_COUNT);
    if (doc_row(entity) != NULL) return MEM_doc;
    return (enum mem_kind)kind[entity];
}

// Bytes before the data.
static size_t fixed_size(unsigned entity)
{
    static const uint16_t size[ENTITY_COUNT] = {
        [ENTITY_user] = offsetof(struct user, data),
        [ENTITY_post] = offsetof(struct post, data),
        [ENTITY_comment] = offsetof(struct comment, data),
        [ENTITY_session] = offsetof(struct session, refresh_hash),
        [ENTITY_audit] = offsetof(struct audit, data),
        [ENTITY_share_text] = offsetof(struct share_text, data),
    };
    return doc_row(entity) != NULL ? offsetof(struct doc, data) : size[entity];
}

struct record_head record_head(const struct object *o)
{
    struct record_head h = {.id = o->id, .kind = o->kind, .flags = o->flags, .rules = o->rules,
                            .language = o->language};
    if (doc_row(o->kind) != NULL) {
        const struct doc *d = (const struct doc *)o;
        h.word[0] = d->owner;
        h.word[1] = d->updated_ms;
        h.n[1] = d->n;
    } else if (o->kind == ENTITY_user) {
        const struct user *u = (const struct user *)o;
        h.word[0] = u->updated_ms;
        h.word[1] = u->last_login_ms;
        h.n[0] = u->strings_n;
        h.n[1] = u->cold_n;
        memcpy(h.len, &u->username_n, USER_STRINGS * sizeof h.len[0]);
        h.len[USER_STRINGS] = u->gender;
    } else if (o->kind == ENTITY_post) {
        const struct post *p = (const struct post *)o;
        h.word[0] = p->author;
        h.word[1] = p->updated_ms;
        h.n[0] = p->o.text_n;
        h.n[1] = p->cold_n;
        h.len[0] = p->tagged;
    } else if (o->kind == ENTITY_comment) {
        const struct comment *c = (const struct comment *)o;
        h.word[0] = comment_post(c);
        h.word[1] = c->author;
        h.word[2] = comment_parent(c);
        h.word[3] = comment_updated_ms(c);
        h.n[0] = c->o.text_n;
        h.n[1] = (uint32_t)(c->told_n * sizeof(uint64_t));
    } else if (o->kind == ENTITY_share_text) {
        const struct share_text *t = (const struct share_text *)o;
        h.word[0] = t->post;
        h.word[1] = t->author;
        h.n[0] = t->o.text_n;
    } else if (o->kind == ENTITY_session) {
        const struct session *s = (const struct session *)o;
        h.word[0] = s->user;
        h.word[1] = s->expires_ms;
        h.n[0] = s->device_n;
    } else {
        const struct audit *a = (const struct audit *)o;
        h.word[0] = a->user;
        h.word[1] = a->actor;
        memcpy(h.word + 2, a->address, sizeof a->address);
        h.n[0] = a->value;
        h.n[1] = a->o.text_n;
        h.len[0] = a->act;
        h.len[1] = a->by;
        h.len[2] = a->done;
    }
    h.data_n = record_data_size(&h);
    return h;
}
_Static_assert(offsetof(struct user, password_n) - offsetof(struct user, username_n) ==
                   (USER_STRINGS - 1) * sizeof(uint16_t),
               "the lengths are neighbours, in the order of enum user_string");

static size_t data_at(const struct object *o)
{
    size_t card = o->kind == ENTITY_user ? ((const struct user *)o)->card_room : 0;
    return fixed_size(o->kind) + card;
}

const void *record_data(const struct object *o, uint32_t *n)
{
    struct record_head h = record_head(o);
    *n = h.data_n;
    return (const uint8_t *)o + data_at(o);
}

void *record_data_of(struct object *o)
{
    return (uint8_t *)o + data_at(o);
}

static uint64_t strings_size(const struct record_head *h)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < USER_STRINGS; i++) n += h->len[i] + 1u;
    return n;
}

uint32_t record_data_size(const struct record_head *h)
{
    if (doc_row(h->kind) != NULL) return record_pad(h->n[1]);
    switch ((enum entity)h->kind) {
    case ENTITY_user: return record_pad((uint32_t)strings_size(h)) + record_pad(h->n[1]);
    case ENTITY_post: return caption_size(h->n[0], h->len[0]) + record_pad(h->n[1]);
    case ENTITY_comment: return record_pad(h->n[0] + 1) + record_pad(h->n[1]);
    case ENTITY_share_text: return record_pad(h->n[0] + 1);
    case ENTITY_session:
        return HASH_BYTES + (h->n[0] > 0 ? record_pad(h->n[0] + 1) : 0);
    case ENTITY_audit:
        return h->n[1] > 0 ? (uint32_t)sizeof h->id + record_pad(h->n[1] + 1) : 0;
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return 0;
}

// Whether text[n] ends a string of n bytes.
static bool strings_sound(const struct record_head *h, const char *text)
{
    uint32_t points;
    for (unsigned i = 0; i < USER_STRINGS; i++) {
        if (text[h->len[i]] != 0 || !fb_utf8(text, h->len[i], &points)) return false;
        text += h->len[i] + 1u;
    }
    return true;
}

#define UPDATED_MAX ((UINT64_C(1) << UPDATED_BITS) - 1)
#define COLD_MAX ((UINT32_C(1) << COLD_BITS) - 1)
#define TEXT_MAX ((UINT32_C(1) << TEXT_BITS) - 1)

static bool text_sound(const char *text, uint32_t n)
{
    uint32_t points;
    return text[n] == 0 && fb_utf8(text, n, &points);
}

static bool cold_sound(const struct record_head *h, const uint8_t *data, const fb_type *type)
{
    if (h->n[1] == 0) return true;
    const uint8_t *cold = data + (h->data_n - record_pad(h->n[1]));
    return fb_verify(cold, h->n[1], type, NULL) == FB_OK;
}

static bool tags_sound(const struct record_head *h, const char *text)
{
    uint32_t points;
    if (h->len[0] > TAGGED_MAX) return false;
    for (uint32_t i = 0; i < h->len[0]; i++) {
        struct tag_place tag;
        memcpy(&tag, text + h->n[0] + 1 + i * sizeof tag, sizeof tag);
        if (tag.n == 0 || (uint32_t)tag.at + tag.n > h->n[0]) return false;
        if (!fb_utf8(text + tag.at, tag.n, &points)) return false;
    }
    return true;
}

static bool removed_sound(const struct record_head *h)
{
    return (h->kind == ENTITY_post && h->flags & OBJECT_BINNED) ||
           (h->kind == ENTITY_comment && h->flags & OBJECT_TOMBSTONE && h->word[1] != 0);
}

bool record_sound(const struct record_head *h, const void *data)
{
    if (h->kind == ENTITY_none || h->kind >= ENTITY_COUNT) return false;
    if (h->id == 0 || h->id >> 63) return false;
    const unsigned flags = OBJECT_GONE | OBJECT_EDITED | OBJECT_TOMBSTONE | OBJECT_VERIFIED |
                           OBJECT_INACTIVE | OBJECT_BINNED | OBJECT_REMOVED;
    if (h->flags & ~flags) return false;
    if (h->flags & OBJECT_BINNED && h->kind != ENTITY_post) return false;
    if (h->flags & OBJECT_REMOVED && !removed_sound(h)) return false;
    unsigned rules = h->kind == ENTITY_user ? USER_RULES : h->kind == ENTITY_post ? POST_RULES : 0;
    if (h->rules & ~rules) return false;
    bool written = h->kind == ENTITY_user || h->kind == ENTITY_post || h->kind == ENTITY_comment;
    if (h->language >= (written ? LANGUAGES : 1)) return false;
    // Far above any record, far below what could overflow the sums.
    if (h->n[0] > TEXT_MAX && h->kind != ENTITY_audit) return false;
    if (h->n[1] > TEXT_MAX || h->data_n != record_data_size(h)) return false;
    const char *text = data;
    const struct doc_row *doc = doc_row(h->kind);
    if (doc != NULL) return h->n[1] > 0 && cold_sound(h, data, doc->content);
    switch ((enum entity)h->kind) {
    case ENTITY_user:
        return h->n[0] == record_pad((uint32_t)strings_size(h)) && strings_sound(h, text) &&
               h->len[USER_STRINGS] <= UINT8_MAX && cold_sound(h, data, &kt_desc_User);
    case ENTITY_post:
        if (h->word[1] > UPDATED_MAX || h->n[1] > COLD_MAX) return false;
        return text_sound(text, h->n[0]) && tags_sound(h, text) &&
               cold_sound(h, data, &kt_desc_PostCreate);
    case ENTITY_comment:
        if (h->word[0] >> 63 || id_slot(h->word[0]) != id_slot(h->id)) return false;
        return text_sound(text, h->n[0]) && h->n[1] % sizeof(uint64_t) == 0 &&
               h->n[1] <= COMMENT_TOLD_MAX * sizeof(uint64_t);
    case ENTITY_share_text: return text_sound(text, h->n[0]);
    case ENTITY_session: return h->n[0] == 0 || text_sound(text + HASH_BYTES, h->n[0]);
    case ENTITY_audit:
        if (h->len[1] > UINT8_MAX || h->len[2] > 1) return false;
        return h->n[1] == 0 || text_sound(text + sizeof h->id, h->n[1]);
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return false;
}

// What most comments have not: words behind the data of those that have.
static bool comment_answers(const struct record_head *h) { return h->word[2] != 0; }
static bool comment_changed(const struct record_head *h) { return h->word[3] != id_ms(h->id); }

static size_t comment_words(const struct record_head *h)
{
    if (h->kind != ENTITY_comment) return 0;
    return sizeof(uint64_t) * ((size_t)comment_answers(h) + comment_changed(h));
}

static void take_comment(struct comment *c, const struct record_head *h)
{
    ASSERT(id_slot(h->word[0]) == id_slot(h->id));
    c->post_stamp = id_stamp(h->word[0]) & STAMP_MAX;
    c->author = h->word[1];
    c->o.text_n = h->n[0] & TEXT_MAX;
    c->told_n = h->n[1] / sizeof(uint64_t) & UINT8_MAX;
    c->answers = comment_answers(h);
    c->changed = comment_changed(h);
    char *word = c->data + record_data_size(h);
    if (c->answers) memcpy(word, &h->word[2], sizeof h->word[2]);
    if (c->changed) memcpy(word + 8 * c->answers, &h->word[3], sizeof h->word[3]);
}

static void take_head(struct object *o, const struct record_head *h)
{
    if (doc_row(o->kind) != NULL) {
        struct doc *d = (struct doc *)o;
        d->owner = h->word[0];
        d->updated_ms = h->word[1];
        d->n = h->n[1];
    } else if (o->kind == ENTITY_user) {
        struct user *u = (struct user *)o;
        u->updated_ms = h->word[0];
        u->last_login_ms = h->word[1];
        memcpy(&u->username_n, h->len, USER_STRINGS * sizeof h->len[0]);
        u->gender = (uint8_t)h->len[USER_STRINGS];
        u->strings_n = record_pad((uint32_t)strings_size(h));
        u->cold_n = h->n[1];
        u->card_room = card_room(h);
    } else if (o->kind == ENTITY_post) {
        struct post *p = (struct post *)o;
        p->author = h->word[0];
        p->updated_ms = h->word[1] & UPDATED_MAX;
        p->o.text_n = h->n[0] & TEXT_MAX;
        p->cold_n = h->n[1] & COLD_MAX;
        p->tagged = (unsigned)h->len[0] & TAGGED_MAX;
    } else if (o->kind == ENTITY_comment) {
        take_comment((struct comment *)o, h);
    } else if (o->kind == ENTITY_share_text) {
        struct share_text *t = (struct share_text *)o;
        t->post = h->word[0];
        t->author = h->word[1];
        t->o.text_n = h->n[0] & TEXT_MAX;
    } else if (o->kind == ENTITY_session) {
        struct session *s = (struct session *)o;
        s->user = h->word[0];
        s->expires_ms = h->word[1];
        s->device_n = h->n[0];
    } else {
        struct audit *a = (struct audit *)o;
        a->user = h->word[0];
        a->actor = h->word[1];
        memcpy(a->address, h->word + 2, sizeof a->address);
        a->value = h->n[0];
        a->o.text_n = h->n[1] & TEXT_MAX;
        a->act = h->len[0];
        a->by = (uint8_t)h->len[1];
        a->done = (uint8_t)h->len[2];
    }
}

// Of the whole record.
static size_t record_bytes(const struct record_head *h)
{
    return fixed_size(h->kind) + record_data_size(h) + comment_words(h) + card_room(h);
}

struct object *record_new(struct part *p, const struct record_head *h)
{
    ASSERT(h->id != 0);
    struct object *o = pool_alloc_zero(&p->shard->pool, record_bytes(h), kind_of(h->kind));
    o->id = h->id;
    o->kind = h->kind;
    o->flags = h->flags;
    o->rules = h->rules;
    o->language = h->language;
    take_head(o, h);
    return o;
}

uint64_t record_hash(const struct store *s, uint64_t id)
{
    return hash_u64(id, s->hash_key[0]);
}

static uint64_t rehash(void *ctx, const void *record)
{
    return record_hash(ctx, ((const struct object *)record)->id);
}

static bool is_id(const void *record, const void *key)
{
    return ((const struct object *)record)->id == *(const uint64_t *)key;
}

struct object *record_find(const struct part *p, uint64_t id)
{
    return ptable_find(&p->objects, record_hash(p->shard->store, id), is_id, &id);
}

enum {
    WAVE = 24,                 // more misses than that do not overlap
    LINE = 64,
};

static void ask(const void *record, unsigned lines)
{
    const char *p = record;
    for (unsigned i = 0; i < lines; i++) __builtin_prefetch(p + (size_t)i * LINE);
}

static void find_wave(const struct store *s, struct record_wish ids, const struct object **out)
{
    struct ptable_spot spot[WAVE];
    const void *guess[WAVE];
    for (uint32_t i = 0; i < ids.n; i++) {
        uint64_t id = ids.id[i];
        spot[i] = ptable_spot(&store_part(s, id_slot(id))->objects, record_hash(s, id));
    }
    for (uint32_t i = 0; i < ids.n; i++) {
        guess[i] = ptable_guess(spot[i]);
        if (guess[i] != NULL) ask(guess[i], ids.lines);
    }
    for (uint32_t i = 0; i < ids.n; i++) {
        bool right = guess[i] == NULL || is_id(guess[i], &ids.id[i]);
        out[i] = right ? guess[i] : ptable_find_from(spot[i], is_id, &ids.id[i]);
    }
}

void records_find(const struct store *s, struct record_wish ids, const struct object **out)
{
    for (uint32_t i = 0; i < ids.n; i += WAVE) {
        uint32_t n = ids.n - i < WAVE ? ids.n - i : WAVE;
        find_wave(s, (struct record_wish){ids.id + i, n, ids.lines}, out + i);
    }
}

struct digest record_digest(const struct store *s, const struct object *o)
{
    struct record_head h = record_head(o);
    uint32_t n;
    const void *data = record_data(o, &n);
    struct hash128 both[2] = {hash128(&h, sizeof h, s->hash_key[0]),
                              hash128(data, n, s->hash_key[1])};
    struct hash128 sum = hash128(both, sizeof both, s->hash_key[0] ^ s->hash_key[1]);
    return (struct digest){sum.lo, sum.hi};
}

static void digest_move(struct part *p, const struct object *o, bool add)
{
    struct digest d = record_digest(p->shard->store, o);
    struct hash128 h = {d.lo, d.hi};
    if (add)
        digest_add(&p->objects_digest, h);
    else
        digest_sub(&p->objects_digest, h);
}

uint64_t audit_object(const struct audit *a)
{
    uint64_t id = 0;
    if (a->o.text_n > 0) memcpy(&id, a->data, sizeof id);
    return id;
}

const char *audit_reason(const struct audit *a)
{
    return a->o.text_n > 0 ? a->data + sizeof(uint64_t) : "";
}

// What is derived from the record's data, which is there by now.
static void complete(struct object *o)
{
    if (o->kind == ENTITY_user) card_write((struct user *)o);
}

void record_insert(struct part *p, struct object *o)
{
    struct store *s = p->shard->store;
    complete(o);
    struct ptable_env env = {p->shard, MEM_table, rehash, s};
    o->image = part_image_generation(p);
    digest_move(p, o, true);
    ptable_insert(&p->objects, &env, record_hash(s, o->id), o);
    index_moved(p, NULL, o);
    devices_moved(p, NULL, o);
}

// What is not of the record's own data.
static void carry_derived(struct object *fresh, struct object *old)
{
    hanging_carry(fresh, old);
    if (old->kind == ENTITY_user) {
        struct user *to = (struct user *)fresh, *from = (struct user *)old;
        atomic_store_explicit(&to->last_active_ms, from->last_active_ms, memory_order_relaxed);
        atomic_store_explicit(&to->counted_ms, from->counted_ms, memory_order_relaxed);
        atomic_store_explicit(&to->received, from->received, memory_order_relaxed);
        atomic_store_explicit(&to->recent, from->recent, memory_order_relaxed);
    } else if (old->kind == ENTITY_session) {
        struct session *to = (struct session *)fresh, *from = (struct session *)old;
        atomic_store_explicit(&to->used_ms, from->used_ms, memory_order_relaxed);
    }
}

static void retire_record(struct part *p, struct object *o)
{
    struct shard *s = p->shard;
    struct record_head h = record_head(o);
    struct quiet_block block = {o, record_bytes(&h), kind_of(o->kind)};
    quiet_retire(&s->store->quiet, &s->limbo, &s->pool, block);
}

void record_swap(struct part *p, struct object *old, struct object *fresh)
{
    ASSERT(old->id == fresh->id);
    ASSERT(old->kind == fresh->kind);
    complete(fresh);
    if (p->image != NULL) image_before_object(p, old);
    fresh->image = part_image_generation(p);
    carry_derived(fresh, old);
    digest_move(p, old, false);
    digest_move(p, fresh, true);
    ptable_replace(&p->objects, record_hash(p->shard->store, old->id), old, fresh);
    index_moved(p, old, fresh);
    devices_moved(p, old, fresh);
    if (old->kind == ENTITY_user) popular_swapped(p->shard, old, fresh);
    retire_record(p, old);
}

struct object *record_flag(struct part *p, struct object *old, unsigned flags)
{
    struct record_head h = record_head(old);
    uint32_t n;
    const void *data = record_data(old, &n);
    h.flags = (uint8_t)(h.flags | flags);
    struct object *fresh = record_new(p, &h);
    memcpy(record_data_of(fresh), data, n);
    record_swap(p, old, fresh);
    return fresh;
}

void record_remove(struct part *p, struct object *old)
{
    struct shard *s = p->shard;
    if (p->image != NULL) image_before_object(p, old);
    digest_move(p, old, false);
    ptable_replace(&p->objects, record_hash(s->store, old->id), old, NULL);
    index_moved(p, old, NULL);
    hanging_forget(p, old);
    devices_moved(p, old, NULL);
    if (old->kind == ENTITY_user) {
        struct recent *r = ((struct user *)old)->recent;
        struct quiet_block block = {r, 0, MEM_recent};
        if (r != NULL) {
            block.n = sizeof *r + r->n * sizeof r->id[0];
            quiet_retire(&s->store->quiet, &s->limbo, &s->pool, block);
        }
    }
    retire_record(p, old);
}
