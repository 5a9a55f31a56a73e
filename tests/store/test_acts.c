// Acts read from the lists that hold them: each once, newest first, whatever the page's size.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/id.h"
#include "core/notes.h"
#include "core/ops.h"
#include "store/acts.h"
#include "store/seq.h"
#include "tests/store/support_state.h"

enum { ROUNDS = 60, ACTS_MAX = 8 * ROUNDS };

static const struct part *home(const struct world *w, uint64_t user)
{
    return store_part(w->store, id_slot(user));
}

// All of them by pages of `want`.
static uint32_t all_by(const struct world *w, struct acts_read what, struct stream_item *out)
{
    uint32_t n = 0, got;
    while ((got = acts_below(home(w, what.owner), what, out + n)) > 0) {
        assert_in_range(got, 1, what.want);
        n += got;
        assert_in_range(n, 1, ACTS_MAX);
        what.before = act_key(&out[n - 1]);
    }
    return n;
}

static void check(const struct world *w, uint64_t user, const struct stream_item *want, uint32_t n)
{
    static struct stream_item got[ACTS_MAX + PAGE_MAX];
    static const uint32_t sizes[] = {1, 2, 3, 7, PAGE_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(all_by(w, (struct acts_read){user, 0, 0, sizes[i]}, got), n);
        for (uint32_t k = 0; k < n; k++) {
            assert_int_equal(got[k].type, want[n - 1 - k].type);
            assert_int_equal(got[k].entity, want[n - 1 - k].entity);
            assert_int_equal(got[k].actor, user);
        }
    }
}

static void pages_of_any_size(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2, .fanout_max = 100});
    uint64_t me = make_user(w, "me");
    static struct stream_item did[ACTS_MAX];
    uint32_t n = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char name[16] = {'u', (char)('a' + i / 26), (char)('a' + i % 26)};
        uint64_t other = make_user(w, name), theirs = say_post(w, other, "theirs").id;
        if (i % 3 != 0) say_id(w, OP_like, me, theirs);
        if (i % 3 != 0) did[n++] = (struct stream_item){.type = ACTIVITY_like, .entity = theirs};
        uint64_t mine = say_post(w, me, "mine").id;
        did[n++] = (struct stream_item){.type = ACTIVITY_post_create, .entity = mine};
        uint64_t said = say_comment(w, me, theirs, 0).id;
        did[n++] = (struct stream_item){.type = ACTIVITY_comment_create, .entity = said};
        if (i % 2 == 0) say_id(w, OP_follow, me, other);
        if (i % 2 == 0) did[n++] = (struct stream_item){.type = ACTIVITY_follow, .entity = other};
    }
    check(w, me, did, n);
    // What is taken back was never done.
    uint64_t last = say_post(w, me, "last").id;
    did[n++] = (struct stream_item){.type = ACTIVITY_post_create, .entity = last};
    uint32_t like = 0;
    while (did[like].type != ACTIVITY_like) like++;
    assert_int_equal(say_id(w, OP_unlike, me, did[like].entity).error, KITH_ok);
    memmove(did + like, did + like + 1, (--n - like) * sizeof did[0]);
    check(w, me, did, n);
    uint32_t half = n / 2;
    while (did[half].type != ACTIVITY_post_create) half++;
    uint64_t since = id_stamp(did[half].entity);
    static struct stream_item some[ACTS_MAX + PAGE_MAX];
    uint32_t late = all_by(w, (struct acts_read){me, 0, since, 5}, some);
    assert_int_equal(late, n - half);
    for (uint32_t i = 0; i < late; i++) assert_in_range(some[i].number, since, UINT64_MAX);
    world_verify(w);
    world_free(w);
}

// An imported post may have the stamp of an edge.
static void one_stamp_for_two(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    uint64_t me = make_user(w, "me"), other = make_user(w, "other");
    uint64_t theirs = say_post(w, other, "theirs").id;
    say_id(w, OP_like, me, theirs);
    say_id(w, OP_follow, me, other);
    struct part *p = store_part(w->store, id_slot(me));
    uint64_t liked = edges_find(p, (struct edge_at){me, LIST_liked}, theirs);
    uint64_t followed = edges_find(p, (struct edge_at){me, LIST_following}, other);
    uint64_t first = id_make(liked, id_slot(me)), second = id_make(followed, id_slot(me));
    struct edge_at posts = {me, LIST_posts};
    seqs_add(p, posts, first);
    seqs_add(p, posts, second);
    const struct stream_item did[] = {{.type = ACTIVITY_post_create, .entity = first},
                                      {.type = ACTIVITY_like, .entity = theirs},
                                      {.type = ACTIVITY_post_create, .entity = second},
                                      {.type = ACTIVITY_follow, .entity = other}};
    check(w, me, did, 4);
    seqs_drop(p, posts);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_any_size),
        cmocka_unit_test(one_stamp_for_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
