// The histogram against values known from HdrHistogram: percentiles, means and bytes as
// hdr-histogram-js 3.0.1 gives them for the same records.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hist.h"

#define HOUR_NS UINT64_C(3600000000000)

static struct hist make(uint64_t highest)
{
    struct hist h;
    hist_init(&h, highest, malloc(hist_bytes(highest)));
    return h;
}

static void drop(struct hist *h)
{
    free((void *)h->counts);
}

// Eleven values at the edges of buckets, and two heaps.
static void record_few(struct hist *h)
{
    static const uint64_t values[] = {0,    1,       2,         1000,         2047, 2048, 2049,
                                      4096, 1000000, 123456789, HOUR_NS - 1};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) hist_record(h, values[i]);
    hist_record_n(h, 5000, 300);
    hist_record_n(h, 70000, 20000);
}

static void record_many(struct hist *h)
{
    uint64_t x = 12345;
    for (unsigned i = 0; i < 100000; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t r = x >> 40;
        hist_record(h, r * r / 2000000);
    }
}

static void knows_its_size(void **state)
{
    (void)state;
    assert_int_equal(hist_bytes(HOUR_NS), 33792 * 8);
    assert_int_equal(hist_bytes(2), 2048 * 8);
    assert_int_equal(hist_bytes(2047), 2048 * 8);
    assert_int_equal(hist_bytes(2048), 3072 * 8);
}

static void gives_the_percentiles(void **state)
{
    (void)state;
    struct hist h = make(HOUR_NS);
    record_many(&h);
    static const struct { double percent; uint64_t value; } known[] = {
        {0, 0},           {10, 1438719},     {50, 35160063},    {75, 79036415},   {90, 113770495},
        {99, 138149887},  {99.9, 140509183}, {99.99, 140731096}, {100, 140731096},
    };
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(hist_percentile(&h, known[i].percent), known[i].value);
    double off = hist_mean(&h) - 46845502.83248;
    assert_true(off > -1e-3 && off < 1e-3);
    assert_int_equal(hist_max(&h), 140731096);
    assert_int_equal(hist_count(&h), 100000);
    drop(&h);

    h = make(HOUR_NS);
    record_few(&h);
    assert_int_equal(hist_percentile(&h, 50), 70015);
    assert_int_equal(hist_percentile(&h, 99.9), 70015);
    assert_int_equal(hist_percentile(&h, 99.99), 1000447);
    assert_int_equal(hist_percentile(&h, 100), HOUR_NS - 1);
    off = hist_mean(&h) - 177331591.99281177;
    assert_true(off > -1e-3 && off < 1e-3);
    assert_int_equal(hist_min(&h), 0);
    assert_int_equal(hist_count_upto(&h, 2), 3);
    assert_int_equal(hist_count_upto(&h, 5000), 308);
    drop(&h);
}

static void errs_by_a_thousandth_at_most(void **state)
{
    (void)state;
    for (uint64_t v = 1; v < HIST_HIGHEST_MAX / 4; v += v / 3 + 1) {
        struct hist h = make(HIST_HIGHEST_MAX);
        hist_record(&h, v);
        hist_record(&h, HIST_HIGHEST_MAX); // so that the maximum does not correct it
        uint64_t got = hist_percentile(&h, 50);
        assert_true(got >= v && got - v <= v / 1000);
        drop(&h);
    }
}

static void is_empty_at_first(void **state)
{
    (void)state;
    struct hist h = make(1000000);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(hist_count(&h), 0);
        assert_int_equal(hist_min(&h), 0);
        assert_int_equal(hist_max(&h), 0);
        assert_int_equal(hist_percentile(&h, 99), 0);
        assert_true(hist_mean(&h) >= 0 && hist_mean(&h) <= 0);
        hist_record(&h, 77);
        hist_reset(&h);
    }
    drop(&h);
}

static void clamps_and_says_so(void **state)
{
    (void)state;
    struct hist h = make(1000000);
    hist_record(&h, 1000000);
    hist_record_n(&h, UINT64_MAX, 3);
    assert_int_equal(hist_max(&h), 1000000);
    assert_int_equal(hist_count(&h), 4);
    assert_int_equal(h.clamped, 3);
    drop(&h);
}

