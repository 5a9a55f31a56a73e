// Images taken while everything changes: loaded, they are the state at the mark, and with the rest
// of the log the state of now. And images that are anything but images.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/image.h"
#include "store/image_format.h"
#include "store/index.h"
#include "store/keys.h"
#include "store/owed.h"
#include "store/record.h"
#include "store/stream.h"
#include "tests/store/support_state.h"

enum { PARTITIONS = 16 }; // most of them

struct bytes { uint8_t *p; size_t n, capacity; };

struct taken {
    struct bytes part[PARTITIONS];
    bool ended[PARTITIONS];
    uint64_t place, stamp;
    struct store_digest digest;
    size_t log_n;                // of the log at the mark
    uint32_t refuse_after;       // pieces; 0 = all are taken
    uint32_t pieces;
};

static bool take(void *ctx, unsigned part, const void *bytes, size_t n)
{
    struct taken *t = ctx;
    struct bytes *b = &t->part[part];
    assert_in_range(part, 0, PARTITIONS - 1);
    assert_false(t->ended[part]);
    t->ended[part] = n == 0;
    if (n == 0) return true;
    if (t->refuse_after > 0 && ++t->pieces > t->refuse_after) return false;
    if (b->n + n > b->capacity) {
        b->capacity = 2 * (b->n + n);
        b->p = realloc(b->p, b->capacity);
        assert_non_null(b->p);
    }
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return true;
}

static void begin(struct world *w, struct taken *t)
{
    t->place = w->place;
    t->stamp = w->stamp;
    t->digest = world_digest(w);
    t->log_n = w->log.n;
    struct image_sink sink = {take, t};
    for (unsigned c = 0; c < w->store->cores; c++) image_begin(&w->store->shard[c], &sink);
}

static void end(struct world *w)
{
    for (unsigned c = 0; c < w->store->cores; c++) image_end(&w->store->shard[c]);
}

// Whether there is more to do on any core.
static bool step(struct world *w, size_t budget)
{
    bool more = false;
    for (unsigned c = 0; c < w->store->cores; c++) {
        int s = image_step(&w->store->shard[c], budget);
        assert_in_range(s, 0, 1);
        more |= s == 1;
    }
    return more;
}

static void discard(struct taken *t)
{
    for (unsigned i = 0; i < PARTITIONS; i++) free(t->part[i].p);
}

// One partition, in pieces cut anywhere.
static bool load_part(struct world *w, unsigned i, const struct bytes *b, struct rng *rng)
{
    struct image_loader *l = image_load_begin(&w->store->part[i]);
    size_t at = 0;
    bool ok = true;
    while (at < b->n && ok) {
        size_t n = 1 + rng_below(rng, rng_below(rng, 4) ? 300 : 20000);
        if (n > b->n - at) n = b->n - at;
        ok = image_load(l, b->p + at, n);
        at += n;
    }
    return image_load_end(l) && ok;
}

static struct world *load(const struct taken *t, const struct world_options *opt, struct rng *rng)
{
    struct world *w = world_new(opt);
    for (unsigned c = 0; c < w->store->cores; c++) index_wait(&w->store->shard[c]);
    for (unsigned i = 0; i < w->store->partitions; i++)
        assert_true(load_part(w, i, &t->part[i], rng));
    for (unsigned c = 0; c < w->store->cores; c++) {
        image_loaded(&w->store->shard[c], t->place, t->stamp);
        index_build(&w->store->shard[c]);
    }
    w->place = t->place;
    w->stamp = t->stamp;
    return w;
}

static void check_keys(const struct world *a, const struct world *b)
{
    for (unsigned i = 0; i < a->store->partitions; i++) {
        const struct part *p = &a->store->part[i], *q = &b->store->part[i];
        uint64_t n = keys_last(p) - keys_first(p);
        assert_int_equal(keys_last(q) - keys_first(q), n);
        for (uint64_t k = 0; k < n; k++)
            assert_memory_equal(keys_at(p, keys_first(p) + k), keys_at(q, keys_first(q) + k),
                                sizeof(struct key_item));
    }
}

static void check_owed(const struct world *a, const struct world *b)
{
    for (unsigned i = 0; i < a->store->partitions; i++)
        assert_int_equal(owed_count(&a->store->part[i]), owed_count(&b->store->part[i]));
}

