// Writes answers. The one whose turn it is goes into the connection's output at once; others wait,
// as bytes, in a list by sequence.
#include "net/http_answer.h"

#include <string.h>
#include <strings.h>

#include "core/assert.h"

// An answer that came before its turn: the block's begin, its bytes follow.
struct http_held {
    struct http_held *next;
    uint64_t sequence;
    uint32_t n, block;             // bytes that follow; size of the block
};

static const char *reason(unsigned status)
{
    static const struct { unsigned status; const char *text; } reasons[] = {
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
        { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
        { 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
        { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
        { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
        { 411, "Length Required" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" },
        { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" }, { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" }, { 423, "Locked" }, { 425, "Too Early" },
        { 426, "Upgrade Required" }, { 428, "Precondition Required" },
        { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
        { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return "Unknown";
}

// ---- bytes --------------------------------------------------------------------------------------

static char *put(char *out, const void *bytes, size_t n)
{
    memcpy(out, bytes, n);
    return out + n;
}

static char *put_text(char *out, const char *text)
{
    return put(out, text, strlen(text));
}

static char *put_number(char *out, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + v % 10); while (v /= 10);
    return put(out, digits + at, sizeof digits - at);
}

static char *put_count(char *out, const char *name, uint64_t v)
{
    return put_text(put_number(put_text(out, name), v), "\r\n");
}

// Whether these header lines have one of this name ("Name:").
static bool has_line(const char *lines, const char *name)
{
    for (const char *at = lines; at && *at; ) {
        if (strncasecmp(at, name, strlen(name)) == 0) return true;
        at = strstr(at, "\r\n");
        if (at) at += 2;
    }
    return false;
}

static bool has_content(const struct http_answer *a)
{
    return a->status >= 200 && a->status != 204 && a->status != 304;
}

// Enough for the answer written by `write`.
static size_t size_max(const struct http_answer *a)
{
    return 384 + (a->content_type ? strlen(a->content_type) : 0) +
        (a->extra ? strlen(a->extra) : 0) + (a->head ? 0 : a->body_size);
}

// Returns the bytes written.
static size_t write_answer(char *out, const struct http_answer *a, bool last)
{
    ASSERT(a->status >= 100 && a->status < 600);
    char *at = put_text(out, "HTTP/1.1 ");
    at = put_number(at, a->status);
    *at++ = ' ';
    at = put_text(put_text(at, reason(a->status)), "\r\n");
    if (has_content(a)) {
        if (a->content_type)
            at = put_text(put_text(put_text(at, "Content-Type: "), a->content_type), "\r\n");
        at = put_count(at, "Content-Length: ", a->content_type ? a->body_size : 0);
    }
    if (a->place) at = put_count(at, "Kith-Log-Place: ", a->place);
    if (a->request_id) at = put_count(at, "Kith-Request-Id: ", a->request_id);
    at = put_text(at, "X-Content-Type-Options: nosniff\r\n");
    if (!has_line(a->extra, "Cache-Control:")) at = put_text(at, "Cache-Control: no-store\r\n");
    if (a->extra) at = put_text(at, a->extra);
    if (last) at = put_text(at, "Connection: close\r\n");
    at = put_text(at, "\r\n");
    if (has_content(a) && a->content_type && !a->head && a->body_size)
        at = put(at, a->body, a->body_size);
    return (size_t)(at - out);
}

// ---- order --------------------------------------------------------------------------------------

// The answer whose turn it was is in the output.
static void turn_passes(struct net *n, struct conn *c)
{
    struct http *h = c->http;
    bool last = h->next_answer == h->last_request;
    h->next_answer++;
    conn_answered(n, c);
    // What came after it is not going to be answered, and no more is taken.
    if (last) net_finish(n, conn_id(n, c));
}

static void hold(struct net *n, struct conn *c, uint64_t sequence, const struct http_answer *a)
{
    struct http_held **at = &c->http->held;
    while (*at && (*at)->sequence < sequence) at = &(*at)->next;
    if (*at && (*at)->sequence == sequence) return; // answered twice: the first one counts
    size_t most = sizeof(struct http_held) + size_max(a);
    uint32_t block;
    struct http_held *held = NULL;
    if (conn_unsent(c) + most <= n->limits.send_buffer_hard)
        held = net_pool_take(&n->pool, most, &block);
    if (!held) {
        conn_kill(n, c);
        return;
    }
    held->block = block;
    held->sequence = sequence;
    held->n = (uint32_t)write_answer((char *)(held + 1), a, sequence == c->http->last_request);
    held->next = *at;
    *at = held;
    c->held += held->n;
}

static void release(struct net *n, struct conn *c)
{
    struct http *h = c->http;
    while (h->held && h->held->sequence == h->next_answer && conn_answers(c)) {
        struct http_held *held = h->held;
        h->held = held->next;
        c->held -= held->n;
        char *out = conn_room(n, c, held->n);
        if (out) {
            memcpy(out, held + 1, held->n);
            conn_wrote(n, c, held->n);
            turn_passes(n, c);
        }
        net_pool_give(&n->pool, held, held->block);
    }
}

static void answer(struct net *n, struct conn *c, uint64_t sequence, const struct http_answer *a)
{
    struct http *h = c->http;
    if (sequence < h->next_answer || sequence >= h->next_request) return;
    if (sequence > h->next_answer) {
        hold(n, c, sequence, a);
        return;
    }
    char *out = conn_room(n, c, size_max(a));
    if (!out) return;
    conn_wrote(n, c, write_answer(out, a, sequence == h->last_request));
    turn_passes(n, c);
    release(n, c);
}

void net_send_http(struct net *n, net_conn id, uint64_t sequence, const struct http_answer *a)
{
    struct conn *c = conn_find(n, id);
    if (c && conn_answers(c) && c->http) answer(n, c, sequence, a);
}

void http_answer_problem(struct net *n, struct conn *c, unsigned status)
{
    struct http *h = c->http;
    char body[2048];
    struct http_answer a = { .status = status, .content_type = "application/problem+json" };
    if (n->handler->problem) a.body_size = n->handler->problem(n->ctx, status, body, sizeof body);
    ASSERT(a.body_size <= sizeof body);
    a.body = body;
    uint64_t sequence = h->next_request++;
    h->last_request = sequence;
    c->pending++;
    conn_last(n, c);
    answer(n, c, sequence, &a);
}

void http_answer_continue(struct net *n, struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *out = conn_room(n, c, sizeof text - 1);
    if (!out) return;
    memcpy(out, text, sizeof text - 1);
    conn_wrote(n, c, sizeof text - 1);
}

void http_answers_free(struct net *n, struct http *h)
{
    for (struct http_held *held = h->held, *next; held; held = next) {
        next = held->next;
        net_pool_give(&n->pool, held, held->block);
    }
    h->held = NULL;
}
