// Tags and places of one core (listed.h).
#include "store/listed.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/post_tags.h"
#include "store/record.h"
#include "store/store.h"
#include "store/trigrams.h"

static uint32_t count_of(const struct listed *l)
{
    return atomic_load_explicit(&l->count, memory_order_relaxed);
}
static uint32_t recent_of(const struct listed *l)
{
    return atomic_load_explicit(&l->recent, memory_order_relaxed);
}

// ---- orders ------------------------------------------------------------------------------------

static struct term name_of(const struct listed *l)
{
    return (struct term){l->name, l->name_n, 0};
}

bool listed_before(const struct listed *a, const struct listed *b)
{
    struct term x = name_of(a), y = name_of(b);
    return term_compare(&x, &y) < 0;
}

static bool name_before(const void *a, const void *b) { return listed_before(a, b); }

static bool more_before(uint32_t a, uint32_t b, const struct listed *x, const struct listed *y)
{
    return a != b ? a > b : x->id < y->id;
}

static bool count_before(const void *a, const void *b)
{
    return more_before(count_of(a), count_of(b), a, b);
}

static bool recent_before(const void *a, const void *b)
{
    return more_before(recent_of(a), recent_of(b), a, b);
}

static struct order *names_of_kind(struct listing *l, unsigned kind)
{
    return &l->by_name[kind == INDEX_place];
}

// ---- found -------------------------------------------------------------------------------------

uint64_t listed_id(const struct store *s, enum index_kind kind, struct language_text folded)
{
    uint64_t id = hash64(folded.s, folded.n, s->hash_key[0] + (uint64_t)kind) >> 1;
    return id != 0 ? id : 1;
}

static bool is_id(const void *record, const void *key)
{
    return ((const struct listed *)record)->id == *(const uint64_t *)key;
}

static uint64_t rehash(void *ctx, const void *record)
{
    (void)ctx;
    return hash_u64(((const struct listed *)record)->id, 0);
}

const struct listed *listed_find(const struct shard *s, uint64_t id)
{
    return ptable_find(&s->listing->table, hash_u64(id, 0), is_id, &id);
}

struct listed_sum listed_sum(const struct store *s, uint64_t id)
{
    struct listed_sum sum = {0};
    for (unsigned c = 0; c < s->cores; c++) {
        const struct listed *l = listed_find(&s->shard[c], id);
        if (l == NULL) continue;
        uint64_t newest = atomic_load_explicit(&l->newest, memory_order_relaxed);
        if (newest > sum.newest) sum.newest = newest;
        sum.any = l;
        sum.count += count_of(l);
        sum.recent += recent_of(l);
    }
    return sum;
}

// ---- the window --------------------------------------------------------------------------------

enum { EXPIRE_SOME = 32 };

static void set_recent(struct shard *s, struct listed *l, uint32_t recent)
{
    struct order *o = &s->listing->by_recent;
    if (l->kind != INDEX_tag) return;
    if (recent_of(l) > 0) order_remove(o, &s->pool, recent_before, l);
    atomic_store_explicit(&l->recent, recent, memory_order_relaxed);
    if (recent > 0) order_insert(o, &s->pool, recent_before, l);
}

// One post falls out of the window.
static void expire(struct shard *s, uint64_t post)
{
    const struct object *o = record_find(store_part(s->store, id_slot(post)), post);
    if (o == NULL || o->kind != ENTITY_post || !object_listed(o) || index_owes(s, post)) return;
    struct post_tags tags = post_tags((const struct post *)o);
    struct terms *t = &s->index->other;
    terms_clear(t);
    for (uint32_t i = 0; i < tags.n; i++) {
        fb_str tag = post_tag(&tags, i);
        terms_add_whole(t, (struct language_text){tag.s, tag.n});
    }
    terms_unique(t);
    for (uint32_t i = 0; i < t->n; i++) {
        struct language_text name = {t->term[i].s, t->term[i].n};
        struct listed *l =
            (struct listed *)(uintptr_t)listed_find(s, listed_id(s->store, INDEX_tag, name));
        if (l != NULL && recent_of(l) > 0) set_recent(s, l, recent_of(l) - 1);
    }
}

static uint64_t first_id_of(uint64_t ms)
{
    return ms <= KITH_EPOCH_MS ? 0 : id_make(stamp_make(ms, 0), 0);
}

