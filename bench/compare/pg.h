// PostgreSQL's protocol 3: messages as a client writes them, rows as the server gives them.
#ifndef KITH_BENCH_COMPARE_PG_H
#define KITH_BENCH_COMPARE_PG_H

#include "bench/compare/peer.h"

// A statement that each connection prepares; sql NULL: there is none for this kind of question.
struct pg_statement { const char *name, *sql; unsigned parameters; };

// Connects and prepares statements[ASK_KINDS]: peer_open with PostgreSQL's greeting.
int postgres_connect(const struct peer *p, const struct pg_statement *statements, int *fd,
                     char *why);
size_t postgres_whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot); // of a driver

static inline void pg_put16(struct bytes *b, unsigned v)
{
    bytes_put(b, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static inline void pg_put32(struct bytes *b, uint32_t v)
{
    bytes_put(b, (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v},
              4);
}

static inline uint32_t pg_get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// A message's length counts itself, not the letter before it; `at` is where it stands.
static inline void pg_close(struct bytes *b, size_t at)
{
    uint32_t n = (uint32_t)(b->n - at);
    memcpy(b->at + at, (uint8_t[]){(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                   (uint8_t)n}, 4);
}

static inline size_t pg_open(struct bytes *b, char letter)
{
    bytes_put(b, &letter, 1);
    size_t at = b->n;
    pg_put32(b, 0);
    return at;
}

static inline void pg_cstring(struct bytes *b, const char *s)
{
    bytes_put(b, s, strlen(s) + 1);
}

static inline void pg_parameter(struct bytes *b, const char *text, size_t n)
{
    pg_put32(b, (uint32_t)n);
    bytes_put(b, text, n);
}

static inline void pg_number(struct bytes *b, uint64_t v)
{
    char text[20];
    size_t n = digits(text, v);
    pg_parameter(b, text + 20 - n, n);
}

// Bind up to its parameters, which follow; then pg_execute with what it gave.
static inline size_t pg_bind(struct bytes *b, const struct pg_statement *s)
{
    ASSERT(s->sql != NULL);
    size_t begin = pg_open(b, 'B');
    pg_cstring(b, "");
    pg_cstring(b, s->name);
    pg_put16(b, 0);
    pg_put16(b, s->parameters);
    return begin;
}

static inline void pg_execute(struct bytes *b, size_t begin)
{
    static const uint8_t execute_sync[] = {'E', 0, 0, 0, 9, 0, 0, 0, 0, 0, 'S', 0, 0, 0, 4};
    pg_put16(b, 0);
    pg_close(b, begin);
    bytes_put(b, execute_sync, sizeof execute_sync);
}

#define PG_NULL UINT32_MAX // as a column's length
struct pg_column { const char *s; uint32_t n; };

static inline bool pg_columns(const uint8_t *row, struct pg_column *out, unsigned n)
{
    if (((unsigned)row[0] << 8 | row[1]) != n)
        return false;
    const uint8_t *at = row + 2;
    for (unsigned i = 0; i < n; i++) {
        out[i] = (struct pg_column){(const char *)at + 4, pg_get32(at)};
        at += 4 + (out[i].n == PG_NULL ? 0 : (size_t)out[i].n);
    }
    return true;
}

#endif
