// Redis 7. Keys, U a user and P a post:
//
//   t:U  list    the reader's timeline, newest first, capped
//   p:P  hash    b = "created author text" as one blob, l = likes, k = comments
//   u:U  hash    n = name, p = posts, g = following, f = followers
//   g:U, f:U, l:U, r:P   sets: following, followers, liked posts, likers
//   a:U, k:P     lists: posts of an author, comments of a post;  c:C  hash: a comment
//
// A page is LRANGE, then in one pipeline an SMISMEMBER for what the reader likes and an HMGET for
// each post: two round trips, and faster than sorted sets, SORT .. GET, MGET or one Lua call. What
// never changes of a post is one field, the author's name with it: three fields to look up, not
// six. Changes are functions of a library, loaded once, as they decide by what they find. A post
// goes to the timelines in a second round trip, by MULTI: a fifth cheaper than pushing from within
// the function. Timelines are cut back by one post in 64, not by each. Whose feed a follow changes
// is not filled up with the new followee's older posts, as Kith's is: to Redis's advantage.
#include <stdlib.h>

#include "bench/compare/fill.h"
#include "bench/compare/peer.h"
#include "core/clock.h"

enum {
    REQUEST_MAX = 4096,        // besides the pushes of a post
    FAN_MAX = 100,             // bytes for one timeline
    TRIM_EVERY = 64,
    LOAD_MAX = 64 << 10,
};

// Each answers with the count after it, or with -1 - count where nothing was new; a post with its
// author's followers and its own number at their end.
static const char library[] =
    "#!lua name=social\n"
    "local function like(_, a)\n"
    "  local p = 'p:' .. a[2]\n"
    "  if redis.call('SADD', 'l:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', p, 'l')\n"
    "  end\n"
    "  redis.call('SADD', 'r:' .. a[2], a[1])\n"
    "  return redis.call('HINCRBY', p, 'l', 1)\n"
    "end\n"
    "local function unlike(_, a)\n"
    "  local p = 'p:' .. a[2]\n"
    "  if redis.call('SREM', 'l:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', p, 'l')\n"
    "  end\n"
    "  redis.call('SREM', 'r:' .. a[2], a[1])\n"
    "  return redis.call('HINCRBY', p, 'l', -1)\n"
    "end\n"
    "local function follow(_, a)\n"
    "  if redis.call('SADD', 'g:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', 'u:' .. a[2], 'f')\n"
    "  end\n"
    "  redis.call('SADD', 'f:' .. a[2], a[1])\n"
    "  redis.call('HINCRBY', 'u:' .. a[1], 'g', 1)\n"
    "  return redis.call('HINCRBY', 'u:' .. a[2], 'f', 1)\n"
    "end\n"
    "local function unfollow(_, a)\n"
    "  if redis.call('SREM', 'g:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', 'u:' .. a[2], 'f')\n"
    "  end\n"
    "  redis.call('SREM', 'f:' .. a[2], a[1])\n"
    "  redis.call('HINCRBY', 'u:' .. a[1], 'g', -1)\n"
    "  return redis.call('HINCRBY', 'u:' .. a[2], 'f', -1)\n"
    "end\n"
    "local function comment(_, a)\n"
    "  local id = redis.call('INCR', 'comments')\n"
    "  redis.call('HSET', 'c:' .. id, 'u', a[1], 'p', a[2], 'c', a[3], 't', a[4])\n"
    "  redis.call('LPUSH', 'k:' .. a[2], id)\n"
    "  return redis.call('HINCRBY', 'p:' .. a[2], 'k', 1)\n"
    "end\n"
    "local function post(_, a)\n"
    "  local id = redis.call('INCR', 'posts')\n"
    "  redis.call('HSET', 'p:' .. id, 'b', a[2], 'l', 0, 'k', 0)\n"
    "  redis.call('LPUSH', 'a:' .. a[1], id)\n"
    "  redis.call('HINCRBY', 'u:' .. a[1], 'p', 1)\n"
    "  local fans = redis.call('SMEMBERS', 'f:' .. a[1])\n"
    "  fans[#fans + 1] = tostring(id)\n"
    "  return fans\n"
    "end\n"
    "redis.register_function('like', like)\n"
    "redis.register_function('unlike', unlike)\n"
    "redis.register_function('follow', follow)\n"
    "redis.register_function('unfollow', unfollow)\n"
    "redis.register_function('comment', comment)\n"
    "redis.register_function('post', post)\n";

