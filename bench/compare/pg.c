#include "bench/compare/pg.h"

#include <stdio.h>

enum { GREETING_MAX = 8 << 10 };

// Up to ReadyForQuery, which ends each question's answer.
size_t postgres_whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    (void)slot;
    for (size_t at = 0; at + 5 <= n;) {
        if (strchr("2CDEINSZn", in[at]) == NULL)
            return DRIVER_NONSENSE;
        bool last = in[at] == 'Z';
        at += 1 + (size_t)pg_get32(in + at + 1);
        if (last)
            return at <= n ? at : 0;
    }
    return 0;
}

// One plan for all values, made once. Nested loops over indexes are the plan for a page; what the
// planner thinks of the empty tables of a new community must not decide.
static void greeting(struct bytes *out, bool synced, const struct pg_statement *statements)
{
    size_t at = out->n;
    pg_put32(out, 0);
    pg_put32(out, 3 << 16);
    pg_cstring(out, "user");
    pg_cstring(out, "postgres");
    pg_cstring(out, "options");
    pg_cstring(out, synced ? "-c synchronous_commit=on -c plan_cache_mode=force_generic_plan "
                          "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
                        : "-c synchronous_commit=off -c plan_cache_mode=force_generic_plan "
                          "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off");
    bytes_put(out, "", 1);
    pg_close(out, at);
    for (unsigned i = 0; i < ASK_KINDS; i++) {
        if (statements[i].sql == NULL)
            continue;
        at = pg_open(out, 'P');
        pg_cstring(out, statements[i].name);
        pg_cstring(out, statements[i].sql);
        pg_put16(out, 0);
        pg_close(out, at);
    }
    pg_close(out, pg_open(out, 'S'));
}

// The first ReadyForQuery ends the start of the session, the second the preparing.
static int greeted(const uint8_t *in, size_t n)
{
    unsigned ready = 0;
    for (size_t at = 0; at + 5 <= n; at += 1 + (size_t)pg_get32(in + at + 1)) {
        ready += in[at] == 'Z';
        if (in[at] == 'E') {
            fprintf(stderr, "postgres refuses:");
            for (size_t i = at + 5; i < n; i++)
                fputc(in[i] != 0 ? in[i] : ' ', stderr);
            fputc('\n', stderr);
            return -1;
        }
    }
    return ready == 2;
}

int postgres_connect(const struct peer *p, const struct pg_statement *statements, int *fd,
                     char *why)
{
    uint8_t room[GREETING_MAX];
    struct bytes hello = {room, 0, sizeof room};
    struct greeting g = {&hello, greeted};
    greeting(&hello, p->synced, statements);
    return peer_open(p, &g, fd, why);
}
