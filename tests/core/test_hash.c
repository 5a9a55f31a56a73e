// The hashes: fixed for ever, for they reach the disk; the mixer spreads what ids have in common.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hash.h"
#include "core/id.h"

static void values_are_fixed(void **state)
{
    (void)state;
    assert_true(hash64("", 0, 0) == UINT64_C(0x2d06800538d394c2)); // from the specification
    struct hash128 h = hash128("", 0, 0);
    assert_true(h.lo == UINT64_C(0x6001c324468d497f));
    assert_true(h.hi == UINT64_C(0x99aa06d3014798d8));
    assert_true(hash64("kith", 4, 1) != hash64("kith", 4, 2));
    assert_true(hash_u64(0, 0) == 0);
    assert_true(hash_u64(1, 0) == hash_u64(0, 1));
}

// Ids of one slot, a millisecond apart: in a table of 2^12 rows, by either end of the hash, the
// fullest row holds no more than chance explains (mean 16; 48 has a probability below 1e-7 in
// all).
static void spreads_ids(void **state)
{
    (void)state;
    static unsigned low[4096], high[4096];
    for (unsigned i = 0; i < 16 * 4096; i++) {
        uint64_t h = hash_u64(id_make(stamp_make(KITH_EPOCH_MS + 1000 + i, 0), 77), 0x1234567);
        low[h & 4095]++;
        high[h >> 52]++;
    }
    for (unsigned i = 0; i < 4096; i++) {
        assert_in_range(low[i], 1, 48);
        assert_in_range(high[i], 1, 48);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_fixed),
        cmocka_unit_test(spreads_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
