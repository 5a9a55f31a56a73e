// Reads HTTP/1.1 requests. A whole one is handed over from where it was received; otherwise header
// and body are put together in the connection's buffer, a chunked body without its chunks.
//
//   HEAD ─guard, llhttp─┬─ no body ──────────────────────► handler
//                       ├─ Content-Length ─► BODY ───────► handler
//                       └─ chunked ─► CHUNKS ─guard, llhttp─► handler
//   an error anywhere: a problem document in the request's turn, Connection: close, the end
#include "net/http.h"

#include <string.h>

#include "core/assert.h"
#include "core/limits.h"
#include "net/http_answer.h"

bool http_begin(struct net *n, struct conn *c)
{
    uint32_t block;
    struct http *h = net_pool_take(&n->pool, sizeof *h, &block);
    if (!h) {
        conn_kill(n, c);
        return false;
    }
    memset(h, 0, sizeof *h);
    h->block = block;
    h->next_request = h->next_answer = 1;
    c->http = h;
    return true;
}

void http_end(struct net *n, struct conn *c)
{
    http_answers_free(n, c->http);
    net_pool_give(&n->pool, c->http, c->http->block);
    c->http = NULL;
}

static void fail(struct net *n, struct conn *c, int status)
{
    n->stats.errors++;
    conn_request_ends(n, c);
    http_answer_problem(n, c, (unsigned)status);
}

void http_timeout(struct net *n, struct conn *c)
{
    conn_request_ends(n, c);
    http_answer_problem(n, c, 408);
}

void http_drain(struct conn *c)
{
    struct http *h = c->http;
    if (h->next_request > h->next_answer) h->last_request = h->next_request - 1;
}

// ---- a whole request ----------------------------------------------------------------------------

static enum http_method method_of(const char *p, uint32_t size)
{
    static const struct { const char *name; enum http_method method; } methods[] = {
        { "GET", HTTP_GET }, { "POST", HTTP_POST }, { "PUT", HTTP_PUT }, { "PATCH", HTTP_PATCH },
        { "DELETE", HTTP_DELETE }, { "HEAD", HTTP_HEAD }, { "OPTIONS", HTTP_OPTIONS },
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strlen(methods[i].name) == size && memcmp(p, methods[i].name, size) == 0)
            return methods[i].method;
    return HTTP_OTHER;
}

static struct net_text text_at(const char *base, struct http_span s)
{
    return (struct net_text){ base + s.at, s.n };
}

// Hands over the request whose header begins at `base`.
static void deliver(struct net *n, struct conn *c, const char *base, struct net_text body)
{
    struct http *h = c->http;
    const struct http_head *head = &h->head;
    struct http_request r = {
        .method = method_of(base + head->method.at, head->method.n),
        .path = head->path_empty ? (struct net_text){ "/", 1 } : text_at(base, head->path),
        .query = text_at(base, head->query),
        .body = body,
        .authorization = text_at(base, head->field[FIELD_AUTHORIZATION]),
        .viewer = text_at(base, head->field[FIELD_VIEWER]),
        .place = text_at(base, head->field[FIELD_PLACE]),
        .key = text_at(base, head->field[FIELD_KEY]),
        .content_type = text_at(base, head->field[FIELD_CONTENT_TYPE]),
        .host = text_at(base, head->field[FIELD_HOST]),
        .captcha = text_at(base, head->field[FIELD_CAPTCHA]),
        .agent = text_at(base, head->field[FIELD_AGENT]),
        .forwarded = text_at(base, head->field[FIELD_FORWARDED]),
        .websocket = head->upgrade ? text_at(base, head->field[FIELD_UPGRADE])
                                   : (struct net_text){ NULL, 0 },
        .websocket_key = text_at(base, head->field[FIELD_WS_KEY]),
        .websocket_version = text_at(base, head->field[FIELD_WS_VERSION]),
        .keep_alive = !head->close,
        .sequence = h->next_request++,
    };
    h->phase = HTTP_IN_HEAD;
    h->guard = (struct http_guard){0};
    c->pending++;
    n->stats.http_in++;
    if (head->close) {
        h->last_request = r.sequence;
        conn_last(n, c);
    }
    n->handler->http(n->ctx, conn_id(n, c), &r);
    conn_request_ends(n, c);
}

// ---- a part of one ------------------------------------------------------------------------------

