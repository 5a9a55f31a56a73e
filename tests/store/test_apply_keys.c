// Repetition: idempotency keys, chunks of imports, consequences after a crash.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph.h"
#include "core/hash.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/keys.h"
#include "store/names.h"
#include "store/owed.h"
#include "tests/store/support_state.h"

static struct world *fresh(void)
{
    return world_new(&(struct world_options){.cores = 2, .fanout_max = 100});
}

static void done(struct world *w)
{
    world_verify(w);
    world_free(w);
}

static struct entry_key key_of(uint64_t n)
{
    return (struct entry_key){n, n * UINT64_C(0x9e3779b97f4a7c15), n + 1};
}

static struct outcome say_keyed(struct world *w, enum op op, const uint64_t ids[2],
                                const struct entry_key *key)
{
    fb_builder *b = world_body(w);
    kt_new_Like like = {0};
    kt_put_Like_post_id(&like, ids[1]);
    return world_say(w, (struct change){op, ids[0], kt_end_Like(b, &like), key});
}

static uint64_t edge(struct world *w, uint64_t owner, enum list_kind list, uint64_t other)
{
    const struct part *p = store_part(w->store, id_slot(owner));
    return edges_find(p, (struct edge_at){owner, list}, other);
}

// ---- keys --------------------------------------------------------------------------------------

static void test_same_answer(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b"), p = say_post(w, a, "p").id;
    struct entry_key key = key_of(1), other = key;
    struct outcome first = say_keyed(w, OP_like, (uint64_t[]){b, p}, &key);
    say_id(w, OP_like, a, p);
    struct outcome again = say_keyed(w, OP_like, (uint64_t[]){b, p}, &key);
    assert_memory_equal(&first, &again, sizeof first);
    assert_int_equal(again.count, 1);
    other.request++;
    again = say_keyed(w, OP_like, (uint64_t[]){b, p}, &other);
    assert_int_equal(again.error, KITH_idempotency_mismatch);
    // A refusal is kept as well.
    key = key_of(2);
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){b, 4711}, &key).error, KITH_not_found);
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){b, 4711}, &key).error, KITH_not_found);
    done(w);
}

// A repeat does nothing, whatever came between: at neither end.
static void test_repeat_after_change(void **state)
{
    (void)state;
    for (int same_slot = 0; same_slot < 2; same_slot++) {
        struct world *w = fresh();
        uint64_t a = make_user(w, "a"), b = make_user(w, "b");
        while (same_slot && id_slot(b) != id_slot(a)) {
            char name[24];
            snprintf(name, sizeof name, "b%llu", (unsigned long long)w->ticket);
            b = make_user(w, name);
        }
        uint64_t pair[2] = {a, b};
        struct entry_key follow = key_of(1), unfollow = key_of(2);
        assert_int_equal(say_keyed(w, OP_follow, pair, &follow).changed, 1);
        say_id(w, OP_unfollow, a, b);
        assert_int_equal(say_keyed(w, OP_follow, pair, &follow).changed, 1);
        assert_int_equal(edge(w, a, LIST_following, b), 0);
        assert_int_equal(edge(w, b, LIST_followers, a), 0);
        say_id(w, OP_follow, a, b);
        assert_int_equal(say_keyed(w, OP_unfollow, pair, &unfollow).changed, 1);
        assert_int_equal(edge(w, a, LIST_following, b), 0);
        say_id(w, OP_follow, a, b);
        assert_int_equal(say_keyed(w, OP_unfollow, pair, &unfollow).changed, 1);
        assert_int_not_equal(edge(w, a, LIST_following, b), 0);
        assert_int_equal(edge(w, a, LIST_following, b), edge(w, b, LIST_followers, a));
        assert_int_equal(store_user(w->store, b)->followers, 1);
        done(w);
    }
}

