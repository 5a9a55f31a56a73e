// Postings by term, and what of a record they come from (index.h).
#include "store/index.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/hot.h"
#include "store/index_parts.h"
#include "store/listed.h"
#include "store/post_tags.h"
#include "store/record.h"
#include "store/store.h"
#include "store/trigrams.h"

// ---- the table ---------------------------------------------------------------------------------

struct key { uint32_t n; char bytes[1 + TERM_MAX]; };

static struct key key_of(struct index_place at)
{
    struct key k;
    k.n = 1 + (at.term.n < TERM_MAX ? at.term.n : TERM_MAX);
    k.bytes[0] = (char)index_group(at);
    memcpy(k.bytes + 1, at.term.s, k.n - 1);
    return k;
}

static bool is_key(const void *record, const void *key)
{
    const struct index_term *t = record;
    const struct key *k = key;
    return t->key_n == k->n && memcmp(t->key, k->bytes, k->n) == 0;
}

static uint64_t rehash(void *ctx, const void *record)
{
    const struct index_term *t = record;
    return hash64(t->key, t->key_n, ((const struct store *)ctx)->hash_key[0]);
}

static uint64_t hash_of(const struct shard *s, const struct key *k)
{
    return hash64(k->bytes, k->n, s->store->hash_key[0]);
}

static size_t term_bytes(uint32_t key_n) { return offsetof(struct index_term, key) + key_n; }

bool index_speaks(const struct shard *s, enum index_kind kind, enum language l)
{
    return s->index->group[index_group((struct index_place){.kind = kind, .language = l})] > 0;
}

const struct postings *index_find(const struct shard *s, struct index_place at)
{
    struct key k = key_of(at);
    const struct index_term *t = ptable_find(&s->index->terms, hash_of(s, &k), is_key, &k);
    return t != NULL ? &t->postings : NULL;
}

struct index_term *index_term(struct shard *s, struct index_place at)
{
    struct index *x = s->index;
    struct key k = key_of(at);
    uint64_t hash = hash_of(s, &k);
    struct index_term *t = ptable_find(&x->terms, hash, is_key, &k);
    if (t != NULL) return t;
    t = pool_alloc_zero(&s->pool, term_bytes(k.n), MEM_index);
    t->key_n = (uint16_t)k.n;
    memcpy(t->key, k.bytes, k.n);
    struct ptable_env env = {s, MEM_index, rehash, s->store};
    ptable_insert(&x->terms, &env, hash, t);
    x->group[index_group(at)]++;
    return t;
}

void index_term_drop(struct shard *s, struct index_term *t)
{
    ASSERT(t->postings.count == 0);
    s->index->freed = true;
    s->index->group[(uint8_t)t->key[0]]--;
    ptable_replace(&s->index->terms, rehash(s->store, t), t, NULL);
    pool_free(&s->pool, t, term_bytes(t->key_n), MEM_index);
}

void index_put(struct shard *s, struct index_place at, uint64_t id)
{
    struct index_term *t = index_term(s, at);
    s->index->postings += postings_insert(&t->postings, &s->pool, id);
}

void index_take(struct shard *s, struct index_place at, uint64_t id)
{
    struct index *x = s->index;
    struct key k = key_of(at);
    uint64_t hash = hash_of(s, &k);
    struct index_term *t = ptable_find(&x->terms, hash, is_key, &k);
    if (t == NULL) return;
    x->postings -= postings_remove(&t->postings, &s->pool, id);
    if (t->postings.count == 0) index_term_drop(s, t);
}

// ---- what of a record is indexed ---------------------------------------------------------------

const struct index_source index_sources[INDEX_SOURCES] = {
    {ENTITY_post, INDEX_post}, {ENTITY_post, INDEX_tag}, {ENTITY_post, INDEX_place},
    {ENTITY_user, INDEX_name}, {ENTITY_user, INDEX_bio}, {ENTITY_comment, INDEX_comment},
};

static void add_text(struct index_texts *t, const char *s, uint32_t n)
{
    if (n > 0 && t->n < INDEX_TEXTS_MAX) t->text[t->n++] = (struct language_text){s, n};
}

