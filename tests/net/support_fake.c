// The backend table over memory. Nothing happens here by itself: peers act between turns.
#include "tests/net/support_fake.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

static struct fake *opening;       // by the side of net_open_with, which makes backends itself

static int open_fake(void **out, const struct net_backend_options *opt, char *why)
{
    (void)why;
    opening->opt = *opt;
    *out = opening;
    return 0;
}

static void close_fake(void *b)
{
    struct fake *f = b;
    for (unsigned i = 0; i < FAKE_SLOTS; i++) free(f->link[i].out);
}

static int listen_fake(void *b, const struct net_listen *l, char *why)
{
    (void)b;
    (void)l;
    (void)why;
    return 0;
}

static unsigned port_fake(const void *b, unsigned listener)
{
    (void)b;
    return 1000 + listener;
}

static void unlisten_fake(void *b)
{
    (void)b;
}

static void read_fake(void *b, uint32_t slot, bool on)
{
    struct fake *f = b;
    ASSERT(f->link[slot].used);
    f->link[slot].reading = on;
}

static size_t leave(struct fake *f, struct fake_link *l, size_t n)
{
    if (n > l->pending_n) n = l->pending_n;
    if (n > f->window) n = f->window;
    if (l->out_n + n > l->out_cap) {
        l->out_cap = (l->out_n + n) * 2;
        l->out = realloc(l->out, l->out_cap);
        ASSERT(l->out != NULL);
    }
    if (n) memcpy(l->out + l->out_n, l->pending, n);
    l->out_n += n;
    l->pending += n;
    l->pending_n -= n;
    return n;
}

static size_t send_fake(void *b, uint32_t slot, const void *bytes, size_t n)
{
    struct fake *f = b;
    struct fake_link *l = &f->link[slot];
    ASSERT(l->used && !l->shut && n > 0);
    ASSERT(l->pending_n == 0);
    l->pending = bytes;
    l->pending_n = n;
    return leave(f, l, n);
}

static void shut_fake(void *b, uint32_t slot)
{
    struct fake *f = b;
    struct fake_link *l = &f->link[slot];
    ASSERT(l->used && !l->shut && l->pending_n == 0);
    l->shut = true;
}

static void drop_fake(void *b, uint32_t slot)
{
    struct fake *f = b;
    ASSERT(f->link[slot].used);
    f->link[slot].used = false;
    f->link[slot].pending_n = 0;
    f->opt.events->gone(f->opt.ctx, slot);
}

static void wait_fake(void *b, int wait_ms)
{
    struct fake *f = b;
    f->waits++;
    f->wait_ms = wait_ms;
}

static unsigned reap_fake(void *b)
{
    (void)b;
    return 0;
}

static void wake_fake(void *b)
{
    struct fake *f = b;
    f->wakes++;
}

static const struct net_backend_ops ops = {
    .kind = NET_EPOLL,
    .open = open_fake, .close = close_fake,
    .listen = listen_fake, .port = port_fake, .unlisten = unlisten_fake,
    .read = read_fake, .send = send_fake, .shut = shut_fake, .drop = drop_fake,
    .wait = wait_fake, .reap = reap_fake, .wake = wake_fake,
};

struct fake *fake_open(struct net_options opt)
{
    struct fake *f = calloc(1, sizeof *f);
    ASSERT(f != NULL);
    static const struct net_listen somewhere = { .address = "fake" };
    if (!opt.listen) {
        opt.listen = &somewhere;
        opt.listen_count = 1;
    }
    if (!opt.connections_max) opt.connections_max = FAKE_SLOTS;
    f->window = SIZE_MAX;
    opening = f;
    char why[256];
    int error = net_open_with(&f->net, &opt, &ops, why);
    ASSERT(error == 0);
    return f;
}

void fake_close(struct fake *f)
{
    net_close(f->net);
    free(f);
}

uint32_t fake_connect(struct fake *f)
{
    uint32_t slot = f->opt.events->accepted(f->opt.ctx, 0, f->address);
    if (slot == SLOT_NONE) return slot;
    ASSERT(slot < FAKE_SLOTS);
    struct fake_link *l = &f->link[slot];
    ASSERT(!l->used);
    l->used = l->reading = true;
    l->shut = false;
    l->out_n = 0;
    return slot;
}

void fake_settle(struct fake *f)
{
    // Nothing in the reactor needs more turns than this to come to rest.
    for (int i = 0; i < 8; i++) net_turn(f->net, 0, NULL);
}

void fake_feed(struct fake *f, uint32_t slot, const void *bytes, size_t n)
{
    if (n && f->link[slot].used && f->link[slot].reading) {
        // In a block of its own size: reading beyond it is found out.
        void *copy = malloc(n);
        ASSERT(copy != NULL);
        memcpy(copy, bytes, n);
        f->opt.events->received(f->opt.ctx, slot, copy, n);
        free(copy);
    }
    net_turn(f->net, 0, NULL);
}

void fake_end(struct fake *f, uint32_t slot)
{
    if (f->link[slot].used && f->link[slot].reading)
        f->opt.events->received(f->opt.ctx, slot, NULL, 0);
    net_turn(f->net, 0, NULL);
}

void fake_reset(struct fake *f, uint32_t slot)
{
    if (f->link[slot].used) f->opt.events->failed(f->opt.ctx, slot);
    net_turn(f->net, 0, NULL);
}

void fake_take(struct fake *f, uint32_t slot, size_t n)
{
    struct fake_link *l = &f->link[slot];
    size_t window = f->window;
    f->window = SIZE_MAX;
    size_t left = l->used ? leave(f, l, n) : 0;
    f->window = window;
    if (left) f->opt.events->sent(f->opt.ctx, slot, left);
    net_turn(f->net, 0, NULL);
}

bool fake_gone(const struct fake *f, uint32_t slot)
{
    return !f->link[slot].used;
}
