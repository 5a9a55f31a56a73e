// Deleted posts: kept, restored, overdue, erased.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/ops.h"
#include "kith_fb.h"
#include "store/bin.h"
#include "store/doc.h"
#include "store/stream.h"
#include "tests/store/support_doc.h"
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

static const struct post *record(const struct world *w, uint64_t id)
{
    return (const struct post *)store_find(w->store, id);
}

static struct outcome say_erase(struct world *w, uint64_t post, uint64_t deleted_at)
{
    fb_builder *b = world_body(w);
    kt_new_Erase e = {0};
    kt_put_Erase_object_id(&e, post);
    kt_put_Erase_deleted_at(&e, deleted_at);
    return world_say(w, (struct change){OP_erase, 0, kt_end_Erase(b, &e), NULL});
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    uint64_t edited = store_post(w->store, p)->updated_ms;
    assert_int_equal(say_id(w, OP_like, b, p).count, 1);
    assert_int_equal(post_deleted_ms(record(w, p)), 0);
    w->now_ms += 1000;
    assert_int_equal(say_id(w, OP_post_delete, a, p).error, KITH_ok);
    assert_null(store_post(w->store, p));
    assert_int_equal(post_deleted_ms(record(w, p)), w->now_ms);
    assert_int_equal(record(w, p)->likes, 1);
    assert_int_equal(store_user(w->store, a)->posts, 0);
    assert_int_equal(say_id(w, OP_post_delete, a, p).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_like, b, p).error, KITH_not_found);
    assert_int_equal(say_id(w, OP_post_restore, b, p).error, KITH_not_found);
    world_verify(w);
    assert_int_equal(say_id(w, OP_post_restore, a, p).changed, 1);
    assert_int_equal(say_id(w, OP_post_restore, a, p).changed, 0);
    assert_int_equal(say_id(w, OP_post_restore, b, p).error, KITH_forbidden);
    assert_int_equal(store_post(w->store, p)->likes, 1);
    assert_int_equal(store_post(w->store, p)->updated_ms, edited);
    assert_int_equal(store_user(w->store, a)->posts, 1);
    done(w);
}

static uint32_t unread(const struct world *w, uint64_t user)
{
    const struct part *p = store_part(w->store, id_slot(user));
    const struct stream *s = streams_find(p, (struct edge_at){user, LIST_notifications});
    return s != NULL ? s->unread : 0;
}

static uint32_t kept(const struct world *w, uint64_t collection)
{
    return store_doc(w->store, collection, ENTITY_collection)->count;
}

// More than one step can settle: likes, comments, replies and collections of one post.
enum { READERS = 150 };

static void test_settles_in_steps(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), p = say_post(w, a, "text").id, in[READERS], who[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%u", i);
        who[i] = make_user(w, name);
        say_id(w, OP_like, who[i], p);
        say_comment(w, who[i], p, 0);
        struct doc_words x = {.text = "c", .flag = 2, .post = p};
        in[i] = x.id = say_doc(w, OP_collection_add, who[i], x).id;
        say_doc(w, OP_collect, who[i], x);
    }
    assert_int_equal(unread(w, a), 2 * READERS);
    say_id(w, OP_post_delete, a, p);
    assert_int_equal(unread(w, a), 0);
    for (unsigned i = 0; i < READERS; i++) assert_int_equal(kept(w, in[i]), 0);
    world_verify(w);
    // Restored while the steps of the deletion are under way, in all degrees of it.
    for (unsigned steps = 0; steps < 12; steps++) {
        w->lazy = true;
        say_id(w, OP_post_restore, a, p);
        for (unsigned i = 0; i < steps; i++) world_some(w);
        say_id(w, OP_post_delete, a, p);
        for (unsigned i = 0; i < steps / 2; i++) world_some(w);
        say_id(w, OP_post_restore, a, p);
        w->lazy = false;
        world_settle(w);
        assert_int_equal(unread(w, a), 2 * READERS);
        for (unsigned i = 0; i < READERS; i++) assert_int_equal(kept(w, in[i]), 1);
        say_id(w, OP_post_delete, a, p);
        assert_int_equal(unread(w, a), 0);
    }
    // What goes meanwhile does not come back.
    say_doc(w, OP_collection_remove, who[0], (struct doc_words){.id = in[0]});
    say_id(w, OP_user_delete, who[1], who[1]);
    say_id(w, OP_post_restore, a, p);
    world_settle(w);
    assert_int_equal(unread(w, a), 2 * READERS - 2);
    assert_int_equal(kept(w, in[2]), 1);
    done(w);
}