// The image is the state at its mark: equal to a replay up to there, and the rest of the log leads
// on.
static void check_image(struct world *w, const struct taken *t, struct rng *rng, unsigned cores)
{
    struct world_options opt = {.cores = cores, .partitions = w->store->partitions};
    struct world *loaded = load(t, &opt, rng);
    struct store_digest d = world_digest(loaded);
    assert_memory_equal(&d, &t->digest, sizeof d);
    world_verify(loaded);
    for (unsigned i = 0; i < w->store->partitions; i++) assert_true(t->ended[i]);
    struct entry_log until = w->log;
    until.n = t->log_n;
    struct world *replayed = world_replay(&until, &opt);
    world_check_same(loaded, replayed);
    check_keys(loaded, replayed);
    check_owed(loaded, replayed);
    world_apply_log(loaded, &w->log, t->place);
    world_check_same(loaded, w);
    check_keys(loaded, w);
    check_owed(loaded, w);
    world_verify(loaded);
    world_settle(loaded);
    world_verify(loaded);
    world_free(replayed);
    world_free(loaded);
}

static void test_during_changes(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct chaos c = {.rng = {seed * 77}};
        // All in one partition, so that what comes last is changed while the rest is written.
        unsigned partitions = seed % 2 ? PARTITIONS : 1;
        c.w = world_new(&(struct world_options){.cores = 1 + seed % 3, .partitions = partitions});
        c.w->lazy = true;
        for (uint32_t round = 0; round < 4; round++) {
            for (uint32_t i = 0; i < 250; i++) {
                chaos_step(&c);
                for (uint32_t k = rng_below(&c.rng, 4); k > 0; k--) world_some(c.w);
            }
            struct taken t = {0};
            begin(c.w, &t);
            while (step(c.w, 1 + rng_below(&c.rng, 900))) {
                chaos_step(&c);
                world_some(c.w);
                // Keys grow old, some of them before they are written.
                if (rng_below(&c.rng, 30) == 0) c.w->now_ms += IDEMPOTENCY_MS / 3;
            }
            end(c.w);
            check_image(c.w, &t, &c.rng, 1 + rng_below(&c.rng, 4));
            discard(&t);
        }
        world_settle(c.w);
        world_verify(c.w);
        assert_true(c.w->noted > 50);
        world_free(c.w);
    }
}

static void test_empty(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2, .partitions = PARTITIONS});
    struct rng rng = {1};
    struct taken t = {0};
    begin(w, &t);
    while (step(w, 10)) {}
    end(w);
    check_image(w, &t, &rng, 3);
    discard(&t);
    world_free(w);
}

// Sets of several records, one of them changed while it is half written.
static void test_large_set(void **state)
{
    (void)state;
    enum { FANS = 11000 };
    struct chaos c = {.rng = {5}};
    struct world *w = c.w =
        world_new(&(struct world_options){.cores = 2, .partitions = PARTITIONS});
    uint64_t star = make_user(w, "star"), rows[IMPORT_EDGES_MAX][2];
    static uint64_t fan[FANS];
    char name[24];
    for (uint32_t i = 0; i < FANS; i++) {
        snprintf(name, sizeof name, "fan%u", i);
        fan[i] = make_user(w, name);
    }
    for (uint32_t i = 0; i < FANS; i += IMPORT_EDGES_MAX) {
        for (uint32_t k = 0; k < IMPORT_EDGES_MAX; k++) {
            rows[k][0] = fan[i + k];
            rows[k][1] = star;
        }
        say_edges(w, EDGE_follow, rows, IMPORT_EDGES_MAX);
    }
    for (uint32_t round = 0; round < 3; round++) {
        struct taken t = {0};
        uint32_t steps = 0;
        begin(w, &t);
        while (step(w, 5000))
            if (++steps % 97 == 0)
                say_id(w, round ? OP_unfollow : OP_follow, fan[rng_below(&c.rng, FANS)], star);
        end(w);
        check_image(w, &t, &c.rng, 1 + round);
        discard(&t);
    }
    world_free(w);
}

static void trim(struct world *w, uint64_t user, uint64_t before)
{
    fb_builder *b = world_body(w);
    kt_new_Trim t = {0};
    kt_put_Trim_owner(&t, user);
    kt_put_Trim_list(&t, LIST_notifications);
    kt_put_Trim_before(&t, before);
    world_say(w, (struct change){OP_trim, 0, kt_end_Trim(b, &t), NULL});
}