// ---- asking -------------------------------------------------------------------------------------

static void head(struct bytes *out, unsigned words)
{
    BYTES_PUT(out, "*");
    bytes_number(out, words);
    BYTES_PUT(out, "\r\n");
}

static void word(struct bytes *out, const char *text, size_t n)
{
    BYTES_PUT(out, "$");
    bytes_number(out, n);
    BYTES_PUT(out, "\r\n");
    bytes_put(out, text, n);
    BYTES_PUT(out, "\r\n");
}

static void name(struct bytes *out, const char *text)
{
    word(out, text, strlen(text));
}

static void number(struct bytes *out, uint64_t value)
{
    char text[20];
    size_t n = digits(text, value);
    word(out, text + 20 - n, n);
}

static void key(struct bytes *out, char kind, uint64_t id)
{
    char text[22];
    size_t n = digits(text + 2, id);
    char *begin = text + 20 - n;
    begin[0] = kind;
    begin[1] = ':';
    word(out, begin, n + 2);
}

static void call(struct bytes *out, const char *function, unsigned words)
{
    head(out, 3 + words);
    BYTES_PUT(out, "$5\r\nFCALL\r\n");
    name(out, function);
    BYTES_PUT(out, "$1\r\n0\r\n");
}

static void blob(struct bytes *out, const struct made_post *made)
{
    char text[480];
    int n = snprintf(text, sizeof text, "%llu u%u %.*s", (unsigned long long)made->created_ms,
                     made->author, (int)made->text_n, made->text);
    word(out, text, (size_t)n);
}

static void ask_posts(const struct first_trip *ids, uint32_t reader, struct bytes *out)
{
    head(out, 2 + ids->n);
    BYTES_PUT(out, "$10\r\nSMISMEMBER\r\n");
    key(out, 'l', reader);
    for (unsigned i = 0; i < ids->n; i++)
        number(out, ids->id[i]);
    for (unsigned i = 0; i < ids->n; i++) {
        BYTES_PUT(out, "*5\r\n$5\r\nHMGET\r\n");
        key(out, 'p', ids->id[i]);
        BYTES_PUT(out, "$1\r\nb\r\n$1\r\nl\r\n$1\r\nk\r\n");
    }
}

static void ask_comment(const struct peer *p, const struct ask *a, struct bytes *out)
{
    struct text text;
    peer_text(p, a, &text);
    call(out, "comment", 4);
    number(out, a->actor);
    number(out, a->post);
    number(out, clock_wall_ms());
    word(out, text.at, text.n);
}

static void ask_post(const struct peer *p, const struct ask *a, struct bytes *out)
{
    struct made_post made;
    community_post(p->community, a->text, &made);
    made.author = a->actor;
    made.created_ms = clock_wall_ms();
    call(out, "post", 2);
    number(out, a->actor);
    blob(out, &made);
}

static void push_post(const struct first_trip *post, struct bytes *out)
{
    BYTES_PUT(out, "*1\r\n$5\r\nMULTI\r\n");
    for (uint32_t i = 0; i < post->fans; i++) {
        BYTES_PUT(out, "*3\r\n$5\r\nLPUSH\r\n");
        key(out, 't', post->fan[i]);
        number(out, post->made);
        if (post->made % TRIM_EVERY != 0)
            continue;
        BYTES_PUT(out, "*4\r\n$5\r\nLTRIM\r\n");
        key(out, 't', post->fan[i]);
        BYTES_PUT(out, "$1\r\n0\r\n");
        number(out, TIMELINE_KEPT - 1);
    }
    BYTES_PUT(out, "*1\r\n$4\r\nEXEC\r\n");
}

static size_t request_max(const struct peer *p)
{
    return REQUEST_MAX + (size_t)p->community->users * FAN_MAX;
}

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    const struct ask *a = &job->ask;
    struct bytes b = {at, 0, request_max(ctx)};
    if (job->step > 0 && a->kind == ASK_POST) {
        push_post(peer_first(ctx, job), &b);
    } else if (job->step > 0) {
        ask_posts(peer_first(ctx, job), a->actor, &b);
    } else if (a->kind == ASK_FEED) {
        BYTES_PUT(&b, "*4\r\n$6\r\nLRANGE\r\n");
        key(&b, 't', a->actor);
        BYTES_PUT(&b, "$1\r\n0\r\n$2\r\n19\r\n");
    } else if (a->kind == ASK_LIKE || a->kind == ASK_UNLIKE) {
        call(&b, a->kind == ASK_LIKE ? "like" : "unlike", 2);
        number(&b, a->actor);
        number(&b, a->post);
    } else if (a->kind == ASK_FOLLOW || a->kind == ASK_UNFOLLOW) {
        call(&b, a->kind == ASK_FOLLOW ? "follow" : "unfollow", 2);
        number(&b, a->actor);
        number(&b, a->other);
    } else if (a->kind == ASK_COMMENT) {
        ask_comment(ctx, a, &b);
    } else if (a->kind == ASK_POST) {
        ask_post(ctx, a, &b);
    } else {
        BYTES_PUT(&b, "*1\r\n$4\r\nPING\r\n");
    }
    return b.n;
}

