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

#include "bench/compare/peer.h"
#include "bench/compare/resp.h"
#include "core/clock.h"

enum {
    REQUEST_MAX = 4096,        // besides the pushes of a post
    FAN_MAX = 100,             // bytes for one timeline
    TRIM_EVERY = 64,
};

// ---- asking -------------------------------------------------------------------------------------

static void ask_posts(const struct first_trip *ids, uint32_t reader, struct bytes *out)
{
    resp_head(out, 2 + ids->n);
    BYTES_PUT(out, "$10\r\nSMISMEMBER\r\n");
    resp_key(out, 'l', reader);
    for (unsigned i = 0; i < ids->n; i++)
        resp_number(out, ids->id[i]);
    for (unsigned i = 0; i < ids->n; i++) {
        BYTES_PUT(out, "*5\r\n$5\r\nHMGET\r\n");
        resp_key(out, 'p', ids->id[i]);
        BYTES_PUT(out, "$1\r\nb\r\n$1\r\nl\r\n$1\r\nk\r\n");
    }
}

static void ask_comment(const struct peer *p, const struct ask *a, struct bytes *out)
{
    struct text text;
    peer_text(p, a, &text);
    resp_call(out, "comment", 4);
    resp_number(out, a->actor);
    resp_number(out, a->post);
    resp_number(out, clock_wall_ms());
    resp_word(out, text.at, text.n);
}

static void ask_post(const struct peer *p, const struct ask *a, struct bytes *out)
{
    struct made_post made;
    community_post(p->community, a->text, &made);
    made.author = a->actor;
    made.created_ms = clock_wall_ms();
    resp_call(out, "post", 2);
    resp_number(out, a->actor);
    resp_post(out, &made);
}

