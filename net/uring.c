// The io_uring backend: multishot accepts and receives into a ring of provided buffers, sends one
// by one per connection, all submitted by the one call that waits.
//
//   wait ─ submit sends, re-arms, cancels ─► kernel ─► completions ─ reap ─► events
//
// A completion names its slot and the slot's generation, never an address.
#include "net/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/limits.h"
#include "net/conn.h"
#include "net/socket.h"

enum {
    SUBMISSIONS = 1024,
    COMPLETIONS = 8192,
    BUFFERS = 256,                 // a power of two
    BUFFER_BYTES = 16 << 10,
    BUFFER_STRIDE = BUFFER_BYTES + 64, // spreads the first lines over the cache's sets
    BUFFER_GROUP = 0,
    ARRIVALS = 1024,               // peers accepted by the kernel and not yet told
    ACCEPT_RETRY_MS = 100,
};

// user_data: what | generation << 8 | slot << 32.
enum tag { TAG_RECEIVE, TAG_SEND, TAG_ACCEPT, TAG_WAKE, TAG_CANCEL };

struct link {
    int fd;                        // -1 = the slot is free
    uint32_t generation;           // 24 bits
    bool wanted;                   // should be received from
    bool armed;                    // a receive is with the kernel
    bool cancelling;               // and told to end
    bool sending;                  // a send is with the kernel
    bool dropped;                  // closes when neither is
    bool listed;                   // in uring.rearm
    const char *out;               // of the send under way
    size_t out_n;
};

struct arrival { int fd; unsigned listener; };

struct uring {
    struct net_backend_options opt;
    struct io_uring ring;
    bool ring_open, enabled;
    int wake_fd, spare_fd;
    uint64_t wake_count;           // read into
    struct io_uring_buf_ring *buffer_ring;
    char *buffers;                 // [BUFFERS * BUFFER_STRIDE]
    struct link *links;            // [opt.slots]
    uint32_t *rearm;               // [opt.slots], those to receive from anew
    uint32_t rearm_n;
    size_t taken;                  // bytes received in this reap
    unsigned listeners;
    uint64_t retry_ms;             // when to accept again after descriptors ran out; 0 = now
    struct listener listener[LISTEN_MAX];
    bool accepting[LISTEN_MAX];    // an accept is with the kernel
    bool unlistened;
    struct arrival arrivals[ARRIVALS]; // a ring
    uint32_t arrived, told;        // counts; arrived - told are waiting
};

static uint64_t tagged(enum tag tag, uint32_t generation, uint32_t slot)
{
    return (uint64_t)slot << 32 | (uint64_t)generation << 8 | tag;
}

static uint64_t now_ms(void)
{
    return clock_coarse_ns() / 1000000 + 1;
}

// Whatever else a submission may answer is an error of ours.
static void submitted(int res)
{
    bool fine = res >= 0 || res == -ETIME || res == -EINTR || res == -EAGAIN || res == -EBUSY;
    ASSERT(fine);
}

static struct io_uring_sqe *sqe_take(struct uring *u, uint64_t data)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    while (!sqe) {
        submitted(io_uring_submit(&u->ring));
        sqe = io_uring_get_sqe(&u->ring);
    }
    // The prep functions set all but this.
    io_uring_sqe_set_data64(sqe, data);
    return sqe;
}

// ---- connections --------------------------------------------------------------------------------

static void buffer_give(struct uring *u, unsigned id)
{
    char *at = u->buffers + (size_t)id * BUFFER_STRIDE;
    io_uring_buf_ring_add(u->buffer_ring, at, BUFFER_BYTES, (unsigned short)id, BUFFERS - 1, 0);
    io_uring_buf_ring_advance(u->buffer_ring, 1);
}

