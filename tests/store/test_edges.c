// Edge sets against a plain sorted array: all short histories of three edges, long random ones.
#include "tests/store/support_prim.h"

// The snapshot is this test's own.
#define image_before_list prim_before_list
#define part_image_generation prim_generation
#include "store/edges.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/digest.h"
#include "store/lists.h"

// ---- the model ----------------------------------------------------------------------------------

struct model { uint32_t n, room; struct edge *e; }; // by rising stamps

static uint32_t model_find(const struct model *o, uint64_t other)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (o->e[i].other == other) return i;
    return UINT32_MAX;
}
static void model_add(struct model *o, struct edge e)
{
    if (o->n == o->room) {
        o->room = o->room * 2 + 8;
        o->e = realloc(o->e, o->room * sizeof *o->e);
        assert_non_null(o->e);
    }
    uint32_t i = o->n++;
    for (; i > 0 && o->e[i - 1].stamp > e.stamp; i--) o->e[i] = o->e[i - 1];
    o->e[i] = e;
}
static void model_remove(struct model *o, uint32_t i)
{
    o->n--;
    memmove(o->e + i, o->e + i + 1, (o->n - i) * sizeof *o->e);
}

static void same_page(const struct part *p, struct edge_at at, const struct model *o,
                      uint64_t before)
{
    enum { MAX = 7 };
    struct edge got[MAX];
    uint32_t n = edges_page(p, at, before, (struct edge_room){got, MAX}), want = 0;
    for (uint32_t i = o->n; i > 0 && want < MAX; i--) {
        if (before != 0 && o->e[i - 1].stamp >= before) continue;
        assert_in_range(want, 0, n - 1);
        assert_int_equal(got[want].other, o->e[i - 1].other);
        assert_int_equal(got[want].stamp, o->e[i - 1].stamp);
        want++;
    }
    assert_int_equal(n, want);
}

static void same_as(const struct part *p, struct edge_at at, const struct model *o)
{
    assert_int_equal(edges_count(p, at), o->n);
    uint32_t live = 0;
    struct edge_list all = edges_all(p, at);
    assert_in_range(all.n, o->n, 2 * o->n);
    for (uint32_t i = 0; i < all.n; i++) {
        if (all.other[i] == 0) continue;
        assert_in_range(live, 0, o->n - 1);
        assert_int_equal(all.other[i], o->e[live].other);
        assert_int_equal(edge_stamp(&all, i), o->e[live].stamp);
        live++;
    }
    assert_int_equal(live, o->n);
    for (uint32_t i = 0; i < o->n; i++)
        assert_int_equal(edges_find(p, at, o->e[i].other), o->e[i].stamp);
    struct edge any;
    assert_int_equal(edges_any(p, at, &any), o->n > 0);
    if (o->n > 0) assert_int_equal(any.stamp, o->e[0].stamp);
    same_page(p, at, o, 0);
    for (uint32_t i = 0; i < o->n; i += 1 + o->n / 50) {
        same_page(p, at, o, o->e[i].stamp);
        same_page(p, at, o, o->e[i].stamp + 1);
    }
}

static void same_digest(const struct part *p, struct edge_at at, const struct model *o)
{
    struct digest sum = {0};
    for (uint32_t i = 0; i < o->n; i++)
        digest_add(&sum, digest_edge(p->shard->store, at, o->e[i].other, o->e[i].stamp));
    assert_int_equal(sum.lo, p->edges_digest.lo);
    assert_int_equal(sum.hi, p->edges_digest.hi);
}

static void no_memory(const struct prim *m)
{
    assert_int_equal(m->shard.pool.used[MEM_edges], 0);
    assert_int_equal(m->shard.pool.used[MEM_edge_index], 0);
    assert_int_equal(m->part.edges.table.live, 0);
}

// ---- histories ----------------------------------------------------------------------------------

