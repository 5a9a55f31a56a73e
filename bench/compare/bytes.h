// Bytes of a request or of a load, written one after the other into room that the caller has.
#ifndef KITH_BENCH_COMPARE_BYTES_H
#define KITH_BENCH_COMPARE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/assert.h"

struct bytes { uint8_t *at; size_t n, cap; };

static inline void bytes_put(struct bytes *b, const void *from, size_t n)
{
    ASSERT(b->n + n <= b->cap);
    memcpy(b->at + b->n, from, n);
    b->n += n;
}

// Of a literal, without its NUL.
#define BYTES_PUT(b, literal) bytes_put(b, literal, sizeof(literal) - 1)

static inline void bytes_text(struct bytes *b, const char *text)
{
    bytes_put(b, text, strlen(text));
}

// Digits of a number at the end of out[20]; how many.
static inline size_t digits(char *out, uint64_t number)
{
    size_t n = 0;
    do
        out[20 - ++n] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return n;
}

static inline void bytes_number(struct bytes *b, uint64_t number)
{
    char text[20];
    size_t n = digits(text, number);
    bytes_put(b, text + 20 - n, n);
}

// Of a decimal number that any other byte ends.
static inline uint64_t number_at(const char *text)
{
    uint64_t v = 0;
    while (*text >= '0' && *text <= '9')
        v = v * 10 + (uint64_t)(*text++ - '0');
    return v;
}

#endif
