// Sequences against a plain sorted array.
#include "tests/store/support_prim.h"

// The snapshot is this test's own.
#define image_before_list prim_before_list
#define part_image_generation prim_generation
#include "store/seq.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


struct model { uint32_t n; uint64_t id[20000]; }; // ascending

static uint32_t model_place(const struct model *o, uint64_t id)
{
    uint32_t i = o->n;
    while (i > 0 && o->id[i - 1] >= id) i--;
    return i;
}
static bool model_has(const struct model *o, uint64_t id)
{
    uint32_t i = model_place(o, id);
    return i < o->n && o->id[i] == id;
}
static void model_add(struct model *o, uint64_t id)
{
    uint32_t i = model_place(o, id);
    memmove(o->id + i + 1, o->id + i, (o->n++ - i) * sizeof *o->id);
    o->id[i] = id;
}
static void model_remove(struct model *o, uint64_t id)
{
    uint32_t i = model_place(o, id);
    memmove(o->id + i, o->id + i + 1, (--o->n - i) * sizeof *o->id);
}

static void same_page(const struct seq *s, const struct model *o, uint64_t from)
{
    uint64_t got[300];
    uint32_t max = (uint32_t)(from % 3 == 0 ? 300 : 7);
    uint32_t i = from == 0 ? o->n : model_place(o, from), n = seq_below(s, from, got, max);
    assert_int_equal(n, i < max ? i : max);
    for (uint32_t k = 0; k < n; k++) assert_int_equal(got[k], o->id[i - 1 - k]);
    i = from == UINT64_MAX ? o->n : model_place(o, from + 1);
    n = seq_above(s, from, got, max);
    assert_int_equal(n, o->n - i < max ? o->n - i : max);
    for (uint32_t k = 0; k < n; k++) assert_int_equal(got[k], o->id[i + k]);
}

static void same_as(const struct seq *s, const struct model *o, uint32_t samples)
{
    assert_int_equal(s != NULL ? s->count : 0, o->n);
    same_page(s, o, 0);
    same_page(s, o, 1);
    same_page(s, o, UINT64_MAX);
    for (uint32_t i = 0; i < o->n; i += 1 + o->n / samples)
        for (uint64_t d = 0; d < 3; d++) same_page(s, o, o->id[i] - 1 + d);
}

// ---- histories ----------------------------------------------------------------------------------

// Every history of seven steps over four ids.
static void tiny_universe(void **state)
{
    (void)state;
    enum { LENGTH = 7, OPS = 4 };
    uint32_t all = 1;
    for (int i = 0; i < LENGTH; i++) all *= OPS;
    struct prim *m = prim_new(0);
    struct edge_at at = {42, LIST_posts};
    struct model *o = calloc(1, sizeof *o);
    for (uint32_t code = 0; code < all; code++) {
        uint32_t c = code;
        for (int i = 0; i < LENGTH; i++, c /= OPS) {
            uint64_t id = 10 * (1 + c % OPS);
            if (model_has(o, id)) {
                assert_false(seqs_add(&m->part, at, id));
                assert_true(seqs_remove(&m->part, at, id));
                model_remove(o, id);
            } else {
                assert_false(seqs_remove(&m->part, at, id));
                assert_true(seqs_add(&m->part, at, id));
                model_add(o, id);
            }
            assert_int_equal(seqs_find(&m->part, at) == NULL, o->n == 0);
        }
        same_as(seqs_find(&m->part, at), o, 10);
        seqs_drop(&m->part, at);
        o->n = 0;
    }
    assert_int_equal(m->part.seqs.table.live, 0);
    free(o);
    prim_free(m);
}

enum order { RISING, FALLING, ANY, NEARLY };

static uint64_t next_id(enum order order, uint64_t step, struct prim_random *r)
{
    switch (order) {
    case RISING: return 1000 + step * 4;
    case FALLING: return 1000000 - step * 4;
    case ANY: return 1 + prim_below(r, 1000000);
    case NEARLY: return 1000 + step * 4 - prim_below(r, 400);
    }
    return 0;
}

static void run(enum order order, uint32_t n, uint64_t seed)
{
    struct prim *m = prim_new(0);
    struct pool *pool = &m->shard.pool;
    struct prim_random r = {seed};
    struct model *o = calloc(1, sizeof *o);
    struct seq s = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = next_id(order, i, &r);
        bool there = model_has(o, id);
        assert_int_equal(seq_insert(&s, pool, id), !there);
        if (!there) model_add(o, id);
        if (prim_below(&r, 4) == 0) {
            id = o->n > 0 ? o->id[prim_below(&r, o->n)] : 1;
            assert_int_equal(seq_delete(&s, pool, id), o->n > 0);
            if (o->n > 0) model_remove(o, id);
        }
        assert_false(seq_delete(&s, pool, 2000001));
        if (i % 997 == 0) same_as(&s, o, 20);
    }
    same_as(&s, o, 500);
    // From the front, from the end, and anywhere, until nothing is left.
    while (o->n > 0) {
        uint32_t which = prim_below(&r, 3);
        uint64_t id = o->id[which == 0 ? 0 : which == 1 ? o->n - 1 : prim_below(&r, o->n)];
        assert_true(seq_delete(&s, pool, id));
        assert_false(seq_delete(&s, pool, id));
        model_remove(o, id);
        if (o->n % 499 == 0) same_as(&s, o, 20);
        // Whatever was deleted, memory follows what is left.
        assert_in_range(pool->used[MEM_seq], 0, o->n * 48 + 700);
    }
    same_as(&s, o, 1);
    free(o);
    prim_free(m);
}