// Every history of eight steps: each adds one of three edges with a rising stamp, or removes it; a
// step of the fourth kind adds with a stamp below all.
static void tiny_universe(void **state)
{
    (void)state;
    enum { LENGTH = 8, OPS = 4 };
    uint32_t all = 1;
    for (int i = 0; i < LENGTH; i++) all *= OPS;
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    struct edge_at at = {42, LIST_followers};
    struct model o = {0};
    for (uint32_t code = 0; code < all; code++) {
        uint32_t c = code;
        uint64_t high = 100, low = 100;
        for (uint32_t i = 0; i < LENGTH; i++, c /= OPS) {
            uint64_t other = c % OPS == 3 ? 1 + i % 3 : 1 + c % OPS;
            uint64_t stamp = c % OPS == 3 ? --low : ++high, was = 0;
            uint32_t at_model = model_find(&o, other);
            if (at_model == UINT32_MAX) {
                assert_false(edges_remove(p, at, other, &was));
                assert_true(edges_add(p, at, other, stamp));
                model_add(&o, (struct edge){other, stamp});
            } else {
                assert_false(edges_add(p, at, other, stamp));
                assert_true(edges_remove(p, at, other, &was));
                assert_int_equal(was, o.e[at_model].stamp);
                model_remove(&o, at_model);
            }
            if (i + 1 == LENGTH) same_as(p, at, &o);
        }
        same_digest(p, at, &o);
        edges_drop(p, at);
        o.n = 0;
    }
    no_memory(m);
    free(o.e);
    prim_free(m);
}

struct history { uint32_t others, steps, lower; uint64_t apart; }; // stamps

static void step(struct part *p, struct edge_at at, struct model *o, struct prim_random *r)
{
    uint64_t was = 0;
    uint32_t which = prim_below(r, 4);
    uint32_t i = which == 0 ? 0 : which == 1 ? o->n - 1 : prim_below(r, o->n);
    assert_true(edges_remove(p, at, o->e[i].other, which == 2 ? NULL : &was));
    if (which != 2) assert_int_equal(was, o->e[i].stamp);
    model_remove(o, i);
}

// Grows and shrinks by turns; a shrinking phase removes the oldest, the newest, or any edge.
static void run(struct history h, uint64_t seed)
{
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    struct edge_at at = {42, LIST_likers};
    struct prim_random r = {seed};
    struct model o = {0};
    uint64_t stamp = 1000000 * h.apart;
    for (uint32_t i = 0; i < h.steps; i++) {
        bool shrink = i / (h.others + h.others / 2) % 2 == 1;
        uint64_t other = 1 + prim_below(&r, h.others);
        if (prim_below(&r, 8) < (shrink ? 6 : 2)) {
            if (o.n > 0) step(p, at, &o, &r);
        } else {
            bool low = prim_below(&r, 1000) < h.lower;
            uint64_t s = low ? 1 + 2 * prim_below(&r, 400000) * h.apart : stamp;
            stamp += 2 * h.apart;
            bool there = model_find(&o, other) != UINT32_MAX;
            for (uint32_t k = 0; k < o.n; k++) s += o.e[k].stamp == s; // stamps are unique
            assert_int_equal(edges_add(p, at, other, s), !there);
            if (!there) model_add(&o, (struct edge){other, s});
        }
        assert_int_equal(edges_find(p, at, h.others + 1), 0);
        if (i % (1 + h.others / 8) == 0) same_as(p, at, &o);
    }
    same_as(p, at, &o);
    same_digest(p, at, &o);
    while (o.n > 0) step(p, at, &o, &r);
    same_as(p, at, &o);
    assert_int_equal(p->edges_digest.lo | p->edges_digest.hi, 0);
    no_memory(m);
    free(o.e);
    prim_free(m);
}

static void random_histories(void **state)
{
    (void)state;
    static const struct history h[] = {
        {4, 4000, 0, 1},        {20, 6000, 10, 1},         {40, 10000, 10, 1},
        {100, 10000, 0, 1},     {100, 8000, 300, 1},       {1000, 20000, 0, 1},
        {3000, 30000, 3, 1},    {40, 10000, 10, 1 << 14},  {100, 10000, 3, 1 << 21},
        {30, 10000, 3, 1 << 28}, {1000, 20000, 0, 1 << 28}, {30000, 80000, 0, 1},
    };
    for (unsigned i = 0; i < sizeof h / sizeof h[0]; i++)
        for (uint64_t seed = 1; seed <= 3; seed++) run(h[i], seed);
}

