// Redis's protocol: requests as its clients write them, an array of words; answers line by line.
#ifndef KITH_BENCH_COMPARE_RESP_H
#define KITH_BENCH_COMPARE_RESP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/community.h"
#include "bench/compare/bytes.h"

static inline void resp_head(struct bytes *out, unsigned words)
{
    BYTES_PUT(out, "*");
    bytes_number(out, words);
    BYTES_PUT(out, "\r\n");
}

static inline void resp_word(struct bytes *out, const char *text, size_t n)
{
    BYTES_PUT(out, "$");
    bytes_number(out, n);
    BYTES_PUT(out, "\r\n");
    bytes_put(out, text, n);
    BYTES_PUT(out, "\r\n");
}

static inline void resp_name(struct bytes *out, const char *text)
{
    resp_word(out, text, strlen(text));
}

static inline void resp_number(struct bytes *out, uint64_t value)
{
    char text[20];
    size_t n = digits(text, value);
    resp_word(out, text + 20 - n, n);
}

static inline void resp_key(struct bytes *out, char kind, uint64_t id)
{
    char text[22];
    size_t n = digits(text + 2, id);
    char *begin = text + 20 - n;
    begin[0] = kind;
    begin[1] = ':';
    resp_word(out, begin, n + 2);
}

// A user's name.
static inline void resp_user(struct bytes *out, uint32_t user)
{
    char text[16];
    int n = snprintf(text, sizeof text, "u%u", user);
    resp_word(out, text, (size_t)n);
}

// A function of the library, with so many words after its name.
static inline void resp_call(struct bytes *out, const char *function, unsigned words)
{
    resp_head(out, 3 + words);
    BYTES_PUT(out, "$5\r\nFCALL\r\n");
    resp_name(out, function);
    BYTES_PUT(out, "$1\r\n0\r\n");
}

// A post as its hash has it: "created author text".
static inline void resp_post(struct bytes *out, const struct made_post *made)
{
    char text[480];
    int n = snprintf(text, sizeof text, "%llu u%u %.*s", (unsigned long long)made->created_ms,
                     made->author, (int)made->text_n, made->text);
    resp_word(out, text, (size_t)n);
}

// One line of an answer: its first byte and number, and the bytes that follow a '$'.
struct resp_line { char kind; long number; const char *text; size_t n; };
struct resp_reader { const char *at, *end; bool part; };

static inline struct resp_line resp_next(struct resp_reader *r)
{
    struct resp_line l = {0};
    const char *stop = r->at < r->end ? memchr(r->at, '\n', (size_t)(r->end - r->at)) : NULL;
    if (stop == NULL || r->part) {
        r->part = true;
        return l;
    }
    l.kind = *r->at;
    l.number = r->at[1] == '-' ? -(long)number_at(r->at + 2) : (long)number_at(r->at + 1);
    l.text = r->at = stop + 1;
    if (l.kind == '$' && l.number >= 0) {
        l.n = (size_t)l.number;
        r->part = (size_t)(r->end - r->at) < l.n + 2;
        r->at += r->part ? 0 : l.n + 2;
    }
    return l;
}

#endif