static void random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(RISING, 15000, seed);
        run(FALLING, 8000, seed);
        run(ANY, 15000, seed);
        run(NEARLY, 15000, seed);
        for (uint32_t n = 1; n < 200; n += 9) run(ANY, n, seed);
    }
}

static void clearing(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct seq s = {0};
    for (uint32_t n = 0; n < 3000; n = n * 2 + 1) {
        for (uint64_t i = 1; i <= n; i++) assert_true(seq_insert(&s, &m->shard.pool, i));
        seq_clear(&s, &m->shard.pool);
        assert_int_equal(s.count, 0);
        assert_int_equal(m->shard.pool.used[MEM_seq], 0);
    }
    prim_free(m);
}

// A block joins the one before it as well as the one behind.
static void merging(void **state)
{
    (void)state;
    enum { N = 510, LEFT = 20 };
    for (int last_first = 0; last_first < 2; last_first++) {
        struct prim *m = prim_new(0);
        struct seq s = {0};
        for (uint64_t i = 1; i <= N; i++) assert_true(seq_insert(&s, &m->shard.pool, i));
        assert_int_equal(s.blocks, 2);
        for (int pass = 0; pass < 2; pass++) {
            uint64_t first = (pass == last_first) ? 1 : N / 2 + 1;
            assert_int_equal(s.blocks, 2);
            for (uint64_t i = first + LEFT; i < first + N / 2; i++)
                assert_true(seq_delete(&s, &m->shard.pool, i));
        }
        assert_int_equal(s.blocks, 1);
        assert_int_equal(s.count, 2 * LEFT);
        seq_clear(&s, &m->shard.pool);
        prim_free(m);
    }
}

static void says_before_it_changes(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct edge_at at = {42, LIST_comments};
    prim_heard.generation = 3;
    m->part.image = PRIM_IMAGE;
    assert_true(seqs_add(&m->part, at, 1));
    assert_int_equal(prim_heard.seqs, 0);
    assert_int_equal(seqs_find(&m->part, at)->image, 3);
    const void *was = seqs_find(&m->part, at);
    assert_true(seqs_add(&m->part, at, 2));
    assert_ptr_equal(prim_heard.list, was);
    assert_true(seqs_remove(&m->part, at, 2));
    seqs_drop(&m->part, at);
    assert_int_equal(prim_heard.seqs, 3);
    assert_int_equal(prim_heard.lists, 0);
    prim_free(m);
}

// ---- memory -------------------------------------------------------------------------------------

static void memory(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    const uint64_t *used = m->shard.pool.used;
    double worst = 0, sum = 0;
    struct edge_at at = {42, LIST_comments};
    for (uint32_t n = 1; n <= 100000; n++) {
        assert_true(seqs_add(&m->part, at, n));
        if (n <= 2) assert_int_equal(used[MEM_seq], n == 1 ? 24 : 32);
        if (n <= 4 || n == 10 || n == 50 || n == 255 || n == 256)
            printf("%u ids: %llu bytes\n", n, (unsigned long long)used[MEM_seq]);
        double each = (double)used[MEM_seq] / n;
        if (n > 1000 && each > worst) worst = each;
        sum += n > 1000 ? each : 0;
    }
    printf("long sequence: %.2f bytes an id, %.2f at worst\n", sum / 99000, worst);
    assert_true(worst <= 9.5);
    seqs_drop(&m->part, at);

    for (uint64_t post = 1; post <= 10000; post++)
        seqs_add(&m->part, (struct edge_at){post, LIST_comments}, post);
    prim_drain(m);
    double one = (double)(used[MEM_seq] + used[MEM_table]) / 10000;
    printf("sequence of one id: %.1f bytes with its place in the table\n", one);
    assert_true(one <= 42);
    for (uint64_t post = 1; post <= 10000; post++)
        seqs_drop(&m->part, (struct edge_at){post, LIST_comments});
    prim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_universe), cmocka_unit_test(random_histories),
        cmocka_unit_test(clearing),      cmocka_unit_test(merging),
        cmocka_unit_test(memory),        cmocka_unit_test(says_before_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
