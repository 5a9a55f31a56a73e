#include "bench/generator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/clock.h"

enum {
    IN_BYTES = 256 << 10,      // of one read: fits the cache of a core
    EVENTS = 256,
    WAIT_MAX_MS = 20,
    LATE_NS = 1000000,
    // Sleeps end on time: the usual slack of 50 us would be seen as latency.
    TIMER_SLACK_NS = 1000,
    FINISH_S = 10,             // for what is under way at the end
};
#define SECOND_NS UINT64_C(1000000000)

struct connection {
    int fd;
    struct job *job;           // [in_flight]
    uint32_t *order;           // in_order: slots in the order sent, a ring of in_flight
    uint64_t order_head, order_tail;
    uint8_t *out;
    size_t out_n, out_done, out_cap;
    uint8_t *in;               // the begin of an answer whose rest has not come
    size_t in_n, in_cap;
    bool dirty, writing;       // is in the list of those with bytes to send; waits for room
};

struct free_slot { uint32_t connection, slot; };

struct generator {
    const struct generator_options *opt;
    const struct driver *driver;
    struct generator_report *report;
    struct connection *connection;
    struct free_slot *free;    // a ring: the slot that is free for longest goes first
    uint64_t free_head, free_tail;
    uint32_t slots;
    uint32_t *dirty, dirty_n;  // connections
    uint8_t *in;               // what was just read, of any connection
    size_t in_cap;
    int epoll;
    uint64_t made, seen;       // requests and answers so far
    uint64_t begin_ns, measure_ns, end_ns;
    uint64_t now_ns;           // as of the last look
    uint64_t freed_ns;         // when there was a slot again after there had been none
    uint64_t cpu_ns;           // of this thread, when the measured time began
    uint64_t second_ns, tick_ns; // when the next of each is due
    struct hist now;           // of the present second
    bool measuring, ended;
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static int give_up(struct generator *g, int err, const char *what)
{
    if (g->report->why[0] == '\0')
        snprintf(g->report->why, sizeof g->report->why, "%s", what);
    return err;
}

static void *need(void *p)
{
    ASSERT(p != NULL);
    return p;
}

static void hist_make(struct hist *h)
{
    hist_init(h, LATENCY_HIGHEST_NS, need(calloc(1, hist_bytes(LATENCY_HIGHEST_NS))));
}

static void hist_drop(struct hist *h)
{
    free((void *)(uintptr_t)h->counts);
    h->counts = NULL;
}

// ---- connections -------------------------------------------------------------------------------

static int open_connection(struct generator *g, unsigned i)
{
    struct connection *c = &g->connection[i];
    int err = g->driver->open(g->driver->ctx, i, &c->fd, g->report->why);
    if (err != 0)
        return err;
    c->job = need(calloc(g->opt->in_flight, sizeof *c->job));
    c->order = need(calloc(g->opt->in_flight, sizeof *c->order));
    for (uint32_t s = 0; s < g->opt->in_flight; s++) {
        c->job[s].connection = i;
        c->job[s].slot = s;
    }
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
    return epoll_ctl(g->epoll, EPOLL_CTL_ADD, c->fd, &e) == 0 ? 0 : errno;
}

static int open_all(struct generator *g)
{
    const struct generator_options *opt = g->opt;
    g->connection = need(calloc(opt->connections, sizeof *g->connection));
    g->slots = opt->connections * opt->in_flight;
    g->free = need(calloc(g->slots, sizeof *g->free));
    g->dirty = need(calloc(opt->connections, sizeof *g->dirty));
    g->in_cap = IN_BYTES;
    g->in = need(malloc(g->in_cap));
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < opt->connections; i++)
        g->connection[i].fd = -1;
    for (unsigned i = 0; i < opt->connections; i++) {
        int err = open_connection(g, i);
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
        free(c->job);
        free(c->order);
        free(c->out);
        free(c->in);
    }
    free(g->connection);
    free(g->free);
    free(g->dirty);
    free(g->in);
    close(g->epoll);
}