// ---- understanding ------------------------------------------------------------------------------

// One line of an answer: its first byte and number, and the bytes that follow a '$'.
struct line { char kind; long number; const char *text; size_t n; };
struct reader { const char *at, *end; bool part; };

static struct line next(struct reader *r)
{
    struct line l = {0};
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

// Four forms: an array of texts, which is a timeline or a list of followers; an array of n numbers
// and then n arrays of three texts, which is a page; +OK and what follows up to the array of EXEC
// or the refusal of it, which is a MULTI; one line, which is all else.
static size_t whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    (void)slot;
    struct reader r = {(const char *)in, (const char *)in + n, false};
    struct line l = next(&r);
    if (!r.part && (l.kind == '\0' || strchr("*:+-$", l.kind) == NULL))
        return DRIVER_NONSENSE;
    bool multi = l.kind == '+' && memcmp(in, "+OK", 3) == 0;
    while (multi && l.kind != '*' && !r.part) {
        const char *line = r.at;
        l = next(&r);
        multi = r.part || strncmp(line, "-EXECABORT", 10) != 0;
    }
    if (l.kind == '*' && l.number > 0 && !r.part) {
        bool page = next(&r).kind == ':' && !multi;
        long rest = page ? (l.number - 1) + 4 * l.number : l.number - 1;
        for (long i = 0; i < rest && !r.part; i++)
            next(&r);
    }
    return r.part ? 0 : (size_t)(r.at - (const char *)in);
}

static enum verdict take_ids(struct first_trip *ids, struct reader *r)
{
    long n = next(r).number;
    ids->n = 0;
    while (ids->n < n && ids->n < PAGE_POSTS)
        ids->id[ids->n++] = number_at(next(r).text);
    return ids->n > 0 ? VERDICT_AGAIN : VERDICT_DONE;
}

static void take_post(struct item *item, struct reader *r)
{
    next(r); // *3
    struct line b = next(r), l = next(r), k = next(r);
    const char *end = b.text + b.n, *author = memchr(b.text, ' ', b.n);
    author = author != NULL ? author + 1 : end;
    const char *text = memchr(author, ' ', (size_t)(end - author));
    text = text != NULL ? text + 1 : end;
    item->created_ms = number_at(b.text);
    item->author = author;
    item->author_n = text > author ? (size_t)(text - author - 1) : 0;
    item->text = text;
    item->text_n = (size_t)(end - text);
    item->likes = (uint32_t)number_at(l.text);
    item->comments = (uint32_t)number_at(k.text);
}

static enum verdict take_page(struct peer *p, const struct job *job, struct reader *r)
{
    struct page page = {.reader = job->ask.actor, .n = peer_first(p, job)->n};
    bool complete = next(r).number == (long)page.n;
    for (unsigned i = 0; i < page.n && complete; i++)
        page.item[i].liked = next(r).number == 1;
    for (unsigned i = 0; i < page.n && complete; i++) {
        take_post(&page.item[i], r);
        complete = page.item[i].author_n > 0;
    }
    if (p->page != NULL && complete)
        p->page(p->page_ctx, &page);
    return complete ? VERDICT_DONE : VERDICT_WRONG;
}

static enum verdict take_fans(struct first_trip *post, struct reader *r)
{
    uint32_t n = (uint32_t)next(r).number - 1;
    if (n > post->fans_cap) {
        post->fans_cap = 2 * n;
        post->fan = realloc(post->fan, post->fans_cap * sizeof *post->fan);
        ASSERT(post->fan != NULL);
    }
    for (post->fans = 0; post->fans < n; post->fans++)
        post->fan[post->fans] = (uint32_t)number_at(next(r).text);
    post->made = number_at(next(r).text);
    return VERDICT_AGAIN;
}

