// Any bytes as frames on a WebSocket: whole, byte by byte and cut in two, what comes back are sound
// frames. (They need not be the same: a ping that came together with a close goes unanswered.) A
// fuzz target is linked with the libraries alone, so its support is taken in here.
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "tests/net/support_fake.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct fake *fake;

static void on_http(void *ctx, net_conn c, const struct http_request *r)
{
    (void)ctx;
    ASSERT(net_upgrade(fake->net, c, r->sequence, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

static const struct net_handler handler = {.http = on_http};

struct got { char *p; size_t n; };

// After the handshake: the first `at` bytes, then the rest; at > n: one at a time.
static struct got run(const char *bytes, size_t n, size_t at)
{
    static const char begins[] = "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n";
    uint32_t slot = fake_connect(fake);
    ASSERT(slot != SLOT_NONE);
    fake_feed(fake, slot, begins, sizeof begins - 1);
    fake_settle(fake);
    if (at > n) {
        for (size_t i = 0; i < n; i++) fake_feed(fake, slot, bytes + i, 1);
    } else {
        if (at > 0) fake_feed(fake, slot, bytes, at);
        if (at < n) fake_feed(fake, slot, bytes + at, n - at);
    }
    fake_settle(fake);
    const struct fake_link *l = &fake->link[slot];
    struct got g = {malloc(l->out_n + 1), l->out_n};
    ASSERT(g.p != NULL && memcmp(l->out, "HTTP/1.1 101 ", 13) == 0);
    memcpy(g.p, l->out, g.n);
    fake_reset(fake, slot);
    fake_settle(fake);
    ASSERT(fake_gone(fake, slot));
    return g;
}

// Short control frames without a mask, a close the last of them.
static void sound(struct got g)
{
    const char *end = memmem(g.p, g.n, "\r\n\r\n", 4);
    ASSERT(end != NULL);
    for (const char *at = end + 4; at < g.p + g.n; at += 2 + (unsigned char)at[1]) {
        unsigned char first = (unsigned char)at[0];
        ASSERT(first == 0x8a || first == 0x88);
        ASSERT(at + 2 <= g.p + g.n && (unsigned char)at[1] < 126);
        ASSERT(first != 0x88 || at + 2 + at[1] == g.p + g.n);
    }
    free(g.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct net_listen listen = {.address = "fake", .http_only = true};
    if (!fake)
        fake = fake_open((struct net_options){
            .handler = &handler, .listen = &listen, .listen_count = 1});
    const char *in = (const char *)bytes;
    size_t sum = n;
    for (size_t i = 0; i < n; i++) sum = sum * 31 + bytes[i];
    sound(run(in, n, n));
    sound(run(in, n, n + 1));
    sound(run(in, n, n > 0 ? sum % n : 0));
    return 0;
}
