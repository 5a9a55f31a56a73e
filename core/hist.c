// The histogram of hist.h. A value v >= 2048 lies in the bucket of its eleven leading bits; `step`
// says how many bits follow them.
#include "core/hist.h"

#include <string.h>

#include "core/assert.h"

enum {
    FINE_BITS = 11,            // 2^11 is the first power of two above 2 * 10^3
    FINE = 1 << FINE_BITS,     // values that have a bucket of their own
    HALF = FINE / 2,           // buckets of each further doubling
};

// ---- buckets ------------------------------------------------------------------------------------

static unsigned step_of(uint64_t value)
{
    return 63 - (unsigned)__builtin_clzll(value | (FINE - 1)) - (FINE_BITS - 1);
}

static uint32_t bucket_of(uint64_t value)
{
    unsigned step = step_of(value);
    return (uint32_t)((value >> step) + (uint64_t)step * HALF);
}

static uint64_t bucket_low(uint32_t bucket, unsigned *step)
{
    *step = bucket < FINE ? 0 : bucket / HALF - 1;
    return (uint64_t)(bucket - *step * HALF) << *step;
}

static uint64_t bucket_high(uint32_t bucket)
{
    unsigned step;
    uint64_t low = bucket_low(bucket, &step);
    return low + (UINT64_C(1) << step) - 1;
}

static uint32_t buckets_for(uint64_t highest)
{
    // Whole doublings, as the other implementations have them.
    return (step_of(highest) + 2) * HALF;
}

// One thread writes, so a load and a store do; they are atomic for those who read meanwhile.
static uint64_t get(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void set(_Atomic uint64_t *p, uint64_t value)
{
    atomic_store_explicit(p, value, memory_order_relaxed);
}

// ---- writing ------------------------------------------------------------------------------------

size_t hist_bytes(uint64_t highest)
{
    ASSERT(highest >= 2);
    ASSERT(highest <= HIST_HIGHEST_MAX);
    return buckets_for(highest) * sizeof(_Atomic uint64_t);
}

void hist_init(struct hist *h, uint64_t highest, void *counts)
{
    ASSERT(((uintptr_t)counts & 7) == 0);
    h->counts = counts;
    h->buckets = (uint32_t)(hist_bytes(highest) / sizeof(_Atomic uint64_t));
    h->highest = highest;
    hist_reset(h);
}

void hist_reset(struct hist *h)
{
    for (uint32_t i = 0; i < h->buckets; i++) set(&h->counts[i], 0);
    set(&h->total, 0);
    set(&h->min, UINT64_MAX);
    set(&h->max, 0);
    set(&h->clamped, 0);
}

void hist_record(struct hist *h, uint64_t value)
{
    hist_record_n(h, value, 1);
}

void hist_record_n(struct hist *h, uint64_t value, uint64_t n)
{
    if (n == 0) return;
    if (value > h->highest) {
        value = h->highest;
        set(&h->clamped, get(&h->clamped) + n);
    }
    _Atomic uint64_t *count = &h->counts[bucket_of(value)];
    set(count, get(count) + n);
    set(&h->total, get(&h->total) + n);
    if (value < get(&h->min)) set(&h->min, value);
    if (value > get(&h->max)) set(&h->max, value);
}

void hist_merge(struct hist *to, const struct hist *from)
{
    if (hist_count(from) == 0) return;
    // The buckets know the least value to three digits only: it is carried over by itself.
    uint64_t min = hist_min(from) < to->highest ? hist_min(from) : to->highest;
    if (get(&to->min) < min) min = get(&to->min);
    uint64_t max = get(&from->max);
    uint32_t last = bucket_of(max);
    for (uint32_t i = 0; i <= last; i++) {
        unsigned step;
        uint64_t low = bucket_low(i, &step);
        hist_record_n(to, i < last ? low : max, get(&from->counts[i]));
    }
    set(&to->min, min);
    // With a smaller bound they were clamped, and counted, once more just now.
    if (from->highest <= to->highest) set(&to->clamped, get(&to->clamped) + get(&from->clamped));
}

// ---- reading ------------------------------------------------------------------------------------

uint64_t hist_count(const struct hist *h)
{
    return get(&h->total);
}

uint64_t hist_min(const struct hist *h)
{
    return hist_count(h) == 0 ? 0 : get(&h->min);
}

uint64_t hist_max(const struct hist *h)
{
    return get(&h->max);
}

double hist_mean(const struct hist *h)
{
    double sum = 0;
    uint64_t total = 0;
    uint32_t last = bucket_of(get(&h->max));
    for (uint32_t i = 0; i <= last; i++) {
        unsigned step;
        uint64_t n = get(&h->counts[i]);
        uint64_t low = bucket_low(i, &step);
        sum += (double)n * (double)(low + (UINT64_C(1) << step) / 2);
        total += n;
    }
    return total == 0 ? 0 : sum / (double)total;
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
    // The buckets are added up anew: `total` may be ahead of them while the writer runs.
    uint64_t max = get(&h->max), total = 0;
    uint32_t last = bucket_of(max);
    for (uint32_t i = 0; i <= last; i++) total += get(&h->counts[i]);
    if (total == 0) return 0;
    if (percent >= 100) return max;
    uint64_t wanted = percent <= 0 ? 1 : (uint64_t)(percent / 100 * (double)total + 0.5);
    if (wanted == 0) wanted = 1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i <= last; i++) {
        seen += get(&h->counts[i]);
        if (seen < wanted) continue;
        uint64_t high = bucket_high(i);
        return high < max ? high : max;
    }
    return max;
}

