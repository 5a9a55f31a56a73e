// Postings, orders and walks over them against plain arrays; the index of a store that was changed
// at random against one that is built anew from its records.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "kith_fb.h"
#include "store/hot.h"
#include "store/hunt.h"
#include "store/idsort.h"
#include "store/index_parts.h"
#include "store/listed.h"
#include "store/order.h"
#include "store/record.h"
#include "store/search.h"
#include "tests/store/support_doc.h"
#include "tests/store/support_prim.h"
#include "tests/store/support_state.h"

enum { MODEL_MAX = 6000 };

struct model { uint32_t n; uint64_t id[MODEL_MAX]; }; // ascending

static uint32_t place(const struct model *m, uint64_t id)
{
    uint32_t i = 0;
    while (i < m->n && m->id[i] < id) i++;
    return i;
}

static bool model_add(struct model *m, uint64_t id)
{
    uint32_t i = place(m, id);
    if (i < m->n && m->id[i] == id) return false;
    memmove(m->id + i + 1, m->id + i, (m->n - i) * sizeof *m->id);
    m->id[i] = id;
    m->n++;
    return true;
}

static bool model_remove(struct model *m, uint64_t id)
{
    uint32_t i = place(m, id);
    if (i == m->n || m->id[i] != id) return false;
    memmove(m->id + i, m->id + i + 1, (m->n - i - 1) * sizeof *m->id);
    m->n--;
    return true;
}

static uint64_t model_below(const struct model *m, uint64_t before)
{
    uint32_t i = before == 0 ? m->n : place(m, before);
    return i > 0 ? m->id[i - 1] : 0;
}

static void same(const struct postings *p, const struct model *m)
{
    static struct posting_walk w;
    assert_int_equal(p->count, m->n);
    posting_walk(&w, p);
    uint64_t id = 0;
    for (uint32_t i = m->n; i > 0; i--) {
        id = posting_below(&w, id);
        assert_int_equal(id, m->id[i - 1]);
    }
    assert_int_equal(posting_below(&w, id != 0 ? id : 1), 0);
    for (uint32_t i = 0; i < m->n; i += 1 + m->n / 50)
        for (uint64_t d = 0; d < 3; d++)
            assert_int_equal(posting_below(&w, m->id[i] - 1 + d),
                             model_below(m, m->id[i] - 1 + d));
}

// Kinds of ids: as they come, all of one moment, spread over all that there are.
static uint64_t some_id(struct prim_random *r, unsigned kind, uint32_t i)
{
    uint32_t slot = prim_below(r, SLOTS), seq = prim_below(r, 8) == 0 ? prim_below(r, 4096) : 0;
    uint64_t ms = UINT64_C(1420070400000) + (uint64_t)i * (1 + prim_below(r, 100000));
    if (kind == 1) ms = UINT64_C(1420070400000) + prim_below(r, 3);
    if (kind == 2) return (prim_next(r) >> 1) | 1;
    return id_make(stamp_make(ms, kind == 1 ? prim_below(r, 4096) : seq), slot);
}

static void postings_are_sets(void **state)
{
    (void)state;
    static struct model m;
    struct prim *prim = prim_new(0);
    struct pool *pool = &prim->shard.pool;
    for (unsigned round = 0; round < 9; round++) {
        struct prim_random r = {round + 1};
        struct postings p = {0};
        uint32_t most = round < 3 ? 5 : round < 6 ? 300 : 5000;
        m.n = 0;
        for (uint32_t i = 0; i < 3 * most; i++) {
            uint64_t id = some_id(&r, round % 3, i);
            bool known = m.n > 0 && prim_below(&r, 3) == 0;
            if (known) id = m.id[prim_below(&r, m.n)];
            if (m.n >= most || (known && prim_below(&r, 2) == 0))
                assert_int_equal(postings_remove(&p, pool, id), model_remove(&m, id));
            else
                assert_int_equal(postings_insert(&p, pool, id), model_add(&m, id));
            if (i % (1 + most / 10) == 0) same(&p, &m);
        }
        same(&p, &m);
        while (m.n > most / 3) {
            uint64_t id = m.id[prim_below(&r, m.n)];
            assert_true(postings_remove(&p, pool, id));
            assert_true(model_remove(&m, id));
        }
        same(&p, &m);
        postings_clear(&p, pool);
        assert_int_equal(p.count, 0);
        assert_int_equal(pool->used[MEM_index], 0);
    }
    prim_free(prim);
}

