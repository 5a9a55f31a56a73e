// The guard's two state machines, byte by byte; the long runs (name, value, chunk) in loops of
// their own.
#include "net/http_guard.h"

#include <stdbool.h>

#include "core/assert.h"
#include "core/limits.h"

enum guard_state {
    G_METHOD,
    G_TARGET,
    G_VERSION,
    G_LINE_LF,                     // after a line's CR
    G_FIELD,                       // at a line's begin
    G_NAME,
    G_VALUE,
    G_END_LF,                      // after the empty line's CR
    G_SIZE,
    G_EXTENSION,
    G_SIZE_LF,
    G_DATA,
    G_DATA_CR,
    G_DATA_LF,
};

enum { METHOD_MAX = 32, SIZE_DIGITS_MAX = 8 };

// RFC 9110 tchar.
static bool in_token(unsigned char b)
{
    static const uint64_t set[2] = { UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe) };
    return b < 128 && (set[b >> 6] >> (b & 63) & 1);
}

// Visible ASCII; '#' begins a fragment, which is never sent.
static bool in_target(unsigned char b)
{
    return b > ' ' && b < 0x7f && b != '#';
}

static bool in_value(unsigned char b)
{
    return b >= ' ' ? b != 0x7f : b == '\t';
}

static int hex(unsigned char b)
{
    if (b >= '0' && b <= '9') return b - '0';
    b |= 0x20;
    return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static int go(struct http_guard *g, enum guard_state state)
{
    g->state = (uint8_t)state;
    g->word = 0;
    return GUARD_MORE;
}

static int start_line_byte(struct http_guard *g, unsigned char b)
{
    static const char version[] = "HTTP/1.";
    enum { STEM = sizeof version - 1 };
    if (g->state == G_METHOD) {
        if (b == ' ' && g->word) return go(g, G_TARGET);
        return in_token(b) && ++g->word <= METHOD_MAX ? GUARD_MORE : 400;
    }
    if (g->state == G_TARGET) {
        if (b == ' ' && g->word) return go(g, G_VERSION);
        if (!in_target(b)) return 400;
        return ++g->word <= HTTP_TARGET_MAX ? GUARD_MORE : 414;
    }
    unsigned at = g->word++;
    if (at < STEM) return b == (unsigned char)version[at] ? GUARD_MORE : 400;
    if (at == STEM) return b == '0' || b == '1' ? GUARD_MORE : 400;
    return b == '\r' ? go(g, G_LINE_LF) : 400;
}

// A line of the header or trailer, from its first byte.
static int field_byte(struct http_guard *g, unsigned char b)
{
    if (g->state == G_FIELD) {
        if (b == '\r') return go(g, G_END_LF);
        if (!in_token(b)) return 400; // an empty name, a folded line
        if (++g->fields > HTTP_FIELDS_MAX) return 431;
        return go(g, G_NAME);
    }
    if (g->state == G_NAME) {
        if (b == ':') return go(g, G_VALUE);
        return in_token(b) ? GUARD_MORE : 400;
    }
    if (b == '\r') return go(g, G_LINE_LF);
    return in_value(b) ? GUARD_MORE : 400;
}

static int head_byte(struct http_guard *g, unsigned char b)
{
    switch ((enum guard_state)g->state) {
    case G_METHOD: case G_TARGET: case G_VERSION:
        return start_line_byte(g, b);
    case G_FIELD: case G_NAME: case G_VALUE:
        return field_byte(g, b);
    case G_LINE_LF:
        return b == '\n' ? go(g, G_FIELD) : 400;
    case G_END_LF:
        if (b != '\n') return 400;
        go(g, G_SIZE);
        return GUARD_DONE;
    case G_SIZE: case G_EXTENSION: case G_SIZE_LF:
    case G_DATA: case G_DATA_CR: case G_DATA_LF:
        break;
    }
    ASSERT(false);
}

// From here on bytes of p that go on with the name or value, at most `room`.
static size_t run(const struct http_guard *g, const char *p, size_t room)
{
    size_t at = 0;
    if (g->state == G_VALUE)
        while (at < room && in_value((unsigned char)p[at])) at++;
    else if (g->state == G_NAME)
        while (at < room && in_token((unsigned char)p[at])) at++;
    return at;
}

// One step of a header or trailer: a byte, and what goes on with it.
static int head_step(struct http_guard *g, const char *p, size_t n, size_t *used)
{
    if (g->head == HTTP_HEADER_MAX) return 431;
    int verdict = head_byte(g, (unsigned char)*p);
    if (verdict > GUARD_DONE) return verdict;
    g->head++;
    size_t room = HTTP_HEADER_MAX - g->head < n - 1 ? HTTP_HEADER_MAX - g->head : n - 1;
    size_t more = verdict == GUARD_DONE ? 0 : run(g, p + 1, room);
    g->head += (uint32_t)more;
    *used += 1 + more;
    return verdict;
}

int guard_head(struct http_guard *g, const char *p, size_t n, size_t *used)
{
    int verdict = GUARD_MORE;
    *used = 0;
    while (*used < n && verdict == GUARD_MORE)
        verdict = head_step(g, p + *used, n - *used, used);
    return verdict;
}

// At the CR behind a chunk's size and extension.
static int size_ends(struct http_guard *g)
{
    if (g->digits == 0) return 400;
    // Judged by the size alone, before any of the chunk is read.
    if (g->chunk > (uint32_t)BODY_MAX - g->body) return 413;
    g->body += g->chunk;
    return go(g, G_SIZE_LF);
}

static int chunk_byte(struct http_guard *g, unsigned char b)
{
    int digit;
    switch ((enum guard_state)g->state) {
    case G_SIZE:
        if (b == '\r') return size_ends(g);
        if (b == ';' && g->digits) return go(g, G_EXTENSION);
        digit = hex(b);
        if (digit < 0 || ++g->digits > SIZE_DIGITS_MAX) return 400;
        g->chunk = g->chunk << 4 | (uint32_t)digit;
        return GUARD_MORE;
    case G_EXTENSION:
        if (b == '\r') return size_ends(g);
        // The ';' that led here counts as the first byte.
        return in_value(b) && ++g->word < HTTP_CHUNK_EXT_MAX ? GUARD_MORE : 400;
    case G_SIZE_LF:
        g->digits = 0;
        return b == '\n' ? go(g, g->chunk ? G_DATA : G_FIELD) : 400;
    case G_DATA_CR:
        return b == '\r' ? go(g, G_DATA_LF) : 400;
    case G_DATA_LF:
        return b == '\n' ? go(g, G_SIZE) : 400;
    case G_METHOD: case G_TARGET: case G_VERSION: case G_LINE_LF:
    case G_FIELD: case G_NAME: case G_VALUE: case G_END_LF: case G_DATA:
        break;
    }
    ASSERT(false);
}

int guard_chunks(struct http_guard *g, const char *p, size_t n, size_t *used)
{
    int verdict = GUARD_MORE;
    *used = 0;
    while (*used < n && verdict == GUARD_MORE) {
        if (g->state == G_DATA) {
            size_t take = g->chunk < n - *used ? g->chunk : n - *used;
            g->chunk -= (uint32_t)take;
            *used += take;
            if (g->chunk == 0) go(g, G_DATA_CR);
        } else if (g->state < G_SIZE) {
            verdict = head_step(g, p + *used, n - *used, used);
        } else {
            verdict = chunk_byte(g, (unsigned char)p[*used]);
            if (verdict == GUARD_MORE) ++*used;
        }
    }
    return verdict;
}
