// The most asked ids are found among many, and what is said of them is never too much.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "api/hot_keys.h"
#include "core/hash.h"

static struct hot_keys hot;

static uint32_t least(uint64_t id)
{
    for (unsigned i = 0; i < HOT_KEYS; i++)
        if (hot.at[i].id == id)
            return hot.at[i].count - hot.at[i].error;
    return 0;
}

static void SCALE_10_the_hot_are_found_among_many(void **state)
{
    (void)state;
    memset(&hot, 0, sizeof hot);
    uint32_t asked[4] = {0};
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t x = hash_u64(i, 9);
        if (x % 100 < 12) { // three ids of 4 % each; the rest are a hundred thousand others
            asked[x % 3]++;
            hot_keys_count(&hot, 1 + x % 3, "post_id");
        } else {
            hot_keys_count(&hot, 1000 + x % 100000, "post_id");
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(least(1 + i) > asked[i] / 2);
        assert_true(least(1 + i) <= asked[i]);
    }
    // Two or so each: what others were asked is not said of them.
    for (unsigned i = 0; i < HOT_KEYS; i++)
        assert_true(hot.at[i].id < 1000 || least(hot.at[i].id) < 20);
}

static void what_was_is_forgotten(void **state)
{
    (void)state;
    const uint64_t minute = UINT64_C(60) * 1000000000;
    memset(&hot, 0, sizeof hot);
    hot_keys_age(&hot, minute);
    for (unsigned i = 0; i < 1000; i++)
        hot_keys_count(&hot, 5, "user_id");
    hot_keys_age(&hot, minute + 1);
    assert_int_equal(least(5), 1000);
    hot_keys_age(&hot, 2 * minute);
    assert_int_equal(least(5), 500);
    for (uint64_t m = 3; m < 14; m++)
        hot_keys_age(&hot, m * minute);
    assert_int_equal(least(5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(SCALE_10_the_hot_are_found_among_many),
        cmocka_unit_test(what_was_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
