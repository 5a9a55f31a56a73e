// The highest ids of many lists, against sorting them all.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store/top.h"
#include "tests/store/support_state.h"

enum { MAX = 100, ALL = 20000 };

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

// Lists of up to `length` ids, all different; added one by one or merged, the highest come out.
static void check(struct rng *r, uint32_t lists, uint32_t length)
{
    static uint64_t room[(MERGE_LEVELS + 2) * MAX], all[ALL];
    struct merger m;
    struct top t;
    uint32_t n = 0;
    merger_init(&m, room, MAX);
    top_init(&t, MAX);
    for (uint32_t i = 0; i < lists; i++) {
        uint64_t list[200];
        uint32_t count = rng_below(r, length + 1);
        for (uint32_t k = 0; k < count; k++)
            list[k] = (uint64_t)rng_below(r, 1u << 30) << 20 | (n + k);
        qsort(list, count, sizeof list[0], descending);
        memcpy(all + n, list, count * sizeof list[0]);
        n += count;
        merger_add(&m, (struct id_list){list, count});
        for (uint32_t k = 0; k < count; k++)
            if (!top_add(&t, list[k])) break;
    }
    qsort(all, n, sizeof all[0], descending);
    struct id_list got = merger_end(&m);
    assert_int_equal(got.n, n < MAX ? n : MAX);
    assert_int_equal(t.n, got.n);
    assert_memory_equal(got.id, all, got.n * sizeof all[0]);
    assert_memory_equal(t.id, all, got.n * sizeof all[0]);
    if (got.n == 0) return;
    top_cut(&t, all[got.n / 2]);
    assert_int_equal(t.n, got.n / 2 + 1);
}

static void test_against_sort(void **state)
{
    (void)state;
    struct rng r = {3};
    for (int i = 0; i < 2000; i++) check(&r, rng_below(&r, 40), 1 + rng_below(&r, 12));
    for (int i = 0; i < 200; i++) check(&r, rng_below(&r, 90), 150);
}

static void test_repeats(void **state)
{
    (void)state;
    struct top t;
    top_init(&t, 3);
    assert_true(top_add(&t, 5));
    assert_true(top_add(&t, 5));
    assert_int_equal(t.n, 1);
    assert_true(top_add(&t, 7));
    assert_true(top_add(&t, 6));
    assert_false(top_add(&t, 4));
    assert_true(top_add(&t, 8));
    assert_memory_equal(t.id, ((uint64_t[]){8, 7, 6}), sizeof(uint64_t) * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_sort),
        cmocka_unit_test(test_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
