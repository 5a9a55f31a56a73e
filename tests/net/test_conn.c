// A connection's life on a fake network: order of answers, back-pressure, time, ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "net/conn.h"
#include "tests/net/support_clock.h"
#include "tests/net/support_fake.h"

#define H "Host: h\r\n"

static struct fake *fake;
static struct {
    net_conn c, opened, closed;
    unsigned frames, requests, closes;
    uint64_t sequence;             // of the last request
    bool refuse;
    void *user_at_close;
    size_t answer;                 // bytes of an answer given at once; 0 = none is
    char body[32];                 // of the last request
} got;

static bool on_opened(void *ctx, net_conn c, unsigned listener)
{
    (void)ctx;
    assert_int_equal(listener, 0);
    got.opened = c;
    return !got.refuse;
}

static void on_closed(void *ctx, net_conn c)
{
    (void)ctx;
    got.closed = c;
    got.closes++;
    got.user_at_close = net_user(fake->net, c);
    // Nothing of this may reach anybody.
    net_finish(fake->net, c);
    net_trust(fake->net, c);
    net_forget(fake->net, c);
}

static void on_frame(void *ctx, net_conn c, const struct frame_head *asked, const void *payload)
{
    (void)ctx;
    (void)payload;
    static char bytes[4 << 20];
    got.c = c;
    got.frames++;
    struct frame_head head = *asked;
    head.length = (uint32_t)got.answer;
    if (got.answer) net_send_frame(fake->net, c, &head, bytes);
}

static void on_http(void *ctx, net_conn c, const struct http_request *r)
{
    (void)ctx;
    got.c = c;
    got.requests++;
    got.sequence = r->sequence;
    size_t n = r->body.n < sizeof got.body - 1 ? r->body.n : sizeof got.body - 1;
    memcpy(got.body, r->body.s, n);
    got.body[n] = 0;
}

static size_t on_problem(void *ctx, unsigned status, char *out, size_t cap)
{
    (void)ctx;
    (void)status;
    assert_true(cap >= 2);
    memcpy(out, "{}", 2);
    return 2;
}

static const struct net_handler handler = {
    .opened = on_opened, .closed = on_closed, .frame = on_frame, .http = on_http,
    .problem = on_problem,
};

static int setup(void **state)
{
    (void)state;
    memset(&got, 0, sizeof got);
    fake = fake_open((struct net_options){ .handler = &handler, .core = 3 });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_close(fake);
    return 0;
}

static void text(uint32_t slot, const char *s)
{
    fake_feed(fake, slot, s, strlen(s));
}

static void answer(uint64_t sequence, const char *body)
{
    struct http_answer a = {
        .status = 200, .content_type = "t", .body = body, .body_size = strlen(body),
    };
    net_send_http(fake->net, got.c, sequence, &a);
    fake_settle(fake);
}

static void frame(uint32_t slot, uint32_t length)
{
    struct frame_head head = { .length = length, .op = 1, .magic = FRAME_MAGIC };
    char *bytes = calloc(1, sizeof head + length);
    assert_non_null(bytes);
    memcpy(bytes, &head, sizeof head);
    fake_feed(fake, slot, bytes, sizeof head + length);
    free(bytes);
}

// How often `what` stands in what the peer got.
static unsigned count(uint32_t slot, const char *what)
{
    const struct fake_link *l = &fake->link[slot];
    unsigned n = 0;
    const char *at = l->out, *end = l->out + l->out_n;
    while (l->out_n && (at = memmem(at, (size_t)(end - at), what, strlen(what)))) {
        at += strlen(what);
        n++;
    }
    return n;
}

static const char *out(uint32_t slot)
{
    static char copy[65536];
    const struct fake_link *l = &fake->link[slot];
    assert_true(l->out_n < sizeof copy);
    if (l->out_n) memcpy(copy, l->out, l->out_n);
    copy[l->out_n] = 0;
    return copy;
}

// Both stand in what the peer got, in this order.
static void before(uint32_t slot, const char *first, const char *second)
{
    const char *a = strstr(out(slot), first), *b = strstr(out(slot), second);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
}

