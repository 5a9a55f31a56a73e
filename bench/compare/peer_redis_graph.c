// The scenario graph on Redis 7, with the keys of peer_redis.c and one more:
//
//   z:P  sorted set: the likes of a post as links, by time; members are names of users
//
// A node is the post's blob. The newest links are ZREVRANGE, their number is ZCARD: no counter is
// kept. To Redis's advantage the name that a list of links shows is the member itself, not looked
// up as Kith does, and a node that is deleted keeps its links (as with LinkBench's own).
#include "bench/compare/peer.h"
#include "bench/compare/resp.h"

enum { REQUEST_MAX = 1024 };

// ---- asking -------------------------------------------------------------------------------------

static void put_node(struct peer *p, const struct ask *a, struct bytes *out)
{
    struct made_post made;
    community_post(p->community, a->text, &made);
    made.author = a->actor;
    made.created_ms = peer_time(p) >> 12;
    if (a->kind == ASK_POST) {
        resp_call(out, "node", 1);
    } else {
        resp_head(out, 4);
        resp_name(out, "HSET");
        resp_key(out, 'p', a->post);
        resp_name(out, "b");
    }
    resp_post(out, &made);
}

static void put_link(struct peer *p, const struct ask *a, struct bytes *out)
{
    bool add = a->kind == ASK_LIKE;
    resp_head(out, add ? 5 : 3);
    resp_name(out, add ? "ZADD" : "ZREM");
    resp_key(out, 'z', a->post);
    if (add) {
        resp_name(out, "NX");
        resp_number(out, peer_time(p));
    }
    resp_user(out, a->actor);
}

// A user's name, and whether actor follows him: two answers.
static void get_link(const struct ask *a, struct bytes *out)
{
    resp_head(out, 3);
    resp_name(out, "HGET");
    resp_key(out, 'u', a->other);
    resp_name(out, "n");
    resp_head(out, 3);
    resp_name(out, "SISMEMBER");
    resp_key(out, 'g', a->actor);
    resp_number(out, a->other);
}

static void get_links(const struct ask *a, struct bytes *out)
{
    resp_head(out, 4);
    resp_name(out, "ZREVRANGE");
    resp_key(out, 'z', a->post);
    resp_name(out, "0");
    resp_number(out, PAGE_POSTS - 1);
}

// A command that has a post's key, and perhaps one word after it.
static void short_one(const char *command, char kind, const struct ask *a, struct bytes *out)
{
    bool field = a->kind == ASK_GET;
    resp_head(out, field ? 3 : 2);
    resp_name(out, command);
    resp_key(out, kind, a->post);
    if (field)
        resp_name(out, "b");
}

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    struct bytes b = {at, 0, REQUEST_MAX};
    const struct ask *a = &job->ask;
    if (a->kind == ASK_LIKERS)
        get_links(a, &b);
    else if (a->kind == ASK_GET)
        short_one("HMGET", 'p', a, &b);
    else if (a->kind == ASK_LIKE_COUNT)
        short_one("ZCARD", 'z', a, &b);
    else if (a->kind == ASK_DELETE)
        short_one("DEL", 'p', a, &b);
    else if (a->kind == ASK_LIKE || a->kind == ASK_UNLIKE)
        put_link(ctx, a, &b);
    else if (a->kind == ASK_USER)
        get_link(a, &b);
    else
        put_node(ctx, a, &b);
    return b.n;
}

// ---- understanding ------------------------------------------------------------------------------

// An array of texts is a node or a list of links; a text and a number are a link; all else is one
// line.
static size_t whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    (void)slot;
    struct resp_reader r = {(const char *)in, (const char *)in + n, false};
    struct resp_line l = resp_next(&r);
    if (!r.part && (l.kind == '\0' || strchr("*:+-$", l.kind) == NULL))
        return DRIVER_NONSENSE;
    long rest = l.kind == '*' ? l.number : l.kind == '$';
    for (long i = 0; i < rest && !r.part; i++)
        resp_next(&r);
    return r.part ? 0 : (size_t)(r.at - (const char *)in);
}

// Behind "created author ".
static void take_text(struct graph_answer *a, struct resp_line b)
{
    const char *end = b.text + b.n, *at = b.text;
    for (unsigned i = 0; i < 2 && at != NULL; i++) {
        at = memchr(at, ' ', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    a->text[0].at = at != NULL ? at : end;
    a->text[0].n = at != NULL ? (size_t)(end - at) : 0;
    a->n = 1;
}

static enum verdict take_read(struct peer *p, const struct ask *ask, struct resp_reader *r)
{
    struct graph_answer a = {.ask = ask};
    struct resp_line l = resp_next(r);
    if (ask->kind == ASK_LIKE_COUNT) {
        a.count = (uint64_t)l.number;
    } else if (ask->kind == ASK_GET) {
        take_text(&a, resp_next(r));
    } else if (ask->kind == ASK_USER) {
        a.text[0].at = l.text;
        a.text[0].n = l.n;
        a.n = 1;
        a.linked = resp_next(r).number == 1;
    } else {
        for (; a.n < PAGE_POSTS && (long)a.n < l.number; a.n++) {
            struct resp_line who = resp_next(r);
            a.text[a.n].at = who.text;
            a.text[a.n].n = who.n;
        }
    }
    bool complete = ask->kind == ASK_LIKE_COUNT || ask->kind == ASK_LIKERS || a.text[0].n > 0;
    if (p->graph != NULL && complete)
        p->graph(&a);
    return complete ? VERDICT_DONE : VERDICT_WRONG;
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct resp_reader r = {(const char *)answer, (const char *)answer + n, false};
    enum ask_kind kind = job->ask.kind;
    if (answer[0] == '-')
        return peer_refused(ctx, answer + 1, n - 1);
    if (kind == ASK_LIKERS || kind == ASK_GET || kind == ASK_LIKE_COUNT || kind == ASK_USER)
        return take_read(ctx, &job->ask, &r);
    // A field that was there is 0 and changed all the same.
    return peer_changed(ctx, resp_next(&r).number > 0 || kind == ASK_UPDATE);
}

void redis_graph_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "redis", .in_order = true, .request_max = REQUEST_MAX,
                           .open = redis_open, .write = write_request, .whole = whole,
                           .judge = judge, .ctx = p, .first_error = p->first_error};
}