static void postings_are_small(void **state)
{
    (void)state;
    struct prim *prim = prim_new(0);
    struct postings p = {0};
    struct prim_random r = {3};
    uint64_t ms = UINT64_C(1420070400000);
    for (uint32_t i = 0; i < 100000; i++) {
        ms += prim_below(&r, 60000);
        postings_insert(&p, &prim->shard.pool, id_make(stamp_make(ms, 0), prim_below(&r, SLOTS)));
    }
    assert_in_range(prim->shard.pool.used[MEM_index], 300000, 550000);
    postings_clear(&p, &prim->shard.pool);
    prim_free(prim);
}

static void hunts_find_what_is_in_all(void **state)
{
    (void)state;
    static struct model m[4];
    static struct hunt h;
    static struct posting_walk room[HUNT_LISTS];
    struct postings p[4] = {{0}};
    struct prim *prim = prim_new(0);
    struct prim_random r = {5};
    for (uint32_t i = 1; i <= 3000; i++)
        for (uint32_t k = 0; k < 4; k++)
            if (prim_below(&r, 2 + 2 * k) == 0) {
                postings_insert(&p[k], &prim->shard.pool, (uint64_t)i << 22);
                model_add(&m[k], (uint64_t)i << 22);
            }
    for (uint32_t least = 1; least <= 4; least++) {
        hunt_begin(&h, room, HUNT_LISTS);
        for (uint32_t k = 0; k < 4; k++) hunt_in(&h, &p[k]);
        uint64_t all = 0, some = 0;
        for (uint64_t i = 3000; i > 0; i--) {
            uint64_t id = i << 22;
            uint32_t in = 0;
            for (uint32_t k = 0; k < 4; k++) in += model_below(&m[k], id + 1) == id;
            if (in >= least) assert_int_equal(some = hunt_some(&h, some, least), id);
            h.steps = HUNT_STEPS;
            if (least == 1 && in == 4) assert_int_equal(all = hunt_all(&h, all), id);
            if (least == 1) assert_int_equal(hunt_has(&h, id), in == 4);
        }
        assert_int_equal(hunt_some(&h, some, least), 0);
    }
    // Stopped where the work is done, and gone on from there, it is the same.
    uint64_t id = 0, from = 0;
    uint32_t found = 0, turns = 0;
    do {
        hunt_begin(&h, room, HUNT_LISTS);
        h.steps = HUNT_LISTS + 50;
        for (uint32_t k = 0; k < 4; k++) hunt_in(&h, &p[k]);
        for (id = hunt_all(&h, from); id != 0; id = hunt_all(&h, id)) {
            found++;
            from = id;
        }
        from = h.stopped + 1;
        turns++;
    } while (h.stopped != 0);
    uint32_t want = 0;
    for (uint32_t i = 0; i < m[0].n; i++) {
        uint32_t in = 0;
        for (uint32_t k = 0; k < 4; k++) in += model_below(&m[k], m[0].id[i] + 1) == m[0].id[i];
        want += in == 4;
    }
    assert_int_equal(found, want);
    assert_true(turns > 3);
    for (uint32_t k = 0; k < 4; k++) postings_clear(&p[k], &prim->shard.pool);
    prim_free(prim);
}

static bool less(const void *a, const void *b)
{
    return *(const uint64_t *)a < *(const uint64_t *)b;
}