static void merges(void **state)
{
    (void)state;
    struct hist both = make(HOUR_NS), few = make(HOUR_NS), many = make(HOUR_NS);
    record_few(&both);
    record_many(&both);
    record_few(&few);
    record_many(&many);
    struct hist sum = make(HOUR_NS);
    hist_merge(&sum, &few);
    hist_merge(&sum, &many);
    assert_int_equal(hist_count(&sum), hist_count(&both));
    assert_int_equal(hist_min(&sum), hist_min(&both));
    assert_int_equal(hist_max(&sum), hist_max(&both));
    assert_memory_equal((void *)sum.counts, (void *)both.counts, hist_bytes(HOUR_NS));

    // Into a smaller one; and the least value, which its bucket knows only to three digits.
    struct hist small = make(100000), one = make(HOUR_NS);
    hist_merge(&small, &few);
    assert_int_equal(hist_count(&small), hist_count(&few));
    assert_int_equal(small.clamped, 3);
    hist_record(&one, 5001);
    hist_record(&one, 9000);
    hist_reset(&small);
    hist_merge(&small, &one);
    assert_int_equal(hist_min(&small), 5001);
    assert_int_equal(hist_max(&small), 9000);
    drop(&both);
    drop(&few);
    drop(&many);
    drop(&sum);
    drop(&small);
    drop(&one);
}

static void writes_the_bytes_of_hdr(void **state)
{
    (void)state;
    static const uint8_t known[] = {
        0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1,
        0, 0, 0x03, 0x46, 0x30, 0xb8, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    };
    struct hist h = make(HOUR_NS);
    record_few(&h);
    size_t max = hist_encode_max(&h);
    uint8_t *out = malloc(max);
    size_t n = hist_encode(&h, out, max);
    assert_int_equal(n, 72);
    assert_memory_equal(out, known, 32);
    static const uint8_t counts[] = {
        2,    2,    2,    0xc9, 0x0f, 2,    0xab, 0x10, 2,    4,    0xfd, 0x0f, 2,    0xc1, 3, 0xd8,
        4,    0xc3, 0x3d, 0xc0, 0xb8, 2,    0xb5, 0x3d, 2,    0xf1, 0x6e, 2,    0xdf, 0xec, 1, 2,
    };
    assert_int_equal(sizeof counts, 32);
    assert_memory_equal(out + 40, counts, 32);
    assert_int_equal(hist_encode(&h, out, 50), 0);
    assert_int_equal(hist_encode(&h, out, 39), 0);

    // 100000 values: FNV-1a over the bytes of hdr-histogram-js, which has 1 for the offset and the
    // whole number 1 for the ratio (the others have 0 and the double 1.0, and all ignore both).
    struct hist many = make(HOUR_NS);
    record_many(&many);
    n = hist_encode(&many, out, max);
    assert_int_equal(n, 13924);
    out[11] = 1;
    memset(out + 32, 0, 7);
    out[39] = 1;
    uint64_t fnv = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) fnv = (fnv ^ out[i]) * UINT64_C(0x100000001b3);
    assert_true(fnv == UINT64_C(0x1d80ac603e590b4d));
    free(out);
    drop(&h);
    drop(&many);
}

static void reads_back_what_it_writes(void **state)
{
    (void)state;
    struct hist h = make(HOUR_NS), back = make(HOUR_NS);
    record_few(&h);
    record_many(&h);
    hist_record_n(&h, 3, UINT64_C(1) << 55);
    size_t max = hist_encode_max(&h);
    uint8_t *out = malloc(max);
    size_t n = hist_encode(&h, out, max);
    assert_true(hist_decode(&back, out, n));
    assert_memory_equal((void *)back.counts, (void *)h.counts, hist_bytes(HOUR_NS));
    assert_int_equal(hist_count(&back), hist_count(&h));

    // From Javascript; damaged or foreign bytes add nothing.
    hist_reset(&back);
    out[11] = 1;
    assert_true(hist_decode(&back, out, n));
    hist_reset(&back);
    struct hist small = make(100000);
    assert_false(hist_decode(&small, out, n));
    for (size_t cut = 0; cut < 60; cut++) assert_false(hist_decode(&back, out, cut));
    out[15] = 2;
    assert_false(hist_decode(&back, out, n));
    assert_int_equal(hist_count(&back), 0);
    assert_int_equal(hist_count(&small), 0);
    free(out);
    drop(&h);
    drop(&back);
    drop(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_size),
        cmocka_unit_test(gives_the_percentiles),
        cmocka_unit_test(errs_by_a_thousandth_at_most),
        cmocka_unit_test(is_empty_at_first),
        cmocka_unit_test(clamps_and_says_so),
        cmocka_unit_test(merges),
        cmocka_unit_test(writes_the_bytes_of_hdr),
        cmocka_unit_test(reads_back_what_it_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