static void push_post(const struct first_trip *post, struct bytes *out)
{
    BYTES_PUT(out, "*1\r\n$5\r\nMULTI\r\n");
    for (uint32_t i = 0; i < post->fans; i++) {
        BYTES_PUT(out, "*3\r\n$5\r\nLPUSH\r\n");
        resp_key(out, 't', post->fan[i]);
        resp_number(out, post->made);
        if (post->made % TRIM_EVERY != 0)
            continue;
        BYTES_PUT(out, "*4\r\n$5\r\nLTRIM\r\n");
        resp_key(out, 't', post->fan[i]);
        BYTES_PUT(out, "$1\r\n0\r\n");
        resp_number(out, TIMELINE_KEPT - 1);
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
        resp_key(&b, 't', a->actor);
        BYTES_PUT(&b, "$1\r\n0\r\n$2\r\n19\r\n");
    } else if (a->kind == ASK_LIKE || a->kind == ASK_UNLIKE) {
        resp_call(&b, a->kind == ASK_LIKE ? "like" : "unlike", 2);
        resp_number(&b, a->actor);
        resp_number(&b, a->post);
    } else if (a->kind == ASK_FOLLOW || a->kind == ASK_UNFOLLOW) {
        resp_call(&b, a->kind == ASK_FOLLOW ? "follow" : "unfollow", 2);
        resp_number(&b, a->actor);
        resp_number(&b, a->other);
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

// Four forms: an array of texts, which is a timeline or a list of followers; an array of n numbers
// and then n arrays of three texts, which is a page; +OK and what follows up to the array of EXEC
// or the refusal of it, which is a MULTI; one line, which is all else.
static size_t whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    (void)slot;
    struct resp_reader r = {(const char *)in, (const char *)in + n, false};
    struct resp_line l = resp_next(&r);
    if (!r.part && (l.kind == '\0' || strchr("*:+-$", l.kind) == NULL))
        return DRIVER_NONSENSE;
    bool multi = l.kind == '+' && memcmp(in, "+OK", 3) == 0;
    while (multi && l.kind != '*' && !r.part) {
        const char *line = r.at;
        l = resp_next(&r);
        multi = r.part || strncmp(line, "-EXECABORT", 10) != 0;
    }
    if (l.kind == '*' && l.number > 0 && !r.part) {
        bool page = resp_next(&r).kind == ':' && !multi;
        long rest = page ? (l.number - 1) + 4 * l.number : l.number - 1;
        for (long i = 0; i < rest && !r.part; i++)
            resp_next(&r);
    }
    return r.part ? 0 : (size_t)(r.at - (const char *)in);
}

static enum verdict take_ids(struct first_trip *ids, struct resp_reader *r)
{
    long n = resp_next(r).number;
    ids->n = 0;
    while (ids->n < n && ids->n < PAGE_POSTS)
        ids->id[ids->n++] = number_at(resp_next(r).text);
    return ids->n > 0 ? VERDICT_AGAIN : VERDICT_DONE;
}

static void take_post(struct item *item, struct resp_reader *r)
{
    resp_next(r); // *3
    struct resp_line b = resp_next(r), l = resp_next(r), k = resp_next(r);
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

static enum verdict take_page(struct peer *p, const struct job *job, struct resp_reader *r)
{
    struct page page = {.reader = job->ask.actor, .n = peer_first(p, job)->n};
    bool complete = resp_next(r).number == (long)page.n;
    for (unsigned i = 0; i < page.n && complete; i++)
        page.item[i].liked = resp_next(r).number == 1;
    for (unsigned i = 0; i < page.n && complete; i++) {
        take_post(&page.item[i], r);
        complete = page.item[i].author_n > 0;
    }
    if (p->page != NULL && complete)
        p->page(p->page_ctx, &page);
    return complete ? VERDICT_DONE : VERDICT_WRONG;
}

static enum verdict take_fans(struct first_trip *post, struct resp_reader *r)
{
    uint32_t n = (uint32_t)resp_next(r).number - 1;
    if (n > post->fans_cap) {
        post->fans_cap = 2 * n;
        post->fan = realloc(post->fan, post->fans_cap * sizeof *post->fan);
        ASSERT(post->fan != NULL);
    }
    for (post->fans = 0; post->fans < n; post->fans++)
        post->fan[post->fans] = (uint32_t)number_at(resp_next(r).text);
    post->made = number_at(resp_next(r).text);
    return VERDICT_AGAIN;
}

// Of the lines up to the array of the EXEC none may be a refusal.
static enum verdict take_pushes(struct peer *p, struct resp_reader *r)
{
    struct resp_line l = resp_next(r);
    while (l.kind == '+')
        l = resp_next(r);
    return l.kind == '*' ? peer_changed(p, true) : peer_refused(p, "MULTI failed", 12);
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct resp_reader r = {(const char *)answer, (const char *)answer + n, false};
    if (answer[0] == '-')
        return peer_refused(ctx, answer + 1, n - 1);
    if (job->ask.kind == ASK_FEED)
        return job->step == 0 ? take_ids(peer_first(ctx, job), &r) : take_page(ctx, job, &r);
    if (job->ask.kind == ASK_POST)
        return job->step == 0 ? take_fans(peer_first(ctx, job), &r) : take_pushes(ctx, &r);
    return peer_changed(ctx, resp_next(&r).number >= 0);
}

// Whether an answer waits for the disk is a matter of the server's: appendfsync.
static int greeted(const uint8_t *in, size_t n)
{
    return n < 7 ? 0 : memcmp(in, "+PONG\r\n", 7) == 0 ? 1 : -1;
}

int redis_open(void *ctx, unsigned i, int *fd, char *why)
{
    (void)i;
    struct bytes hello = {(uint8_t *)(uintptr_t) "*1\r\n$4\r\nPING\r\n", 14, 14};
    struct greeting g = {&hello, greeted};
    return peer_open(ctx, &g, fd, why);
}

void redis_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "redis", .in_order = true, .request_max = request_max(p),
                           .open = redis_open, .write = write_request, .whole = whole,
                           .judge = judge, .ctx = p, .first_error = p->first_error};
}