// What is owed to one direction of a pair does not touch the other: b's follow, made while a's
// repeated one is still to be taken back, stays.
static void test_repeat_beside_the_other_way(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2});
    uint64_t a = make_user(w, "a"), b = make_user(w, "b");
    struct entry_key key = key_of(1);
    assert_int_not_equal(id_slot(a), id_slot(b));
    say_keyed(w, OP_follow, (uint64_t[]){a, b}, &key);
    say_id(w, OP_unfollow, a, b);
    w->lazy = true;
    say_keyed(w, OP_follow, (uint64_t[]){a, b}, &key);
    assert_int_equal(say_id(w, OP_follow, b, a).error, KITH_ok);
    world_settle(w);
    assert_int_equal(store_user(w->store, a)->followers, 1);
    assert_int_equal(store_user(w->store, b)->following, 1);
    assert_int_equal(store_user(w->store, b)->followers, 0);
    world_verify(w);
    world_free(w);
}

static struct outcome keyed_comment(struct world *w, uint64_t actor, uint64_t post,
                                    const struct entry_key *key)
{
    fb_builder *b = world_body(w);
    kt_new_CommentCreate c = {0};
    kt_put_CommentCreate_post_id(&c, post);
    kt_put_CommentCreate_content(&c, fb_cstring(b, "x"));
    fb_ref body = kt_end_CommentCreate(b, &c);
    return world_say(w, (struct change){OP_comment_create, actor, body, key});
}

static struct outcome keyed_register(struct world *w, const char *name, const struct entry_key *key)
{
    fb_builder *b = world_body(w);
    kt_new_UserRecord u = {0};
    kt_put_UserRecord_user_id(&u, 17);
    kt_put_UserRecord_username(&u, fb_cstring(b, name));
    return world_say(w, (struct change){OP_register, 0, kt_end_UserRecord(b, &u), key});
}

static void test_creates_once(void **state)
{
    (void)state;
    struct world *w = fresh();
    struct entry_key key = key_of(1);
    uint64_t a = keyed_register(w, "a", &key).id;
    assert_int_equal(keyed_register(w, "a", &key).id, a);
    uint64_t b = make_user(w, "b"), p = say_post(w, a, "p").id;
    key = key_of(2);
    uint64_t c = keyed_comment(w, b, p, &key).id;
    assert_int_equal(keyed_comment(w, b, p, &key).id, c);
    assert_int_equal(store_post(w->store, p)->comments, 1);
    const struct part *part = store_part(w->store, id_slot(b));
    assert_int_equal(edges_count(part, (struct edge_at){b, LIST_written}), 1);
    key = key_of(3);
    assert_int_equal(say_keyed(w, OP_user_delete, (uint64_t[]){b, b}, &key).error, KITH_ok);
    assert_int_equal(say_keyed(w, OP_user_delete, (uint64_t[]){b, b}, &key).error, KITH_ok);
    key = key_of(4);
    assert_int_equal(say_keyed(w, OP_user_delete, (uint64_t[]){b, b}, &key).error, KITH_not_found);
    done(w);
}

static void test_keys_end(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1, .partitions = 1});
    uint64_t a = make_user(w, "a"), p = say_post(w, a, "p").id;
    struct entry_key first = key_of(1);
    say_keyed(w, OP_like, (uint64_t[]){a, p}, &first);
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){a, p}, &first).changed, 1);
    w->now_ms += IDEMPOTENCY_MS;
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){a, p}, &first).changed, 0);
    for (uint64_t i = 2; i < IDEMPOTENCY_PER_PARTITION + 1; i++) {
        struct entry_key key = key_of(i);
        say_keyed(w, OP_like, (uint64_t[]){a, p}, &key);
    }
    const struct part *part = &w->store->part[0];
    assert_int_equal(keys_last(part) - keys_first(part), IDEMPOTENCY_PER_PARTITION);
    say_id(w, OP_unlike, a, p);
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){a, p}, &first).changed, 0);
    struct entry_key next = key_of(IDEMPOTENCY_PER_PARTITION + 9);
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){a, p}, &next).changed, 1);
    say_id(w, OP_unlike, a, p);
    // The first one has made room for it.
    assert_int_equal(say_keyed(w, OP_like, (uint64_t[]){a, p}, &first).changed, 1);
    done(w);
}

