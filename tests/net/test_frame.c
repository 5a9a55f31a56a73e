// Frames out of a stream: whatever way it is cut, the handler sees the same frames and the peer the
// same answers; framing that is lost is told and ends the connection.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "net/conn.h"
#include "tests/net/support_fake.h"

enum { HEAD = sizeof(struct frame_head) };

// Every frame the handler saw: its request number, length and the sum of its bytes.
struct seen { uint32_t request, length, sum; };

static struct fake *fake;
static struct { struct seen frame[256]; unsigned n; bool hold; net_conn c; } got;

static void on_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload)
{
    (void)ctx;
    assert_int_equal((uintptr_t)payload & 7, 0);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < head->length; i++) sum = sum * 31 + ((const uint8_t *)payload)[i];
    if (got.n < 256) got.frame[got.n++] = (struct seen){ head->request, head->length, sum };
    got.c = c;
    if (head->op == 9) net_trust(fake->net, c);
    if (!got.hold) net_send_frame(fake->net, c, head, payload);
}

static const struct net_handler handler = { .frame = on_frame };

static int setup(void **state)
{
    (void)state;
    fake = fake_open((struct net_options){ .handler = &handler });
    memset(&got, 0, sizeof got);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_close(fake);
    return 0;
}

struct stream { char *p; size_t n; };

static void add(struct stream *s, struct frame_head head)
{
    s->p = realloc(s->p, s->n + HEAD + head.length);
    assert_non_null(s->p);
    memcpy(s->p + s->n, &head, HEAD);
    for (uint32_t i = 0; i < head.length; i++)
        s->p[s->n + HEAD + i] = (char)(head.request * 7 + i * 3);
    s->n += HEAD + head.length;
}

static void add_frame(struct stream *s, uint32_t request, uint32_t length)
{
    add(s, (struct frame_head){ .length = length, .op = 1, .request = request,
                                .magic = FRAME_MAGIC });
}

// What came of a stream.
struct outcome { struct seen frame[256]; unsigned n; char *out; size_t out_n; bool gone; };

enum cut { WHOLE, BYTES, SPLIT };

static struct outcome run(const struct stream *s, enum cut cut, size_t at)
{
    got.n = 0;
    uint32_t slot = fake_connect(fake);
    assert_int_not_equal(slot, SLOT_NONE);
    switch (cut) {
    case WHOLE:
        fake_feed(fake, slot, s->p, s->n);
        break;
    case BYTES:
        for (size_t i = 0; i < s->n; i++) fake_feed(fake, slot, s->p + i, 1);
        break;
    case SPLIT:
        fake_feed(fake, slot, s->p, at);
        fake_feed(fake, slot, s->p + at, s->n - at);
        break;
    }
    fake_settle(fake);
    const struct fake_link *l = &fake->link[slot];
    struct outcome o = { .n = got.n, .out_n = l->out_n, .gone = fake_gone(fake, slot) || l->shut };
    memcpy(o.frame, got.frame, sizeof got.frame);
    o.out = malloc(l->out_n + 1);
    assert_non_null(o.out);
    if (l->out_n) memcpy(o.out, l->out, l->out_n);
    fake_reset(fake, slot);
    fake_settle(fake);
    assert_true(fake_gone(fake, slot));
    return o;
}

static void same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->frame, b->frame, a->n * sizeof *a->frame);
    assert_int_equal(a->out_n, b->out_n);
    assert_memory_equal(a->out, b->out, a->out_n);
    assert_int_equal(a->gone, b->gone);
}

// Frees the stream; the outcome's `out` is the caller's.
static struct outcome check(struct stream *s)
{
    struct outcome whole = run(s, WHOLE, 0), bytes = run(s, BYTES, 0);
    same(&whole, &bytes);
    free(bytes.out);
    size_t stride = s->n > 4096 ? s->n / 512 : 1;
    for (size_t at = 1; at < s->n; at += stride) {
        struct outcome split = run(s, SPLIT, at);
        same(&whole, &split);
        free(split.out);
    }
    free(s->p);
    *s = (struct stream){0};
    return whole;
}

static void frames_of_all_lengths(void **state)
{
    (void)state;
    struct stream s = {0};
    for (uint32_t i = 0; i < 40; i++) add_frame(&s, i, i);
    size_t n = s.n;
    struct outcome o = check(&s);
    assert_int_equal(o.n, 40);
    assert_int_equal(o.out_n, n);
    for (uint32_t i = 0; i < 40; i++) assert_int_equal(o.frame[i].request, i);
    assert_false(o.gone);
    free(o.out);
}

static void a_part_of_a_frame_waits(void **state)
{
    (void)state;
    struct stream s = {0};
    add_frame(&s, 1, 8);
    add_frame(&s, 2, 100);
    s.n -= 1;
    struct outcome o = check(&s);
    assert_int_equal(o.n, 1);
    assert_false(o.gone);
    free(o.out);
}