static void receive(struct uring *u, uint32_t slot)
{
    struct link *l = &u->links[slot];
    struct io_uring_sqe *sqe = sqe_take(u, tagged(TAG_RECEIVE, l->generation, slot));
    io_uring_prep_recv_multishot(sqe, l->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    l->armed = true;
    l->cancelling = false;
}

// Not at once: where buffers ran out, they are back when the next wait begins.
static void receive_later(struct uring *u, uint32_t slot)
{
    struct link *l = &u->links[slot];
    if (l->listed) return;
    l->listed = true;
    ASSERT(u->rearm_n < u->opt.slots);
    u->rearm[u->rearm_n++] = slot;
}

static void uring_read(void *b, uint32_t slot, bool on)
{
    struct uring *u = b;
    struct link *l = &u->links[slot];
    ASSERT(l->fd >= 0 && !l->dropped);
    l->wanted = on;
    if (on && !l->armed) receive_later(u, slot);
    if (on || !l->armed || l->cancelling) return;
    l->cancelling = true;
    struct io_uring_sqe *sqe = sqe_take(u, tagged(TAG_CANCEL, l->generation, slot));
    io_uring_prep_cancel64(sqe, tagged(TAG_RECEIVE, l->generation, slot), 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static void push(struct uring *u, uint32_t slot)
{
    struct link *l = &u->links[slot];
    struct io_uring_sqe *sqe = sqe_take(u, tagged(TAG_SEND, l->generation, slot));
    io_uring_prep_send(sqe, l->fd, l->out, l->out_n, MSG_NOSIGNAL);
    l->sending = true;
}

static size_t uring_send(void *b, uint32_t slot, const void *bytes, size_t n)
{
    struct uring *u = b;
    struct link *l = &u->links[slot];
    ASSERT(l->fd >= 0 && !l->dropped);
    ASSERT(!l->sending);
    l->out = bytes;
    l->out_n = n;
    push(u, slot);
    return 0;
}

static void uring_shut(void *b, uint32_t slot)
{
    struct uring *u = b;
    shutdown(u->links[slot].fd, SHUT_WR);
}

// Closes a dropped connection once the kernel has nothing of it. Never earlier: a submission under
// way could then hit the descriptor's next owner.
static void close_if_idle(struct uring *u, uint32_t slot)
{
    struct link *l = &u->links[slot];
    if (!l->dropped || l->armed || l->sending) return;
    close(l->fd);
    bool listed = l->listed;
    *l = (struct link){
        .fd = -1, .generation = (l->generation + 1) & 0xffffff, .listed = listed,
    };
    u->opt.events->gone(u->opt.ctx, slot);
}

static void uring_drop(void *b, uint32_t slot)
{
    struct uring *u = b;
    struct link *l = &u->links[slot];
    ASSERT(l->fd >= 0 && !l->dropped);
    l->dropped = true;
    l->wanted = false;
    // Ends the receive and the send, where cancelling might come too late or too early.
    if (l->armed || l->sending) shutdown(l->fd, SHUT_RDWR);
    close_if_idle(u, slot);
}

static void on_receive(struct uring *u, uint32_t slot, const struct io_uring_cqe *cqe)
{
    struct link *l = &u->links[slot];
    const struct net_backend_events *to = u->opt.events;
    bool ended = !(cqe->flags & IORING_CQE_F_MORE);
    if (ended) l->armed = l->cancelling = false;
    unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    bool has_buffer = cqe->flags & IORING_CQE_F_BUFFER;
    if (!l->dropped) {
        if (cqe->res > 0 && has_buffer) {
            const char *bytes = u->buffers + (size_t)id * BUFFER_STRIDE;
            u->taken += (size_t)cqe->res;
            to->received(u->opt.ctx, slot, bytes, (size_t)cqe->res);
        } else if (cqe->res == 0) {
            l->wanted = false;
            to->received(u->opt.ctx, slot, NULL, 0);
        } else if (cqe->res != -ENOBUFS && cqe->res != -ECANCELED && cqe->res != -EINTR &&
                   cqe->res != -EAGAIN) {
            l->wanted = false;
            to->failed(u->opt.ctx, slot);
        }
        if (ended && l->wanted) receive_later(u, slot);
    }
    if (has_buffer) buffer_give(u, id);
    close_if_idle(u, slot);
}

static void on_send(struct uring *u, uint32_t slot, int res)
{
    struct link *l = &u->links[slot];
    l->sending = false;
    if (l->dropped) {
        close_if_idle(u, slot);
        return;
    }
    if (res < 0 && res != -EINTR && res != -EAGAIN) {
        u->opt.events->failed(u->opt.ctx, slot);
        return;
    }
    size_t sent = res > 0 ? (size_t)res : 0;
    ASSERT(sent <= l->out_n);
    l->out += sent;
    l->out_n -= sent;
    if (l->out_n) push(u, slot);
    if (sent) u->opt.events->sent(u->opt.ctx, slot, sent);
}

// ---- listeners ----------------------------------------------------------------------------------

static void accept_arm(struct uring *u, unsigned listener)
{
    const struct listener *l = &u->listener[listener];
    if (l->fd < 0 || u->accepting[listener] || u->retry_ms || u->unlistened) return;
    struct io_uring_sqe *sqe = sqe_take(u, tagged(TAG_ACCEPT, 0, listener));
    io_uring_prep_multishot_accept(sqe, l->fd, NULL, NULL, SOCK_CLOEXEC);
    u->accepting[listener] = true;
}

static void on_accept(struct uring *u, unsigned listener, const struct io_uring_cqe *cqe)
{
    const struct listener *l = &u->listener[listener];
    if (!(cqe->flags & IORING_CQE_F_MORE)) u->accepting[listener] = false;
    if (cqe->res >= 0) {
        if (u->arrived - u->told == ARRIVALS || u->unlistened) {
            socket_refuse(cqe->res, l->http_only);
            return;
        }
        u->arrivals[u->arrived++ % ARRIVALS] = (struct arrival){ cqe->res, listener };
    } else if (cqe->res == -EMFILE || cqe->res == -ENFILE || cqe->res == -ENOBUFS ||
               cqe->res == -ENOMEM) {
        // Out of descriptors or memory: one peer is told, the others wait in the kernel.
        spare_refuse(&u->spare_fd, l);
        u->retry_ms = now_ms() + ACCEPT_RETRY_MS;
    }
}

// Told a few a turn, after the work that was there already: a flood of peers must not starve it.
static void arrivals_tell(struct uring *u)
{
    for (unsigned budget = ACCEPTS_PER_TURN; budget && u->told != u->arrived; budget--) {
        struct arrival a = u->arrivals[u->told++ % ARRIVALS];
        uint8_t address[16];
        uint32_t slot = SLOT_NONE;
        if (socket_peer(a.fd, address))
            slot = u->opt.events->accepted(u->opt.ctx, a.listener, address);
        if (slot == SLOT_NONE) {
            socket_refuse(a.fd, u->listener[a.listener].http_only);
            continue;
        }
        struct link *l = &u->links[slot];
        ASSERT(l->fd < 0);
        l->fd = a.fd;
        l->wanted = true;
        receive(u, slot);
    }
}

static int uring_listen(void *b, const struct net_listen *at, char *why)
{
    struct uring *u = b;
    ASSERT(u->listeners < LISTEN_MAX);
    struct listen_options opt = {
        .core = u->opt.core, .reuse_port = u->opt.reuse_port, .blocking = true,
    };
    int error = listener_open(&u->listener[u->listeners], at, &opt, why);
    if (!error) u->listeners++;
    return error;
}

static unsigned uring_port(const void *b, unsigned listener)
{
    const struct uring *u = b;
    return u->listener[listener].port;
}

static void uring_unlisten(void *b)
{
    struct uring *u = b;
    u->unlistened = true;
    u->retry_ms = 0;
    // The descriptors stay until close, as long as an accept may be with the kernel.
    for (unsigned i = 0; i < u->listeners; i++) listener_shut(&u->listener[i]);
    while (u->told != u->arrived) {
        struct arrival a = u->arrivals[u->told++ % ARRIVALS];
        socket_refuse(a.fd, u->listener[a.listener].http_only);
    }
}

// ---- turns --------------------------------------------------------------------------------------

static void wake_arm(struct uring *u)
{
    struct io_uring_sqe *sqe = sqe_take(u, tagged(TAG_WAKE, 0, 0));
    io_uring_prep_read(sqe, u->wake_fd, &u->wake_count, sizeof u->wake_count, 0);
}

// The ring belongs to the thread that enables it: the one that waits first.
static void enable(struct uring *u)
{
    // By the plain call: liburing 2.3 declares a function for it and does not export it.
    int error = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    ASSERT(error == 0);
    u->enabled = true;
    wake_arm(u);
}

static void rearm(struct uring *u)
{
    if (u->retry_ms && now_ms() >= u->retry_ms) u->retry_ms = 0;
    for (unsigned i = 0; i < u->listeners; i++) accept_arm(u, i);
    for (uint32_t i = 0; i < u->rearm_n; i++) {
        uint32_t slot = u->rearm[i];
        struct link *l = &u->links[slot];
        l->listed = false;
        if (l->fd >= 0 && l->wanted && !l->armed) receive(u, slot);
    }
    u->rearm_n = 0;
}

static void uring_wait(void *b, int wait_ms)
{
    struct uring *u = b;
    if (!u->enabled) enable(u);
    rearm(u);
    if (u->retry_ms && (wait_ms < 0 || wait_ms > ACCEPT_RETRY_MS)) wait_ms = ACCEPT_RETRY_MS;
    if (u->told != u->arrived || io_uring_cq_ready(&u->ring)) wait_ms = 0;
    if (wait_ms == 0) {
        unsigned flags = IO_URING_READ_ONCE(*u->ring.sq.kflags);
        // Without work on either side no system call.
        if (io_uring_sq_ready(&u->ring) || flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
            submitted(io_uring_submit_and_get_events(&u->ring));
        return;
    }
    struct io_uring_cqe *cqe;
    struct __kernel_timespec limit = { wait_ms / 1000, wait_ms % 1000 * 1000000LL };
    submitted(io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, wait_ms < 0 ? NULL : &limit,
                                               NULL));
}

static void complete(struct uring *u, const struct io_uring_cqe *cqe)
{
    uint64_t data = cqe->user_data;
    uint32_t slot = (uint32_t)(data >> 32), generation = (uint32_t)data >> 8;
    switch ((enum tag)(data & 0xff)) {
    case TAG_RECEIVE:
        // The slot is closed only after its last completion.
        ASSERT(u->links[slot].generation == generation);
        on_receive(u, slot, cqe);
        break;
    case TAG_SEND:
        ASSERT(u->links[slot].generation == generation);
        on_send(u, slot, cqe->res);
        break;
    case TAG_ACCEPT:
        on_accept(u, slot, cqe);
        break;
    case TAG_WAKE:
        wake_arm(u);
        break;
    case TAG_CANCEL:
        break;
    }
}

static unsigned uring_reap(void *b)
{
    struct uring *u = b;
    // Of those that are here now; others come with the next wait, in one system call with our
    // answers.
    unsigned ready = io_uring_cq_ready(&u->ring), done = 0;
    u->taken = 0;
    while (done < ready && u->taken < REAP_BYTES) {
        struct io_uring_cqe *cqes[128];
        unsigned most = ready - done < 128 ? ready - done : 128, n = 0;
        unsigned got = io_uring_peek_batch_cqe(&u->ring, cqes, most);
        while (n < got && u->taken < REAP_BYTES) complete(u, cqes[n++]);
        io_uring_cq_advance(&u->ring, n);
        done += n;
    }
    arrivals_tell(u);
    return done;
}

static void uring_wake(void *b)
{
    struct uring *u = b;
    eventfd_write(u->wake_fd, 1);
}

// ---- open and close -----------------------------------------------------------------------------

// Nothing but what is used here, whoever might get hold of the ring.
static int restrict_to_used(struct io_uring *ring)
{
    struct io_uring_restriction r[8];
    memset(r, 0, sizeof r);
    static const uint8_t used[] = {
        IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND, IORING_OP_READ, IORING_OP_ASYNC_CANCEL,
    };
    unsigned n = 0;
    for (; n < sizeof used; n++) {
        r[n].opcode = IORING_RESTRICTION_SQE_OP;
        r[n].sqe_op = used[n];
    }
    r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    r[n++].sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
    r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
    r[n++].register_op = IORING_REGISTER_ENABLE_RINGS;
    return -io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, r, n);
}

static void *map(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int open_ring(struct uring *u, const char **what)
{
    // A kernel that takes DEFER_TASKRUN (6.1) has all the rest. Disabled: see enable.
    struct io_uring_params params = {
        .flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
            IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED |
            IORING_SETUP_CQSIZE,
        .cq_entries = COMPLETIONS,
    };
    *what = "io_uring_setup";
    int error = -io_uring_queue_init_params(SUBMISSIONS, &u->ring, &params);
    if (error) return error;
    u->ring_open = true;
    *what = "io_uring buffers";
    struct io_uring_buf_reg group = {
        .ring_addr = (uintptr_t)u->buffer_ring, .ring_entries = BUFFERS, .bgid = BUFFER_GROUP,
    };
    error = -io_uring_register_buf_ring(&u->ring, &group, 0);
    if (error) return error;
    io_uring_buf_ring_init(u->buffer_ring);
    for (unsigned i = 0; i < BUFFERS; i++) buffer_give(u, i);
    *what = "io_uring restrictions";
    return restrict_to_used(&u->ring);
}

static int open_all(struct uring *u, const char **what)
{
    *what = "memory for io_uring";
    if (!u->links || !u->rearm) return ENOMEM;
    for (uint32_t i = 0; i < u->opt.slots; i++) u->links[i].fd = -1;
    u->buffer_ring = map(BUFFERS * sizeof(struct io_uring_buf));
    u->buffers = map(BUFFERS * BUFFER_STRIDE);
    if (!u->buffer_ring || !u->buffers) return ENOMEM;
    *what = "descriptors for io_uring";
    if ((u->wake_fd = eventfd(0, EFD_CLOEXEC)) < 0) return errno;
    if ((u->spare_fd = spare_open()) < 0) return errno;
    return open_ring(u, what);
}

static void uring_close(void *b)
{
    struct uring *u = b;
    uring_unlisten(u);
    // What is with the kernel ends now: it must not outlive the buffers.
    for (uint32_t i = 0; u->links && u->ring_open && i < u->opt.slots; i++)
        if (u->links[i].fd >= 0) shutdown(u->links[i].fd, SHUT_RDWR);
    if (u->ring_open) io_uring_queue_exit(&u->ring);
    for (uint32_t i = 0; u->links && u->ring_open && i < u->opt.slots; i++)
        if (u->links[i].fd >= 0) close(u->links[i].fd);
    for (unsigned i = 0; i < u->listeners; i++) listener_close(&u->listener[i]);
    if (u->wake_fd >= 0) close(u->wake_fd);
    if (u->spare_fd >= 0) close(u->spare_fd);
    if (u->buffer_ring) munmap(u->buffer_ring, BUFFERS * sizeof(struct io_uring_buf));
    if (u->buffers) munmap(u->buffers, BUFFERS * BUFFER_STRIDE);
    free(u->rearm);
    free(u->links);
    free(u);
}

static int uring_open(void **out, const struct net_backend_options *opt, char *why)
{
    struct uring *u = calloc(1, sizeof *u);
    if (!u) return ENOMEM;
    u->opt = *opt;
    u->wake_fd = u->spare_fd = -1;
    u->links = calloc(opt->slots, sizeof *u->links);
    u->rearm = calloc(opt->slots, sizeof *u->rearm);
    const char *what;
    int error = open_all(u, &what);
    if (error) {
        snprintf(why, 256, "%s: %s", what, strerror(error));
        uring_close(u);
        return error;
    }
    *out = u;
    return 0;
}

const struct net_backend_ops net_backend_uring = {
    .kind = NET_URING,
    .open = uring_open, .close = uring_close,
    .listen = uring_listen, .port = uring_port, .unlisten = uring_unlisten,
    .read = uring_read, .send = uring_send, .shut = uring_shut, .drop = uring_drop,
    .wait = uring_wait, .reap = uring_reap, .wake = uring_wake,
};