bool listed_advance(struct shard *s, uint64_t begin_ms, uint32_t most)
{
    struct listing *l = s->listing;
    const struct seq *list[] = {&s->open_posts, &s->narrow_posts};
    uint64_t floor = first_id_of(begin_ms), id[2][EXPIRE_SOME];
    for (uint32_t done = 0; l->floor < floor; done += EXPIRE_SOME) {
        if (most > 0 && done >= most) return false;
        uint64_t to = floor;
        uint32_t n[2];
        for (unsigned k = 0; k < 2; k++) {
            n[k] = seq_above(list[k], l->floor > 0 ? l->floor - 1 : 0, id[k], EXPIRE_SOME);
            if (n[k] == EXPIRE_SOME && id[k][EXPIRE_SOME - 1] < to)
                to = id[k][EXPIRE_SOME - 1] + 1;
        }
        for (unsigned k = 0; k < 2; k++)
            for (uint32_t i = 0; i < n[k] && id[k][i] < to; i++) expire(s, id[k][i]);
        l->floor = to;
    }
    return true;
}

// ---- moves -------------------------------------------------------------------------------------

enum { WINDOW_MS = 24 * 3600 * 1000 };

static void known(struct shard *s, const struct listed *l, bool add)
{
    if (l->kind != INDEX_place) return;
    struct trigrams grams = {0};
    trigrams_add(&grams, (struct language_text){l->name, l->name_n}, TRIGRAMS_WHOLE);
    for (uint32_t i = 0; i < grams.n; i++) {
        struct index_place at = {.kind = INDEX_known, .term = trigram_key(&grams.gram[i])};
        if (add)
            index_put(s, at, l->id);
        else
            index_take(s, at, l->id);
    }
}

static size_t bytes_of(uint32_t name_n) { return offsetof(struct listed, name) + name_n; }

static struct listed *born(struct shard *s, struct index_place at, uint64_t id)
{
    size_t bytes = bytes_of(at.term.n);
    struct listed *l = pool_alloc_zero(&s->pool, bytes, MEM_index);
    l->id = id;
    l->kind = (uint8_t)at.kind;
    l->name_n = (uint16_t)at.term.n;
    memcpy(l->name, at.term.s, at.term.n);
    struct ptable_env env = {s, MEM_index, rehash, NULL};
    ptable_insert(&s->listing->table, &env, hash_u64(id, 0), l);
    order_insert(names_of_kind(s->listing, at.kind), &s->pool, name_before, l);
    known(s, l, true);
    return l;
}

static void gone(struct shard *s, struct listed *l)
{
    order_remove(names_of_kind(s->listing, l->kind), &s->pool, name_before, l);
    known(s, l, false);
    ptable_replace(&s->listing->table, hash_u64(l->id, 0), l, NULL);
    struct quiet_block block = {l, bytes_of(l->name_n), MEM_index};
    quiet_retire(&s->store->quiet, &s->limbo, &s->pool, block);
}

static void set_count(struct shard *s, struct listed *l, uint32_t count)
{
    struct order *o = &s->listing->by_count;
    bool tag = l->kind == INDEX_tag;
    if (tag && count_of(l) > 0) order_remove(o, &s->pool, count_before, l);
    atomic_store_explicit(&l->count, count, memory_order_relaxed);
    if (tag && count > 0) order_insert(o, &s->pool, count_before, l);
}

void listed_follow(struct shard *s)
{
    uint64_t now = stamp_ms(s->stamp);
    if (now > WINDOW_MS) listed_advance(s, now - WINDOW_MS, EXPIRE_SOME);
}

void listed_add_all(struct shard *s, struct index_place at, struct id_list posts)
{
    uint64_t id = listed_id(s->store, at.kind, at.term);
    struct listed *l = (struct listed *)(uintptr_t)listed_find(s, id);
    if (l == NULL) l = born(s, at, id);
    set_count(s, l, count_of(l) + posts.n);
    uint32_t recent = 0;
    while (recent < posts.n && posts.id[posts.n - 1 - recent] >= s->listing->floor) recent++;
    if (recent > 0) set_recent(s, l, recent_of(l) + recent);
    uint64_t newest = posts.id[posts.n - 1];
    if (newest > l->newest) atomic_store_explicit(&l->newest, newest, memory_order_relaxed);
}

void listed_add(struct shard *s, struct index_place at, uint64_t post)
{
    listed_add_all(s, at, (struct id_list){&post, 1});
}

void listed_begin(struct shard *s)
{
    uint64_t now = stamp_ms(s->stamp);
    ASSERT(s->listing->table.live == 0);
    if (now > WINDOW_MS) s->listing->floor = first_id_of(now - WINDOW_MS);
}

void listed_remove(struct shard *s, struct index_place at, uint64_t post)
{
    uint64_t id = listed_id(s->store, at.kind, at.term);
    struct listed *l = (struct listed *)(uintptr_t)listed_find(s, id);
    ASSERT(l != NULL);
    if (post >= s->listing->floor && recent_of(l) > 0) set_recent(s, l, recent_of(l) - 1);
    set_count(s, l, count_of(l) - 1);
    if (count_of(l) == 0) {
        ASSERT(recent_of(l) == 0);
        gone(s, l);
    } else if (l->newest == post) {
        struct posting_walk *w = &s->index->walk;
        posting_walk(w, index_find(s, at));
        atomic_store_explicit(&l->newest, posting_below(w, 0), memory_order_relaxed);
    }
}