// ---- order --------------------------------------------------------------------------------------

#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"

static void answers_in_order(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    text(slot, GET("/1") GET("/2") GET("/3") GET("/4"));
    assert_int_equal(got.requests, 4);
    answer(3, "three");
    answer(4, "four");
    answer(2, "two");
    assert_int_equal(fake->link[slot].out_n, 0);
    answer(2, "again");
    answer(1, "one");
    before(slot, "one", "two");
    before(slot, "two", "three");
    before(slot, "three", "four");
    assert_int_equal(count(slot, "again"), 0);
    answer(1, "again");
    answer(5, "never asked");
    assert_int_equal(count(slot, "HTTP/1.1"), 4);
    assert_int_equal(((struct net *)fake->net)->conns[slot].held, 0);
}

static void error_waits_for_its_turn(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    text(slot, GET("/1") "GET /2 HTTP/1.3\r\n\r\n" GET("/3"));
    assert_int_equal(got.requests, 1);
    assert_int_equal(fake->link[slot].out_n, 0);
    assert_false(fake->link[slot].shut);
    answer(1, "one");
    before(slot, "one", "HTTP/1.1 400 Bad Request");
    assert_true(fake->link[slot].shut);
}

static void continue_waits_for_its_turn(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    text(slot, GET("/1") "POST /2 HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n"
         "\r\nabc" GET("/3"));
    assert_int_equal(got.requests, 1);
    assert_int_equal(fake->link[slot].out_n, 0);
    assert_false(fake->link[slot].reading);
    answer(1, "one");
    assert_int_equal(got.requests, 3);
    assert_true(fake->link[slot].reading);
    before(slot, "one", "100 Continue");
    answer(2, "two");
    answer(3, "three");
    before(slot, "100 Continue", "two");
    before(slot, "two", "three");
    assert_int_equal(count(slot, "100 Continue"), 1);
}

static void answer_kinds(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    text(slot, GET("/1") GET("/2") GET("/3"));
    struct http_answer a = { .status = 204, .place = 77, .request_id = 5 };
    net_send_http(fake->net, got.c, 1, &a);
    a = (struct http_answer){ .status = 202 };
    net_send_http(fake->net, got.c, 2, &a);
    a = (struct http_answer){
        .status = 429, .content_type = "application/problem+json", .body = "{}", .body_size = 2,
        .extra = "Retry-After: 3\r\ncache-control: max-age=5\r\n",
    };
    net_send_http(fake->net, got.c, 3, &a);
    fake_settle(fake);
    assert_string_equal(out(slot),
        "HTTP/1.1 204 No Content\r\nKith-Log-Place: 77\r\nKith-Request-Id: 5\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n"
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n"
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\n"
        "Content-Length: 2\r\nX-Content-Type-Options: nosniff\r\n"
        "Retry-After: 3\r\ncache-control: max-age=5\r\n\r\n{}");
}

// ---- back-pressure ------------------------------------------------------------------------------

static void slow_reader_is_not_read(void **state)
{
    (void)state;
    fake->window = 0;
    got.answer = 128 << 10;
    uint32_t slot = fake_connect(fake);
    for (unsigned i = 0; i < 32; i++) frame(slot, 8);
    // The one that passes the bound is the last: little more than the bound is kept for him.
    assert_int_equal(got.frames, SEND_BUFFER_MAX / got.answer);
    fake_settle(fake);
    assert_false(fake->link[slot].reading);
    unsigned before = got.frames;
    fake_take(fake, slot, 128 << 10);
    fake_settle(fake);
    assert_false(fake->link[slot].reading);
    assert_int_equal(got.frames, before);
    for (unsigned i = 0; i < 6; i++) fake_take(fake, slot, 128 << 10);
    fake_settle(fake);
    assert_true(fake->link[slot].reading);
    assert_false(fake_gone(fake, slot));
}

