// Ids and stamps: the parts come back, order by id is order by time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/id.h"

static void parts_come_back(void **state)
{
    (void)state;
    static const uint64_t times[] = {KITH_EPOCH_MS, KITH_EPOCH_MS + 1, UINT64_C(1740830400000),
                                     KITH_EPOCH_MS + STAMP_MS_MAX};
    static const unsigned seqs[] = {0, 1, (1 << STAMP_SEQ_BITS) - 1};
    static const unsigned slots[] = {0, 1, 511, SLOTS - 1};
    for (unsigned t = 0; t < 4; t++)
        for (unsigned q = 0; q < 3; q++)
            for (unsigned s = 0; s < 4; s++) {
                uint64_t stamp = stamp_make(times[t], seqs[q]);
                uint64_t id = id_make(stamp, slots[s]);
                assert_int_equal(id >> 63, 0);
                assert_int_equal(id_slot(id), slots[s]);
                assert_int_equal(id_stamp(id), stamp);
                assert_int_equal(stamp_ms(stamp), times[t]);
                assert_int_equal(id_ms(id), times[t]);
            }
}

static void order_is_time(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (uint64_t ms = KITH_EPOCH_MS + 1; ms < KITH_EPOCH_MS + 100; ms++)
        for (unsigned seq = 0; seq < 1 << STAMP_SEQ_BITS; seq += 1365) {
            uint64_t stamp = stamp_make(ms, seq);
            // A later stamp is above whatever slot the earlier one had.
            assert_true(id_make(stamp, 0) > before);
            before = id_make(stamp, SLOTS - 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_back),
        cmocka_unit_test(order_is_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
