// The epoll backend. Level-triggered; one read per connection and turn; a send is tried at once and
// waits for EPOLLOUT only where the socket is full.
#include "net/epoll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/limits.h"
#include "net/conn.h"
#include "net/socket.h"

enum { BATCH = 512, CHUNK = 64 << 10, ACCEPT_RETRY_MS = 100 };

// epoll_data: what | generation << 8 | slot << 32; a slot may have gone on within one batch.
enum tag { TAG_LINK, TAG_LISTENER, TAG_WAKE };

struct link {
    int fd;                        // -1 = the slot is free
    uint32_t generation;           // 24 bits
    uint32_t interest;             // EPOLLIN, EPOLLOUT
    const char *out;               // of the send under way
    size_t out_n;
};

struct epoll {
    struct net_backend_options opt;
    int fd, wake_fd, spare_fd;
    unsigned listeners;
    bool accepting;                // listeners are in the set
    uint64_t retry_ms;             // when to accept again after descriptors ran out; 0 = accepting
    struct listener listener[LISTEN_MAX];
    struct link *links;            // [opt.slots]
    unsigned ready, told;          // events of the last wait, and how many of them were told
    size_t taken;                  // bytes received in this reap
    struct epoll_event batch[BATCH];
    char *chunk;                   // [CHUNK], where bytes are received
};

static uint64_t tagged(enum tag tag, uint32_t generation, uint32_t slot)
{
    return (uint64_t)slot << 32 | (uint64_t)generation << 8 | tag;
}

static uint64_t now_ms(void)
{
    return clock_coarse_ns() / 1000000 + 1;
}

static void interest(struct epoll *e, uint32_t slot, uint32_t events)
{
    struct link *l = &e->links[slot];
    if (events == l->interest || l->fd < 0) return;
    l->interest = events;
    struct epoll_event ev = { events, { .u64 = tagged(TAG_LINK, l->generation, slot) } };
    int failed = epoll_ctl(e->fd, EPOLL_CTL_MOD, l->fd, &ev);
    ASSERT(failed == 0);
}

// ---- connections --------------------------------------------------------------------------------

static void epoll_read(void *b, uint32_t slot, bool on)
{
    struct epoll *e = b;
    uint32_t events = e->links[slot].interest;
    interest(e, slot, on ? events | EPOLLIN : events & ~(uint32_t)EPOLLIN);
}

// Bytes of the send under way that left now. *broken where the connection is.
static size_t push(struct link *l, bool *broken)
{
    size_t total = 0;
    *broken = false;
    while (l->out_n) {
        ssize_t n = send(l->fd, l->out, l->out_n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            *broken = errno != EAGAIN;
            break;
        }
        l->out += n;
        l->out_n -= (size_t)n;
        total += (size_t)n;
    }
    return total;
}

static size_t epoll_send(void *b, uint32_t slot, const void *bytes, size_t n)
{
    struct epoll *e = b;
    struct link *l = &e->links[slot];
    ASSERT(l->fd >= 0);
    ASSERT(l->out_n == 0);
    l->out = bytes;
    l->out_n = n;
    bool broken;
    size_t sent = push(l, &broken);
    if (broken) e->opt.events->failed(e->opt.ctx, slot);
    else if (l->out_n) interest(e, slot, l->interest | EPOLLOUT);
    return sent;
}

static void epoll_shut(void *b, uint32_t slot)
{
    struct epoll *e = b;
    shutdown(e->links[slot].fd, SHUT_WR);
}

static void epoll_drop(void *b, uint32_t slot)
{
    struct epoll *e = b;
    struct link *l = &e->links[slot];
    ASSERT(l->fd >= 0);
    close(l->fd);
    *l = (struct link){ .fd = -1, .generation = (l->generation + 1) & 0xffffff };
    e->opt.events->gone(e->opt.ctx, slot);
}

