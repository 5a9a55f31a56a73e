// The comparison of feeds with their definition: it agrees with what random changes make, whatever
// the bound of the fan-out, and sees what is wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/graph.h"
#include "store/timeline.h"
#include "store/verify_feeds.h"
#include "tests/store/support_state.h"

static unsigned found;
static const char *what_was_found;

static void note(void *ctx, const char *what, uint64_t reader, uint64_t post)
{
    (void)ctx;
    (void)reader;
    (void)post;
    found++;
    what_was_found = what;
}

static uint64_t compare(struct world *w)
{
    found = 0;
    what_was_found = "";
    return verify_feeds(w->store, &(struct feeds_asked){1000, note, NULL});
}

static void read_a_feed(struct world *w, uint64_t reader)
{
    struct shard *s = store_part(w->store, id_slot(reader))->shard;
    struct page page = {.want = 20};
    read_feed(s, (struct feed_read){reader, 0, w->place, false}, &page);
}

static void test_FEED_21_random(void **state)
{
    (void)state;
    for (unsigned bound = 0; bound < 3; bound++) {
        const struct world_options o = {.cores = 2, .fanout_max = bound == 2 ? 1000 : 2 * bound};
        struct world *w = world_new(&o);
        struct chaos c = {.w = w, .rng = {bound * 99 + 5}};
        uint64_t compared = 0;
        for (unsigned i = 0; i < 4000; i++) {
            chaos_step(&c);
            uint64_t reader = i % 3 == 0 ? chaos_any(&c, CHAOS_USER) : 0;
            if (reader != 0 && store_user(w->store, reader) != NULL) read_a_feed(w, reader);
            if (i % 100 != 0) continue;
            compared += compare(w);
            if (found > 0) print_message("%s\n", what_was_found);
            assert_int_equal(found, 0);
        }
        assert_true(compared > 100);
        world_free(w);
    }
}

static void test_FEED_21_what_is_wrong_is_seen(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1, .fanout_max = 1000});
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), c = make_user(w, "c"), post[3];
    say_id(w, OP_follow, b, a);
    read_a_feed(w, b);
    for (unsigned i = 0; i < 3; i++) post[i] = say_post(w, a, "text").id;
    uint64_t foreign = say_post(w, c, "not for b").id;
    assert_int_equal(say_id(w, OP_follow, c, a).error, KITH_ok);
    assert_int_equal(say_id(w, OP_mute, c, a).error, KITH_ok);
    assert_int_equal(compare(w), 3);
    assert_int_equal(found, 0);
    struct shard *s = &w->store->shard[0];
    // A timeline without one of the posts; with one of somebody else.
    timeline_put(s, b, (struct timeline_fill){(uint64_t[]){post[2], post[0]}, 2, 0});
    compare(w);
    assert_int_equal(found, 1);
    assert_string_equal(what_was_found, "post that a timeline lacks");
    uint64_t wrong[] = {foreign, post[2], post[1], post[0]};
    timeline_put(s, b, (struct timeline_fill){wrong, 4, 0});
    compare(w);
    assert_int_equal(found, 1);
    assert_string_equal(what_was_found, "post that a timeline should not have");
    timeline_drop(s, b);
    compare(w);
    assert_int_equal(found, 0);
    // What hangs on the author says something else than the list of the posts.
    const struct user *author = store_user(w->store, a);
    struct recent *recent = author->recent;
    recent->id[1] ^= SLOTS;
    compare(w);
    recent->id[1] ^= SLOTS;
    assert_int_equal(found, 1);
    assert_string_equal(what_was_found, "feed merged of its authors");
    world_verify(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_FEED_21_random),
        cmocka_unit_test(test_FEED_21_what_is_wrong_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
