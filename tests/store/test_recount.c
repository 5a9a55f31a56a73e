// Counters are compared with what they count while the store is used; and one that is wrong is
// found, of every kind that there is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/graph.h"
#include "store/hang.h"
#include "store/recount.h"
#include "tests/store/support_state.h"

enum { ROUND = 4096 };           // objects: more than there are

static uint64_t drifted(struct world *w)
{
    uint64_t n = 0;
    for (unsigned c = 0; c < w->store->cores; c++) {
        struct shard *s = &w->store->shard[c];
        uint64_t before = s->recount.drifted;
        shard_recount(s, ROUND);
        n += s->recount.drifted - before;
    }
    return n;
}

static uint64_t looked_at(const struct world *w)
{
    uint64_t n = 0;
    for (unsigned c = 0; c < w->store->cores; c++) n += w->store->shard[c].recount.counters;
    return n;
}

// Whatever random changes have made, cascades under way included.
static void test_FEED_16_STAT_5_never(void **state)
{
    (void)state;
    for (unsigned cores = 1; cores <= 3; cores++) {
        struct world *w = world_new(&(struct world_options){.cores = cores});
        struct chaos c = {.w = w, .rng = {77 + cores}};
        for (unsigned i = 0; i < 4000; i++) {
            chaos_step(&c);
            if (i % 200 == 0) assert_int_equal(drifted(w), 0);
        }
        assert_true(looked_at(w) > 1000);
        world_verify(w);
        world_free(w);
    }
}

// Each counter of each object, one too high, is found, and no other.
static void test_FEED_16_each_one_is_seen(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2});
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    uint64_t comment = say_comment(w, b, p, 0).id;
    assert_int_equal(say_id(w, OP_follow, b, a).error, KITH_ok);
    assert_int_equal(say_id(w, OP_like, b, p).error, KITH_ok);
    assert_int_equal(say_id(w, OP_comment_like, a, comment).error, KITH_ok);
    assert_int_equal(drifted(w), 0);
    const uint64_t ids[] = {a, b, p, comment};
    unsigned found = 0;
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct object *o = store_find(w->store, ids[i]);
        struct hanging h;
        for (unsigned n = 0; hanging_at((enum entity)o->kind, n, &h); n++) {
            struct part *part = store_part(w->store, id_slot(o->id));
            _Atomic uint32_t *counter = hanging_counter_own(part, o, h.list, 1);
            if (counter == NULL || h.list == LIST_comments) continue;
            atomic_fetch_add(counter, 1);
            assert_int_equal(drifted(w), 1);
            atomic_fetch_sub(counter, 1);
            found++;
        }
    }
    assert_true(found > 10);
    assert_int_equal(drifted(w), 0);
    world_free(w);
}

// A little at a time it comes to everything, and begins again.
static void test_FEED_16_in_small_steps(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    uint64_t a = make_user(w, "a");
    for (unsigned i = 0; i < 100; i++) say_post(w, a, "text");
    struct shard *s = &w->store->shard[0];
    uint64_t posts = 0;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t before = s->recount.counters;
        shard_recount(s, 4);
        assert_true(s->recount.counters - before <= 4 * 16); // at most so many on one object
        posts += s->recount.counters - before;
    }
    struct world *whole = w;
    uint64_t before = looked_at(whole);
    shard_recount(s, 101); // one whole round
    uint64_t round = looked_at(whole) - before;
    assert_true(posts >= 7 * round); // 800 objects of 101
    world_free(w);
}

// From its first step on a core looks at what is its own: what the others have is changing.
static void test_FEED_16_each_core_its_own(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2});
    uint64_t a;
    char name[2] = "a";
    while (id_slot(a = make_user(w, name)) % 2 != 0) name[0]++;
    struct shard *s = w->store->shard;
    shard_recount(&s[1], 1);
    assert_int_equal(s[1].recount.part % 2, 1);
    struct part *p = store_part(w->store, id_slot(a));
    _Atomic uint32_t *counter = hanging_counter_own(p, store_find(w->store, a), LIST_followers, 1);
    atomic_fetch_add(counter, 1);
    shard_recount(&s[1], ROUND);
    assert_int_equal(s[1].recount.drifted, 0);
    shard_recount(&s[0], ROUND);
    assert_int_equal(s[0].recount.drifted, 1);
    atomic_fetch_sub(counter, 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_FEED_16_STAT_5_never),
        cmocka_unit_test(test_FEED_16_each_one_is_seen),
        cmocka_unit_test(test_FEED_16_in_small_steps),
        cmocka_unit_test(test_FEED_16_each_core_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