static void orders_are_sorted(void **state)
{
    (void)state;
    static struct model m;
    static uint64_t value[MODEL_MAX];
    struct prim *prim = prim_new(0);
    struct order o = {0};
    struct order_walk w;
    struct prim_random r = {8};
    m.n = 0;
    for (uint32_t i = 0; i < MODEL_MAX; i++) {
        value[i] = i < 1000 ? i + 1 : (prim_next(&r) >> 1) + 2000;
        if (!model_add(&m, value[i])) continue;
        order_insert(&o, &prim->shard.pool, less, &value[i]);
        if (prim_below(&r, 3) > 0) continue;
        uint32_t k = prim_below(&r, i + 1);
        if (!model_remove(&m, value[k])) continue;
        order_remove(&o, &prim->shard.pool, less, &value[k]);
        value[k] = 0;
    }
    for (uint32_t from = 0; from < m.n; from += 97) {
        uint64_t key = m.id[from] - (from % 2);
        const uint64_t *at = order_first(&w, &o, less, from > 0 ? &key : NULL);
        uint32_t i = from > 0 ? place(&m, key) : 0;
        for (; at != NULL; at = order_next(&w)) assert_int_equal(*at, m.id[i++]);
        assert_int_equal(i, m.n);
    }
    order_clear(&o, &prim->shard.pool);
    assert_int_equal(prim->shard.pool.used[MEM_index], 0);
    prim_free(prim);
}

// In batches that lie anywhere among those that are there, down to the last one.
static void postings_are_merged(void **state)
{
    (void)state;
    static struct model m, all;
    enum { PARTS = 9 };
    static uint64_t some[MODEL_MAX];
    struct prim *prim = prim_new(0);
    struct pool *pool = &prim->shard.pool;
    for (unsigned round = 0; round < 60; round++) {
        struct prim_random r = {round + 1};
        struct postings p = {0};
        static uint8_t batch[MODEL_MAX];
        uint32_t n = 1 + prim_below(&r, round < 20 ? 12 : round < 40 ? 700 : 4000);
        m.n = all.n = 0;
        for (uint32_t i = 0; i < n; i++) model_add(&all, some_id(&r, round % 3, i));
        for (uint32_t i = 0; i < all.n; i++)
            batch[i] = (uint8_t)prim_below(&r, 1 + prim_below(&r, PARTS));
        for (unsigned b = PARTS; b-- > 0;) {
            uint32_t k = 0;
            for (uint32_t i = 0; i < all.n; i++)
                if (batch[i] == b) some[k++] = all.id[i];
            for (uint32_t i = 0; i < k; i++) model_add(&m, some[i]);
            postings_add(&p, pool, (struct id_list){some, k});
            same(&p, &m);
        }
        while (m.n > 0) {
            uint64_t id = m.id[prim_below(&r, m.n)];
            assert_true(postings_remove(&p, pool, id));
            model_remove(&m, id);
            if (m.n % 97 == 0) same(&p, &m);
        }
        assert_int_equal(pool->used[MEM_index], 0);
    }
    prim_free(prim);
}

// In batches of any size, then one by one: as if each had come alone.
static void postings_are_appended(void **state)
{
    (void)state;
    static struct model m;
    static uint64_t id[MODEL_MAX], spare[MODEL_MAX];
    struct prim *prim = prim_new(0);
    struct pool *pool = &prim->shard.pool;
    for (unsigned round = 0; round < 30; round++) {
        struct prim_random r = {round + 1};
        struct postings p = {0}, alone = {0};
        uint32_t n = 1 + prim_below(&r, round < 10 ? 4 : round < 20 ? 400 : 4000), ids = 0;
        for (uint32_t i = 0; i < n; i++) id[i] = some_id(&r, round % 3, i);
        idsort(id, spare, n);
        for (uint32_t i = 0; i < n; i++)
            if (ids == 0 || id[ids - 1] != id[i]) id[ids++] = id[i];
        for (uint32_t at = 0, some; at < ids; at += some) {
            some = prim_below(&r, prim_below(&r, 2) ? 4 : 700);
            if (some > ids - at) some = ids - at;
            postings_add(&p, pool, (struct id_list){id + at, some});
        }
        uint64_t used = pool->used[MEM_index];
        m.n = 0;
        for (uint32_t i = 0; i < ids; i++) {
            model_add(&m, id[i]);
            assert_true(postings_insert(&alone, pool, id[i]));
        }
        assert_true(used <= pool->used[MEM_index] - used);
        same(&p, &m);
        for (uint32_t i = 0; i < 300; i++) {
            uint64_t more = prim_below(&r, 3) > 0 ? some_id(&r, round % 3, n + i)
                                                  : id[prim_below(&r, ids)];
            if (prim_below(&r, 2) == 0)
                assert_int_equal(postings_remove(&p, pool, more), model_remove(&m, more));
            else
                assert_int_equal(postings_insert(&p, pool, more), model_add(&m, more));
        }
        same(&p, &m);
        postings_clear(&p, pool);
        postings_clear(&alone, pool);
        assert_int_equal(pool->used[MEM_index], 0);
    }
    prim_free(prim);
}

