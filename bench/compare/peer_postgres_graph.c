// The scenario graph on PostgreSQL 15 in LinkBench's own tables (schema_graph.sql): nodes, links
// with a time, and a count of links that is kept in the same statement. Posts are nodes by their
// number, users from USER_BASE on; a like is a link from the post to the user, with his name as its
// data, so that a list of links needs no join.
#include <stdlib.h>

#include "bench/compare/fill.h"
#include "bench/compare/pg.h"

enum { REQUEST_MAX = 1024 };

#define USER_BASE "1000000000000" // of ids
#define LIKE "1"                  // types of links
#define FOLLOW "2"

static const char links_sql[] =
    "SELECT time, data FROM linktable WHERE id1 = $1::bigint AND link_type = " LIKE
    " AND visibility = 1 ORDER BY time DESC LIMIT 20";
static const char count_sql[] =
    "SELECT count, version FROM counttable WHERE id = $1::bigint AND link_type = " LIKE;
static const char node_sql[] = "SELECT version, data FROM nodetable WHERE id = $1::bigint";
static const char link_sql[] =
    "SELECT l.id1, n.data FROM nodetable n LEFT JOIN linktable l ON l.link_type = " FOLLOW
    " AND l.id1 = $1::bigint + " USER_BASE " AND l.id2 = n.id WHERE n.id = $2::bigint + " USER_BASE;
static const char add_link_sql[] =
    "WITH l AS (INSERT INTO linktable VALUES ($1::bigint, $2::bigint + " USER_BASE ", " LIKE ","
    "  1, 'u' || $2::text, $3::bigint, 0) ON CONFLICT DO NOTHING RETURNING id1)"
    " INSERT INTO counttable SELECT id1, " LIKE ", 1, $3::bigint, 0 FROM l"
    " ON CONFLICT (id, link_type) DO UPDATE SET count = counttable.count + 1,"
    "  time = $3::bigint, version = counttable.version + 1 RETURNING count";
static const char delete_link_sql[] =
    "WITH l AS (DELETE FROM linktable WHERE link_type = " LIKE " AND id1 = $1::bigint"
    "  AND id2 = $2::bigint + " USER_BASE " RETURNING id1)"
    " UPDATE counttable SET count = count - 1, time = $3::bigint, version = version + 1 FROM l"
    " WHERE id = l.id1 AND link_type = " LIKE " RETURNING count";
static const char add_node_sql[] =
    "INSERT INTO nodetable (type, version, time, data) VALUES (1, 0, $1::bigint, $2::text)"
    " RETURNING id";
static const char update_node_sql[] =
    "UPDATE nodetable SET version = version + 1, time = $2::bigint, data = $3::text"
    " WHERE id = $1::bigint RETURNING id";
static const char delete_node_sql[] =
    "DELETE FROM nodetable WHERE id = $1::bigint AND type = 1 RETURNING id";

static const struct pg_statement statements[ASK_KINDS] = {
    [ASK_LIKERS] = {"s", links_sql, 1},          [ASK_LIKE_COUNT] = {"c", count_sql, 1},
    [ASK_GET] = {"n", node_sql, 1},              [ASK_USER] = {"l", link_sql, 2},
    [ASK_LIKE] = {"a", add_link_sql, 3},         [ASK_UNLIKE] = {"d", delete_link_sql, 3},
    [ASK_POST] = {"A", add_node_sql, 2},         [ASK_UPDATE] = {"U", update_node_sql, 3},
    [ASK_DELETE] = {"D", delete_node_sql, 1},
};