// Many sets side by side, in both lists of an owner.
static void many_sets(void **state)
{
    (void)state;
    enum { OWNERS = 3000, EACH = 5 };
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    for (uint64_t i = 0; i < EACH; i++)
        for (uint64_t owner = 1; owner <= OWNERS; owner++)
            for (unsigned k = 0; k < 2; k++) {
                struct edge_at at = {owner, k == 0 ? LIST_followers : LIST_following};
                assert_true(edges_add(p, at, owner + i + k, 1 + i));
            }
    for (uint64_t owner = 1; owner <= OWNERS; owner++)
        for (unsigned k = 0; k < 2; k++) {
            struct edge_at at = {owner, k == 0 ? LIST_followers : LIST_following};
            assert_int_equal(edges_count(p, at), EACH);
            assert_int_equal(edges_find(p, at, owner + 3 + k), 4);
            edges_drop(p, at);
            edges_drop(p, at);
            assert_int_equal(edges_count(p, at), 0);
        }
    assert_int_equal(p->edges_digest.lo | p->edges_digest.hi, 0);
    no_memory(m);
    prim_free(m);
}

// A cascade: takes the oldest until there is none. A large set, so that steps in linear time show.
static void cascade(void **state)
{
    (void)state;
    enum { N = 300000 };
    struct prim *m = prim_new(0);
    struct edge_at at = {42, LIST_followers};
    for (uint64_t i = 1; i <= N; i++) assert_true(edges_add(&m->part, at, i * 7, i));
    struct edge e;
    uint64_t n = 0;
    for (; edges_any(&m->part, at, &e); n++) {
        assert_int_equal(e.stamp, n + 1);
        assert_true(edges_remove(&m->part, at, e.other, NULL));
    }
    assert_int_equal(n, N);
    no_memory(m);
    prim_free(m);
}

// ---- loading ------------------------------------------------------------------------------------

enum { LOADED_MAX = 20000 };
static struct edge loaded[LOADED_MAX];

static bool load(struct part *p, struct edge_at at, uint32_t from, uint32_t n)
{
    return edges_load(p, at, (struct edge_bytes){(const uint8_t *)&loaded[from], n});
}

// What came at once, or in two parts, is the set that single steps make, and takes the next one.
static void loads(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 5, 31, 32, 40, 300, 4096, LOADED_MAX - 1};
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    struct edge_at at = {42, LIST_followers};
    for (uint32_t i = 0; i < LOADED_MAX; i++) loaded[i] = (struct edge){7 * i + 1, 100 + i * 3000};
    for (unsigned s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (unsigned parts = 1; parts <= 2; parts++) {
            uint32_t n = sizes[s], first = parts == 2 ? n / 3 : 0;
            if (first > 0) assert_true(load(p, at, 0, first));
            assert_true(load(p, at, first, n - first));
            struct model o = {n, n, loaded};
            same_as(p, at, &o);
            assert_true(edges_add(p, at, loaded[n].other, loaded[n].stamp));
            o.n++;
            same_as(p, at, &o);
            same_digest(p, at, &o);
            edges_drop(p, at);
        }
    no_memory(m);
    prim_free(m);
}

static void broken(uint32_t i, struct edge instead, uint32_t n)
{
    struct prim *m = prim_new(0);
    struct edge_at at = {42, LIST_followers};
    struct edge was = loaded[i];
    loaded[i] = instead;
    assert_true(!load(&m->part, at, 0, n / 2) || !load(&m->part, at, n / 2, n - n / 2));
    loaded[i] = was;
    edges_drop(&m->part, at);
    prim_free(m);
}

static void refuses_what_no_set_can_be(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100; i++) loaded[i] = (struct edge){7 * i + 1, 100 + i * 3000};
    for (uint32_t n = 20; n <= 100; n += 80)
        for (uint32_t i = 1; i < n; i++) {
            broken(i, (struct edge){0, loaded[i].stamp}, n);
            broken(i, (struct edge){loaded[i].other, loaded[i - 1].stamp}, n);
            broken(i, (struct edge){loaded[0].other, loaded[i].stamp}, n);
            broken(i, (struct edge){loaded[i].other, UINT64_C(1) << 56}, n);
        }
}

// ---- snapshots ----------------------------------------------------------------------------------

static struct edge_at heard_at = {42, LIST_followers};
static struct { uint32_t n; uint64_t digest; } heard; // what the set was when it was heard of
static void on_list(struct part *p, void *list)
{
    const struct list_head *h = list;
    assert_int_equal(h->owner, heard_at.owner);
    assert_int_equal(h->list, heard_at.list);
    heard.n = edges_count(p, heard_at);
    heard.digest = p->edges_digest.lo;
}