// A stream of many blocks, changed at both ends, in the middle and as a whole while it is half
// written.
static void test_large_stream(void **state)
{
    (void)state;
    enum { POSTS = 3000 };
    struct chaos c = {.rng = {8}};
    struct world *w = c.w =
        world_new(&(struct world_options){.cores = 2, .partitions = PARTITIONS});
    uint64_t star = make_user(w, "star"), fan = make_user(w, "fan");
    static uint64_t post[POSTS];
    for (uint32_t i = 0; i < POSTS; i++) {
        post[i] = say_post(w, star, "x").id;
        say_id(w, OP_like, fan, post[i]);
    }
    const struct part *p = store_part(w->store, id_slot(star));
    const struct stream *s = streams_find(p, (struct edge_at){star, LIST_notifications});
    assert_int_equal(s->unread, POSTS);
    for (uint32_t round = 0; round < 8; round++) {
        struct taken t = {0};
        uint32_t steps = 0;
        begin(w, &t);
        // Once, blocks at the front go, and those behind them, not written yet, move up.
        while (round == 1 && step(w, 20000))
            if (++steps % 3 == 0) trim(w, star, stream_skip(s, 0, 110));
        while (round != 1 && step(w, 3000)) {
            uint64_t number = stream_skip(s, 0, 1 + rng_below(&c.rng, s->count));
            uint64_t some = post[rng_below(&c.rng, POSTS)], id = id_make(number, id_slot(star));
            say_id(w, rng_below(&c.rng, 3) ? OP_unlike : OP_like, fan, some);
            say_id(w, OP_notification_read, star, id);
            if (++steps % 7 == 0) say_id(w, OP_notifications_read, star, 0);
        }
        end(w);
        check_image(w, &t, &c.rng, 1 + round % 3);
        discard(&t);
    }
    assert_true(s->count < POSTS);
    say_id(w, OP_user_delete, star, star);
    world_verify(w);
    assert_null(streams_find(p, (struct edge_at){star, LIST_notifications}));
    world_free(w);
}

// Given up and begun again, so often that the marks come round.
static void test_given_up(void **state)
{
    (void)state;
    struct chaos c = {.rng = {6}};
    c.w = world_new(&(struct world_options){.cores = 2, .partitions = PARTITIONS});
    for (uint32_t i = 0; i < 200; i++) chaos_step(&c);
    for (uint32_t i = 0; i < 512; i++) {
        struct taken t = {0};
        begin(c.w, &t);
        // Whole ones far apart, and between them some that have hardly begun.
        if (i % 255 == 0) while (step(c.w, 100000)) {}
        else if (i % 100 == 0) step(c.w, 200);
        if (i % 50 == 9) chaos_step(&c);
        end(c.w);
        if (i == 255) check_image(c.w, &t, &c.rng, 2);
        discard(&t);
    }
    struct taken t = {0};
    begin(c.w, &t);
    while (step(c.w, 300)) chaos_step(&c);
    end(c.w);
    check_image(c.w, &t, &c.rng, 2);
    discard(&t);
    // A sink that will not take any more.
    struct taken full = {.refuse_after = 3};
    begin(c.w, &full);
    int s = 1;
    for (uint32_t i = 0; i < 10000 && s == 1; i++) {
        chaos_step(&c);
        s = image_step(&c.w->store->shard[0], 1000);
    }
    assert_int_equal(s, -1);
    end(c.w);
    discard(&full);
    world_verify(c.w);
    world_free(c.w);
}

// ---- not images --------------------------------------------------------------------------------

static struct taken whole_image(struct chaos *c)
{
    struct taken t = {0};
    c->w->lazy = true;
    for (uint32_t i = 0; i < 500; i++) {
        chaos_step(c);
        if (i % 2) world_some(c->w);
    }
    begin(c->w, &t);
    while (step(c->w, 100000)) {}
    end(c->w);
    return t;
}

