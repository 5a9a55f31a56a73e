// llhttp's callbacks. A header comes in one piece, so every span lies in it; only chunked bodies
// come in parts. Bodies of a stated length are counted by http.c and never get here.
#include "net/http_parse.h"

#include <string.h>

#include "core/limits.h"
#include "llhttp/llhttp.h"

_Static_assert(sizeof(llhttp_t) <= sizeof((struct http_parser *)0)->llhttp, "room for llhttp_t");

static struct http_parser *parser_of(llhttp_t *l)
{
    return l->data;
}

// llhttp may tell one span in several calls; they lie side by side.
static void extend(const struct http_parser *p, struct http_span *s, const char *at, size_t n)
{
    uint32_t from = (uint32_t)(at - p->base);
    if (s->n == 0) s->at = from;
    s->n = from + (uint32_t)n - s->at;
}

static int on_method(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    extend(p, &p->head->method, at, n);
    return 0;
}

static int on_url(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    extend(p, &p->head->target, at, n);
    return 0;
}

static int on_name(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    if (p->head) extend(p, &p->name, at, n); // else a trailer: passed over
    return 0;
}

static int on_value(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    if (p->head && n) extend(p, &p->value, at, n);
    return 0;
}

static int on_field_done(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    if (!p->head) return 0;
    struct http_span v = p->value;
    while (v.n && (p->base[v.at + v.n - 1] == ' ' || p->base[v.at + v.n - 1] == '\t')) v.n--;
    while (v.n && (p->base[v.at] == ' ' || p->base[v.at] == '\t')) v.at++, v.n--;
    if (p->status == 0) p->status = http_head_field(p->head, p->base, p->name, v);
    p->name = p->value = (struct http_span){0};
    return p->status ? HPE_USER : 0;
}

static int on_head_done(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    l->upgrade = 0; // we stay with HTTP/1.1
    p->head_done = true;
    p->chunked = l->flags & F_CHUNKED;
    p->has_length = l->flags & F_CONTENT_LENGTH;
    p->length = l->content_length;
    return 0;
}

static int on_body(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    return net_buffer_append(p->pool, p->body, at, n) ? 0 : HPE_USER;
}

static int on_done(llhttp_t *l)
{
    parser_of(l)->done = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field_done,
    .on_headers_complete = on_head_done,
    .on_body = on_body,
    .on_message_complete = on_done,
};

// What llhttp and we made of the header must be one thing; else some other parser may see a third.
static bool agree(const struct http_parser *p, const struct http_head *h)
{
    bool has_length = h->seen >> FIELD_LENGTH & 1;
    if (p->chunked != h->chunked || p->has_length != has_length) return false;
    return h->chunked || !has_length || p->length == h->length;
}

int http_parse_head(struct http_parser *p, const char *bytes, size_t n, struct http_head *head)
{
    llhttp_t *l = (llhttp_t *)(void *)p->llhttp;
    llhttp_init(l, HTTP_REQUEST, &settings);
    l->data = p;
    *head = (struct http_head){0};
    p->head = head;
    p->base = bytes;
    p->name = p->value = (struct http_span){0};
    p->status = 0;
    p->head_done = p->done = false;
    llhttp_errno_t error = llhttp_execute(l, bytes, n);
    p->head = NULL;
    p->base = NULL;
    if (p->status) return p->status;
    if (error == HPE_INVALID_METHOD && !p->head_done) return 501;
    // Of a CONNECT that llhttp stops behind we judge the method below.
    bool whole = error == HPE_OK || (error == HPE_PAUSED_UPGRADE && l->method == HTTP_CONNECT);
    if (!whole || !p->head_done) return 400;
    if (l->http_major != 1) return 400;
    head->minor = l->http_minor;
    int status = http_head_judge(head, bytes);
    if (status) return status;
    return agree(p, head) ? 0 : 400;
}

enum http_parsed http_parse_chunks(struct http_parser *p, const char *bytes, size_t n)
{
    llhttp_errno_t error = llhttp_execute((llhttp_t *)(void *)p->llhttp, bytes, n);
    if (error == HPE_USER) return PARSED_NO_MEMORY;
    if (error != HPE_OK) return PARSED_BAD;
    return p->done ? PARSED_DONE : PARSED_MORE;
}