// ---- asking -------------------------------------------------------------------------------------

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    struct bytes b = {at, 0, REQUEST_MAX};
    const struct ask *a = &job->ask;
    size_t begin = pg_bind(&b, &statements[a->kind]);
    if (a->kind != ASK_POST)
        pg_number(&b, a->kind == ASK_USER ? a->actor : a->post);
    if (a->kind == ASK_LIKE || a->kind == ASK_UNLIKE || a->kind == ASK_USER)
        pg_number(&b, a->kind == ASK_USER ? a->other : a->actor);
    if (statements[a->kind].parameters > 1 && a->kind != ASK_USER)
        pg_number(&b, peer_time(ctx));
    if (a->kind == ASK_POST || a->kind == ASK_UPDATE) {
        struct text text;
        peer_text(ctx, a, &text);
        pg_parameter(&b, text.at, text.n);
    }
    pg_execute(&b, begin);
    return b.n;
}

// ---- understanding ------------------------------------------------------------------------------

// All reads give two columns: a number, perhaps NULL, and a text.
static bool take_row(struct graph_answer *a, const uint8_t *row)
{
    struct pg_column c[2];
    if (a->n == PAGE_POSTS || !pg_columns(row, c, 2))
        return false;
    a->count = number_at(c[0].s);
    a->linked = c[0].n != PG_NULL;
    a->text[a->n].at = c[1].s;
    a->text[a->n++].n = c[1].n;
    return true;
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct peer *p = ctx;
    struct graph_answer a = {.ask = &job->ask};
    enum ask_kind kind = job->ask.kind;
    bool list = kind == ASK_LIKERS || kind == ASK_LIKE_COUNT, complete = true, row = false;
    bool read = list || kind == ASK_GET || kind == ASK_USER;
    for (size_t at = 0; at < n; at += 1 + (size_t)pg_get32(answer + at + 1)) {
        if (answer[at] == 'E')
            return peer_refused(p, answer + at + 5, pg_get32(answer + at + 1) - 4);
        row |= answer[at] == 'D';
        if (read && answer[at] == 'D')
            complete = complete && take_row(&a, answer + at + 5);
    }
    if (!read)
        return peer_changed(p, row);
    complete = complete && (row || list); // a post that nobody likes has no row
    if (p->graph != NULL && complete)
        p->graph(&a);
    return complete ? VERDICT_DONE : VERDICT_WRONG;
}

static int open_one(void *ctx, unsigned i, int *fd, char *why)
{
    (void)i;
    return postgres_connect(ctx, statements, fd, why);
}

void postgres_graph_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "postgres", .in_order = true, .request_max = REQUEST_MAX,
                           .open = open_one, .write = write_request, .whole = postgres_whole,
                           .judge = judge, .ctx = p, .first_error = p->first_error};
}

// ---- filling ------------------------------------------------------------------------------------

void postgres_graph_load(const struct load *l, FILE *to)
{
    const struct community *c = l->community;
    struct fill f;
    struct made_post made;
    fill_begin(&f, c, 0);
    fprintf(to, "COPY nodetable FROM stdin;\n");
    for (uint64_t i = 0; i < c->posts; i++) {
        fill_post(&f, i, &made);
        fprintf(to, "%llu\t1\t0\t0\t%.*s\n", (unsigned long long)i, (int)made.text_n, made.text);
    }
    for (uint32_t u = 0; u < c->users; u++)
        fprintf(to, "%llu\t2\t0\t0\tu%u\n", strtoull(USER_BASE, NULL, 10) + u, u);
    fprintf(to, "\\.\nSELECT setval('node_ids', %llu);\nCOPY linkload FROM stdin;\n",
            (unsigned long long)c->posts - 1);
    for (uint64_t i = 0; i < l->likes; i++) {
        struct pair like = community_like(c, i);
        fprintf(to, "%u\t%u\t%llu\n", like.to, like.from, (unsigned long long)i);
    }
    fprintf(to, "\\.\nCOPY followload FROM stdin;\n");
    for (uint64_t i = 0; i < f.edges; i++)
        fprintf(to, "%u\t%u\n", f.edge[i].from, f.edge[i].to);
    fprintf(to, "\\.\n");
    fill_end(&f);
}
