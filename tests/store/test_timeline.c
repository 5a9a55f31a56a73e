// Timelines against a plain sorted array with the same promise: every id pushed since it was put
// that is not below the floor, and nothing else.
#include "tests/store/support_prim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/timeline.h"

struct model { uint32_t n; uint64_t floor, id[4000]; }; // descending

static void model_push(struct model *o, uint64_t id)
{
    uint32_t i = 0;
    while (i < o->n && o->id[i] > id) i++;
    if (i < o->n && o->id[i] == id) return;
    memmove(o->id + i + 1, o->id + i, (o->n++ - i) * sizeof *o->id);
    o->id[i] = id;
}

static void same_as(struct prim *m, uint64_t reader, struct model *o)
{
    struct timeline *t = timeline_find(&m->shard.timelines, reader);
    assert_non_null(t);
    assert_in_range(timeline_floor(t), o->floor, UINT64_MAX);
    o->floor = timeline_floor(t);
    while (o->n > 0 && o->id[o->n - 1] < o->floor) o->n--;
    uint64_t got[TIMELINE_MAX + 1];
    uint32_t n = timeline_below(t, 0, got, TIMELINE_MAX + 1);
    assert_int_equal(n, o->n);
    assert_in_range(n, 0, TIMELINE_MAX);
    for (uint32_t i = 0; i < n; i++) assert_int_equal(got[i], o->id[i]);
    for (uint32_t i = 0; i < o->n; i += 37)
        for (uint64_t d = 0; d < 2; d++) {
            uint32_t first = i + (d == 0);
            n = timeline_below(t, o->id[i] + d, got, 9);
            assert_int_equal(n, o->n - first < 9 ? o->n - first : 9);
            for (uint32_t k = 0; k < n; k++) assert_int_equal(got[k], o->id[first + k]);
        }
}

static void put(struct prim *m, uint64_t reader, struct model *o, struct prim_random *r)
{
    o->n = prim_below(r, TIMELINE_MAX + 1);
    uint64_t id = 1000000;
    for (uint32_t i = 0; i < o->n; i++) o->id[i] = id -= 1 + prim_below(r, 50);
    o->floor = prim_below(r, 2) == 0 ? 0 : id;
    struct timeline_fill fill = {o->id, o->n, o->floor};
    assert_non_null(timeline_put(&m->shard, reader, fill));
}

static void random_pushes(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct model *o = calloc(1, sizeof *o);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prim_random r = {seed};
        put(m, 9, o, &r);
        same_as(m, 9, o);
        uint64_t newest = 1000000;
        for (int i = 0; i < 3000; i++) {
            uint64_t id = newest += prim_below(&r, 10);
            uint32_t late = seed % 3 == 0 ? 3 : 40;
            if (prim_below(&r, late) == 0) id -= prim_below(&r, 20000); // an import, another core
            timeline_push(&m->shard, 9, id);
            timeline_push(&m->shard, 10, id); // has none
            if (id >= o->floor) model_push(o, id);
            if (i % 100 == 0 || i < 20) same_as(m, 9, o);
        }
        same_as(m, 9, o);
    }
    assert_int_equal(m->shard.timelines.count, 1);
    timeline_drop_all(&m->shard);
    assert_int_equal(m->shard.timelines.count, 0);
    free(o);
    pool_free(&m->shard.pool, m->shard.timelines.slot,
              m->shard.timelines.capacity * sizeof(void *), MEM_timeline);
    prim_free(m);
}

// The least lately read goes first; a push is not a read.
static void eviction(void **state)
{
    (void)state;
    enum { LIMIT = 100, READERS = 250 };
    struct prim *m = prim_new(0);
    struct timelines *t = &m->shard.timelines;
    t->limit = LIMIT;
    uint64_t last_read[READERS] = {0}, clock = 0; // 0 = has none
    struct prim_random r = {7};
    for (int step = 0; step < 50000; step++) {
        uint32_t reader = prim_below(&r, READERS), op = prim_below(&r, 10);
        uint64_t id = reader + 1;
        if (op < 4) {
            assert_int_equal(timeline_find(t, id) != NULL, last_read[reader] != 0);
            if (last_read[reader] != 0) last_read[reader] = ++clock;
        } else if (op < 7) {
            timeline_push(&m->shard, id, (uint64_t)step + 1);
        } else if (op == 7) {
            timeline_drop(&m->shard, id);
            last_read[reader] = 0;
        } else {
            if (last_read[reader] == 0 && t->count == LIMIT) {
                uint32_t old = READERS;
                for (uint32_t i = 0; i < READERS; i++)
                    if (last_read[i] != 0 && (old == READERS || last_read[i] < last_read[old]))
                        old = i;
                last_read[old] = 0;
            }
            timeline_put(&m->shard, id, (struct timeline_fill){NULL, 0, 0});
            last_read[reader] = ++clock;
        }
        assert_in_range(t->count, 0, LIMIT);
    }
    for (uint32_t i = 0; i < READERS; i++)
        assert_int_equal(timeline_find(t, i + 1) != NULL, last_read[i] != 0);
    assert_in_range(t->evicted, 1, t->computed);
    timeline_drop_all(&m->shard);
    assert_null(t->lru_old);
    assert_null(t->lru_new);
    pool_free(&m->shard.pool, t->slot, t->capacity * sizeof(void *), MEM_timeline);
    prim_free(m);
}

static void memory(void **state)
{
    (void)state;
    enum { READERS = 1000 };
    struct prim *m = prim_new(0);
    const uint64_t *used = m->shard.pool.used;
    for (uint64_t reader = 1; reader <= READERS; reader++)
        timeline_put(&m->shard, reader, (struct timeline_fill){NULL, 0, 0});
    printf("empty timeline: %.0f bytes\n", (double)used[MEM_timeline] / READERS);
    assert_true(used[MEM_timeline] <= READERS * (48 + 256 + 24));
    for (uint64_t post = 1; post <= TIMELINE_MAX; post++)
        for (uint64_t reader = 1; reader <= READERS; reader++)
            timeline_push(&m->shard, reader, post);
    double each = (double)used[MEM_timeline] / READERS / TIMELINE_MAX;
    printf("full timeline: %.2f bytes an entry\n", each);
    assert_true(each <= 8.2);
    for (uint64_t post = 1; post <= 5000; post++) timeline_push(&m->shard, 1, post);
    assert_true((double)used[MEM_timeline] / READERS / TIMELINE_MAX <= 8.2);
    timeline_drop_all(&m->shard);
    pool_free(&m->shard.pool, m->shard.timelines.slot,
              m->shard.timelines.capacity * sizeof(void *), MEM_timeline);
    prim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pushes), cmocka_unit_test(eviction), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