static void link_event(struct epoll *e, uint32_t slot, uint32_t events)
{
    struct link *l = &e->links[slot];
    const struct net_backend_events *to = e->opt.events;
    if (events & EPOLLOUT) {
        bool broken;
        size_t sent = push(l, &broken);
        if (l->out_n == 0) interest(e, slot, l->interest & ~(uint32_t)EPOLLOUT);
        if (sent) to->sent(e->opt.ctx, slot, sent);
        if (broken) {
            to->failed(e->opt.ctx, slot);
            return;
        }
    }
    if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) return;
    if (!(l->interest & EPOLLIN)) {
        // Not reading, and told all the same: it is broken, or both directions have ended.
        if (events & (EPOLLERR | EPOLLHUP)) to->failed(e->opt.ctx, slot);
        return;
    }
    ssize_t n = recv(l->fd, e->chunk, CHUNK, MSG_DONTWAIT);
    if (n > 0) {
        e->taken += (size_t)n;
        to->received(e->opt.ctx, slot, e->chunk, (size_t)n);
    } else if (n == 0) {
        epoll_read(e, slot, false);
        to->received(e->opt.ctx, slot, NULL, 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        to->failed(e->opt.ctx, slot);
    }
}

// ---- listeners ----------------------------------------------------------------------------------

static void accepting(struct epoll *e, bool on)
{
    if (e->accepting == on) return;
    e->accepting = on;
    for (unsigned i = 0; i < e->listeners; i++) {
        if (e->listener[i].fd < 0) continue;
        struct epoll_event ev = { on ? EPOLLIN : 0, { .u64 = tagged(TAG_LISTENER, 0, i) } };
        epoll_ctl(e->fd, EPOLL_CTL_MOD, e->listener[i].fd, &ev);
    }
}

static void take(struct epoll *e, unsigned listener, int fd)
{
    uint8_t address[16];
    uint32_t slot = SLOT_NONE;
    if (socket_peer(fd, address))
        slot = e->opt.events->accepted(e->opt.ctx, listener, address);
    if (slot == SLOT_NONE) {
        socket_refuse(fd, e->listener[listener].http_only);
        return;
    }
    struct link *l = &e->links[slot];
    ASSERT(l->fd < 0);
    l->fd = fd;
    l->interest = EPOLLIN;
    struct epoll_event ev = { EPOLLIN, { .u64 = tagged(TAG_LINK, l->generation, slot) } };
    if (epoll_ctl(e->fd, EPOLL_CTL_ADD, fd, &ev)) e->opt.events->failed(e->opt.ctx, slot);
}

// Accepts at most *budget peers.
static void accept_some(struct epoll *e, unsigned listener, unsigned *budget)
{
    const struct listener *l = &e->listener[listener];
    while (*budget && l->fd >= 0) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            --*budget;
            take(e, listener, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return;
        // Out of descriptors or memory: one peer is told, the others wait in the kernel.
        spare_refuse(&e->spare_fd, l);
        accepting(e, false);
        e->retry_ms = now_ms() + ACCEPT_RETRY_MS;
        return;
    }
}

static int epoll_listen(void *b, const struct net_listen *at, char *why)
{
    struct epoll *e = b;
    ASSERT(e->listeners < LISTEN_MAX);
    struct listener *l = &e->listener[e->listeners];
    struct listen_options opt = { .core = e->opt.core, .reuse_port = e->opt.reuse_port };
    int error = listener_open(l, at, &opt, why);
    if (error) return error;
    if (l->fd >= 0) {
        struct epoll_event ev = { EPOLLIN, { .u64 = tagged(TAG_LISTENER, 0, e->listeners) } };
        if (epoll_ctl(e->fd, EPOLL_CTL_ADD, l->fd, &ev)) {
            error = errno;
            snprintf(why, 256, "epoll_ctl: %s", strerror(error));
            listener_close(l);
            return error;
        }
    }
    e->listeners++;
    return 0;
}

static unsigned epoll_port(const void *b, unsigned listener)
{
    const struct epoll *e = b;
    return e->listener[listener].port;
}

static void epoll_unlisten(void *b)
{
    struct epoll *e = b;
    for (unsigned i = 0; i < e->listeners; i++) listener_close(&e->listener[i]);
    e->retry_ms = 0;
}

// ---- turns --------------------------------------------------------------------------------------