// The table by itself: all keys are found that should be, and no other.
static void test_keys_table(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1, .partitions = 1});
    struct part *p = &w->store->part[0];
    struct rng rng = {4};
    uint64_t made = 0, ms = KITH_EPOCH_MS + 1;
    for (uint32_t round = 0; round < 150; round++) {
        for (uint32_t n = rng_below(&rng, 200); n > 0; n--) {
            struct key_item item = {.stamp = stamp_make(ms, n % 4096)};
            item.key = (struct entry_key){made, made * 7 % 512 + (made << 40), 0};
            item.outcome.id = made++;
            keys_put(p, &item);
        }
        ms += rng_below(&rng, IDEMPOTENCY_MS / 16);
        keys_expire(p, stamp_make(ms, 0));
        for (uint64_t k = keys_first(p) > 40 ? keys_first(p) - 40 : 0; k < made; k++) {
            struct entry_key key = {k, k * 7 % 512 + (k << 40), 0};
            const struct key_item *found = keys_find(p, &key);
            assert_int_equal(found != NULL, k >= keys_first(p));
            if (found != NULL) assert_int_equal(found->outcome.id, k);
        }
    }
    world_free(w);
}

// ---- imports -----------------------------------------------------------------------------------

struct row { const char *name, *email; uint64_t ms; };

static struct outcome say_users(struct world *w, const struct row *row, uint32_t n)
{
    fb_builder *b = world_body(w);
    kt_new_ImportUsers all = {0};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < n; i++) {
        kt_new_ImportUser u = {0};
        kt_put_ImportUser_username(&u, fb_cstring(b, row[i].name));
        if (row[i].email) kt_put_ImportUser_email(&u, fb_cstring(b, row[i].email));
        kt_put_ImportUser_created_at(&u, row[i].ms);
        fb_push(b, kt_end_ImportUser(b, &u));
    }
    kt_put_ImportUsers_users(&all, fb_refs(b, mark));
    fb_ref body = kt_end_ImportUsers(b, &all);
    return world_say(w, (struct change){OP_import_users, 0, body, NULL});
}

static uint64_t named(struct world *w, const char *name)
{
    return names_find(w->store, (struct name){NAME_username, name, (uint32_t)strlen(name)});
}

static void test_import_users(void **state)
{
    (void)state;
    struct world *w = fresh();
    make_user(w, "taken");
    const uint64_t ms = UINT64_C(1500000000000);
    struct row rows[] = {{"ann", "ann@x", ms}, {"TAKEN", NULL, ms}, {"bob", "ANN@x", ms},
                         {"cid", NULL, ms},    {"ann", NULL, ms},   {"", NULL, ms}};
    struct outcome o = say_users(w, rows, 6);
    assert_int_equal(o.count, 2);
    assert_int_equal(o.count2, 1);
    assert_int_equal(o.count3, 3);
    assert_int_equal(o.id, 1 << 1 | 1 << 2 | 1 << 5);
    assert_int_equal(id_ms(named(w, "ann")), ms);
    assert_non_null(store_user(w->store, named(w, "cid")));
    uint64_t ann = named(w, "ann");
    o = say_users(w, rows, 6);
    assert_int_equal(o.count, 0);
    assert_int_equal(o.count2, 3);
    assert_int_equal(o.count3, 3);
    // Another user of the name, by its other time; and a time to come, which counts as just before
    // now.
    struct row more[] = {{"ann", NULL, ms + 1}, {"dan", NULL, w->now_ms + 99999}};
    o = say_users(w, more, 2);
    assert_int_equal(o.id, 1);
    assert_true(id_ms(named(w, "dan")) < w->now_ms);
    // Gone and imported again, it is who it was.
    say_id(w, OP_user_delete, ann, ann);
    o = say_users(w, rows, 1);
    assert_int_equal(o.count, 1);
    assert_int_equal(named(w, "ann"), ann);
    done(w);
}

static uint32_t import_bits(const char *name)
{
    return (uint32_t)hash64(name, strlen(name), UINT64_C(0x6b6974682d757372)) & ((1u << 22) - 1);
}