// Of the lines up to the array of the EXEC none may be a refusal.
static enum verdict take_pushes(struct peer *p, struct reader *r)
{
    struct line l = next(r);
    while (l.kind == '+')
        l = next(r);
    return l.kind == '*' ? peer_changed(p, true) : peer_refused(p, "MULTI failed", 12);
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct reader r = {(const char *)answer, (const char *)answer + n, false};
    if (answer[0] == '-')
        return peer_refused(ctx, answer + 1, n - 1);
    if (job->ask.kind == ASK_FEED)
        return job->step == 0 ? take_ids(peer_first(ctx, job), &r) : take_page(ctx, job, &r);
    if (job->ask.kind == ASK_POST)
        return job->step == 0 ? take_fans(peer_first(ctx, job), &r) : take_pushes(ctx, &r);
    return peer_changed(ctx, next(&r).number >= 0);
}

// Whether an answer waits for the disk is a matter of the server's: appendfsync.
static int greeted(const uint8_t *in, size_t n)
{
    return n < 7 ? 0 : memcmp(in, "+PONG\r\n", 7) == 0 ? 1 : -1;
}

static int open_one(void *ctx, unsigned i, int *fd, char *why)
{
    (void)i;
    struct bytes hello = {(uint8_t *)(uintptr_t) "*1\r\n$4\r\nPING\r\n", 14, 14};
    struct greeting g = {&hello, greeted};
    return peer_open(ctx, &g, fd, why);
}

void redis_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "redis", .in_order = true, .request_max = request_max(p),
                           .open = open_one, .write = write_request, .whole = whole,
                           .judge = judge, .ctx = p, .first_error = p->first_error};
}

// ---- filling ------------------------------------------------------------------------------------

static void send_off(struct bytes *b, FILE *to)
{
    fwrite(b->at, 1, b->n, to);
    b->n = 0;
}

static void load_user(const struct fill *f, uint32_t u, struct bytes *b)
{
    char text[24];
    head(b, 10);
    name(b, "HSET");
    key(b, 'u', u);
    name(b, "n");
    snprintf(text, sizeof text, "u%u", u);
    name(b, text);
    name(b, "p");
    number(b, f->posts[u]);
    name(b, "g");
    number(b, f->following[u]);
    name(b, "f");
    number(b, f->first[u + 1] - f->first[u]);
    if (f->timeline_n[u] == 0)
        return;
    head(b, 2 + f->timeline_n[u]);
    name(b, "RPUSH");
    key(b, 't', u);
    for (uint32_t i = 0; i < f->timeline_n[u]; i++)
        number(b, f->timeline[(size_t)u * f->kept + i]);
}

static void load_post(const struct fill *f, uint64_t i, struct bytes *b)
{
    struct made_post made;
    fill_post(f, i, &made);
    head(b, 8);
    name(b, "HSET");
    key(b, 'p', i);
    name(b, "b");
    blob(b, &made);
    BYTES_PUT(b, "$1\r\nl\r\n$1\r\n0\r\n$1\r\nk\r\n$1\r\n0\r\n");
    head(b, 3);
    name(b, "LPUSH");
    key(b, 'a', made.author);
    number(b, i);
}

static void load_edge(const struct pair *e, struct bytes *b)
{
    const uint32_t ends[2][2] = {{e->from, e->to}, {e->to, e->from}};
    for (unsigned i = 0; i < 2; i++) {
        head(b, 3);
        name(b, "SADD");
        key(b, "gf"[i], ends[i][0]);
        number(b, ends[i][1]);
    }
}

void redis_load(const struct community *c, FILE *to)
{
    static uint8_t room[LOAD_MAX];
    struct bytes b = {room, 0, sizeof room};
    struct fill f;
    fill_begin(&f, c, TIMELINE_KEPT);
    head(&b, 4);
    name(&b, "FUNCTION");
    name(&b, "LOAD");
    name(&b, "REPLACE");
    name(&b, library);
    head(&b, 3);
    name(&b, "SET");
    name(&b, "posts");
    number(&b, c->posts - 1);
    for (uint32_t u = 0; u < c->users; u++, send_off(&b, to))
        load_user(&f, u, &b);
    for (uint64_t i = 0; i < c->posts; i++, send_off(&b, to))
        load_post(&f, i, &b);
    for (uint64_t i = 0; i < f.edges; i++, send_off(&b, to))
        load_edge(&f.edge[i], &b);
    fill_end(&f);
}