// Says 100 Continue now, or once the earlier requests are answered: till then nothing is read.
static void expected(struct net *n, struct conn *c)
{
    struct http *h = c->http;
    if (!h->head.wants_continue) return;
    if (c->pending == 0) {
        http_answer_continue(n, c);
        return;
    }
    h->waits = true;
    c->blocked = true;
    conn_mark(n, c);
}

void http_resume(struct net *n, struct conn *c)
{
    if (!c->http->waits) return;
    ASSERT(c->pending == 0);
    c->http->waits = false;
    http_answer_continue(n, c);
}

// The header is whole and stands at `base`, in the received bytes or in c->in. `rest` are bytes
// that follow it; returns how many of them it took.
static size_t head_whole(struct net *n, struct conn *c, struct net_text head,
                         struct net_text rest)
{
    struct http *h = c->http;
    int status = http_parse_head(&h->parser, head.s, head.n, &h->head);
    if (status) {
        fail(n, c, status);
        return 0;
    }
    bool chunked = h->head.chunked;
    if (!chunked && (h->head.length == 0 || (c->in.n == 0 && !h->head.wants_continue &&
                                             rest.n >= h->head.length))) {
        deliver(n, c, head.s, (struct net_text){ rest.s, h->head.length });
        return h->head.length;
    }
    if (c->in.n == 0 && !conn_keep(n, c, head.s, head.n)) return 0;
    conn_body_begins(n, c);
    h->head_size = head.n;
    h->phase = chunked ? HTTP_IN_CHUNKS : HTTP_IN_BODY;
    h->parser.body = &c->in;
    h->parser.pool = &n->pool;
    expected(n, c);
    return 0;
}

static size_t feed_head(struct net *n, struct conn *c, const char *p, size_t size)
{
    struct http *h = c->http;
    size_t used;
    int verdict = guard_head(&h->guard, p, size, &used);
    if (verdict > GUARD_DONE) {
        fail(n, c, verdict);
        return used;
    }
    struct net_text head = { p, (uint32_t)used };
    if (verdict == GUARD_MORE || c->in.n) {
        if (!conn_keep(n, c, p, used) || verdict == GUARD_MORE) return used;
        head = (struct net_text){ c->in.p, c->in.n };
    }
    size_t rest = size - used < BODY_MAX ? size - used : BODY_MAX;
    return used + head_whole(n, c, head, (struct net_text){ p + used, (uint32_t)rest });
}

static void deliver_kept(struct net *n, struct conn *c)
{
    uint32_t head = c->http->head_size;
    deliver(n, c, c->in.p, (struct net_text){ c->in.p + head, c->in.n - head });
}

static size_t feed_body(struct net *n, struct conn *c, const char *p, size_t size)
{
    const struct http *h = c->http;
    size_t need = h->head_size + h->head.length - c->in.n;
    size_t take = need < size ? need : size;
    if (!conn_keep(n, c, p, take)) return size;
    if (take == need) deliver_kept(n, c);
    return take;
}

static size_t feed_chunks(struct net *n, struct conn *c, const char *p, size_t size)
{
    struct http *h = c->http;
    size_t used;
    int verdict = guard_chunks(&h->guard, p, size, &used);
    // The parser first: what it refuses stands before what the guard refused.
    enum http_parsed parsed = http_parse_chunks(&h->parser, p, used);
    if (parsed == PARSED_NO_MEMORY) conn_kill(n, c);
    else if (parsed == PARSED_BAD) fail(n, c, 400);
    else if (verdict > GUARD_DONE) fail(n, c, verdict);
    else if ((verdict == GUARD_DONE) != (parsed == PARSED_DONE)) fail(n, c, 400);
    else if (verdict == GUARD_DONE) deliver_kept(n, c);
    return used;
}

size_t http_feed(struct net *n, struct conn *c, const char *p, size_t size)
{
    size_t at = 0;
    while (at < size && conn_accepts(n, c) && c->protocol == PROTOCOL_HTTP) {
        switch ((enum http_phase)c->http->phase) {
        case HTTP_IN_HEAD:
            at += feed_head(n, c, p + at, size - at);
            break;
        case HTTP_IN_BODY:
            at += feed_body(n, c, p + at, size - at);
            break;
        case HTTP_IN_CHUNKS:
            at += feed_chunks(n, c, p + at, size - at);
            break;
        }
    }
    return at;
}
