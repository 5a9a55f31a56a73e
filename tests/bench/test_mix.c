// What the scenarios ask: their shares, that likes are new, that what is taken back was given, and
// that numbers drawn by Zipf's law follow it.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/mix.h"

enum { USERS = 500, POSTS = 2000 };

static struct community community;

static struct mix mix_of(enum mix_kind kind, uint64_t order)
{
    struct mix m = {.kind = kind, .community = &community, .order = order, .read_share = 0.8};
    mix_init(&m);
    return m;
}

static uint64_t pair_of(const struct ask *a)
{
    return (uint64_t)a->actor * POSTS + a->post;
}

static int setup(void **state)
{
    (void)state;
    community = (struct community){.seed = 3, .users = USERS, .edges = USERS * 10, .posts = POSTS};
    community_init(&community);
    return 0;
}

static void near(double got, double want, double by)
{
    if (fabs(got - want) > by)
        fail_msg("%g is not %g", got, want);
}

static void test_shares_of_mixed(void **state)
{
    (void)state;
    enum { N = 200000 };
    double share[ASK_KINDS] = {0};
    struct mix m = mix_of(MIX_MIXED, 1);
    for (uint64_t i = 0; i < N; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        share[a.kind] += 1.0 / N;
        assert_true(a.actor < USERS && a.other < USERS && a.post < POSTS);
    }
    near(share[ASK_FEED], 0.80, 0.01);
    near(share[ASK_LIKE] + share[ASK_UNLIKE], 0.10, 0.005);
    near(share[ASK_COMMENT], 0.06, 0.005);
    near(share[ASK_POST], 0.02, 0.002);
    near(share[ASK_FOLLOW], 0.02, 0.002);
    assert_true(share[ASK_UNLIKE] > 0.02);
    mix_free(&m);
}

static void test_search_is_half_of_each(void **state)
{
    (void)state;
    enum { N = 20000 };
    double posts = 0;
    struct mix m = mix_of(MIX_SEARCH, 5);
    for (uint64_t i = 0; i < N; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        assert_true(a.kind == ASK_SEARCH_POSTS || a.kind == ASK_SEARCH_USERS);
        assert_true(a.actor < USERS);
        posts += a.kind == ASK_SEARCH_POSTS;
    }
    near(posts / N, 0.5, 0.02);
    mix_free(&m);
}

// Askers follow as many as they are to, the others share the rest; only askers ask.
static void test_suggest_has_its_askers(void **state)
{
    (void)state;
    enum { ASKERS = 20, EACH = 150, OTHERS = 9 };
    struct community c = {.seed = 4, .users = USERS, .posts = POSTS, .askers = ASKERS,
                          .asker_follows = EACH,
                          .edges = ASKERS * EACH + (USERS - ASKERS) * OTHERS};
    unsigned follows[USERS] = {0};
    struct community_edges e;
    struct pair p;
    community_init(&c);
    community_edges_begin(&e, &c);
    while (community_edges_next(&e, &p))
        follows[p.from]++;
    community_edges_end(&e);
    for (unsigned u = 0; u < USERS; u++)
        assert_int_equal(follows[u], u < ASKERS ? EACH : OTHERS);
    struct mix m = {.kind = MIX_SUGGEST, .community = &c, .order = 1};
    mix_init(&m);
    for (uint64_t i = 0; i < 1000; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        assert_int_equal(a.kind, ASK_SUGGEST);
        assert_true(a.actor < ASKERS);
    }
    mix_free(&m);
}

// Every like is of a pair that is not liked then, every unlike of one that is.
static void check_likes(enum mix_kind kind, uint64_t n)
{
    uint8_t *liked = calloc(USERS * POSTS, 1);
    struct mix m = mix_of(kind, 9);
    for (uint64_t i = 0; i < n; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        if (a.kind != ASK_LIKE && a.kind != ASK_UNLIKE)
            continue;
        assert_int_equal(liked[pair_of(&a)], a.kind == ASK_UNLIKE);
        liked[pair_of(&a)] ^= 1;
    }
    mix_free(&m);
    free(liked);
}

static void test_likes_change_something(void **state)
{
    (void)state;
    check_likes(MIX_LIKE, 2 * USERS * POSTS + 1000); // all pairs, and back, and on
    check_likes(MIX_MIXED, 400000);
}

static void test_follows_are_new(void **state)
{
    (void)state;
    uint8_t *follows = calloc(USERS * USERS, 1);
    struct mix m = mix_of(MIX_FOLLOW, 12345);
    for (uint64_t i = 0; i < 50000; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        assert_int_equal(a.kind, ASK_FOLLOW);
        assert_int_not_equal(a.actor, a.other);
        assert_int_equal(follows[a.actor * USERS + a.other], 0);
        follows[a.actor * USERS + a.other] = 1;
    }
    mix_free(&m);
    free(follows);
}

static void test_orders_differ(void **state)
{
    (void)state;
    struct mix m = mix_of(MIX_LIKE, 1), same = mix_of(MIX_LIKE, 1), other = mix_of(MIX_LIKE, 2);
    unsigned met = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        struct ask a, b, c;
        mix_ask(&m, i, &a);
        mix_ask(&same, i, &b);
        mix_ask(&other, i, &c);
        assert_true(pair_of(&a) == pair_of(&b));
        met += pair_of(&a) == pair_of(&c);
    }
    assert_true(met < 10);
    mix_free(&m);
    mix_free(&same);
    mix_free(&other);
}