// ---- the whole ---------------------------------------------------------------------------------

static uint64_t count_orders(const struct order *o, uint64_t (*number)(const void *))
{
    struct order_walk w;
    uint64_t sum = 0, i = 0;
    const void *at = order_first(&w, o, less, NULL);
    for (; at != NULL; at = order_next(&w)) sum += number(at) * ++i;
    return sum;
}

static uint64_t listed_number(const void *l) { return ((const struct listed *)l)->id; }
static uint64_t hot_number(const void *p) { return *(const uint64_t *)p; }

struct both { const struct shard *other; struct posting_walk a, b; };

static bool same_term(void *ctx, void *record)
{
    struct both *both = ctx;
    const struct index_term *t = record;
    struct index_place at = {(enum index_kind)(t->key[0] & INDEX_KIND_MASK),
                             {t->key + 1, t->key_n - 1u},
                             (enum language)((uint8_t)t->key[0] >> INDEX_KIND_BITS)};
    const struct postings *p = index_find(both->other, at);
    assert_non_null(p);
    assert_int_equal(p->count, t->postings.count);
    posting_walk(&both->a, &t->postings);
    posting_walk(&both->b, p);
    uint64_t x = 0;
    do {
        uint64_t before = x;
        x = posting_below(&both->a, before);
        assert_int_equal(x, posting_below(&both->b, before));
    } while (x != 0);
    return true;
}

// A number for all that an index has; scans of different stores give the same where they agree.
static void same_index(struct world *a, struct world *b)
{
    struct shard *s = &a->store->shard[0], *t = &b->store->shard[0];
    index_settle(s);
    index_settle(t);
    assert_int_equal(s->index->postings, t->index->postings);
    assert_int_equal(s->index->terms.live, t->index->terms.live);
    static struct both both;
    both.other = t;
    uint64_t at = 0;
    assert_true(ptable_walk(&s->index->terms, &at, same_term, &both));
    assert_int_equal(s->listing->table.live, t->listing->table.live);
    assert_int_equal(count_orders(&s->listing->by_count, listed_number),
                     count_orders(&t->listing->by_count, listed_number));
    assert_int_equal(count_orders(&s->listing->by_name[0], listed_number),
                     count_orders(&t->listing->by_name[0], listed_number));
    assert_int_equal(count_orders(&s->hot->ranked.order, hot_number),
                     count_orders(&t->hot->ranked.order, hot_number));
    static const char *const words[] = {"a", "post", "comment", "u1",
                                        "text", "tag", "user", "hello"};
    for (unsigned kind = SEARCH_posts; kind <= SEARCH_users; kind++)
        for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
            struct page x = {.want = PAGE_MAX}, y = {.want = PAGE_MAX};
            struct search_read read = {(enum search_kind)kind,
                                       {words[i], (uint32_t)strlen(words[i])}, 0, 0};
            read_search(s, &read, &x);
            read_search(t, &read, &y);
            assert_int_equal(x.n, y.n);
            assert_memory_equal(x.item, y.item, x.n * sizeof x.item[0]);
        }
}

// What the index takes, without what is only waiting to be freed.
static uint64_t index_bytes(struct shard *s)
{
    while (s->limbo.items > 0) {
        quiet_point(&s->store->quiet, s->core);
        shard_tidy(s);
    }
    return s->pool.used[MEM_index];
}