static void post_texts(const struct post *p, enum index_kind kind, struct index_texts *out)
{
    const void *cold = post_cold(p);
    if (kind == INDEX_post) {
        add_text(out, post_caption(p), p->o.text_n);
        return;
    }
    if (kind == INDEX_place && cold != NULL) {
        const kt_Location *location = kt_PostCreate_location(kt_root_PostCreate(cold));
        fb_str name = location != NULL ? kt_Location_name(location) : (fb_str){"", 0};
        add_text(out, name.s, name.n);
    }
    if (kind != INDEX_tag) return;
    struct post_tags tags = post_tags(p);
    for (uint32_t i = 0; i < tags.n; i++) {
        fb_str tag = post_tag(&tags, i);
        add_text(out, tag.s, tag.n);
    }
}

static void user_texts(const struct user *u, enum index_kind kind, struct index_texts *out)
{
    uint32_t n, last_n;
    const char *s = user_string(u, USER_username, &n);
    if (kind == INDEX_name) {
        add_text(out, s, n);
        s = user_string(u, USER_first, &n);
        add_text(out, s, n);
        s = user_string(u, USER_last, &last_n);
        add_text(out, s, last_n);
    } else if (kind == INDEX_bio && user_cold(u) != NULL) {
        fb_str bio = kt_User_bio(kt_root_User(user_cold(u)));
        add_text(out, bio.s, bio.n);
    }
}

void index_texts(const struct object *o, enum index_kind kind, struct index_texts *out)
{
    out->n = 0;
    out->language = LANGUAGE_english;
    if (o == NULL || !object_listed(o)) return;
    if (index_words(kind)) out->language = (enum language)o->language;
    if (o->kind == ENTITY_post) {
        post_texts((const struct post *)o, kind, out);
    } else if (o->kind == ENTITY_user) {
        user_texts((const struct user *)o, kind, out);
    } else if (o->kind == ENTITY_comment && kind == INDEX_comment) {
        const struct comment *c = (const struct comment *)o;
        if (!(c->o.flags & OBJECT_TOMBSTONE)) add_text(out, c->data, c->o.text_n);
    }
}

static bool same_texts(const struct index_texts *a, const struct index_texts *b)
{
    if (a->n != b->n || (a->n > 0 && a->language != b->language)) return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->text[i].n != b->text[i].n ||
            memcmp(a->text[i].s, b->text[i].s, a->text[i].n) != 0)
            return false;
    return true;
}

static void add_trigrams(struct terms *to, const struct index_texts *texts)
{
    struct trigrams grams = {0};
    if (texts->n > 0) trigrams_add_begin(&grams, texts->text[0]);
    for (uint32_t i = 0; i < texts->n; i++) trigrams_add(&grams, texts->text[i], TRIGRAMS_WHOLE);
    for (uint32_t i = 0; i < grams.n && to->n < TERMS_MAX; i++) {
        char *at = to->text + to->bytes;
        memcpy(at, &grams.gram[i], sizeof grams.gram[i]);
        to->term[to->n++] = (struct term){at, sizeof grams.gram[i], 0};
        to->bytes += (uint32_t)sizeof grams.gram[i];
    }
}

void index_terms(const struct index_texts *texts, enum index_kind kind, struct terms *to)
{
    terms_clear(to);
    bool whole = kind == INDEX_tag || kind == INDEX_place;
    if (kind == INDEX_name) add_trigrams(to, texts);
    for (uint32_t i = 0; kind != INDEX_name && i < texts->n; i++) {
        if (whole)
            terms_add_whole(to, texts->text[i]);
        else
            terms_add(to, texts->text[i], texts->language);
    }
}

static void terms_of(const struct index_texts *texts, enum index_kind kind, struct terms *to)
{
    index_terms(texts, kind, to);
    terms_unique(to);
}

// ---- moves -------------------------------------------------------------------------------------

struct move { struct shard *s; enum index_kind kind; uint64_t id; enum language language; };

