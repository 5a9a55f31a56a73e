#include "bench/frames_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/client.h"
#include "core/assert.h"
#include "core/fb_json_parse.h"
#include "core/limits.h"
#include "core/ops.h"

// ---- requests ----------------------------------------------------------------------------------

// P, U and Q in a path stand for the post, the other user and what is searched for. text: 'p' where
// the body is a post, 'c' where it is a comment, 0 where there is none.
static const struct {
    const char *method, *path;
    char text;
    enum op op;
} routes[ASK_KINDS] = {
    [ASK_PING] = {"GET", "/api/ping", 0, OP_ping},
    [ASK_FEED] = {"GET", "/api/feed?limit=20", 0, OP_feed},
    [ASK_LIKE] = {"POST", "/api/posts/P/like", 0, OP_like},
    [ASK_UNLIKE] = {"DELETE", "/api/posts/P/like", 0, OP_unlike},
    [ASK_COMMENT] = {"POST", "/api/posts/P/comments", 'c', OP_comment_create},
    [ASK_POST] = {"POST", "/api/posts", 'p', OP_post_create},
    [ASK_FOLLOW] = {"POST", "/api/user/follow/U", 0, OP_follow},
    [ASK_UNFOLLOW] = {"DELETE", "/api/user/follow/U", 0, OP_unfollow},
    [ASK_GET] = {"GET", "/api/posts/P", 0, OP_post_get},
    [ASK_UPDATE] = {"PATCH", "/api/posts/P", 'p', OP_post_update},
    [ASK_DELETE] = {"DELETE", "/api/posts/P", 0, OP_post_delete},
    [ASK_LIKERS] = {"GET", "/api/posts/P/likes", 0, OP_likes},
    [ASK_LIKE_COUNT] = {"GET", "/api/posts/P/like_count", 0, OP_like_count},
    [ASK_USER] = {"GET", "/api/user/U", 0, OP_user_get},
    [ASK_SEARCH_POSTS] = {"GET", "/api/search/posts?q=Q", 0, OP_search_posts},
    [ASK_SEARCH_USERS] = {"GET", "/api/search/users?q=Q", 0, OP_search_users},
    [ASK_SUGGEST] = {"GET", "/api/suggestions", 0, OP_suggestions},
};

// A request on its way into `at`, which has room for FRAMES_REQUEST_MAX.
struct line { char *at; size_t n; };

static void put(struct line *l, const char *s, size_t n)
{
    ASSERT(l->n + n <= FRAMES_REQUEST_MAX);
    memcpy(l->at + l->n, s, n);
    l->n += n;
}

