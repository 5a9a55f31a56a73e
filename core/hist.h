// A histogram of times or sizes with three significant digits, after HdrHistogram: values from 0
// up to a bound, each counted in a bucket no wider than a thousandth of the value. It is written
// by one thread and may be read or merged by any other while it grows.
//
//   values   0 … 2047 one by one | 2048 … 4095 by twos | 4096 … 8191 by fours | …
//
// The bytes of hist_encode are HdrHistogram's V2 form, read by the tools and libraries of that
// family.
#ifndef KITH_CORE_HIST_H
#define KITH_CORE_HIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hist {
    _Atomic uint64_t *counts;  // hist_bytes(highest) bytes, owned by whoever made the histogram
    uint32_t buckets;          // of counts[]
    uint64_t highest;          // values above are counted as this one, and in `clamped`
    _Atomic uint64_t total;    // values recorded
    _Atomic uint64_t min, max; // as recorded, not rounded; min is UINT64_MAX while empty
    _Atomic uint64_t clamped;
};

enum { HIST_DIGITS = 3 };
#define HIST_HIGHEST_MAX (UINT64_C(1) << 62)

// Bytes of counts for values up to `highest` (2 to HIST_HIGHEST_MAX), to be given to hist_init.
size_t hist_bytes(uint64_t highest);
void hist_init(struct hist *h, uint64_t highest, void *counts);
// Empties it. By the writer.
void hist_reset(struct hist *h);

void hist_record(struct hist *h, uint64_t value);
void hist_record_n(struct hist *h, uint64_t value, uint64_t n);
// Adds all of `from`; by the writer of `to`. The bounds may differ.
void hist_merge(struct hist *to, const struct hist *from);

uint64_t hist_count(const struct hist *h);
// Exact, 0 while empty.
uint64_t hist_min(const struct hist *h);
uint64_t hist_max(const struct hist *h);
// Of the middles of the buckets, as HdrHistogram has it.
double hist_mean(const struct hist *h);
// The value that `percent` of all values do not exceed: the highest of its bucket, but never more
// than the maximum. 0 while empty.
uint64_t hist_percentile(const struct hist *h, double percent);
// Values recorded that are not above `value`, to the bucket.
uint64_t hist_count_upto(const struct hist *h, uint64_t value);

// Bytes that hist_encode may need.
size_t hist_encode_max(const struct hist *h);
// Writes the V2 form, not compressed. Bytes written, or 0 if cap is too small.
size_t hist_encode(const struct hist *h, uint8_t *out, size_t cap);
// Adds the values of a V2 form to h; by its writer. false, and h is as before, where the bytes are
// not V2 with three digits or hold values beyond h's bound.
bool hist_decode(struct hist *h, const uint8_t *bytes, size_t n);

#endif