static void test_erased_when_deleted_then(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), p = say_post(w, a, "text").id;
    assert_int_equal(say_erase(w, p, 0).changed, 0);
    say_id(w, OP_like, a, p);
    say_id(w, OP_post_delete, a, p);
    uint64_t first = post_deleted_ms(record(w, p));
    // It was restored and deleted again while the erasure was on its way.
    w->now_ms += 5000;
    say_id(w, OP_post_restore, a, p);
    assert_int_equal(say_erase(w, p, first).changed, 0);
    say_id(w, OP_post_delete, a, p);
    assert_int_equal(say_erase(w, p, first).changed, 0);
    assert_non_null(record(w, p));
    assert_int_equal(say_erase(w, p, w->now_ms).changed, 1);
    assert_null(record(w, p));
    assert_int_equal(say_erase(w, p, w->now_ms).changed, 0);
    done(w);
}

static unsigned overdue(struct world *w, uint64_t before_ms, uint32_t looks)
{
    unsigned found = 0;
    for (unsigned c = 0; c < w->store->cores; c++) {
        uint32_t budget = looks;
        const struct entry *e;
        while ((e = shard_overdue(&w->store->shard[c], before_ms, &budget)) != NULL) {
            assert_int_equal(e->op, OP_erase);
            assert_int_equal(store_core(w->store, e->slots[0]), c);
            found++;
        }
    }
    return found;
}

static void test_overdue(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), born = w->now_ms;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t p = say_post(w, i % 2 ? a : b, "text").id;
        w->now_ms += 1000;
        say_id(w, OP_post_delete, i % 2 ? a : b, p);
    }
    assert_int_equal(overdue(w, born, 100), 0);
    assert_int_equal(overdue(w, w->now_ms + 1, 100), 20);
    assert_int_equal(overdue(w, w->now_ms, 100), 19);
    assert_int_equal(overdue(w, born + 5001, 100), 5);
    // A few at a time come round to all of them, and past the end to none.
    unsigned found = 0;
    for (unsigned i = 0; i < 12; i++) found += overdue(w, w->now_ms + 1, 3);
    assert_in_range(found, 20, 72);
    for (;;) {
        uint32_t budget = 100;
        const struct entry *e = shard_overdue(&w->store->shard[0], w->now_ms + 1, &budget);
        if (e == NULL) e = shard_overdue(&w->store->shard[1], w->now_ms + 1, &budget);
        if (e == NULL) break;
        const kt_Erase *body = kt_root_Erase(entry_body(e));
        assert_int_equal(say_erase(w, kt_Erase_object_id(body), kt_Erase_deleted_at(body)).changed,
                         1);
    }
    assert_int_equal(overdue(w, UINT64_MAX, 100), 0);
    done(w);
}

static void test_author_gone(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "text").id;
    uint64_t c = say_comment(w, b, p, 0).id;
    say_id(w, OP_comment_like, b, c);
    say_id(w, OP_post_delete, a, p);
    say_id(w, OP_user_delete, a, a);
    assert_int_equal(say_id(w, OP_post_restore, a, p).error, KITH_not_found);
    assert_null(record(w, p));
    assert_null(store_find(w->store, c));
    assert_int_equal(overdue(w, UINT64_MAX, 100), 0);
    done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_settles_in_steps),
        cmocka_unit_test(test_erased_when_deleted_then),
        cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_author_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