static void hard_bound_ends_it(void **state)
{
    (void)state;
    fake->window = 0;
    uint32_t slot = fake_connect(fake);
    frame(slot, 8);
    static char bytes[1 << 20];
    struct frame_head head = { .length = sizeof bytes, .op = 1, .magic = FRAME_MAGIC };
    for (unsigned i = 0; i < 7; i++) net_send_frame(fake->net, got.c, &head, bytes);
    fake_settle(fake);
    assert_true(net_is_open(fake->net, got.c));
    net_send_frame(fake->net, got.c, &head, bytes);
    assert_false(net_is_open(fake->net, got.c));
    assert_int_equal(got.closes, 0); // never out of another call
    fake_settle(fake);
    assert_int_equal(got.closes, 1);
    assert_true(fake_gone(fake, slot));
}

static void held_answers_are_bounded(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    for (unsigned i = 0; i < 12; i++) text(slot, GET("/"));
    static char bytes[1 << 20];
    struct http_answer a = { .status = 200, .content_type = "t", .body = bytes,
                             .body_size = sizeof bytes };
    for (uint64_t i = 2; i <= 8; i++) net_send_http(fake->net, got.c, i, &a);
    assert_true(net_is_open(fake->net, got.c));
    net_send_http(fake->net, got.c, 9, &a);
    assert_false(net_is_open(fake->net, got.c));
    fake_settle(fake);
    assert_true(fake_gone(fake, slot));
}

static void one_send_for_many_answers(void **state)
{
    (void)state;
    got.answer = 16;
    uint32_t slot = fake_connect(fake);
    fake->window = 40;
    struct frame_head heads[10];
    for (unsigned i = 0; i < 10; i++)
        heads[i] = (struct frame_head){ .op = 1, .magic = FRAME_MAGIC };
    fake_feed(fake, slot, heads, sizeof heads);
    fake_settle(fake);
    // The whole of it is one send under way, of which 40 bytes have left.
    assert_int_equal(fake->link[slot].out_n, 40);
    assert_int_equal(fake->link[slot].pending_n, 10 * 48 - 40);
    fake_take(fake, slot, 100);
    fake_take(fake, slot, SIZE_MAX);
    assert_int_equal(fake->link[slot].out_n, 480);
}

// ---- time ---------------------------------------------------------------------------------------

static void pass(unsigned ms)
{
    test_clock_skip(ms);
    fake_settle(fake);
}

static void slow_header(void **state)
{
    (void)state;
    uint32_t http = fake_connect(fake), binary = fake_connect(fake), none = fake_connect(fake);
    text(http, "GET / HTTP/1.1\r\n");
    frame(binary, 8);
    fake_feed(fake, binary, "\1\0\0\0", 4);
    fake_feed(fake, none, "x", 1);
    pass(HEADER_MS - 500);
    text(http, "Host:");           // a byte now and then does not help
    assert_false(fake->link[http].shut || fake_gone(fake, binary) || fake_gone(fake, none));
    pass(1000);
    assert_true(strstr(out(http), "HTTP/1.1 408 Request Timeout") != NULL);
    assert_true(fake->link[http].shut);
    assert_true(fake_gone(fake, binary) && fake_gone(fake, none));
    pass(LINGER_MS + SCAN_MS);
    assert_true(fake_gone(fake, http));
    struct net_stats stats;
    net_stats(fake->net, &stats);
    assert_int_equal(stats.timeouts, 3);
}

static void slow_body(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n";
    static char bytes[4 * BODY_BYTES_PER_S];
    memset(bytes, 'x', sizeof bytes);
    uint32_t slow = fake_connect(fake), fair = fake_connect(fake);
    text(slow, head);
    text(fair, head);
    for (unsigned s = 0; s < 14; s++) {
        fake_feed(fake, fair, bytes, BODY_BYTES_PER_S + 10);
        fake_feed(fake, slow, bytes, BODY_BYTES_PER_S / 8);
        pass(1000);
    }
    assert_true(fake->link[slow].shut);
    assert_true(strstr(out(slow), "408") != NULL);
    assert_false(fake->link[fair].shut);
}

