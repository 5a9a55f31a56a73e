// Reactions: one of a user to a post, counted by type; and ends that hear of each other too late.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "tests/store/support_state.h"

static struct outcome react(struct world *w, uint64_t user, uint64_t post, kt_Reaction type)
{
    fb_builder *b = world_body(w);
    kt_new_React r = {0};
    kt_put_React_post_id(&r, post);
    kt_put_React_reaction_type(&r, type);
    return world_say(w, (struct change){OP_react, user, kt_end_React(b, &r), NULL});
}

static uint32_t end(const struct world *w, uint64_t owner, enum list_kind list)
{
    return edges_count(store_part(w->store, id_slot(owner)), (struct edge_at){owner, list});
}

static void test_one_of_a_user(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2});
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    assert_int_not_equal(id_slot(a), id_slot(b));
    for (unsigned i = 0; i < 2; i++) {
        uint64_t by = i > 0 ? a : b; // of another slot, and of the post's
        assert_int_equal(react(w, by, p, kt_Reaction_love).changed, 1);
        assert_int_equal(react(w, by, p, kt_Reaction_love).changed, 0);
        assert_int_equal(post_rare(store_post(w->store, p))->reacted[0], 1);
        assert_int_equal(react(w, by, p, kt_Reaction_angry).changed, 1);
        assert_int_equal(post_rare(store_post(w->store, p))->reacted[0], 0);
        assert_int_equal(post_rare(store_post(w->store, p))->reacted[4], 1);
        assert_int_equal(say_id(w, OP_like, by, p).count, 1);
        assert_int_equal(post_rare(store_post(w->store, p))->reacted[4], 0);
        assert_int_equal(end(w, by, LIST_reacted), 0);
        assert_int_equal(react(w, by, p, kt_Reaction_wow).error, KITH_ok);
        assert_int_equal(store_post(w->store, p)->likes, 0);
        assert_int_equal(end(w, by, LIST_liked), 0);
        assert_int_equal(end(w, by, LIST_reacted), 1);
        assert_int_equal(say_id(w, OP_unreact, by, p).changed, 1);
        assert_int_equal(say_id(w, OP_unreact, by, p).changed, 0);
        assert_int_equal(end(w, by, LIST_reacted), 0);
        assert_int_equal(react(w, by, p, kt_Reaction_none).error, KITH_invalid_field);
        assert_int_equal(react(w, by, p, kt_Reaction_like).error, KITH_invalid_field);
    }
    assert_int_equal(react(w, a, 4711, kt_Reaction_wow).error, KITH_not_found);
    assert_int_equal(react(w, 0, p, kt_Reaction_wow).error, KITH_forbidden);
    world_verify(w);
    world_free(w);
}

// What the user's end is told of is not at the post any more: the cascade of the post was faster.
static void test_told_too_late(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2});
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    fb_builder *f = world_body(w);
    kt_new_Reacted r = {0};
    kt_put_Reacted_user_id(&r, b);
    kt_put_Reacted_post_id(&r, p);
    kt_put_Reacted_stamp(&r, id_stamp(p) << TYPE_BITS | 1);
    world_say(w, (struct change){OP_reacted, 0, kt_end_Reacted(f, &r), NULL});
    assert_int_equal(end(w, b, LIST_reacted), 0);
    kt_new_Relisted x = {0};
    kt_put_Relisted_owner(&x, p);
    kt_put_Relisted_list(&x, LIST_post_replies);
    kt_put_Relisted_item(&x, say_post(w, b, "no answer").id);
    f = world_body(w);
    kt_put_Relisted_stamp(&x, id_stamp(p));
    world_say(w, (struct change){OP_relisted, 0, kt_end_Relisted(f, &x), NULL});
    assert_int_equal(end(w, p, LIST_post_replies), 0);
    assert_int_equal(post_rare(store_post(w->store, p))->replies, 0);
    world_verify(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_a_user),
        cmocka_unit_test(test_told_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