static void test_graph_deletes_once(void **state)
{
    (void)state;
    uint8_t deleted[POSTS] = {0};
    unsigned n = 0;
    struct mix m = mix_of(MIX_GRAPH, 4);
    for (uint64_t i = 0; i < 40000; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        if (a.kind == ASK_DELETE || a.kind == ASK_UPDATE)
            assert_int_equal(a.actor, community_author(&community, a.post));
        if (a.kind != ASK_DELETE) {
            assert_true(a.kind == ASK_POST || a.post < mix_lasting_posts(&m));
            continue;
        }
        assert_true(a.post >= mix_lasting_posts(&m) && a.post < POSTS);
        assert_int_equal(deleted[a.post]++, 0);
        n++;
    }
    assert_int_equal(n, POSTS / 10);
    mix_free(&m);
}

// What a graph takes back it had put there, so that removing a link is a real change.
static void test_graph_unlikes_what_was_liked(void **state)
{
    (void)state;
    enum { REQUESTS = 60000, BLOCK = 16384 };
    static uint8_t liked[USERS][POSTS];
    unsigned undone = 0, real = 0;
    struct mix m = mix_of(MIX_GRAPH, 8);
    memset(liked, 0, sizeof liked);
    for (uint64_t i = 0; i < REQUESTS; i++) {
        struct ask a;
        mix_ask(&m, i, &a);
        if (a.kind == ASK_LIKE)
            liked[a.actor][a.post] = 1;
        if (a.kind != ASK_UNLIKE || i < BLOCK)
            continue;
        undone++;
        real += liked[a.actor][a.post];
        liked[a.actor][a.post] = 0;
    }
    assert_true(undone > 1000);
    assert_true(real > undone * 8 / 10);
    mix_free(&m);
}

static void test_given_graph(void **state)
{
    (void)state;
    static const struct pair edge[] = {{0, 2}, {1, 2}, {2, 0}, {3, 2}};
    static const uint32_t ranked[] = {2, 0, 1, 3};
    struct community c = {.seed = 1, .users = 4, .edges = 4, .posts = 100, .given = edge,
                          .ranked = ranked};
    struct community_edges e;
    struct pair got;
    unsigned n = 0;
    community_init(&c);
    community_edges_begin(&e, &c);
    for (; community_edges_next(&e, &got); n++) {
        assert_int_equal(got.from, edge[n].from);
        assert_int_equal(got.to, edge[n].to);
    }
    community_edges_end(&e);
    assert_int_equal(n, 4);
    for (uint32_t r = 0; r < 4; r++)
        assert_int_equal(community_rank(&c, r), ranked[r]);
    assert_int_equal(community_popular(&c, 0), 2);
}

static void test_likes_and_comments_of_a_community(void **state)
{
    (void)state;
    uint64_t early = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        struct pair like = community_like(&community, i);
        struct pair by = community_commented(&community, i);
        assert_true(like.from < community.users && like.to < community.posts);
        assert_true(by.from < community.users && by.to < community.posts);
        early += like.to < community.posts / 4;
    }
    // The popular quarter has half of the likes.
    assert_in_range(early, 4500, 5500);
}

static void test_zipf(void **state)
{
    (void)state;
    enum { N = 1000, DRAWS = 2000000 };
    static const double exponents[] = {0, 0.5, 0.99, 1.3};
    for (unsigned e = 0; e < sizeof exponents / sizeof exponents[0]; e++) {
        static unsigned got[N];
        double all = 0;
        struct zipf z;
        zipf_init(&z, N, exponents[e]);
        for (unsigned i = 0; i < N; i++) {
            got[i] = 0;
            all += pow(i + 1, -exponents[e]);
        }
        uint64_t random = 1;
        for (unsigned i = 0; i < DRAWS; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            got[zipf_draw(&z, (random ^ random >> 29) * UINT64_C(0xbf58476d1ce4e5b9))]++;
        }
        for (unsigned i = 0; i < N; i += i < 10 ? 1 : 99) {
            double want = pow(i + 1, -exponents[e]) / all * DRAWS;
            near(got[i], want, 6 * sqrt(want) + 1);
        }
        zipf_free(&z);
    }
}

// The circle: everybody has as many followers, and the star is followed by all.
static void test_circle_and_star(void **state)
{
    (void)state;
    struct community c = {.seed = 1, .users = 50, .circle = 7, .star = true, .posts = 10};
    community_init(&c);
    unsigned followers[50] = {0};
    uint8_t seen[50][50] = {{0}};
    struct community_edges e;
    struct pair p;
    community_edges_begin(&e, &c);
    while (community_edges_next(&e, &p)) {
        assert_int_not_equal(p.from, p.to);
        assert_int_equal(seen[p.from][p.to]++, 0);
        followers[p.to]++;
    }
    community_edges_end(&e);
    assert_int_equal(followers[0], 49);
    for (unsigned u = 1; u < 50; u++)
        assert_int_equal(followers[u], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_shares_of_mixed, setup),
        cmocka_unit_test_setup(test_search_is_half_of_each, setup),
        cmocka_unit_test(test_suggest_has_its_askers),
        cmocka_unit_test_setup(test_likes_change_something, setup),
        cmocka_unit_test_setup(test_follows_are_new, setup),
        cmocka_unit_test_setup(test_orders_differ, setup),
        cmocka_unit_test_setup(test_graph_deletes_once, setup),
        cmocka_unit_test_setup(test_graph_unlikes_what_was_liked, setup),
        cmocka_unit_test_setup(test_likes_and_comments_of_a_community, setup),
        cmocka_unit_test(test_given_graph),
        cmocka_unit_test(test_zipf),
        cmocka_unit_test(test_circle_and_star),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