static void idle(void **state)
{
    (void)state;
    got.answer = 8;
    uint32_t slot = fake_connect(fake), busy = fake_connect(fake);
    frame(slot, 0);
    text(busy, GET("/"));
    pass(IDLE_MS - 500);
    assert_false(fake->link[slot].shut);
    pass(1000);
    assert_true(fake->link[slot].shut);
    // One whose request is with us is not idle, however long we take.
    assert_false(fake->link[busy].shut);
    answer(1, "late");
    assert_int_equal(count(busy, "late"), 1);
}

static void stuck_reader(void **state)
{
    (void)state;
    got.answer = 100000;
    fake->window = 1000;
    uint32_t slot = fake_connect(fake);
    frame(slot, 0);
    pass(IDLE_MS - 500);
    fake_take(fake, slot, 1);
    pass(1000);
    assert_false(fake_gone(fake, slot));
    pass(IDLE_MS);
    assert_true(fake_gone(fake, slot));
}

// ---- ends ---------------------------------------------------------------------------------------

static void half_closed_peer_is_answered(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    text(slot, GET("/1"));
    fake_end(fake, slot);
    fake_settle(fake);
    assert_false(fake_gone(fake, slot));
    answer(1, "one");
    assert_int_equal(count(slot, "one"), 1);
    assert_true(fake_gone(fake, slot));
}

static void peer_ends_in_a_request(void **state)
{
    (void)state;
    uint32_t slot = fake_connect(fake);
    text(slot, "GET / HT");
    fake_end(fake, slot);
    fake_settle(fake);
    assert_true(fake_gone(fake, slot));
    assert_int_equal(fake->link[slot].out_n, 0);
}

static void lingers(void **state)
{
    (void)state;
    uint32_t a = fake_connect(fake), b = fake_connect(fake);
    text(a, "GET / HTTP/1.1\r\n\r\n");
    text(b, "GET / HTTP/1.1\r\n\r\n");
    fake_settle(fake);
    assert_true(fake->link[a].shut && fake->link[b].shut);
    assert_true(fake->link[a].reading);
    text(a, "more of what nobody reads");
    fake_end(fake, a);
    fake_settle(fake);
    assert_true(fake_gone(fake, a));
    assert_false(fake_gone(fake, b));
    pass(LINGER_MS + SCAN_MS);
    assert_true(fake_gone(fake, b));
}

static void finish_sends_first(void **state)
{
    (void)state;
    got.answer = 1000;
    fake->window = 100;
    uint32_t slot = fake_connect(fake);
    frame(slot, 0);
    net_finish(fake->net, got.c);
    assert_false(net_is_open(fake->net, got.c));
    frame(slot, 0);
    assert_int_equal(got.frames, 1);
    assert_false(fake->link[slot].shut);
    fake_take(fake, slot, SIZE_MAX);
    fake_settle(fake);
    assert_true(fake->link[slot].shut);
    assert_int_equal(fake->link[slot].out_n, 1032);
}

static void drain(void **state)
{
    (void)state;
    uint32_t quiet = fake_connect(fake), busy = fake_connect(fake), binary = fake_connect(fake);
    frame(binary, 8);
    net_conn b = got.c;
    text(busy, GET("/1") GET("/2"));
    net_drain(fake->net);
    fake_settle(fake);
    assert_int_equal(fake_connect(fake), SLOT_NONE);
    assert_true(fake->link[quiet].shut);
    assert_false(fake->link[busy].shut || fake->link[binary].shut);
    text(busy, GET("/3"));
    assert_int_equal(got.requests, 2);
    answer(1, "one");
    assert_null(strstr(out(busy), "close"));
    answer(2, "two");
    assert_int_equal(count(busy, "Connection: close"), 1);
    assert_true(fake->link[busy].shut);
    struct frame_head head = { .op = 1, .magic = FRAME_MAGIC };
    net_send_frame(fake->net, b, &head, NULL);
    fake_settle(fake);
    assert_true(fake->link[binary].shut);
    pass(LINGER_MS + SCAN_MS);
    assert_int_equal(net_connections(fake->net), 0);
}

