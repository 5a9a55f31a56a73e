// fb_json_print.h - a verified table as JSON text.
#ifndef KITH_CORE_FB_JSON_PRINT_H
#define KITH_CORE_FB_JSON_PRINT_H

#include "core/fb.h"

enum {
    FB_JSON_FULL = 1 << 0,   // every field: absent scalars by default, strings and tables null,
                             // vectors []; except omit_empty ones
    FB_JSON_REDACT = 1 << 1, // "***" for sensitive fields
};

enum { FB_JSON_SLACK = 96, FB_TIME_TEXT = 24 };

#define FB_TIME_MAX UINT64_C(253402300799999) // 9999-12-31T23:59:59.999Z, in milliseconds

// The table as one JSON object. Gives the bytes written (at least 2; no NUL), 0 when they do not
// fit in cap: then the contents of out are undefined. A cap of the text's length + FB_JSON_SLACK
// always suffices.
size_t fb_json_print(char *out, size_t cap, const void *table, const fb_type *type, unsigned flags);

// High bits of the bytes that a JSON string escapes, of 8 bytes at once. The lowest mark is right;
// a borrow may mark a byte above it wrongly.
static inline uint64_t fb_json_marks(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';
    uint64_t control = (x - ones * 0x20) & ~x;
    return (control | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs;
}

// Digits of v; gives their number (at most 20).
size_t fb_print_u64(char *out, uint64_t v);

// Milliseconds since 1970 as "2024-12-20T10:15:30.123Z", FB_TIME_TEXT bytes; gives 0 and writes
// nothing when that is past the year 9999.
size_t fb_print_time(char *out, uint64_t ms);

// The decimal form of a finite double (narrow: of a float), at most 30 bytes. Only
// declared here: Kith's schema has no floats, so only the tests that compile the printer with
// FB_FLOATS define it.
size_t fb_print_float(char *out, double v, bool narrow);

#endif