static void epoll_wait_events(void *b, int wait_ms)
{
    struct epoll *e = b;
    if (e->retry_ms) {
        if (now_ms() >= e->retry_ms) {
            e->retry_ms = 0;
            accepting(e, true);
        } else if (wait_ms < 0 || wait_ms > ACCEPT_RETRY_MS) {
            wait_ms = ACCEPT_RETRY_MS;
        }
    }
    if (e->told < e->ready) return;
    e->told = 0;
    int n = epoll_wait(e->fd, e->batch, BATCH, wait_ms);
    e->ready = n > 0 ? (unsigned)n : 0; // less: a signal came
}

static unsigned epoll_reap(void *b)
{
    struct epoll *e = b;
    unsigned first = e->told, budget = ACCEPTS_PER_TURN;
    bool callers[LISTEN_MAX] = {0};
    e->taken = 0;
    while (e->told < e->ready && e->taken < REAP_BYTES) {
        const struct epoll_event *event = &e->batch[e->told++];
        uint64_t data = event->data.u64;
        uint32_t slot = (uint32_t)(data >> 32), generation = (uint32_t)data >> 8;
        switch ((enum tag)(data & 0xff)) {
        case TAG_LINK:
            if (e->links[slot].generation == generation && e->links[slot].fd >= 0)
                link_event(e, slot, event->events);
            break;
        case TAG_LISTENER:
            callers[slot] = true;
            break;
        case TAG_WAKE: {
            eventfd_t count;
            eventfd_read(e->wake_fd, &count);
            break;
        }
        }
    }
    // After the work that was there already; a flood of peers must not starve it.
    for (unsigned i = 0; i < e->listeners; i++)
        if (callers[i]) accept_some(e, i, &budget);
    return e->told - first;
}

static void epoll_wake(void *b)
{
    struct epoll *e = b;
    eventfd_write(e->wake_fd, 1);
}

static void epoll_close(void *b)
{
    struct epoll *e = b;
    for (uint32_t i = 0; e->links && i < e->opt.slots; i++)
        if (e->links[i].fd >= 0) close(e->links[i].fd);
    epoll_unlisten(e);
    if (e->fd >= 0) close(e->fd);
    if (e->wake_fd >= 0) close(e->wake_fd);
    if (e->spare_fd >= 0) close(e->spare_fd);
    free(e->links);
    free(e->chunk);
    free(e);
}

// 0 or errno; what was opened stays for epoll_close.
static int open_all(struct epoll *e)
{
    for (uint32_t i = 0; i < e->opt.slots; i++) e->links[i].fd = -1;
    if ((e->fd = epoll_create1(EPOLL_CLOEXEC)) < 0) return errno;
    if ((e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) return errno;
    if ((e->spare_fd = spare_open()) < 0) return errno;
    struct epoll_event ev = { EPOLLIN, { .u64 = tagged(TAG_WAKE, 0, 0) } };
    return epoll_ctl(e->fd, EPOLL_CTL_ADD, e->wake_fd, &ev) ? errno : 0;
}

static int epoll_open(void **out, const struct net_backend_options *opt, char *why)
{
    struct epoll *e = calloc(1, sizeof *e);
    if (!e) return ENOMEM;
    e->opt = *opt;
    e->accepting = true;
    e->fd = e->wake_fd = e->spare_fd = -1;
    e->links = calloc(opt->slots, sizeof *e->links);
    e->chunk = aligned_alloc(64, CHUNK);
    int error = e->links && e->chunk ? open_all(e) : ENOMEM;
    if (error) {
        snprintf(why, 256, "epoll: %s", strerror(error));
        if (e->links && !e->chunk) e->opt.slots = 0; // nothing was opened
        epoll_close(e);
        return error;
    }
    *out = e;
    return 0;
}

const struct net_backend_ops net_backend_epoll = {
    .kind = NET_EPOLL,
    .open = epoll_open, .close = epoll_close,
    .listen = epoll_listen, .port = epoll_port, .unlisten = epoll_unlisten,
    .read = epoll_read, .send = epoll_send, .shut = epoll_shut, .drop = epoll_drop,
    .wait = epoll_wait_events, .reap = epoll_reap, .wake = epoll_wake,
};