// All of it thrown away, as after loading a snapshot.
static struct shard *throw_away(struct world *w)
{
    struct shard *s = &w->store->shard[0];
    memset(s->index, 0, sizeof *s->index);
    memset(s->listing, 0, sizeof *s->listing);
    memset(s->hot, 0, sizeof *s->hot);
    index_wait(s);
    return s;
}

// And made anew from the records.
static void build_anew(struct world *w)
{
    index_build(throw_away(w));
}

static void what_is_moved_is_what_is_built(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct world_options opt = {.fanout_max = 5};
        struct chaos c = {.w = world_new(&opt), .rng = {seed}};
        for (unsigned i = 0; i < 1500; i++) chaos_step(&c);
        world_settle(c.w);
        index_settle(&c.w->store->shard[0]);
        assert_true(c.w->store->shard[0].index->postings > 20);
        struct world *again = world_replay(&c.w->log, &opt);
        same_index(c.w, again);
        build_anew(again);
        same_index(c.w, again);
        world_free(again);
        world_free(c.w);
    }
}

// After a start changes come before all is indexed that was there.
static void changes_go_on_while_it_is_made(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct world_options opt = {.fanout_max = 5};
        struct chaos c = {.w = world_new(&opt), .rng = {seed}};
        for (unsigned i = 0; i < 1000; i++) chaos_step(&c);
        struct shard *s = throw_away(c.w);
        index_begin(s);
        assert_int_equal(atomic_load(&c.w->store->unindexed), 1);
        unsigned slices = 0;
        for (; index_some(s, 1); slices++)
            for (unsigned i = 0; i < 12; i++) chaos_step(&c);
        assert_true(slices > 20);
        assert_int_equal(atomic_load(&c.w->store->unindexed), 0);
        world_settle(c.w);
        index_settle(s);
        struct world *again = world_replay(&c.w->log, &opt);
        index_settle(&again->store->shard[0]);
        same_index(c.w, again);
        same_index(again, c.w);
        world_free(again);
        world_free(c.w);
    }
}

// Between two searches as little as one post, or one that changes or goes before it is looked for.
static void what_is_new_is_found(void **state)
{
    (void)state;
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    struct shard *s = &w->store->shard[0];
    uint64_t author = make_user(w, "author"), id[3];
    for (unsigned i = 0; i < 3; i++) {
        id[i] = say_post(w, author, "yellow submarine").id;
        struct search_read read = {SEARCH_posts, {"submarines", 10}, 0, 0};
        struct page page = {.want = PAGE_MAX};
        if (i < 2) assert_int_equal(say_id(w, OP_post_delete, author, id[i]).error, KITH_ok);
        read_search(s, &read, &page);
        assert_int_equal(page.n, i < 2 ? 0 : 1);
    }
    struct page page = {.want = PAGE_MAX};
    read_term(s, &(struct term_read){INDEX_post, {"yellow", 6}, 0}, &page);
    assert_int_equal(page.n, 1);
    assert_int_equal(page.item[0].id, id[2]);
    world_free(w);
}

static unsigned said(struct world *w, const char *word)
{
    struct search_read read = {SEARCH_posts, {word, (uint32_t)strlen(word)}, 0, 0};
    struct page page = {.want = PAGE_MAX};
    read_search(&w->store->shard[0], &read, &page);
    return page.n;
}

static void say_anew(struct world *w, uint64_t author, uint64_t post, const char *caption)
{
    fb_builder *b = world_body(w);
    kt_new_PostUpdate u = {0};
    kt_put_PostUpdate_post_id(&u, post);
    kt_put_PostUpdate_caption(&u, fb_cstring(b, caption));
    fb_ref body = kt_end_PostUpdate(b, &u);
    struct outcome o = world_say(w, (struct change){OP_post_update, author, body, NULL});
    assert_int_equal(o.error, KITH_ok);
}

