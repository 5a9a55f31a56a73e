#include "bench/generator.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/clock.h"

enum {
    BODY_MAX_BYTES = 16 << 10,
    IN_FIRST = 64 << 10,
    EVENTS = 256,
    // one answer of so many is verified: the rest would only slow the generator
    CHECK_EVERY = 8,
    WAIT_MAX_MS = 20,
};
#define LATENCY_HIGHEST_NS UINT64_C(100000000000)

struct slot { uint64_t intended_ns; bool measured; };

struct connection {
    int fd;
    struct slot *slot;         // [in_flight]; a request's number is its slot + 1
    uint8_t *out;
    size_t out_n, out_cap;
    uint8_t *in;
    size_t in_n, in_cap;
    bool dirty, writing;       // has bytes to send; waits for room in the socket
};

struct free_slot { uint32_t connection, slot; };

struct generator {
    const struct generator_options *opt;
    struct generator_report *report;
    struct connection *connection;
    struct free_slot *free;    // a ring: the slot that is free for longest goes first
    uint64_t free_head, free_tail;
    uint32_t slots;
    int epoll;
    uint64_t made;             // requests so far
    uint64_t seen;             // answers so far
    uint64_t begin_ns, measure_ns, end_ns;
    uint64_t cpu_ns;           // of this thread, when the measured time began
    bool measuring, ended;
    uint8_t body[BODY_MAX_BYTES];
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int give_up(struct generator *g, int err, const char *what)
{
    if (g->report->why[0] == '\0')
        snprintf(g->report->why, sizeof g->report->why, "%s", what);
    return err;
}

// ---- connections -------------------------------------------------------------------------------

static int open_connection(struct generator *g, struct connection *c)
{
    struct client client;
    int err = client_open(&client, g->opt->address);
    if (err == 0 && g->opt->service_key != NULL) {
        struct client_identity who = {.service_key = g->opt->service_key};
        err = client_hello(&client, &who);
    }
    if (err != 0) {
        give_up(g, err, client.why);
        client_close(&client);
        return err;
    }
    c->fd = dup(client.fd); // O_NONBLOCK belongs to what both share
    client_close(&client);
    c->slot = calloc(g->opt->in_flight, sizeof *c->slot);
    c->in_cap = IN_FIRST;
    c->in = malloc(c->in_cap);
    ASSERT(c->slot != NULL && c->in != NULL);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    return epoll_ctl(g->epoll, EPOLL_CTL_ADD, c->fd, &e) == 0 ? 0 : errno;
}

static int open_all(struct generator *g)
{
    const struct generator_options *opt = g->opt;
    g->connection = calloc(opt->connections, sizeof *g->connection);
    g->slots = opt->connections * opt->in_flight;
    g->free = calloc(g->slots, sizeof *g->free);
    ASSERT(g->connection != NULL && g->free != NULL);
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < opt->connections; i++)
        g->connection[i].fd = -1;
    for (unsigned i = 0; i < opt->connections; i++) {
        int err = open_connection(g, &g->connection[i]);
        if (err != 0)
            return err;
    }
    for (uint32_t s = 0; s < opt->in_flight; s++)
        for (uint32_t c = 0; c < opt->connections; c++)
            g->free[g->free_head++ % g->slots] = (struct free_slot){c, s};
    return 0;
}

static void close_all(struct generator *g)
{
    for (unsigned i = 0; g->connection != NULL && i < g->opt->connections; i++) {
        struct connection *c = &g->connection[i];
        if (c->fd >= 0)
            close(c->fd);
        free(c->slot);
        free(c->out);
        free(c->in);
    }
    free(g->connection);
    free(g->free);
    close(g->epoll);
}