static void wait_for_room(struct generator *g, struct connection *c, bool writing)
{
    if (writing == c->writing)
        return;
    struct epoll_event e = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN,
                            .data.u32 = (uint32_t)(c - g->connection)};
    epoll_ctl(g->epoll, EPOLL_CTL_MOD, c->fd, &e);
    c->writing = writing;
}

static int flush(struct generator *g, struct connection *c)
{
    while (c->out_done < c->out_n) {
        ssize_t n = send(c->fd, c->out + c->out_done, c->out_n - c->out_done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return give_up(g, errno, strerror(errno));
        if (n < 0 && errno == EAGAIN)
            break;
        c->out_done += n > 0 ? (size_t)n : 0;
        if (g->measuring)
            g->report->bytes_out += n > 0 ? (size_t)n : 0;
    }
    bool all = c->out_done == c->out_n;
    if (all)
        c->out_n = c->out_done = 0;
    wait_for_room(g, c, !all);
    return 0;
}

static int flush_dirty(struct generator *g)
{
    for (uint32_t i = 0; i < g->dirty_n; i++) {
        struct connection *c = &g->connection[g->dirty[i]];
        c->dirty = false;
        int err = c->writing ? 0 : flush(g, c);
        if (err != 0)
            return err;
    }
    g->dirty_n = 0;
    return 0;
}

// ---- requests ----------------------------------------------------------------------------------

static void put_request(struct generator *g, struct connection *c, struct job *job)
{
    size_t most = g->driver->request_max;
    if (c->out_cap - c->out_n < most) {
        c->out_cap = 2 * c->out_cap + 4 * most;
        c->out = need(realloc(c->out, c->out_cap));
    }
    job->sent_ns = g->now_ns;
    c->out_n += g->driver->write(g->driver->ctx, job, c->out + c->out_n);
    if (g->driver->in_order)
        c->order[c->order_head++ % g->opt->in_flight] = job->slot;
    if (!c->dirty)
        g->dirty[g->dirty_n++] = (uint32_t)(c - g->connection);
    c->dirty = true;
}

static void send_request(struct generator *g, uint64_t intended_ns)
{
    ASSERT(g->free_tail < g->free_head);
    struct free_slot at = g->free[g->free_tail++ % g->slots];
    struct connection *c = &g->connection[at.connection];
    struct job *job = &c->job[at.slot];
    mix_ask(g->opt->mix, g->opt->first + g->made++, &job->ask);
    job->intended_ns = intended_ns;
    job->step = 0;
    job->measured = g->measuring;
    put_request(g, c, job);
    g->report->sent += g->measuring;
    uint64_t could_ns = intended_ns > g->freed_ns ? intended_ns : g->freed_ns;
    g->report->late += g->measuring && g->now_ns > could_ns + LATE_NS;
}

static uint64_t intended_time(const struct generator *g)
{
    return g->begin_ns + (uint64_t)((double)g->made * 1e9 / g->opt->rate);
}

// Sends what is due. Where all slots are taken it waits for answers: its latency runs on.
static void send_due(struct generator *g)
{
    const struct generator_options *opt = g->opt;
    while (g->free_tail < g->free_head && (opt->stop_after == 0 || g->made < opt->stop_after)) {
        uint64_t intended = opt->rate > 0 ? intended_time(g) : g->now_ns;
        if (intended > g->now_ns || (g->now_ns >= g->end_ns && opt->stop_after == 0))
            return;
        send_request(g, intended);
    }
}

// ---- answers -----------------------------------------------------------------------------------

static void count_answer(struct generator *g, const struct job *job, enum verdict v)
{
    struct generator_report *r = g->report;
    r->asked[job->ask.kind] += v == VERDICT_DONE;
    // Counted by its end in the closed loop (throughput), and by its begin in the open one.
    if (!(g->opt->rate > 0 ? job->measured : g->measuring))
        return;
    uint64_t took = g->now_ns - job->intended_ns;
    struct hist *h = &r->kind[job->ask.kind];
    if (h->counts == NULL)
        hist_make(h);
    hist_record(h, took);
    hist_record(&g->now, took);
    r->answered++;
    r->refused += v == VERDICT_REFUSED;
}

static void take_answer(struct generator *g, struct job *job, const uint8_t *bytes, size_t n)
{
    enum verdict v = g->driver->judge(g->driver->ctx, job, bytes, n);
    if (v == VERDICT_AGAIN) {
        job->step++;
        put_request(g, &g->connection[job->connection], job);
        return;
    }
    g->report->wrong += v == VERDICT_WRONG;
    count_answer(g, job, v);
    g->seen++;
    if (g->free_tail == g->free_head)
        g->freed_ns = g->now_ns;
    g->free[g->free_head++ % g->slots] = (struct free_slot){job->connection, job->slot};
}

// Takes all whole answers of p[0, n); returns how many bytes these were, or DRIVER_NONSENSE.
static size_t take_answers(struct generator *g, struct connection *c, const uint8_t *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        uint32_t slot = 0;
        size_t size = g->driver->whole(g->driver->ctx, p + at, n - at, &slot);
        if (size == DRIVER_NONSENSE || slot >= g->opt->in_flight)
            return DRIVER_NONSENSE;
        if (size == 0)
            break;
        if (g->driver->in_order) {
            if (c->order_tail == c->order_head)
                return DRIVER_NONSENSE;
            slot = c->order[c->order_tail++ % g->opt->in_flight];
        }
        take_answer(g, &c->job[slot], p + at, size);
        at += size;
    }
    return at;
}

