// PostgreSQL 15 over its protocol 3: statements prepared once a connection, then for each question
// Bind, Execute and Sync in one piece, any number under way. Each question is a transaction of its
// own, as each is a request of somebody else's. The tables are in schema.sql.
#include <stdlib.h>

#include "bench/compare/fill.h"
#include "bench/compare/peer.h"
#include "bench/compare/pg.h"
#include "core/clock.h"

enum { REQUEST_MAX = 1024 };

// The page's order is that of the inner query; said again because SQL promises nothing.
static const char feed_sql[] =
    "SELECT p.created, u.username, p.like_count, p.comment_count,"
    " EXISTS (SELECT FROM likes l WHERE l.user_id = $1::int AND l.post_id = p.id), p.caption"
    " FROM (SELECT post_id FROM timelines WHERE user_id = $1::int"
    "  ORDER BY post_id DESC LIMIT 20) t"
    " JOIN posts p ON p.id = t.post_id JOIN users u ON u.id = p.author ORDER BY t.post_id DESC";
// One statement each: a round trip and a commit. No row comes back where nothing was new.
static const char like_sql[] =
    "WITH l AS (INSERT INTO likes VALUES ($1::int, $2::bigint, $3::bigint)"
    "  ON CONFLICT DO NOTHING RETURNING post_id)"
    " UPDATE posts SET like_count = like_count + 1 FROM l WHERE id = l.post_id"
    " RETURNING like_count";
static const char unlike_sql[] =
    "WITH l AS (DELETE FROM likes WHERE user_id = $1::int AND post_id = $2::bigint"
    "  RETURNING post_id)"
    " UPDATE posts SET like_count = like_count - 1 FROM l WHERE id = l.post_id"
    " RETURNING like_count";
static const char follow_sql[] =
    "WITH f AS (INSERT INTO follows VALUES ($1::int, $2::int, $3::bigint)"
    "  ON CONFLICT DO NOTHING RETURNING follower, followee),"
    " g AS (UPDATE followings SET following = following + 1 FROM f"
    "  WHERE user_id = f.follower RETURNING f.followee)"
    " UPDATE users SET followers = followers + 1 FROM g WHERE id = g.followee RETURNING followers";
static const char unfollow_sql[] =
    "WITH f AS (DELETE FROM follows WHERE follower = $1::int AND followee = $2::int"
    "  RETURNING follower, followee),"
    " g AS (UPDATE followings SET following = following - 1 FROM f"
    "  WHERE user_id = f.follower RETURNING f.followee)"
    " UPDATE users SET followers = followers - 1 FROM g WHERE id = g.followee RETURNING followers";
static const char comment_sql[] =
    "WITH c AS (INSERT INTO comments (user_id, post_id, created, content)"
    "  VALUES ($1::int, $2::bigint, $3::bigint, $4::text) RETURNING id, post_id)"
    " UPDATE posts SET comment_count = comment_count + 1 FROM c WHERE posts.id = c.post_id"
    " RETURNING comment_count, c.id";
static const char post_sql[] =
    "WITH p AS (INSERT INTO posts (author, created, caption)"
    "  VALUES ($1::int, $2::bigint, $3::text) RETURNING id),"
    " t AS (INSERT INTO timelines SELECT f.follower, p.id FROM follows f, p"
    "  WHERE f.followee = $1::int)"
    " UPDATE users SET posts = posts + 1 FROM p WHERE users.id = $1::int RETURNING p.id";

static const struct pg_statement statements[ASK_KINDS] = {
    [ASK_FEED] = {"f", feed_sql, 1},         [ASK_LIKE] = {"l", like_sql, 3},
    [ASK_UNLIKE] = {"u", unlike_sql, 2},     [ASK_FOLLOW] = {"g", follow_sql, 3},
    [ASK_UNFOLLOW] = {"h", unfollow_sql, 2}, [ASK_COMMENT] = {"c", comment_sql, 4},
    [ASK_POST] = {"p", post_sql, 3},         [ASK_PING] = {"o", "SELECT 1", 0},
};

// ---- asking -------------------------------------------------------------------------------------

static void texts(const struct peer *p, const struct ask *a, struct bytes *out)
{
    struct text text;
    pg_number(out, clock_wall_ms());
    peer_text(p, a, &text);
    pg_parameter(out, text.at, text.n);
}