static void put(const struct move *m, const struct term *t)
{
    struct index_place at = {m->kind, {t->s, t->n}, m->language};
    index_put(m->s, at, m->id);
    if (m->kind == INDEX_tag || m->kind == INDEX_place) listed_add(m->s, at, m->id);
}

static void take(const struct move *m, const struct term *t)
{
    struct index_place at = {m->kind, {t->s, t->n}, m->language};
    index_take(m->s, at, m->id);
    if (m->kind == INDEX_tag || m->kind == INDEX_place) listed_remove(m->s, at, m->id);
}

// Both in order: what is in one alone goes or comes.
static void move_terms(const struct move *m, const struct terms *old, const struct terms *fresh)
{
    for (uint32_t i = 0, k = 0; i < old->n || k < fresh->n;) {
        int c = i == old->n ? 1 : k == fresh->n ? -1 : term_compare(&old->term[i], &fresh->term[k]);
        if (c < 0) take(m, &old->term[i]);
        if (c > 0) put(m, &fresh->term[k]);
        i += c <= 0;
        k += c >= 0;
    }
}

static void move_texts(struct move m, const struct index_texts *was, const struct index_texts *is)
{
    struct index *x = m.s->index;
    terms_of(was, m.kind, &x->old);
    terms_of(is, m.kind, &x->fresh);
    // The same letters of another language are another term.
    m.language = was->language;
    for (uint32_t i = 0; was->language != is->language && i < x->old.n; i++)
        take(&m, &x->old.term[i]);
    if (was->language != is->language) x->old.n = 0;
    m.language = is->language;
    move_terms(&m, &x->old, &x->fresh);
}

static void move_kind(struct move m, const struct object *old, const struct object *fresh)
{
    struct index_texts was, is;
    index_texts(old, m.kind, &was);
    index_texts(fresh, m.kind, &is);
    if (!same_texts(&was, &is)) move_texts(m, &was, &is);
}

static bool lives(const struct object *o)
{
    return o != NULL && object_listed(o) && !(o->flags & OBJECT_TOMBSTONE);
}

// A comment warms its post while it is there; a post that goes is hot no more.
static void warm(struct part *p, const struct object *old, const struct object *fresh)
{
    const struct object *one = fresh != NULL ? fresh : old;
    if (one->kind == ENTITY_comment && lives(old) != lives(fresh)) {
        uint64_t post = comment_post((const struct comment *)one);
        hot_moved(p, post, id_stamp(one->id), lives(fresh) ? 1 : -1);
    } else if (one->kind == ENTITY_post && !lives(fresh)) {
        hot_drop(p, one->id);
    } else if (one->kind == ENTITY_post && old != NULL && !lives(old)) {
        hot_likes(p, one->id);
        hot_comments(p, one->id);
    }
}

// Words of a text: whoever has them has one text. What is long is moved at once, since a copy of
// what it was would be kept.
static void move_words(struct move m, const struct object *old, const struct object *fresh)
{
    struct index_texts was, is;
    index_texts(old, m.kind, &was);
    index_texts(fresh, m.kind, &is);
    ASSERT(was.n <= 1);
    if (same_texts(&was, &is)) return;
    struct language_text had = was.n > 0 ? was.text[0] : (struct language_text){"", 0};
    if (had.n > INDEX_SHORT)
        move_texts(m, &was, &is);
    else
        later_add(m.s, m.id, (struct index_place){m.kind, had, was.language});
}

void index_moved(struct part *p, const struct object *old, const struct object *fresh)
{
    struct shard *s = p->shard;
    const struct object *one = fresh != NULL ? fresh : old;
    if (s->index == NULL || s->index->waiting) return;
    if (one->kind == ENTITY_post && lives(fresh)) listed_follow(s);
    bool later = later_has(s, one->id), owed = index_owes(s, one->id);
    for (unsigned i = 0; i < INDEX_SOURCES && !owed; i++) {
        struct move m = {.s = s, .kind = index_sources[i].kind, .id = one->id};
        if (one->kind != index_sources[i].of) continue;
        if (!index_words(m.kind))
            move_kind(m, old, fresh);
        else if (!later)
            move_words(m, old, fresh);
    }
    warm(p, old, fresh);
}