static int flush(struct generator *g, struct connection *c)
{
    size_t done = 0;
    while (done < c->out_n) {
        ssize_t n = send(c->fd, c->out + done, c->out_n - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return give_up(g, errno, strerror(errno));
        if (n < 0 && errno == EAGAIN)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (g->measuring)
        g->report->bytes_out += done;
    memmove(c->out, c->out + done, c->out_n - done);
    c->out_n -= done;
    c->dirty = false;
    bool writing = c->out_n > 0;
    if (writing != c->writing) {
        struct epoll_event e = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
        epoll_ctl(g->epoll, EPOLL_CTL_MOD, c->fd, &e);
        c->writing = writing;
    }
    return 0;
}

// ---- requests ----------------------------------------------------------------------------------

static void send_request(struct generator *g, uint64_t intended_ns)
{
    ASSERT(g->free_tail < g->free_head);
    struct free_slot at = g->free[g->free_tail++ % g->slots];
    struct connection *c = &g->connection[at.connection];
    struct client_request r = {0};
    g->opt->maker.make(g->opt->maker.ctx, g->made++, &r, g->body, sizeof g->body);
    size_t n = client_frame_bytes(&r);
    if (c->out_n + n > c->out_cap) {
        c->out_cap = 2 * (c->out_n + n);
        c->out = realloc(c->out, c->out_cap);
        ASSERT(c->out != NULL);
    }
    client_frame_write(c->out + c->out_n, &r, at.slot + 1);
    c->out_n += n;
    c->dirty = true;
    c->slot[at.slot] = (struct slot){intended_ns, g->measuring};
    g->report->sent += g->measuring;
}

// Sends what is due. Where all slots are taken it waits for answers: its latency runs on.
static void send_due(struct generator *g, uint64_t now)
{
    const struct generator_options *opt = g->opt;
    while (g->free_tail < g->free_head && (opt->stop_after == 0 || g->made < opt->stop_after)) {
        uint64_t intended = now;
        if (opt->rate > 0)
            intended = g->begin_ns +
                       (uint64_t)((double)g->made * 1e9 / (double)opt->rate);
        if (intended > now || (now >= g->end_ns && opt->stop_after == 0))
            return;
        send_request(g, intended);
    }
}

static void note_refusal(struct generator *g, struct answer *a)
{
    g->report->refused++;
    if (g->report->first_error[0] == '\0' && client_check(a))
        client_problem(a, g->report->first_error, sizeof g->report->first_error);
}

static void take_answer(struct generator *g, struct connection *c, struct answer *a)
{
    uint32_t slot = a->head.request - 1;
    ASSERT(slot < g->opt->in_flight);
    const struct slot *s = &c->slot[slot];
    uint64_t now = clock_mono_ns();
    // Counted by its end in the closed loop (throughput), and by when it was to begin in the open
    // one.
    bool counts = g->opt->rate > 0 ? s->measured : g->measuring;
    if (counts) {
        hist_record(&g->report->latency, now - s->intended_ns);
        g->report->answered++;
        if (a->head.status != 0)
            note_refusal(g, a);
    }
    if (g->seen++ % CHECK_EVERY == 0 && !client_check(a))
        g->report->malformed++;
    g->free[g->free_head++ % g->slots] =
        (struct free_slot){(uint32_t)(c - g->connection), slot};
    if (g->opt->rate == 0)
        send_due(g, now);
}

static int read_answers(struct generator *g, struct connection *c)
{
    ssize_t got = read(c->fd, c->in + c->in_n, c->in_cap - c->in_n);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : give_up(g, errno, strerror(errno));
    if (got == 0)
        return give_up(g, ECONNRESET, "the server closed a connection");
    c->in_n += (size_t)got;
    if (g->measuring)
        g->report->bytes_in += (uint64_t)got;
    size_t at = 0;
    struct answer a;
    while (c->in_n - at >= sizeof a.head) {
        memcpy(&a.head, c->in + at, sizeof a.head);
        if (a.head.magic != FRAME_MAGIC || a.head.request == 0 ||
            a.head.request > g->opt->in_flight)
            return give_up(g, EPROTO, "an answer is not a frame of Kith's");
        size_t n = sizeof a.head + a.head.length;
        if (n > c->in_cap) {
            c->in_cap = 2 * n;
            c->in = realloc(c->in, c->in_cap);
            ASSERT(c->in != NULL);
        }
        if (c->in_n - at < n)
            break;
        a.payload = c->in + at + sizeof a.head;
        take_answer(g, c, &a);
        at += n;
    }
    memmove(c->in, c->in + at, c->in_n - at);
    c->in_n -= at;
    return 0;
}

// ---- the loop ----------------------------------------------------------------------------------

static void mark_time(struct generator *g, uint64_t now)
{
    if (!g->measuring && !g->ended && now >= g->measure_ns) {
        g->measuring = true;
        g->measure_ns = now;
        g->cpu_ns = thread_cpu_ns();
        if (g->opt->mark != NULL)
            g->opt->mark(g->opt->mark_ctx, false);
    }
    if (g->measuring && now >= g->end_ns) {
        g->measuring = false;
        g->ended = true;
        g->report->seconds = (double)(now - g->measure_ns) / 1e9;
        g->report->busy = (double)(thread_cpu_ns() - g->cpu_ns) / (double)(now - g->measure_ns);
        if (g->opt->mark != NULL)
            g->opt->mark(g->opt->mark_ctx, true);
    }
}

// Nanoseconds until something is due.
static uint64_t sleep_ns(const struct generator *g, uint64_t now)
{
    uint64_t until = now + (uint64_t)WAIT_MAX_MS * 1000000;
    if (g->opt->rate > 0 && g->free_tail < g->free_head && !g->ended) {
        uint64_t next =
            g->begin_ns + (uint64_t)((double)g->made * 1e9 / (double)g->opt->rate);
        until = next < until ? next : until;
    }
    return until > now ? until - now : 0;
}

static int turn(struct generator *g)
{
    struct epoll_event events[EVENTS];
    uint64_t now = clock_mono_ns();
    mark_time(g, now);
    send_due(g, now);
    for (unsigned i = 0; i < g->opt->connections; i++) {
        if (!g->connection[i].dirty || g->connection[i].writing)
            continue;
        int err = flush(g, &g->connection[i]);
        if (err != 0)
            return err;
    }
    uint64_t wait = sleep_ns(g, clock_mono_ns());
    struct timespec t = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    int n = epoll_pwait2(g->epoll, events, EVENTS, &t, NULL);
    if (n < 0 && errno != EINTR)
        return give_up(g, errno, strerror(errno));
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        int err = (events[i].events & EPOLLOUT) != 0 ? flush(g, c) : 0;
        if (err == 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            err = read_answers(g, c);
        if (err != 0)
            return err;
    }
    return 0;
}

static bool finished(const struct generator *g)
{
    if (g->opt->stop_after > 0)
        return g->seen >= g->opt->stop_after;
    // What is under way at the end is waited for, but not for ever.
    bool idle = g->free_head - g->free_tail == g->slots;
    return g->ended && (idle || clock_mono_ns() > g->end_ns + UINT64_C(10000000000));
}

int generator_run(const struct generator_options *opt, struct generator_report *out)
{
    memset(out, 0, sizeof *out);
    void *counts = calloc(1, hist_bytes(LATENCY_HIGHEST_NS));
    struct generator *g = calloc(1, sizeof *g);
    ASSERT(counts != NULL && g != NULL);
    hist_init(&out->latency, LATENCY_HIGHEST_NS, counts);
    g->opt = opt;
    g->report = out;
    int err = open_all(g);
    g->begin_ns = clock_mono_ns();
    g->measure_ns = g->begin_ns + (uint64_t)(opt->warmup_s * 1e9);
    g->end_ns = g->measure_ns + (uint64_t)(opt->duration_s * 1e9);
    while (err == 0 && !finished(g))
        err = turn(g);
    if (opt->rate > 0 && err == 0) {
        double due = (opt->warmup_s + opt->duration_s) * (double)opt->rate;
        out->late = (double)g->made < due ? (uint64_t)(due - (double)g->made) : 0;
    }
    close_all(g);
    free(g);
    return err;
}

void generator_free(struct generator_report *r)
{
    free((void *)(uintptr_t)r->latency.counts);
    r->latency.counts = NULL;
}
