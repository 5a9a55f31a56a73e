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
    timeline_put(&m->shard, reader, fill);
}

static void free_table(struct prim *m)
{
    struct timelines *t = &m->shard.timelines;
    pool_free(&m->shard.pool, t->slot, t->capacity * 2 * sizeof(uint64_t), MEM_timeline);
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
            timeline_push(&m->shard, id, (struct id_list){(uint64_t[]){9, 10}, 2}); // 10 has none
            if (id >= o->floor) model_push(o, id);
            if (i % 100 == 0 || i < 20) same_as(m, 9, o);
        }
        same_as(m, 9, o);
    }
    assert_int_equal(m->shard.timelines.count, 1);
    timeline_drop_all(&m->shard);
    assert_int_equal(m->shard.timelines.count, 0);
    free(o);
    free_table(m);
    prim_free(m);
}

// Who reads all the time keeps his timeline, however many others come by; a push is not a read.
static void eviction(void **state)
{
    (void)state;
    enum { LIMIT = 100, READERS = 2500, HOT = 20 };
    struct prim *m = prim_new(0);
    struct timelines *t = &m->shard.timelines;
    t->limit = LIMIT;
    struct prim_random r = {7};
    uint32_t lost[2] = {0};
    for (uint64_t id = 1; id <= HOT; id++) timeline_put(&m->shard, id, (struct timeline_fill){0});
    for (int step = 1; step < 50000; step++) {
        uint64_t hot = 1 + prim_below(&r, HOT), cold = HOT + 1 + prim_below(&r, READERS - HOT);
        timeline_push(&m->shard, (uint64_t)step, (struct id_list){&cold, 1});
        if (timeline_find(t, cold) == NULL) {
            timeline_put(&m->shard, cold, (struct timeline_fill){0});
            lost[1]++;
        }
        if (prim_below(&r, 4) == 0) timeline_drop(&m->shard, cold);
        if (timeline_find(t, hot) == NULL) {
            timeline_put(&m->shard, hot, (struct timeline_fill){0});
            lost[0]++;
        }
        assert_in_range(t->count, 0, LIMIT);
    }
    assert_in_range(t->evicted, 1, t->computed);
    assert_in_range(lost[0], 0, 2000); // at random it would be a fifth of all
    assert_in_range(lost[1], 30000, 50000);
    timeline_drop_all(&m->shard);
    assert_int_equal(t->count, 0);
    free_table(m);
    prim_free(m);
}

// Until every core has seen a change of whom a reader follows, his timeline waits.
static void outdated(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct timelines *t = &m->shard.timelines;
    assert_true(timeline_ready(t, 5, 0));
    timeline_put(&m->shard, 5, (struct timeline_fill){0});
    timeline_outdate(&m->shard, 5, 77);
    assert_null(timeline_find(t, 5));
    assert_false(timeline_ready(t, 5, 76));
    assert_true(timeline_ready(t, 5, 77));
    free_table(m);
    prim_free(m);
}

// Posts of all times: nothing is dropped for lying far from the newest, or from the first.
static void far_apart(void **state)
{
    (void)state;
    enum { POSTS = 400 };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct prim *m = prim_new(0);
        struct prim_random r = {seed};
        uint64_t post[POSTS], got[TIMELINE_MAX + 1], newest = 0, reader = 5;
        unsigned bits = 52 + (unsigned)seed % 12;
        timeline_put(&m->shard, reader, (struct timeline_fill){NULL, 0, 0});
        for (uint32_t i = 0; i < POSTS; i++) {
            post[i] = 1 + (prim_next(&r) >> (64 - bits));
            timeline_push(&m->shard, post[i], (struct id_list){&reader, 1});
            struct timeline *t = timeline_find(&m->shard.timelines, reader);
            newest = post[i] > newest ? post[i] : newest;
            assert_int_equal(timeline_floor(t), 0);
            uint32_t n = timeline_below(t, 0, got, TIMELINE_MAX + 1);
            assert_int_equal(n, i + 1);
            assert_int_equal(got[0], newest);
            for (uint32_t k = 1; k < n; k++) assert_true(got[k] < got[k - 1]);
            if (i % 97 == 0) { // and made anew from all of them
                timeline_put(&m->shard, reader, (struct timeline_fill){got, n, 0});
                t = timeline_find(&m->shard.timelines, reader);
                assert_int_equal(timeline_below(t, 0, got, TIMELINE_MAX + 1), n);
            }
        }
        uint64_t wide[2] = {UINT64_C(1) << 62, 1};
        timeline_put(&m->shard, reader, (struct timeline_fill){wide, 2, 0});
        struct timeline *t = timeline_find(&m->shard.timelines, reader);
        assert_int_equal(timeline_below(t, 0, got, TIMELINE_MAX + 1), 2);
        assert_true(got[0] == wide[0] && got[1] == wide[1] && timeline_floor(t) == 0);
        timeline_drop_all(&m->shard);
        free_table(m);
        prim_free(m);
    }
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
    assert_true(used[MEM_timeline] <= READERS * (256 + 48));
    for (uint64_t post = 1; post <= TIMELINE_MAX; post++)
        for (uint64_t reader = 1; reader <= READERS; reader++)
            timeline_push(&m->shard, post, (struct id_list){&reader, 1});
    double each = (double)used[MEM_timeline] / READERS / TIMELINE_MAX;
    printf("full timeline: %.2f bytes an entry\n", each);
    assert_true(each <= 7.3);
    for (uint64_t post = 1; post <= 5000; post++)
        timeline_push(&m->shard, post, (struct id_list){(uint64_t[]){1}, 1});
    assert_true((double)used[MEM_timeline] / READERS / TIMELINE_MAX <= 7.3);
    // One post of another century for each.
    for (uint64_t reader = 1; reader <= READERS; reader++)
        timeline_push(&m->shard, UINT64_MAX, (struct id_list){&reader, 1});
    assert_true((double)used[MEM_timeline] / READERS / TIMELINE_MAX <= 8.3);
    timeline_drop_all(&m->shard);
    free_table(m);
    prim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pushes), cmocka_unit_test(eviction),
        cmocka_unit_test(outdated), cmocka_unit_test(far_apart), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
