// PostgreSQL 15 over its protocol 3: statements prepared once a connection, then for each question
// Bind, Execute and Sync in one piece, any number under way. Each question is a transaction of its
// own, as each is a request of somebody else's. The tables are in schema.sql.
#include <stdlib.h>

#include "bench/compare/fill.h"
#include "bench/compare/peer.h"
#include "core/clock.h"

enum { REQUEST_MAX = 1024, GREETING_MAX = 8 << 10 };

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

static const struct { const char *name, *sql; unsigned parameters; } statements[ASK_KINDS] = {
    [ASK_FEED] = {"f", feed_sql, 1},         [ASK_LIKE] = {"l", like_sql, 3},
    [ASK_UNLIKE] = {"u", unlike_sql, 2},     [ASK_FOLLOW] = {"g", follow_sql, 3},
    [ASK_UNFOLLOW] = {"h", unfollow_sql, 2}, [ASK_COMMENT] = {"c", comment_sql, 4},
    [ASK_POST] = {"p", post_sql, 3},         [ASK_PING] = {"o", "SELECT 1", 0},
};

// ---- asking -------------------------------------------------------------------------------------

static void put16(struct bytes *b, unsigned v)
{
    bytes_put(b, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put32(struct bytes *b, uint32_t v)
{
    bytes_put(b, (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v},
              4);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// A message's length counts itself, not the letter before it; `at` is where it stands.
static void close_message(struct bytes *b, size_t at)
{
    uint32_t n = (uint32_t)(b->n - at);
    memcpy(b->at + at, (uint8_t[]){(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                   (uint8_t)n}, 4);
}

static size_t open_message(struct bytes *b, char letter)
{
    bytes_put(b, &letter, 1);
    size_t at = b->n;
    put32(b, 0);
    return at;
}

static void cstring(struct bytes *b, const char *s)
{
    bytes_put(b, s, strlen(s) + 1);
}

static void parameter(struct bytes *b, const char *text, size_t n)
{
    put32(b, (uint32_t)n);
    bytes_put(b, text, n);
}

static void number(struct bytes *b, uint64_t v)
{
    char text[20];
    size_t n = digits(text, v);
    parameter(b, text + 20 - n, n);
}

static void texts(const struct peer *p, const struct ask *a, struct bytes *out)
{
    struct text text;
    number(out, clock_wall_ms());
    peer_text(p, a, &text);
    parameter(out, text.at, text.n);
}

static void parameters(const struct peer *p, const struct ask *a, struct bytes *out)
{
    if (a->kind == ASK_PING)
        return;
    number(out, a->actor);
    if (a->kind == ASK_LIKE || a->kind == ASK_UNLIKE || a->kind == ASK_COMMENT)
        number(out, a->post);
    else if (a->kind == ASK_FOLLOW || a->kind == ASK_UNFOLLOW)
        number(out, a->other);
    if (a->kind == ASK_LIKE || a->kind == ASK_FOLLOW)
        number(out, clock_wall_ms());
    else if (a->kind == ASK_COMMENT || a->kind == ASK_POST)
        texts(p, a, out);
}

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    struct bytes b = {at, 0, REQUEST_MAX};
    const struct ask *a = &job->ask;
    ASSERT(statements[a->kind].sql != NULL);
    size_t begin = open_message(&b, 'B');
    cstring(&b, "");
    cstring(&b, statements[a->kind].name);
    put16(&b, 0);
    put16(&b, statements[a->kind].parameters);
    parameters(ctx, a, &b);
    put16(&b, 0);
    close_message(&b, begin);
    static const uint8_t execute_sync[] = {'E', 0, 0, 0, 9, 0, 0, 0, 0, 0, 'S', 0, 0, 0, 4};
    bytes_put(&b, execute_sync, sizeof execute_sync);
    return b.n;
}

// ---- understanding ------------------------------------------------------------------------------

struct column { const char *s; size_t n; };

static bool columns(const uint8_t *row, struct column *out, unsigned n)
{
    if (((unsigned)row[0] << 8 | row[1]) != n)
        return false;
    const uint8_t *at = row + 2;
    for (unsigned i = 0; i < n; i++) {
        out[i] = (struct column){(const char *)at + 4, get32(at)};
        at += 4 + out[i].n;
    }
    return true;
}

static bool take_row(struct page *page, const uint8_t *row)
{
    struct column c[6];
    if (page->n == PAGE_POSTS || !columns(row, c, 6))
        return false;
    page->item[page->n++] = (struct item){
        .created_ms = number_at(c[0].s), .author = c[1].s, .author_n = c[1].n,
        .likes = (uint32_t)number_at(c[2].s), .comments = (uint32_t)number_at(c[3].s),
        .liked = *c[4].s == 't', .text = c[5].s, .text_n = c[5].n};
    return true;
}

// Up to ReadyForQuery, which ends each question's answer.
static size_t whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    (void)slot;
    for (size_t at = 0; at + 5 <= n;) {
        if (strchr("2CDEINSZn", in[at]) == NULL)
            return DRIVER_NONSENSE;
        bool last = in[at] == 'Z';
        at += 1 + (size_t)get32(in + at + 1);
        if (last)
            return at <= n ? at : 0;
    }
    return 0;
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct peer *p = ctx;
    struct page page = {.reader = job->ask.actor};
    bool feed = job->ask.kind == ASK_FEED, complete = true, row = false;
    for (size_t at = 0; at < n; at += 1 + (size_t)get32(answer + at + 1)) {
        if (answer[at] == 'E')
            return peer_refused(p, answer + at + 5, get32(answer + at + 1) - 4);
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

// One plan for all values, made once. Nested loops over indexes are the plan for a page; what the
// planner thinks of the empty tables of a new community must not decide.
static void greeting(struct bytes *out, bool synced)
{
    size_t at = out->n;
    put32(out, 0);
    put32(out, 3 << 16);
    cstring(out, "user");
    cstring(out, "postgres");
    cstring(out, "options");
    cstring(out, synced ? "-c synchronous_commit=on -c plan_cache_mode=force_generic_plan "
                          "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
                        : "-c synchronous_commit=off -c plan_cache_mode=force_generic_plan "
                          "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off");
    bytes_put(out, "", 1);
    close_message(out, at);
    for (unsigned i = 0; i < ASK_KINDS; i++) {
        if (statements[i].sql == NULL)
            continue;
        at = open_message(out, 'P');
        cstring(out, statements[i].name);
        cstring(out, statements[i].sql);
        put16(out, 0);
        close_message(out, at);
    }
    close_message(out, open_message(out, 'S'));
}

// The first ReadyForQuery ends the start of the session, the second the preparing.
static int greeted(const uint8_t *in, size_t n)
{
    unsigned ready = 0;
    for (size_t at = 0; at + 5 <= n; at += 1 + (size_t)get32(in + at + 1)) {
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

static int open_one(void *ctx, unsigned i, int *fd, char *why)
{
    (void)i;
    const struct peer *p = ctx;
    uint8_t room[GREETING_MAX];
    struct bytes hello = {room, 0, sizeof room};
    struct greeting g = {&hello, greeted};
    greeting(&hello, p->synced);
    return peer_open(p, &g, fd, why);
}

void postgres_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "postgres", .in_order = true, .request_max = REQUEST_MAX,
                           .open = open_one, .write = write_request, .whole = whole,
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

void postgres_load(const struct community *c, FILE *to)
{
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