// ---- pages -------------------------------------------------------------------------------------

static void page_take(struct page *page, const struct listed *l, uint64_t stamp)
{
    if (page->n == page->want)
        page->next = page->item[page->n - 1].id;
    else
        page->item[page->n++] = (struct page_item){l->id, stamp};
}

static bool begins(const struct listed *l, struct language_text prefix)
{
    return l->name_n >= prefix.n && memcmp(l->name, prefix.s, prefix.n) == 0;
}

// A name that stands in no order, to be looked for in one.
union listed_key { struct listed l; char room[sizeof(struct listed) + TERM_MAX]; };

static const struct listed *key_of(union listed_key *k, struct language_text name)
{
    memset(k, 0, sizeof *k);
    k->l.name_n = (uint16_t)(name.n < TERM_MAX ? name.n : TERM_MAX);
    memcpy(k->room + offsetof(struct listed, name), name.s, k->l.name_n);
    return &k->l;
}

static void read_prefix(struct shard *s, const struct listed_read *what, struct page *page)
{
    union listed_key key;
    struct order_walk w;
    struct listed_sum after = what->after != 0 ? listed_sum(s->store, what->after)
                                               : (struct listed_sum){0};
    const struct listed *from = after.any;
    if (from == NULL && what->query.n > 0) from = key_of(&key, what->query);
    const struct listed *l =
        order_first(&w, names_of_kind(s->listing, what->kind), name_before, from);
    if (l != NULL && l->id == what->after) l = order_next(&w);
    for (; l != NULL && page->next == 0 && begins(l, what->query); l = order_next(&w))
        page_take(page, l, 0);
}

enum { PLACES_LOOKED_AT = 20000 };

// The first by name of those that the walk finds: kept sorted, at most one more than wanted.
static void keep_first(const struct shard *s, struct page *page, const struct listed *l)
{
    uint32_t at = page->n;
    while (at > 0 && listed_before(l, listed_find(s, page->item[at - 1].id))) at--;
    if (at == page->want) {
        page->next = 1;
        return;
    }
    if (page->n == page->want)
        page->next = 1;
    else
        page->n++;
    memmove(page->item + at + 1, page->item + at, (page->n - at - 1) * sizeof page->item[0]);
    page->item[at] = (struct page_item){l->id, 0};
}

static void read_words(struct shard *s, const struct listed_read *what, struct page *page)
{
    struct trigrams grams = {0};
    const struct listed *after = what->after != 0 ? listed_sum(s->store, what->after).any : NULL;
    trigrams_add(&grams, what->query, TRIGRAMS_PREFIXES);
    const struct postings *rarest = NULL;
    for (uint32_t i = 0; i < grams.n; i++) {
        const struct postings *p = index_find(
            s, (struct index_place){.kind = INDEX_known, .term = trigram_key(&grams.gram[i])});
        if (p == NULL) return;
        if (rarest == NULL || p->count < rarest->count) rarest = p;
    }
    struct posting_walk *w = s->scratch;
    posting_walk(w, rarest);
    uint64_t id = posting_below(w, 0);
    for (uint32_t i = 0; id != 0 && i < PLACES_LOOKED_AT; i++, id = posting_below(w, id)) {
        const struct listed *l = listed_find(s, id);
        ASSERT(l != NULL);
        if (after != NULL && !listed_before(after, l)) continue;
        if (words_begin(what->query, (struct language_text){l->name, l->name_n}))
            keep_first(s, page, l);
    }
    if (page->next != 0) page->next = page->item[page->n - 1].id;
}

void read_listed(struct shard *s, const struct listed_read *what, struct page *page)
{
    page->n = 0;
    page->next = 0;
    if (what->kind == INDEX_place)
        read_words(s, what, page);
    else
        read_prefix(s, what, page);
}

void read_listed_top(const struct shard *s, enum listed_rank rank, struct page *page)
{
    bool count = rank == LISTED_BY_COUNT;
    order_before before = count ? count_before : recent_before;
    struct order_walk w;
    struct listed key = {0};
    if (page->n > 0) {
        const struct page_item *last = &page->item[page->n - 1];
        key.id = last->id + 1;
        key.count = key.recent = (uint32_t)last->stamp;
    }
    const void *from = page->n > 0 ? &key : NULL;
    const struct listed *l = order_first(
        &w, count ? &s->listing->by_count : &s->listing->by_recent, before, from);
    page->n = 0;
    page->next = 0;
    for (; l != NULL && page->next == 0; l = order_next(&w))
        page_take(page, l, count ? count_of(l) : recent_of(l));
}
