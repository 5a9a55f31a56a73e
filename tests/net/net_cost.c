// What a request costs on the wire in instructions, without kernel and handler: run under callgrind
// by tests/bench/test_budgets.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/net.h"
#include "tests/bench/cost.h"
#include "tests/net/support_fake.h"

enum { TIMES = 1000, TOGETHER = 8, HEAD = sizeof(struct frame_head), PAYLOAD = 64 };

static const char get[] =
    "GET /api/feed?limit=20 HTTP/1.1\r\n"
    "Host: 127.0.0.1:5484\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Authorization: Bearer AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8w\r\n"
    "Connection: keep-alive\r\n\r\n";
static const char post[] =
    "POST /api/posts HTTP/1.1\r\n"
    "Host: 127.0.0.1:5484\r\n"
    "Authorization: Bearer AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8w\r\n"
    "Content-Type: application/json\r\n"
    "Idempotency-Key: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n"
    "Content-Length: 32\r\n\r\n"
    "{\"caption\":\"hello #world again\"}";

static struct fake *fake;
static unsigned heard;

static void on_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload)
{
    (void)ctx;
    heard++;
    net_send_frame(fake->net, c, head, payload);
}

static void on_http(void *ctx, net_conn c, const struct http_request *r)
{
    (void)ctx;
    static char body[200];
    heard++;
    struct http_answer a = {
        .status = 200, .content_type = "application/json", .body = body,
        .body_size = sizeof body, .place = 1234567, .request_id = r->sequence,
    };
    net_send_http(fake->net, c, r->sequence, &a);
}

static const struct net_handler handler = { .frame = on_frame, .http = on_http };

// Sends `bytes` TOGETHER times in one piece, until there were TIMES.
static void cost_of(const char *path, const void *bytes, size_t n)
{
    static char piece[TOGETHER * 1024];
    assert_in_range(n, 1, 1024);
    for (unsigned i = 0; i < TOGETHER; i++) memcpy(piece + i * n, bytes, n);
    uint32_t slot = fake_connect(fake);
    fake_feed(fake, slot, bytes, n); // what is made once for a connection
    heard = 0;
    cost_begin();
    for (unsigned i = 0; i < TIMES / TOGETHER; i++) fake_feed(fake, slot, piece, TOGETHER * n);
    cost_end(path, TIMES);
    assert_int_equal(heard, TIMES);
    fake_end(fake, slot);
    fake_settle(fake);
}

int main(void)
{
    fake = fake_open((struct net_options){ .handler = &handler });
    _Alignas(8) char frame[HEAD + PAYLOAD] = {0};
    struct frame_head head = { .length = PAYLOAD, .op = 1, .request = 1, .magic = FRAME_MAGIC };
    memcpy(frame, &head, HEAD);
    cost_of("frame", frame, sizeof frame);
    cost_of("http_get", get, sizeof get - 1);
    cost_of("http_post", post, sizeof post - 1);
    fake_close(fake);
    return 0;
}
