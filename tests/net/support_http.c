// The bench's handler writes down what it is handed and answers at once; a refusal by net is then
// checked for being whole, and put into the same line.
#include "tests/net/support_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

struct http_bench {
    struct fake *fake;
    char seen[4096];
    size_t seen_n;
};

static const char *const names[] = {
    [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH",
    [HTTP_DELETE] = "DELETE", [HTTP_HEAD] = "HEAD", [HTTP_OPTIONS] = "OPTIONS",
    [HTTP_OTHER] = "OTHER",
};

static void on_http(void *ctx, net_conn c, const struct http_request *r)
{
    struct http_bench *b = ctx;
    char *at = b->seen + b->seen_n;
    size_t room = sizeof b->seen - b->seen_n;
    int n;
    if (r->body.n > 64)
        n = snprintf(at, room, "%s %.*s%s%.*s [#%u]; ", names[r->method], (int)r->path.n,
                     r->path.s, r->query.n ? "?" : "", (int)r->query.n, r->query.s, r->body.n);
    else
        n = snprintf(at, room, "%s %.*s%s%.*s%s%.*s%s; ", names[r->method], (int)r->path.n,
                     r->path.s, r->query.n ? "?" : "", (int)r->query.n, r->query.s,
                     r->body.n ? " [" : "", (int)r->body.n, r->body.s, r->body.n ? "]" : "");
    if ((size_t)n < room) b->seen_n += (size_t)n;
    struct http_answer a = {
        .status = 200, .content_type = "text/plain", .body = "ok", .body_size = 2,
        .request_id = r->sequence, .head = r->method == HTTP_HEAD,
    };
    net_send_http(b->fake->net, c, r->sequence, &a);
}

static size_t on_problem(void *ctx, unsigned status, char *out, size_t cap)
{
    (void)ctx;
    return (size_t)snprintf(out, cap, "{\"status\":%u}", status);
}

static void on_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload)
{
    struct http_bench *b = ctx;
    char *at = b->seen + b->seen_n;
    size_t room = sizeof b->seen - b->seen_n;
    int n = snprintf(at, room, "#%u %u; ", head->request, head->length);
    if ((size_t)n < room) b->seen_n += (size_t)n;
    if (head->op & 1) net_trust(b->fake->net, c);
    net_send_frame(b->fake->net, c, head, payload);
}

static const struct net_handler handler = {
    .frame = on_frame, .http = on_http, .problem = on_problem,
};

struct http_bench *http_bench_open(bool http_only)
{
    struct http_bench *b = calloc(1, sizeof *b);
    ASSERT(b != NULL);
    const struct net_listen listen = { .address = "fake", .http_only = http_only };
    b->fake = fake_open((struct net_options){
        .handler = &handler, .ctx = b, .listen = &listen, .listen_count = 1,
    });
    return b;
}

void http_bench_close(struct http_bench *b)
{
    fake_close(b->fake);
    free(b);
}

// The last answer, where net gave it itself; 0 if it did not.
static unsigned refusal(const char *out, size_t n)
{
    static const char mark[] = "Content-Type: application/problem+json\r\n";
    bool http = n > 9 && memcmp(out, "HTTP/1.1 ", 9) == 0; // else echoes, of whatever was sent
    const char *at = http ? memmem(out, n, mark, sizeof mark - 1) : NULL;
    if (!at) return 0;
    const char *line = at;
    while (line > out && memcmp(line, "HTTP/1.1 ", 9) != 0) line--;
    // Nothing follows its body, and it says that the end comes.
    const char *body = memmem(at, n - (size_t)(at - out), "\r\n\r\n", 4);
    ASSERT(body != NULL);
    unsigned status = (unsigned)atoi(line + 9);
    char want[32];
    int want_n = snprintf(want, sizeof want, "{\"status\":%u}", status);
    ASSERT((size_t)(out + n - body) == 4 + (size_t)want_n);
    ASSERT(memcmp(body + 4, want, (size_t)want_n) == 0);
    const char *closes = memmem(line, (size_t)(body - line), "\r\nConnection: close", 19);
    ASSERT(closes != NULL);
    return status;
}

struct http_outcome http_bench_run(struct http_bench *b, const char *bytes, size_t n,
                                   struct http_cut cut)
{
    b->seen_n = 0;
    b->seen[0] = 0;
    uint32_t slot = fake_connect(b->fake);
    ASSERT(slot != SLOT_NONE);
    switch (cut.kind) {
    case HTTP_WHOLE:
        fake_feed(b->fake, slot, bytes, n);
        break;
    case HTTP_BYTES:
        for (size_t i = 0; i < n; i++) fake_feed(b->fake, slot, bytes + i, 1);
        break;
    case HTTP_SPLIT:
        fake_feed(b->fake, slot, bytes, cut.at);
        fake_feed(b->fake, slot, bytes + cut.at, n - cut.at);
        break;
    }
    fake_settle(b->fake);
    const struct fake_link *l = &b->fake->link[slot];
    struct http_outcome o = { .out = malloc(l->out_n + 1), .out_n = l->out_n };
    ASSERT(o.out != NULL);
    if (l->out_n) memcpy(o.out, l->out, l->out_n);
    o.out[l->out_n] = 0;
    unsigned status = refusal(o.out, o.out_n);
    char end[32] = "";
    if (status) snprintf(end, sizeof end, "!%u", status);
    bool ended = fake_gone(b->fake, slot) || l->shut;
    snprintf(o.text, sizeof o.text, "%.4000s%s%s", b->seen, end, ended ? "." : "");
    fake_reset(b->fake, slot);
    fake_settle(b->fake);
    ASSERT(fake_gone(b->fake, slot));
    return o;
}