uint64_t hist_count_upto(const struct hist *h, uint64_t value)
{
    uint64_t seen = 0;
    uint32_t last = bucket_of(value < h->highest ? value : h->highest);
    for (uint32_t i = 0; i <= last; i++) seen += get(&h->counts[i]);
    return seen;
}

// ---- the V2 form --------------------------------------------------------------------------------
//
//   0      4       8      12     16      24       32      40
//   +------+-------+------+------+-------+--------+-------+----------------------------------+
//   |cookie|payload|offset|digits|lowest |highest |ratio  | counts, LEB128 of zigzag; -n = n |
//   |      | bytes |  0   |  3   |  1    |        |1.0    | empty buckets in a row           |
//   +------+-------+------+------+-------+--------+-------+----------------------------------+
//
// Big-endian. Buckets after the last that is not empty are left out.

enum { V2_COOKIE = 0x1c849313, V2_HEAD = 40, LEB_MAX = 9 };
#define V2_RATIO UINT64_C(0x3ff0000000000000) // 1.0

static void store_be(uint8_t *p, uint64_t value, unsigned bytes)
{
    while (bytes > 0) {
        p[--bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t load_be(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) value = value << 8 | p[i];
    return value;
}

// Seven bits a byte, low ones first; the ninth byte takes the last eight as they are.
static size_t store_leb(uint8_t *p, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80 && n < LEB_MAX - 1; value >>= 7) p[n++] = (uint8_t)(value | 0x80);
    p[n++] = (uint8_t)value;
    return n;
}

static size_t load_leb(const uint8_t *p, size_t n, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == LEB_MAX - 1) {
            *value |= (uint64_t)p[i] << 56;
            return LEB_MAX;
        }
        *value |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (!(p[i] & 0x80)) return i + 1;
    }
    return 0;
}

size_t hist_encode_max(const struct hist *h)
{
    return V2_HEAD + (size_t)h->buckets * LEB_MAX;
}

size_t hist_encode(const struct hist *h, uint8_t *out, size_t cap)
{
    if (cap < V2_HEAD) return 0;
    size_t at = V2_HEAD;
    uint32_t end = hist_count(h) == 0 ? 0 : bucket_of(get(&h->max)) + 1;
    for (uint32_t i = 0; i < end;) {
        if (cap - at < LEB_MAX) return 0;
        uint64_t n = get(&h->counts[i++]);
        uint64_t zeros = n == 0;
        while (zeros > 0 && i < end && get(&h->counts[i]) == 0) {
            zeros++;
            i++;
        }
        // Zigzag: n becomes 2n, -n becomes 2n - 1. One empty bucket alone is a count of 0.
        at += store_leb(out + at, zeros > 1 ? zeros * 2 - 1 : n * 2);
    }
    store_be(out, V2_COOKIE, 4);
    store_be(out + 4, at - V2_HEAD, 4);
    store_be(out + 8, 0, 4);
    store_be(out + 12, HIST_DIGITS, 4);
    store_be(out + 16, 1, 8);
    store_be(out + 24, h->highest, 8);
    store_be(out + 32, V2_RATIO, 8);
    return at;
}

// Whether the counts can be added to h, or, with `add`, adds them.
static bool walk_counts(struct hist *h, const uint8_t *p, size_t n, bool add)
{
    uint64_t bucket = 0;
    while (n > 0) {
        uint64_t coded;
        size_t took = load_leb(p, n, &coded);
        if (took == 0) return false;
        p += took;
        n -= took;
        if (coded & 1) {
            bucket += (coded >> 1) + 1;
        } else {
            // The highest of the bucket, which is what the others call its value.
            if (bucket > bucket_of(h->highest)) return false;
            if (add) {
                uint64_t value = bucket_high((uint32_t)bucket);
                hist_record_n(h, value < h->highest ? value : h->highest, coded >> 1);
            }
            bucket++;
        }
        if (bucket > h->buckets) return false;
    }
    return true;
}

bool hist_decode(struct hist *h, const uint8_t *bytes, size_t n)
{
    if (n < V2_HEAD || load_be(bytes, 4) != V2_COOKIE) return false;
    // An offset would shift the buckets; hdr-histogram-js writes 1 and means 0.
    if (load_be(bytes + 8, 4) > 1 || load_be(bytes + 12, 4) != HIST_DIGITS) return false;
    if (load_be(bytes + 16, 8) != 1 || load_be(bytes + 4, 4) != n - V2_HEAD) return false;
    if (!walk_counts(h, bytes + V2_HEAD, n - V2_HEAD, false)) return false;
    return walk_counts(h, bytes + V2_HEAD, n - V2_HEAD, true);
}