// Nobody searches between two edits, nor between an edit and the end; what is said last counts.
static void what_was_edited_is_found(void **state)
{
    (void)state;
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    struct shard *s = &w->store->shard[0];
    uint64_t author = make_user(w, "author"), id[3];
    for (unsigned i = 0; i < 3; i++) id[i] = say_post(w, author, "a yellow submarine").id;
    assert_int_equal(said(w, "yellow"), 3);
    uint64_t terms = s->index->terms.live, postings = s->index->postings;
    for (unsigned i = 0; i < 3; i++) {
        say_anew(w, author, id[i], "a green submarine");
        say_anew(w, author, id[i], "a red submarine, red");
    }
    say_anew(w, author, id[1], "a yellow submarine");
    assert_int_equal(say_id(w, OP_post_delete, author, id[2]).error, KITH_ok);
    assert_int_equal(said(w, "yellow"), 1);
    assert_int_equal(said(w, "green"), 0);
    assert_int_equal(said(w, "red"), 1);
    assert_int_equal(said(w, "submarine"), 2);
    assert_int_equal(s->index->terms.live, terms + 1);
    say_anew(w, author, id[0], "a yellow submarine");
    assert_int_equal(said(w, "red"), 0);
    assert_int_equal(s->index->terms.live, terms);
    assert_int_equal(s->index->postings, postings - 2); // words of id[2]
    struct world *again = world_replay(&w->log, &opt);
    build_anew(again);
    same_index(w, again);
    same_index(again, w);
    world_free(again);
    world_free(w);
}

// A word of some script and length; the first ones are common.
static uint32_t some_word(struct prim_random *r, char *to)
{
    static const char *const syllable[] = {
        "ka", "Ro", "ёл", "ing", "ies", "\u00c9t", "7", "\u6f22", "nat", "Mo", "ation", "e\u0301",
        "ly", "x", "St", "u"};
    uint32_t number = prim_below(r, prim_below(r, 3) ? 400 : 1000000), n = 0;
    for (uint32_t rest = number + 1; rest > 0; rest /= 16) {
        const char *s = syllable[rest % 16];
        memcpy(to + n, s, strlen(s));
        n += (uint32_t)strlen(s);
    }
    return n;
}

// More words than a batch has room for, words and texts that are longer than most, tags, names.
static void many_are_built_in_batches(void **state)
{
    (void)state;
    enum { POSTS = 6000, TEXT = 4900 };
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    struct prim_random r = {3};
    char text[TEXT + 64];
    uint64_t author[8];
    for (unsigned i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "writer%u_of_much", i);
        author[i] = make_user(w, text);
        static const char *const tag[] = {"en", "de", "fr", "xx"};
        struct doc_words settings = {.owner = author[i], .text = tag[i % 4]};
        say_doc(w, OP_settings_change, author[i], settings);
    }
    for (uint32_t i = 0; i < POSTS; i++) {
        // A word that a text begins and ends with is one of it all the same.
        uint32_t n = (uint32_t)sprintf(text, "ends "), most = i % 500 == 0 ? TEXT : 700;
        for (uint32_t words = 0; n + 64 < most && words < (i % 500 == 0 ? TEXT : 60); words++) {
            if (prim_below(&r, 40) == 0) text[n++] = '#';
            n += some_word(&r, text + n);
            text[n++] = ' ';
        }
        strcpy(text + n, "ends");
        assert_int_equal(say_post(w, author[i % 8], text).error, KITH_ok);
    }
    struct shard *s = &w->store->shard[0];
    index_settle(s);
    assert_true(s->index->postings > 300000);
    struct world *again = world_replay(&w->log, &opt);
    index_settle(&again->store->shard[0]);
    uint64_t moved = index_bytes(&again->store->shard[0]);
    build_anew(again);
    same_index(w, again);
    same_index(again, w);
    // What was thrown away is still counted.
    assert_true(index_bytes(&again->store->shard[0]) - moved <= moved);
    world_free(again);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postings_are_sets),     cmocka_unit_test(postings_are_small),
        cmocka_unit_test(postings_are_appended), cmocka_unit_test(postings_are_merged),
        cmocka_unit_test(what_was_edited_is_found),
        cmocka_unit_test(many_are_built_in_batches),
        cmocka_unit_test(hunts_find_what_is_in_all), cmocka_unit_test(orders_are_sorted),
        cmocka_unit_test(what_is_moved_is_what_is_built),
        cmocka_unit_test(changes_go_on_while_it_is_made), cmocka_unit_test(what_is_new_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