// Two names that would get one id: the second one gets the next.
static void test_import_collision(void **state)
{
    (void)state;
    enum { NAMES = 20000 };
    struct world *w = fresh();
    static char name[NAMES][16];
    static uint32_t bits[NAMES];
    uint32_t n = 0, i = NAMES;
    for (; n < NAMES && i == NAMES; n++) {
        snprintf(name[n], sizeof name[n], "x%u", n);
        bits[n] = import_bits(name[n]);
        for (i = 0; i < n && bits[i] != bits[n]; i++) {}
        if (i == n) i = NAMES;
    }
    assert_in_range(i, 0, NAMES - 1);
    const uint64_t ms = UINT64_C(1500000000000);
    struct row rows[] = {{name[i], NULL, ms}, {name[n - 1], NULL, ms}};
    assert_int_equal(say_users(w, rows, 2).count, 2);
    uint64_t first = named(w, name[i]), second = named(w, name[n - 1]);
    assert_true(first != second);
    assert_int_equal(second, first + 1);
    assert_int_equal(say_users(w, rows, 2).count2, 2);
    say_id(w, OP_user_delete, first, first);
    assert_int_equal(say_users(w, rows + 1, 1).count2, 1);
    done(w);
}

static struct outcome say_posts(struct world *w, uint64_t author, uint32_t chunk, uint32_t n)
{
    fb_builder *b = world_body(w);
    kt_new_ImportPosts all = {0};
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < n; i++) {
        kt_new_ImportPost p = {0};
        kt_put_ImportPost_user_id(&p, author);
        kt_put_ImportPost_caption(&p, fb_cstring(b, "imported"));
        kt_put_ImportPost_created_at(&p, UINT64_C(1600000000000) + i / 3);
        fb_push(b, kt_end_ImportPost(b, &p));
    }
    kt_put_ImportPosts_posts(&all, fb_refs(b, mark));
    kt_put_ImportPosts_source_hi(&all, 1);
    kt_put_ImportPosts_source_lo(&all, 2);
    kt_put_ImportPosts_chunk(&all, chunk);
    fb_ref body = kt_end_ImportPosts(b, &all);
    return world_say(w, (struct change){OP_import_posts, 0, body, NULL});
}

static void test_import_posts(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a");
    struct outcome o = say_posts(w, a, 0, 100);
    assert_int_equal(o.count, 100);
    o = say_posts(w, a, 0, 100);
    assert_int_equal(o.count2, 100);
    assert_int_equal(o.count, 0);
    assert_int_equal(say_posts(w, a, 1000, 7).count, 7);
    assert_int_equal(say_posts(w, a, 1000, 7).count2, 7);
    assert_int_equal(say_posts(w, a, 999, 7).count, 7);
    assert_int_equal(say_posts(w, 4711, 3, 7).count3, 7);
    assert_int_equal(say_posts(w, a, 1u << 20, 7).count3, 7);
    assert_int_equal(store_user(w->store, a)->posts, 114);
    struct page page = {.want = 100};
    read_seq(a % 2 ? &w->store->shard[store_core(w->store, id_slot(a))]
                   : &w->store->shard[store_core(w->store, id_slot(a))],
             (struct seq_read){a, 0, LIST_posts, false}, &page);
    assert_int_equal(page.n, 100);
    assert_int_not_equal(page.next, 0);
    assert_int_equal(id_ms(page.item[0].id), UINT64_C(1600000000033));
    done(w);
}

// Whether the name's id would be that of one of the first posts of a millisecond in this slot.
static bool meets(const char *name, unsigned slot, uint32_t posts)
{
    uint32_t bits = import_bits(name);
    return bits % SLOTS == slot && bits / SLOTS < posts;
}

// A user whose id is a post's already is not made, and its name is free again.
static void test_import_meets_post(void **state)
{
    (void)state;
    enum { CHUNKS = 100 };
    struct world *w = fresh();
    uint64_t a = make_user(w, "a");
    const uint64_t ms = UINT64_C(1600000000000);
    for (uint32_t i = 0; i < CHUNKS; i++) assert_int_equal(say_posts(w, a, i, 1).count, 1);
    char name[9] = "aaaaaaaa";
    // Counts in letters.
    for (unsigned i = 0; !meets(name, id_slot(a), CHUNKS); i = 0) {
        while (name[i] == 'z') name[i++] = 'a';
        name[i]++;
    }
    struct row row = {name, NULL, ms};
    assert_int_equal(say_users(w, &row, 1).count, 1);
    assert_int_equal(named(w, name), 0);
    assert_int_equal(store_user(w->store, a)->posts, CHUNKS);
    done(w);
}

