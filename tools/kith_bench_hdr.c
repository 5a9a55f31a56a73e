// HdrHistogram's two text forms: the percentile distribution (.hgrm) and the interval log (.hlog).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/generator.h"
#include "core/assert.h"
#include "core/clock.h"
#include "tools/kith_bench_report.h"

typedef unsigned long long ull;

// ---- percentiles -------------------------------------------------------------------------------

enum { TICKS_PER_HALF = 5, FINE = 2048, HALF = FINE / 2 };

// Middle of bucket i, as core/hist.c lays them out.
static double bucket_middle(uint32_t i)
{
    unsigned step = i < FINE ? 0 : i / HALF - 1;
    double width = (double)(UINT64_C(1) << step);
    return (double)(i - step * HALF) * width + (i < FINE ? 0 : width / 2);
}

static double deviation(const struct hist *h)
{
    double mean = hist_mean(h), sum = 0;
    for (uint32_t i = 0; i < h->buckets; i++) {
        uint64_t n = atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        double d = bucket_middle(i) - mean;
        sum += n > 0 ? (double)n * d * d : 0;
    }
    return hist_count(h) > 0 ? sqrt(sum / (double)hist_count(h)) : 0;
}

void report_hgrm(const struct hist *h, struct string *out)
{
    string_format(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                  "1/(1-Percentile)");
    double total = (double)hist_count(h), left = 1;
    // Each time that what is left is halved, steps of a fifth of that half.
    for (unsigned half = 0; total > 0 && left * total >= 0.5; half++, left /= 2) {
        for (unsigned t = 0; t < TICKS_PER_HALF; t++) {
            double share = 1 - left + left / 2 * t / TICKS_PER_HALF;
            uint64_t value = hist_percentile(h, share * 100);
            string_format(out, "%12.3f %2.12f %10llu %14.2f\n", (double)value / 1e3, share,
                          (ull)hist_count_upto(h, value), 1 / (1 - share));
        }
    }
    string_format(out, "%12.3f %2.12f %10llu\n", (double)hist_max(h) / 1e3, 1.0,
                  (ull)hist_count(h));
    string_format(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", hist_mean(h) / 1e3,
                  deviation(h) / 1e3);
    string_format(out, "#[Max     = %12.3f, Total count    = %12llu]\n",
                  (double)hist_max(h) / 1e3, (ull)hist_count(h));
    string_format(out, "#[Buckets = %12u, SubBuckets     = %12d]\n", h->buckets / HALF - 1, FINE);
}

// ---- the interval log --------------------------------------------------------------------------

struct bytes { uint8_t *p; size_t n; };

static void put_be32(struct bytes *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        b->p[b->n++] = (uint8_t)(v >> shift);
}

enum { STORED_MAX = 65535, STORED_HEAD = 5, ADLER = 65521 };

// A zlib stream whose blocks are stored as they are: a histogram is small already.
static void put_zlib(struct bytes *to, const uint8_t *p, size_t n)
{
    uint32_t a = 1, b = 0;
    to->p[to->n++] = 0x78;
    to->p[to->n++] = 0x01;
    for (size_t at = 0; at < n || at == 0; at += STORED_MAX) {
        uint16_t size = (uint16_t)(n - at < STORED_MAX ? n - at : STORED_MAX);
        to->p[to->n++] = at + size == n;
        to->p[to->n++] = (uint8_t)size;
        to->p[to->n++] = (uint8_t)(size >> 8);
        to->p[to->n++] = (uint8_t)~size;
        to->p[to->n++] = (uint8_t)(~size >> 8);
        memcpy(to->p + to->n, p + at, size);
        to->n += size;
    }
    for (size_t i = 0; i < n; i++) {
        a = (a + p[i]) % ADLER;
        b = (b + a) % ADLER;
    }
    put_be32(to, b << 16 | a);
}

static void add_base64(struct string *out, const struct bytes *b)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < b->n; i += 3) {
        uint32_t v = (uint32_t)b->p[i] << 16 | (i + 1 < b->n ? (uint32_t)b->p[i + 1] << 8 : 0) |
                     (i + 2 < b->n ? b->p[i + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
                        i + 1 < b->n ? digits[v >> 6 & 63] : '=',
                        i + 2 < b->n ? digits[v & 63] : '='};
        string_add(out, four, sizeof four);
    }
}

#define COMPRESSED_COOKIE UINT32_C(0x1c849314)

static void add_interval(struct string *out, const char *tag, const struct hist *h, double seconds)
{
    size_t cap = hist_encode_max(h);
    uint8_t *plain = malloc(cap);
    struct bytes packed = {.p = malloc(cap + cap / STORED_MAX * STORED_HEAD + 64)};
    ASSERT(plain != NULL && packed.p != NULL);
    size_t n = hist_encode(h, plain, cap);
    put_be32(&packed, COMPRESSED_COOKIE);
    put_be32(&packed, 0);
    put_zlib(&packed, plain, n);
    struct bytes length = {packed.p, 4};
    put_be32(&length, (uint32_t)(packed.n - 8));
    if (tag != NULL)
        string_format(out, "Tag=%s,", tag);
    string_format(out, "0.000,%.3f,%.3f,", seconds, (double)hist_max(h) / 1e6);
    add_base64(out, &packed);
    string_adds(out, "\n");
    free(plain);
    free(packed.p);
}

void report_hlog(const struct bench *b, struct string *out)
{
    const struct generator_report *g = &b->run[b->main].report;
    string_format(out, "#[Kith %s, nanoseconds]\n#[Histogram log format version 1.3]\n",
                  b->opt.scenario);
    string_format(out, "#[StartTime: %.3f (seconds since epoch)]\n",
                  (double)clock_wall_ms() / 1e3 - g->seconds);
    string_adds(out, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                     "\"Interval_Compressed_Histogram\"\n");
    add_interval(out, NULL, &g->latency, g->seconds);
    for (unsigned k = 0; k < ASK_KINDS; k++)
        if (g->kind[k].counts != NULL)
            add_interval(out, ask_names[k], &g->kind[k], g->seconds);
}