static void parameters(const struct peer *p, const struct ask *a, struct bytes *out)
{
    if (a->kind == ASK_PING)
        return;
    pg_number(out, a->actor);
    if (a->kind == ASK_LIKE || a->kind == ASK_UNLIKE || a->kind == ASK_COMMENT)
        pg_number(out, a->post);
    else if (a->kind == ASK_FOLLOW || a->kind == ASK_UNFOLLOW)
        pg_number(out, a->other);
    if (a->kind == ASK_LIKE || a->kind == ASK_FOLLOW)
        pg_number(out, clock_wall_ms());
    else if (a->kind == ASK_COMMENT || a->kind == ASK_POST)
        texts(p, a, out);
}

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    struct bytes b = {at, 0, REQUEST_MAX};
    const struct pg_statement *s = &statements[job->ask.kind];
    size_t begin = pg_bind(&b, s);
    parameters(ctx, &job->ask, &b);
    pg_execute(&b, begin);
    return b.n;
}

// ---- understanding ------------------------------------------------------------------------------

static bool take_row(struct page *page, const uint8_t *row)
{
    struct pg_column c[6];
    if (page->n == PAGE_POSTS || !pg_columns(row, c, 6))
        return false;
    page->item[page->n++] = (struct item){
        .created_ms = number_at(c[0].s), .author = c[1].s, .author_n = c[1].n,
        .likes = (uint32_t)number_at(c[2].s), .comments = (uint32_t)number_at(c[3].s),
        .liked = *c[4].s == 't', .text = c[5].s, .text_n = c[5].n};
    return true;
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct peer *p = ctx;
    struct page page = {.reader = job->ask.actor};
    bool feed = job->ask.kind == ASK_FEED, complete = true, row = false;
    for (size_t at = 0; at < n; at += 1 + (size_t)pg_get32(answer + at + 1)) {
        if (answer[at] == 'E')
            return peer_refused(p, answer + at + 5, pg_get32(answer + at + 1) - 4);
        row |= answer[at] == 'D';
        if (feed && answer[at] == 'D')
            complete = complete && take_row(&page, answer + at + 5);
    }
    if (!feed)
        return peer_changed(p, row);
    if (p->page != NULL && complete)
        p->page(p->page_ctx, &page);
    return complete ? VERDICT_DONE : VERDICT_WRONG;
}

static int open_one(void *ctx, unsigned i, int *fd, char *why)
{
    (void)i;
    return postgres_connect(ctx, statements, fd, why);
}

void postgres_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "postgres", .in_order = true, .request_max = REQUEST_MAX,
                           .open = open_one, .write = write_request, .whole = postgres_whole,
                           .judge = judge, .ctx = p, .first_error = p->first_error};
}

// ---- filling ------------------------------------------------------------------------------------

static void load_people(const struct fill *f, FILE *to)
{
    fprintf(to, "COPY users FROM stdin;\n");
    for (uint32_t u = 0; u < f->c->users; u++)
        fprintf(to, "%u\tu%u\t%u\t%u\n", u, u, f->posts[u], f->first[u + 1] - f->first[u]);
    fprintf(to, "\\.\nCOPY followings FROM stdin;\n");
    for (uint32_t u = 0; u < f->c->users; u++)
        fprintf(to, "%u\t%u\n", u, f->following[u]);
    fprintf(to, "\\.\nCOPY follows FROM stdin;\n");
    for (uint64_t i = 0; i < f->edges; i++)
        fprintf(to, "%u\t%u\t0\n", f->edge[i].from, f->edge[i].to);
    fprintf(to, "\\.\n");
}

void postgres_load(const struct load *l, FILE *to)
{
    const struct community *c = l->community;
    if ((l->parts & LOAD_NODES) != 0) {
        postgres_graph_load(l, to);
        return;
    }
    struct fill f;
    struct made_post made;
    fill_begin(&f, c, TIMELINE_KEPT);
    load_people(&f, to);
    // No caption of the community's has a tab, a line end or a backslash.
    fprintf(to, "COPY posts (id, author, created, caption) FROM stdin;\n");
    for (uint64_t i = 0; i < c->posts; i++) {
        fill_post(&f, i, &made);
        fprintf(to, "%llu\t%u\t%llu\t%.*s\n", (unsigned long long)i, made.author,
                (unsigned long long)made.created_ms, (int)made.text_n, made.text);
    }
    fprintf(to, "\\.\nSELECT setval('post_ids', %llu);\nCOPY timelines FROM stdin;\n",
            (unsigned long long)c->posts - 1);
    for (uint32_t u = 0; u < c->users; u++)
        for (uint32_t i = f.timeline_n[u]; i-- > 0;)
            fprintf(to, "%u\t%u\n", u, f.timeline[(size_t)u * f.kept + i]);
    fprintf(to, "\\.\n");
    fill_end(&f);
}

