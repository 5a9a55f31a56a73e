// What a moderator removes: kept, given back by a moderator alone, erased in its time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/ops.h"
#include "kith_fb.h"
#include "store/bin.h"
#include "store/names.h"
#include "store/sees.h"
#include "tests/store/support_state.h"

static struct world *fresh(void)
{
    return world_new(&(struct world_options){.cores = 2, .fanout_max = 100});
}

static void done(struct world *w)
{
    world_verify(w);
    struct world *again = world_replay(&w->log, &(struct world_options){.cores = 3});
    world_check_same(w, again);
    world_verify(again);
    world_free(again);
    world_free(w);
}

static struct outcome say_erase(struct world *w, uint64_t id, uint64_t deleted_at)
{
    fb_builder *b = world_body(w);
    kt_new_Erase e = {0};
    kt_put_Erase_object_id(&e, id);
    kt_put_Erase_deleted_at(&e, deleted_at);
    return world_say(w, (struct change){OP_erase, 0, kt_end_Erase(b, &e), NULL});
}

// A comment's table has the same shape.
static struct outcome say_remove(struct world *w, enum op op, uint64_t id)
{
    fb_builder *b = world_body(w);
    kt_new_PostRemove r = {0};
    kt_put_PostRemove_post_id(&r, id);
    kt_put_PostRemove_reason(&r, fb_cstring(b, "rule 7"));
    return world_say(w, (struct change){op, 0, kt_end_PostRemove(b, &r), NULL});
}

static bool seen(const struct world *w, uint64_t comment)
{
    struct eye eye;
    eye_open(&eye, &(struct view){w->store, NULL, 0});
    return sees_comment_id(&eye, comment) != NULL;
}

static void test_post(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    say_id(w, OP_like, b, p);
    assert_int_equal(say_remove(w, OP_post_remove, p).error, KITH_ok);
    assert_null(store_post(w->store, p));
    assert_int_equal(store_user(w->store, a)->posts, 0);
    assert_int_equal(say_remove(w, OP_post_remove, p).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_post_restore, a, p).error, KITH_not_found);
    world_verify(w);
    assert_int_equal(say_id(w, OP_post_reinstate, b, p).changed, 1);
    assert_int_equal(say_id(w, OP_post_reinstate, b, p).changed, 0);
    assert_int_equal(say_id(w, OP_post_reinstate, b, p).error, KITH_ok);
    assert_int_equal(store_post(w->store, p)->likes, 1);
    // What its author deleted is his.
    say_id(w, OP_post_delete, a, p);
    assert_int_equal(say_id(w, OP_post_reinstate, b, p).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_post_restore, a, p).error, KITH_ok);
    done(w);
}

static void test_comment(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    uint64_t c = say_comment(w, b, p, 0).id, reply = say_comment(w, a, p, c).id;
    assert_int_equal(say_remove(w, OP_comment_remove, c).error, KITH_ok);
    assert_int_equal(store_post(w->store, p)->comments, 1);
    assert_true(seen(w, c)); // as a placeholder, for it is answered
    assert_int_equal(say_id(w, OP_comment_delete, b, c).error, KITH_not_found);
    world_verify(w);
    // Its last answer goes: it is shown no more, but kept.
    assert_int_equal(say_id(w, OP_comment_delete, a, reply).error, KITH_ok);
    assert_false(seen(w, c));
    assert_non_null(store_find(w->store, c));
    world_verify(w);
    assert_int_equal(say_id(w, OP_comment_reinstate, 0, c).changed, 1);
    assert_int_equal(say_id(w, OP_comment_reinstate, 0, c).changed, 0);
    assert_true(seen(w, c));
    assert_int_equal(store_comment(w->store, c)->author, b);
    assert_true(store_comment(w->store, c)->o.text_n > 0);
    assert_int_equal(store_post(w->store, p)->comments, 1);
    done(w);
}

static void test_erased(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), p = say_post(w, a, "text").id;
    uint64_t c = say_comment(w, a, p, 0).id, asked = say_comment(w, a, p, 0).id;
    say_comment(w, a, p, asked);
    assert_int_equal(say_erase(w, c, 0).changed, 0);
    say_remove(w, OP_comment_remove, c);
    say_remove(w, OP_comment_remove, asked);
    uint64_t then = bin_deleted_ms(store_find(w->store, c));
    assert_int_equal(then, w->now_ms);
    // It was given back and removed again while the erasure was on its way.
    w->now_ms += 5000;
    say_id(w, OP_comment_reinstate, 0, c);
    assert_int_equal(say_erase(w, c, then).changed, 0);
    say_remove(w, OP_comment_remove, c);
    assert_int_equal(say_erase(w, c, then).changed, 0);
    assert_int_equal(say_erase(w, c, w->now_ms).changed, 1);
    assert_null(store_find(w->store, c));
    // One that is answered leaves a placeholder without words, that nobody gives back.
    assert_int_equal(say_erase(w, asked, then).changed, 1);
    assert_int_equal(store_comment(w->store, asked)->o.text_n, 0);
    assert_int_equal(store_comment(w->store, asked)->author, 0);
    assert_int_equal(say_id(w, OP_comment_reinstate, 0, asked).error, KITH_not_found);
    done(w);
}

static void test_prints(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "Jane");
    struct name name = {NAME_username, "jANE", 4}, mail = {NAME_email, "jANE", 4};
    struct name_print print = names_print(w->store, name);
    assert_int_equal(names_find_print(w->store, print), a);
    assert_int_equal(names_find_print(w->store, names_print(w->store, mail)), 0);
    print.again++;
    assert_int_equal(names_find_print(w->store, print), 0);
    done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_comment),
        cmocka_unit_test(test_erased),
        cmocka_unit_test(test_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