static void mutate(struct bytes *b, struct rng *rng)
{
    static const uint64_t odd[] = {0, 1, 7, 8, 255, 4096, UINT32_MAX, UINT64_MAX, 1ull << 63};
    uint32_t n = 1 + rng_below(rng, 3);
    for (uint32_t i = 0; i < n; i++) {
        size_t at = rng_below(rng, (uint32_t)b->n);
        uint32_t how = rng_below(rng, 4);
        if (how == 0) {
            b->p[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        } else if (how == 1) {
            size_t size = 1u << rng_below(rng, 4), to = at / 8 * 8;
            memcpy(b->p + to, &odd[rng_below(rng, 9)], size);
        } else if (how == 2 && b->n > 16) {
            size_t from = at / 8 * 8, many = 8 * (1 + rng_below(rng, 16));
            if (from + many > b->n) many = b->n - from;
            memmove(b->p + from, b->p + from + many, b->n - from - many);
            b->n -= many;
        } else if (b->n > 64) {
            size_t from = rng_below(rng, (uint32_t)b->n - 40) / 8 * 8, to = at / 8 * 8;
            if (to + 32 <= b->n) memmove(b->p + to, b->p + from, 32);
        }
        if (b->n < 64) return;
    }
}

// Makes the digests and totals say what came, so that what stands behind them is asked too.
static void forge(struct bytes *b, unsigned part, struct rng *rng)
{
    struct world *w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
    load_part(w, part, b, rng);
    const struct part *p = &w->store->part[part];
    struct image_start s;
    size_t at = sizeof(struct image_record);
    if (b->n >= at + sizeof s) {
        memcpy(&s, b->p + at, sizeof s);
        s.objects_lo = p->objects_digest.lo;
        s.objects_hi = p->objects_digest.hi;
        s.edges_lo = p->edges_digest.lo;
        s.edges_hi = p->edges_digest.hi;
        memcpy(b->p + at, &s, sizeof s);
    }
    world_free(w);
}

static void quiet(void *ctx, const char *line)
{
    (void)line;
    ++*(uint32_t *)ctx;
}

static void test_hostile(void **state)
{
    (void)state;
    struct chaos c = {.rng = {9}};
    c.w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
    struct taken t = whole_image(&c);
    uint32_t refused = 0, taken = 0, lines = 0;
    for (uint32_t i = 0; i < 1500; i++) {
        unsigned part = rng_below(&c.rng, 4) ? rng_below(&c.rng, PARTITIONS) : 0;
        struct bytes b = {malloc(t.part[part].n), t.part[part].n, 0};
        assert_non_null(b.p);
        memcpy(b.p, t.part[part].p, b.n);
        mutate(&b, &c.rng);
        if (rng_below(&c.rng, 4)) forge(&b, part, &c.rng);
        struct world *w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
        if (load_part(w, part, &b, &c.rng)) {
            // A lie that hangs together: nothing falls over it, and it is found.
            struct store_audit audit;
            store_verify(w->store, &audit, quiet, &lines);
            taken++;
        } else {
            refused++;
        }
        world_free(w);
        free(b.p);
    }
    assert_true(refused > 700);
    assert_true(taken > 0);
    discard(&t);
    world_free(c.w);
}

// Content of the first record of this kind in the image; NULL = there is none.
static uint8_t *first_of(const struct bytes *b, enum image_kind kind)
{
    struct image_record head;
    for (size_t at = 0; at < b->n; at += head.bytes) {
        memcpy(&head, b->p + at, sizeof head);
        if (head.kind == kind) return b->p + at + sizeof head;
    }
    return NULL;
}

// One bit of what only the digests at the mark can tell from the truth.
static void test_digests_are_compared(void **state)
{
    (void)state;
    struct chaos c = {.rng = {11}};
    c.w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
    struct taken t = whole_image(&c);
    unsigned edges = 0, objects = 0;
    for (unsigned i = 0; i < PARTITIONS; i++) {
        struct bytes *b = &t.part[i];
        uint8_t *lies[] = {first_of(b, IMAGE_EDGES), first_of(b, IMAGE_OBJECT)};
        // The stamp of a set's first edge; the time of an object's last change.
        if (lies[0] != NULL) lies[0] += sizeof(struct image_edges) + offsetof(struct edge, stamp);
        if (lies[1] != NULL) lies[1] += offsetof(struct record_head, word[1]);
        edges += lies[0] != NULL;
        objects += lies[1] != NULL;
        for (unsigned k = 0; k < 2; k++) {
            if (lies[k] == NULL) continue;
            *lies[k] ^= 1;
            struct world *w =
                world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
            assert_false(load_part(w, i, b, &c.rng));
            world_free(w);
            *lies[k] ^= 1;
        }
    }
    assert_true(edges > PARTITIONS / 2);
    assert_true(objects > PARTITIONS / 2);
    discard(&t);
    world_free(c.w);
}

// Every cut, and what stands behind the end.
static void test_cut(void **state)
{
    (void)state;
    struct chaos c = {.rng = {10}};
    c.w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
    struct taken t = whole_image(&c);
    struct world *w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
    struct bytes b = t.part[3];
    for (size_t n = 0; n < b.n; n += 1 + n / 40) {
        struct bytes cut = {b.p, n, 0};
        struct world *one =
            world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
        assert_false(load_part(one, 3, &cut, &c.rng));
        world_free(one);
    }
    assert_false(load_part(w, 4, &b, &c.rng));
    world_free(w);
    w = world_new(&(struct world_options){.cores = 1, .partitions = PARTITIONS});
    struct image_loader *l = image_load_begin(&w->store->part[3]);
    assert_true(image_load(l, b.p, b.n));
    assert_false(image_load(l, b.p, b.n));
    assert_false(image_load_end(l));
    discard(&t);
    world_free(w);
    world_free(c.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_during_changes), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_large_set),
        cmocka_unit_test(test_large_stream),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_hostile),        cmocka_unit_test(test_digests_are_compared),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