static void expect_error_frame(const struct outcome *o, size_t at, uint16_t op, uint32_t request)
{
    struct frame_head head;
    assert_int_equal(o->out_n, at + HEAD);
    memcpy(&head, o->out + at, HEAD);
    assert_int_equal(head.length, 0);
    assert_int_equal(head.status, 1);
    assert_int_equal(head.magic, FRAME_MAGIC);
    assert_int_equal(head.op, op);
    assert_int_equal(head.request, request);
    assert_true(o->gone);
}

static void too_long_before_login(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct stream s = {0};
        add_frame(&s, 5, FRAME_MAX_LOGIN + over);
        add_frame(&s, 6, 0);
        struct outcome o = check(&s);
        assert_int_equal(o.n, over ? 0 : 2);
        if (over) expect_error_frame(&o, 0, 1, 5);
        else assert_false(o.gone);
        free(o.out);
    }
}

static void too_long_after_login(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct stream s = {0};
        add(&s, (struct frame_head){ .op = 9, .magic = FRAME_MAGIC });
        add_frame(&s, 5, FRAME_MAX + over);
        got.n = 0;
        struct outcome o = run(&s, WHOLE, 0);
        assert_int_equal(o.n, over ? 1 : 2);
        if (over) expect_error_frame(&o, HEAD, 1, 5);
        free(o.out);
        for (size_t at = 1; at < s.n; at += s.n / 37) {
            struct outcome split = run(&s, SPLIT, at);
            assert_int_equal(split.n, over ? 1 : 2);
            free(split.out);
        }
        free(s.p);
    }
}

static void bad_magic_in_the_second_frame(void **state)
{
    (void)state;
    struct stream s = {0};
    add_frame(&s, 1, 3);
    add(&s, (struct frame_head){ .op = 7, .request = 2, .magic = 0x12345678 });
    add_frame(&s, 3, 3);
    struct outcome o = check(&s);
    assert_int_equal(o.n, 1);
    expect_error_frame(&o, HEAD + 3, 0, 0);
    free(o.out);
}

static void claimed_length_takes_no_memory(void **state)
{
    (void)state;
    struct stream s = {0};
    add(&s, (struct frame_head){ .op = 1, .request = 1, .magic = FRAME_MAGIC });
    ((struct frame_head *)(void *)s.p)->length = FRAME_MAX_LOGIN;
    uint32_t slot = fake_connect(fake);
    fake_feed(fake, slot, s.p, s.n);
    assert_true(((struct net *)fake->net)->conns[slot].in.cap <= 4096);
    free(s.p);
}

static void neither_protocol(void **state)
{
    (void)state;
    static const char *const streams[] = {
        "hello there, who are you",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "get / HTTP/1.1\r\nhost: h\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x12\x34\x56\x78\x9a\xbc",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct stream s = { malloc(64), i == 3 ? 17 : strlen(streams[i]) };
        memcpy(s.p, streams[i], s.n);
        struct outcome o = check(&s);
        assert_int_equal(o.n, 0);
        assert_int_equal(o.out_n, 0);
        assert_true(o.gone);
        free(o.out);
    }
}

static void few_bytes_decide_nothing(void **state)
{
    (void)state;
    struct stream s = { strdup("hello there, wh"), 15 };
    struct outcome o = check(&s);
    assert_false(o.gone);
    free(o.out);
}

static void pipeline_is_bounded(void **state)
{
    (void)state;
    got.hold = true;
    struct stream s = {0};
    for (uint32_t i = 0; i < 100; i++) add_frame(&s, i, 16);
    uint32_t slot = fake_connect(fake);
    fake_feed(fake, slot, s.p, s.n);
    fake_settle(fake);
    assert_int_equal(got.n, PIPELINE_MAX_LOGIN);
    assert_false(fake->link[slot].reading);
    // One answer is not enough to go on: half of them is.
    struct frame_head head = { .op = 1, .magic = FRAME_MAGIC };
    for (unsigned i = 0; i < PIPELINE_MAX_LOGIN / 2; i++) {
        assert_int_equal(got.n, PIPELINE_MAX_LOGIN);
        net_send_frame(fake->net, got.c, &head, NULL);
        fake_settle(fake);
    }
    assert_int_equal(got.n, PIPELINE_MAX_LOGIN * 3 / 2);
    // With an identity all fit, and it is read from again.
    net_trust(fake->net, got.c);
    fake_settle(fake);
    assert_int_equal(got.n, 100);
    assert_true(fake->link[slot].reading);
    for (unsigned i = 0; i < 100; i++) net_forget(fake->net, got.c);
    fake_feed(fake, slot, s.p, s.n);
    assert_int_equal(got.n, 200);
    free(s.p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(frames_of_all_lengths), T(a_part_of_a_frame_waits), T(too_long_before_login),
        T(too_long_after_login), T(bad_magic_in_the_second_frame),
        T(claimed_length_takes_no_memory), T(neither_protocol), T(few_bytes_decide_nothing),
        T(pipeline_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