static void keep_rest(struct connection *c, const uint8_t *rest, size_t n)
{
    if (n > c->in_cap) {
        c->in_cap = 2 * n;
        c->in = need(realloc(c->in, c->in_cap));
    }
    if (n > 0)
        memcpy(c->in, rest, n);
    c->in_n = n;
}

static int read_answers(struct generator *g, struct connection *c)
{
    if (g->in_cap < 2 * c->in_n) {
        g->in_cap *= 2;
        g->in = need(realloc(g->in, g->in_cap));
    }
    if (c->in_n > 0)
        memcpy(g->in, c->in, c->in_n);
    ssize_t got = recv(c->fd, g->in + c->in_n, g->in_cap - c->in_n, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : give_up(g, errno, strerror(errno));
    if (got == 0)
        return give_up(g, ECONNRESET, "the server closed a connection");
    g->now_ns = clock_mono_ns();
    if (g->measuring)
        g->report->bytes_in += (uint64_t)got;
    size_t n = c->in_n + (size_t)got, taken = take_answers(g, c, g->in, n);
    if (taken == DRIVER_NONSENSE)
        return give_up(g, EPROTO, "an answer is not of the server's protocol");
    keep_rest(c, g->in + taken, n - taken);
    return 0;
}

// ---- the loop ----------------------------------------------------------------------------------

static void end_second(struct generator *g)
{
    struct generator_report *r = g->report;
    if (r->seconds_n < GENERATOR_SECONDS_MAX)
        r->second[r->seconds_n++] = (struct generator_second){
            hist_count(&g->now), hist_percentile(&g->now, 50), hist_percentile(&g->now, 99),
            hist_max(&g->now)};
    hist_reset(&g->now);
    g->second_ns += SECOND_NS;
}

static void begin_measuring(struct generator *g)
{
    g->measuring = true;
    g->measure_ns = g->now_ns;
    g->second_ns = g->now_ns + SECOND_NS;
    g->tick_ns = g->now_ns;
    g->cpu_ns = thread_cpu_ns();
    if (g->opt->mark != NULL)
        g->opt->mark(g->opt->ctx, false);
}

static void end_measuring(struct generator *g)
{
    double ns = (double)(g->now_ns - g->measure_ns);
    g->measuring = false;
    g->ended = true;
    g->report->seconds = ns / 1e9;
    g->report->busy = (double)(thread_cpu_ns() - g->cpu_ns) / ns;
    if (g->second_ns < g->now_ns + SECOND_NS / 2 || g->report->seconds_n == 0)
        end_second(g);
    if (g->opt->mark != NULL)
        g->opt->mark(g->opt->ctx, true);
}

static void mark_time(struct generator *g)
{
    const struct generator_options *opt = g->opt;
    if (!g->measuring && !g->ended && g->now_ns >= g->measure_ns)
        begin_measuring(g);
    if (!g->measuring)
        return;
    if (g->now_ns >= g->second_ns)
        end_second(g);
    if (opt->tick != NULL && g->now_ns >= g->tick_ns) {
        opt->tick(opt->ctx, (double)(g->now_ns - g->measure_ns) / 1e9);
        g->tick_ns += (uint64_t)(opt->tick_s * 1e9);
    }
    if (g->now_ns >= g->end_ns)
        end_measuring(g);
}

// Nanoseconds until something is due.
static uint64_t sleep_ns(const struct generator *g)
{
    uint64_t now = g->now_ns, until = now + (uint64_t)WAIT_MAX_MS * 1000000;
    if (!g->ended && g->end_ns < until)
        until = g->end_ns;
    if (g->opt->rate > 0 && g->free_tail < g->free_head && !g->ended) {
        uint64_t next = intended_time(g);
        until = next < until ? next : until;
    }
    return until > now ? until - now : 0;
}

static int turn(struct generator *g)
{
    struct epoll_event events[EVENTS];
    g->now_ns = clock_mono_ns();
    mark_time(g);
    send_due(g);
    int err = flush_dirty(g);
    if (err != 0)
        return err;
    uint64_t wait = sleep_ns(g);
    struct timespec t = {(time_t)(wait / SECOND_NS), (long)(wait % SECOND_NS)};
    int n = epoll_pwait2(g->epoll, events, EVENTS, &t, NULL);
    if (n < 0 && errno != EINTR)
        return give_up(g, errno, strerror(errno));
    for (int i = 0; i < n && err == 0; i++) {
        struct connection *c = &g->connection[events[i].data.u32];
        err = (events[i].events & EPOLLOUT) != 0 ? flush(g, c) : 0;
        if (err == 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            err = read_answers(g, c);
    }
    return err;
}

static bool finished(const struct generator *g)
{
    if (g->opt->stop_after > 0)
        return g->seen >= g->opt->stop_after;
    // What is under way at the end is waited for, but not for ever.
    bool idle = g->free_head - g->free_tail == g->slots;
    return g->ended && (idle || g->now_ns > g->end_ns + FINISH_S * SECOND_NS);
}

static void finish_report(struct generator *g)
{
    struct generator_report *r = g->report;
    r->made = g->made;
    for (unsigned k = 0; k < ASK_KINDS; k++)
        if (r->kind[k].counts != NULL)
            hist_merge(&r->latency, &r->kind[k]);
    snprintf(r->first_error, sizeof r->first_error, "%s", g->driver->first_error);
    if (g->opt->rate > 0) {
        double due = (g->opt->warmup_s + g->opt->duration_s) * g->opt->rate;
        r->unsent = (double)g->made + 1 < due ? (uint64_t)(due - (double)g->made) : 0;
    }
}

int generator_run(const struct generator_options *opt, struct generator_report *out)
{
    memset(out, 0, sizeof *out);
    struct generator *g = need(calloc(1, sizeof *g));
    out->kind = need(calloc(ASK_KINDS, sizeof *out->kind));
    out->second = need(calloc(GENERATOR_SECONDS_MAX, sizeof *out->second));
    hist_make(&out->latency);
    hist_make(&g->now);
    g->opt = opt;
    g->driver = opt->driver;
    g->report = out;
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    int err = open_all(g);
    g->begin_ns = g->now_ns = clock_mono_ns();
    g->measure_ns = g->begin_ns + (uint64_t)(opt->warmup_s * 1e9);
    g->end_ns = g->measure_ns + (uint64_t)(opt->duration_s * 1e9);
    while (err == 0 && !finished(g))
        err = turn(g);
    finish_report(g);
    close_all(g);
    hist_drop(&g->now);
    free(g);
    return err;
}

void generator_free(struct generator_report *r)
{
    if (r->latency.counts == NULL)
        return;
    for (unsigned k = 0; k < ASK_KINDS; k++)
        if (r->kind[k].counts != NULL)
            hist_drop(&r->kind[k]);
    hist_drop(&r->latency);
    free(r->kind);
    free(r->second);
    r->kind = NULL;
    r->second = NULL;
}