static void puts_to(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_number(struct line *l, uint64_t v)
{
    char digit[20];
    size_t n = 0;
    do
        digit[sizeof digit - ++n] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    put(l, digit + sizeof digit - n, n);
}

static void put_query(struct line *l, const struct frames *f, const struct ask *a)
{
    struct query room;
    const struct query *q = frames_query(f, a, &room);
    ASSERT(q != NULL);
    for (uint32_t i = 0; i < q->n; i++) {
        char escaped[4];
        bool plain = language_ascii((uint8_t)q->s[i]) == LETTER_word;
        int n = snprintf(escaped, sizeof escaped, "%%%02X", (uint8_t)q->s[i]);
        put(l, plain ? &q->s[i] : escaped, plain ? 1 : (size_t)n);
    }
}

static void put_path(struct line *l, const struct frames *f, const struct ask *a)
{
    const struct world *w = f->world;
    for (const char *p = routes[a->kind].path; *p != '\0'; p++) {
        if (*p == 'P')
            put_number(l, w->post[a->post]);
        else if (*p == 'U')
            put_number(l, w->user[a->other]);
        else if (*p == 'Q')
            put_query(l, f, a);
        else
            put(l, p, 1);
    }
}

// What is made up has no byte that JSON escapes.
static size_t write_body(const struct world *w, const struct ask *a, char out[512])
{
    struct made_post made;
    if (routes[a->kind].text == 'c')
        return (size_t)snprintf(out, 512, "{\"content\":\"%s\"}",
                                community_comment(&w->community, a->text));
    community_post(&w->community, a->text, &made);
    return (size_t)snprintf(out, 512, "{\"caption\":\"%.*s\"}", (int)made.text_n, made.text);
}

static size_t http_write(void *ctx, struct job *job, uint8_t *at)
{
    struct frames *f = ctx;
    const struct ask *a = &job->ask;
    struct line l = {(char *)at, 0};
    ASSERT(routes[a->kind].method != NULL);
    if (f->model != NULL)
        model_sent(f->model, job);
    puts_to(&l, routes[a->kind].method);
    puts_to(&l, " ");
    put_path(&l, f, a);
    puts_to(&l, " HTTP/1.1\r\nHost: kith\r\n");
    if (f->service_key != NULL) {
        puts_to(&l, "Authorization: Bearer ");
        puts_to(&l, f->service_key);
        puts_to(&l, "\r\n");
    }
    if (f->world != NULL && a->kind != ASK_PING) {
        puts_to(&l, "Kith-Viewer: ");
        put_number(&l, f->world->user[a->actor]);
        puts_to(&l, "\r\n");
    }
    if (routes[a->kind].text != 0) {
        char body[512];
        size_t n = write_body(f->world, a, body);
        puts_to(&l, "Content-Type: application/json\r\nContent-Length: ");
        put_number(&l, n);
        puts_to(&l, "\r\n\r\n");
        put(&l, body, n);
    } else {
        puts_to(&l, "\r\n");
    }
    return l.n;
}

// ---- answers -----------------------------------------------------------------------------------

// Head and body of an answer that has come whole.
struct heard { unsigned status; const char *body; size_t body_n, n; };

// 0 while it is not whole, DRIVER_NONSENSE where it is none, else its bytes.
static size_t read_answer(const uint8_t *in, size_t n, struct heard *out)
{
    static const char length[] = "\r\nContent-Length: ";
    const char *s = (const char *)in, *end = memmem(s, n, "\r\n\r\n", 4);
    if (n >= 9 && memcmp(s, "HTTP/1.1 ", 9) != 0)
        return DRIVER_NONSENSE;
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - s) + 4;
    const char *at = memmem(s, head, length, sizeof length - 1);
    *out = (struct heard){.status = (unsigned)strtoul(s + 9, NULL, 10), .body = s + head};
    if (at != NULL)
        out->body_n = strtoul(at + sizeof length - 1, NULL, 10);
    else if (out->status != 204)
        return DRIVER_NONSENSE;
    out->n = head + out->body_n;
    return n >= out->n ? out->n : 0;
}

static size_t http_whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    struct heard a;
    (void)ctx;
    (void)slot;
    return read_answer(in, n, &a);
}

// The JSON as the table that the binary protocol would have answered with, for the model.
static bool agrees(struct frames *f, const struct job *job, const struct heard *a, char *why)
{
    static uint8_t room[FRAME_MAX];
    fb_builder b;
    fb_json_error err;
    const fb_type *type = op_row(routes[job->ask.kind].op)->reply;
    fb_init(&b, room, sizeof room);
    if (a->body_n == 0)
        return a->status == 204;
    fb_ref root = fb_json_parse(&b, a->body, a->body_n, type, &err);
    if (root == 0 || fb_finish(&b, root) == 0) {
        snprintf(why, DRIVER_WHY, "an answer's JSON has not its declared shape: %s at %.100s",
                 fb_json_code_name(err.code), err.pointer);
        return false;
    }
    const void *table = fb_root(fb_data(&b));
    if (frames_finds(job->ask.kind))
        frames_count(f, job->ask.kind, table);
    return model_agrees(f->model, job, table, why);
}

static enum verdict http_judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct frames *f = ctx;
    struct heard a = {0};
    read_answer(answer, n, &a);
    bool first = f->first_error[0] == '\0';
    if (a.status / 100 != 2) {
        if (first)
            snprintf(f->first_error, sizeof f->first_error, "%u %.*s", a.status,
                     (int)(a.body_n < 200 ? a.body_n : 200), a.body);
        return VERDICT_REFUSED;
    }
    if (f->model == NULL || f->answers++ % f->validate_every != 0)
        return VERDICT_DONE;
    f->validated++;
    char why[DRIVER_WHY] = "an answer has not its declared shape";
    if (agrees(f, job, &a, why))
        return VERDICT_DONE;
    if (first)
        snprintf(f->first_error, sizeof f->first_error, "%s", why);
    return VERDICT_WRONG;
}

static int http_open(void *ctx, unsigned i, int *fd, char *why)
{
    const struct frames *f = ctx;
    (void)i;
    return client_connect(f->address, fd, why);
}

void frames_http_init(struct frames *f, struct driver *out)
{
    frames_reset(f);
    *out = (struct driver){
        .system = "kith", .in_order = true, .request_max = FRAMES_REQUEST_MAX, .open = http_open,
        .write = http_write, .whole = http_whole, .judge = http_judge, .ctx = f,
        .first_error = f->first_error,
    };
}