static void says_before_it_changes(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct part *p = &m->part;
    prim_heard.on_list = on_list;
    prim_heard.generation = 5;
    assert_true(edges_add(p, heard_at, 1000, 1));
    assert_int_equal(prim_heard.lists, 0); // no snapshot is under way
    p->image = PRIM_IMAGE;
    for (uint64_t i = 1; i < 200; i++) {
        uint64_t was = p->edges_digest.lo;
        assert_true(edges_add(p, heard_at, 1000 + i, 1 + i));
        assert_int_equal(prim_heard.lists, i);
        assert_int_equal(heard.n, i);
        assert_int_equal(heard.digest, was);
        const struct list_head *h = lists_find(&p->edges, &m->store, heard_at);
        assert_int_equal(h->image, 5); // grown, but marked still
        assert_int_equal(h->count, i + 1);
    }
    assert_false(edges_add(p, heard_at, 1000, 500));
    assert_false(edges_remove(p, heard_at, 1, NULL));
    assert_int_equal(prim_heard.lists, 199);
    for (uint32_t i = 0; i < 199; i++) {
        assert_true(edges_remove(p, heard_at, 1000 + i, NULL));
        assert_int_equal(heard.n, 200 - i);
    }
    edges_drop(p, heard_at);
    assert_int_equal(heard.n, 1);
    assert_int_equal(prim_heard.lists, 199 + 199 + 1);
    prim_heard.generation = 6;
    assert_true(edges_add(p, heard_at, 1, 1));
    assert_int_equal(((struct list_head *)lists_find(&p->edges, &m->store, heard_at))->image, 6);
    assert_int_equal(prim_heard.lists, 399); // a new one was not there at the mark
    edges_drop(p, heard_at);
    no_memory(m);
    prim_free(m);
}

// ---- memory -------------------------------------------------------------------------------------

static void memory(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct edge_at at = {42, LIST_followers};
    const uint64_t *used = m->shard.pool.used;
    double worst = 0, worst_index = 0, sum = 0, sum_index = 0;
    uint32_t samples = 0;
    for (uint32_t n = 1; n <= 300000; n++) {
        assert_true(edges_add(&m->part, at, n * 3, n));
        double each = (double)used[MEM_edges] / n, index = (double)used[MEM_edge_index] / n;
        if (n == 1) assert_int_equal(used[MEM_edges], 32);
        if (n > 1 && n <= 4) assert_int_equal(used[MEM_edges], pool_size(24 + 12 * n));
        if (n <= 31) assert_int_equal(used[MEM_edge_index], 0);
        if (n <= 10 || n == 20 || n == 31 || n == 32 || n == 100)
            printf("%u edges: %llu + %llu bytes\n", n, (unsigned long long)used[MEM_edges],
                   (unsigned long long)used[MEM_edge_index]);
        if (n < 1000) continue;
        worst = each > worst ? each : worst;
        worst_index = index > worst_index ? index : worst_index;
        sum += each;
        sum_index += index;
        samples++;
    }
    printf("big set, an edge end: %.1f bytes (%.1f at worst), index %.1f (%.1f)\n", sum / samples,
           worst, sum_index / samples, worst_index);
    assert_true(worst <= 12 * 1.75); // behind 128 KiB, where blocks are whole 64 KiB
    assert_true(sum / samples <= 12 * 1.25);
    assert_true(worst_index <= 10);
    assert_true(sum_index / samples <= 7);
    edges_drop(&m->part, at);
    no_memory(m);

    // A user as there are most: 30 followers and 30 followed, or a post with one like.
    for (uint64_t owner = 1; owner <= 10000; owner++)
        edges_add(&m->part, (struct edge_at){owner, LIST_likers}, owner, owner);
    prim_drain(m);
    printf("set of one edge: %.1f bytes with its place in the table\n",
           (double)(used[MEM_edges] + used[MEM_table]) / 10000);
    assert_true(used[MEM_edges] + used[MEM_table] <= 10000 * 52);
    for (uint64_t owner = 1; owner <= 10000; owner++)
        edges_drop(&m->part, (struct edge_at){owner, LIST_likers});
    no_memory(m);
    prim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_universe), cmocka_unit_test(random_histories),
        cmocka_unit_test(many_sets),     cmocka_unit_test(cascade),
        cmocka_unit_test(loads),
        cmocka_unit_test(refuses_what_no_set_can_be),
        cmocka_unit_test(memory),        cmocka_unit_test(says_before_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