static void test_import_edges(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t u[8], rows[64][2];
    char name[16];
    uint32_t n = 0;
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "u%d", i);
        u[i] = make_user(w, name);
    }
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) {
            rows[n][0] = u[i];
            rows[n++][1] = u[k];
        }
    struct outcome o = say_edges(w, EDGE_follow, rows, n);
    assert_int_equal(o.count, 56);
    assert_int_equal(o.count3, 8);
    o = say_edges(w, EDGE_follow, rows, n);
    assert_int_equal(o.count2, 56);
    uint64_t odd[5][2] = {{u[0], 4711}, {4712, u[0]}, {0, u[0]}, {u[1], 0}, {u[0], u[1]}};
    o = say_edges(w, EDGE_follow, odd, 5);
    assert_int_equal(o.count, 1); // of somebody who is not there: taken back
    assert_int_equal(o.count2, 1);
    assert_int_equal(o.count3, 3);
    assert_int_equal(say_edges(w, EDGE_write, odd, 5).count3, 5);
    assert_int_equal(store_user(w->store, u[0])->followers, 7);
    done(w);
}

// A user on this core.
static uint64_t user_on(struct world *w, unsigned core, char name[24])
{
    for (uint32_t i = 0;; i++) {
        snprintf(name, 24, "on%u_%u", core, i);
        struct row row = {name, NULL, UINT64_C(1500000000000)};
        assert_int_equal(say_users(w, &row, 1).count, 1);
        uint64_t id = named(w, name);
        if (store_core(w->store, id_slot(id)) == core) return id;
    }
}

// An edge that came before its target, and again right after it: never half an edge. The undo waits
// at the target's core, while what makes the target comes from the accounts' core.
static void test_edge_before_user(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world *w = fresh();
        char name[24], other[24];
        uint64_t a = user_on(w, 0, other), t = user_on(w, 1, name);
        struct row target = {name, NULL, UINT64_C(1500000000000)};
        say_id(w, OP_user_delete, t, t);
        w->lazy = true;
        uint64_t row[1][2] = {{a, t}}, back[1][2] = {{t, a}};
        say_edges(w, EDGE_follow, row, 1);
        say_edges(w, EDGE_follow, back, 1);
        if (late) world_settle(w);
        say_users(w, &target, 1);
        say_edges(w, EDGE_follow, row, 1);
        say_edges(w, EDGE_follow, back, 1);
        say_id(w, OP_follow, a, t);
        world_settle(w);
        assert_int_equal(edge(w, a, LIST_following, t), edge(w, t, LIST_followers, a));
        assert_int_equal(edge(w, t, LIST_following, a), edge(w, a, LIST_followers, t));
        w->lazy = false;
        assert_int_equal(say_id(w, OP_follow, a, t).error, KITH_ok);
        assert_int_not_equal(edge(w, a, LIST_following, t), 0);
        done(w);
    }
}

// ---- consequences after a crash ----------------------------------------------------------------

static void test_owed_after_crash(void **state)
{
    (void)state;
    struct world *w = fresh();
    uint64_t a = make_user(w, "a"), b = make_user(w, "b");
    w->lazy = true;
    say_id(w, OP_follow, a, 4711);
    say_id(w, OP_follow, a, 4712);
    say_comment(w, b, 4713, 0);
    struct world *after =
        world_replay(&w->log, &(struct world_options){.cores = 3, .fanout_max = 9});
    world_check_same(w, after);
    world_settle(after);
    world_settle(w);
    assert_int_equal(edge(after, a, LIST_following, 4711), 0);
    uint32_t owed = 0;
    for (unsigned i = 0; i < after->store->partitions; i++)
        owed += owed_count(&after->store->part[i]);
    assert_int_equal(owed, 0);
    world_check_same(w, after);
    done(after);
    done(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_answer),   cmocka_unit_test(test_repeat_after_change),
        cmocka_unit_test(test_repeat_beside_the_other_way),
        cmocka_unit_test(test_creates_once),  cmocka_unit_test(test_keys_end),
        cmocka_unit_test(test_import_users),  cmocka_unit_test(test_import_posts),
        cmocka_unit_test(test_import_edges),  cmocka_unit_test(test_edge_before_user),
        cmocka_unit_test(test_owed_after_crash), cmocka_unit_test(test_import_collision),
        cmocka_unit_test(test_import_meets_post), cmocka_unit_test(test_keys_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