static void names_do_not_come_again(void **state)
{
    (void)state;
    int user;
    uint32_t slot = fake_connect(fake);
    net_conn first = got.opened;
    assert_int_equal(first >> 56, 3);
    net_set_user(fake->net, first, &user);
    assert_ptr_equal(net_user(fake->net, first), &user);
    fake_reset(fake, slot);
    fake_settle(fake);
    assert_int_equal(got.closes, 1);
    assert_true(got.closed == first);
    assert_ptr_equal(got.user_at_close, &user);
    assert_int_equal(fake_connect(fake), slot);
    assert_true(got.opened != first);
    assert_false(net_is_open(fake->net, first));
    assert_null(net_user(fake->net, first));
    assert_null(net_user(fake->net, got.opened));
    // An answer to the old one does not reach the new one.
    struct frame_head head = { .op = 1, .magic = FRAME_MAGIC };
    net_send_frame(fake->net, first, &head, NULL);
    net_finish(fake->net, first);
    fake_settle(fake);
    assert_int_equal(fake->link[slot].out_n, 0);
    assert_true(net_is_open(fake->net, got.opened));
    assert_false(net_is_open(fake->net, 0));
    assert_false(net_is_open(fake->net, UINT64_MAX));
}

static void refused(void **state)
{
    (void)state;
    got.refuse = true;
    assert_int_equal(fake_connect(fake), SLOT_NONE);
    got.refuse = false;
    assert_int_not_equal(fake_connect(fake), SLOT_NONE);
    for (unsigned i = 1; i < FAKE_SLOTS; i++) assert_int_not_equal(fake_connect(fake), SLOT_NONE);
    assert_int_equal(fake_connect(fake), SLOT_NONE);
    struct net_stats stats;
    net_stats(fake->net, &stats);
    assert_int_equal(stats.refused, 2);
    assert_int_equal(stats.open, FAKE_SLOTS);
    assert_int_equal(net_connections(fake->net), FAKE_SLOTS);
}

// ---- sleep --------------------------------------------------------------------------------------

static unsigned asleep_calls;

static void on_sleeping(void *ctx, bool asleep)
{
    (void)ctx;
    assert_int_equal(asleep, asleep_calls++ % 2 == 0);
}

static void wakes(void **state)
{
    (void)state;
    asleep_calls = 0;
    net_turn(fake->net, 0, on_sleeping);
    assert_int_equal(asleep_calls, 0);
    net_turn(fake->net, 5000, on_sleeping);
    assert_int_equal(asleep_calls, 2);
    assert_int_equal(fake->wait_ms, 5000);
    // nobody sleeps: no call to the kernel, but the next sleep is off
    net_wake(fake->net);
    assert_int_equal(fake->wakes, 0);
    net_turn(fake->net, 5000, on_sleeping);
    assert_int_equal(fake->wait_ms, 0);
    net_turn(fake->net, -1, on_sleeping);
    assert_int_equal(fake->wait_ms, -1);
    // With a connection it wakes by itself, to look for timeouts; with work to do it does not
    // sleep.
    fake_connect(fake);
    net_turn(fake->net, 5000, on_sleeping);
    assert_int_equal(fake->wait_ms, SCAN_MS);
    net_finish(fake->net, got.opened);
    net_turn(fake->net, 0, NULL);
    assert_int_equal(fake->wait_ms, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(answers_in_order), T(error_waits_for_its_turn), T(continue_waits_for_its_turn),
        T(answer_kinds), T(slow_reader_is_not_read), T(hard_bound_ends_it),
        T(held_answers_are_bounded), T(one_send_for_many_answers), T(slow_header), T(slow_body),
        T(idle), T(stuck_reader), T(half_closed_peer_is_answered), T(peer_ends_in_a_request),
        T(lingers), T(finish_sends_first), T(drain), T(names_do_not_come_again), T(refused),
        T(wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
