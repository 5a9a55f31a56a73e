// The reactor: opens and closes it, turns it, takes the backend's events, and steps the connections
// for which something is due.
#include "net/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/clock.h"
#include "net/address.h"
#include "net/backend.h"
#include "net/conn.h"
#include "net/detect.h"
#include "net/frame.h"
#include "net/http.h"
#include "net/ws.h"

// ---- what arrives -------------------------------------------------------------------------------

static size_t protocol_feed(struct net *n, struct conn *c, const char *p, size_t size)
{
    if (c->protocol == PROTOCOL_FRAMES) return frame_feed(n, c, p, size);
    size_t at = c->protocol == PROTOCOL_HTTP ? http_feed(n, c, p, size) : 0;
    if (c->protocol != PROTOCOL_WS || at == size || !conn_accepts(n, c)) return at;
    ws_feed(n, c, p + at, size - at);
    return size;
}

// The protocol is decided; `first` are the bytes of it that came before the present ones.
static void protocol_begin(struct net *n, struct conn *c, enum detected what)
{
    char first[DETECT_BYTES];
    size_t size = c->in.n;
    ASSERT(size < DETECT_BYTES);
    if (size) memcpy(first, c->in.p, size);
    uint64_t since = c->request_ms;
    conn_request_ends(n, c);
    c->protocol = what == DETECT_FRAMES ? PROTOCOL_FRAMES : PROTOCOL_HTTP;
    if (what == DETECT_HTTP && !http_begin(n, c)) return;
    // Fewer bytes than any request: all are kept, or the connection ends.
    if (size) protocol_feed(n, c, first, size);
    if (c->request_ms) c->request_ms = since;
}

// Returns how many bytes it took; when these are not enough to tell, all.
static size_t detect_feed(struct net *n, struct conn *c, const char *p, size_t size)
{
    enum detected what = DETECT_HTTP;
    if (!c->http_only) {
        char first[DETECT_BYTES];
        size_t have = c->in.n, more = DETECT_BYTES - have < size ? DETECT_BYTES - have : size;
        if (have) memcpy(first, c->in.p, have);
        memcpy(first + have, p, more);
        what = detect(first, have + more);
    }
    switch (what) {
    case DETECT_MORE:
        conn_keep(n, c, p, size);
        return size;
    case DETECT_FRAMES:
    case DETECT_HTTP:
        protocol_begin(n, c, what);
        return 0;
    case DETECT_NEITHER:
        n->stats.errors++;
        conn_kill(n, c);
        return size;
    }
    ASSERT(false);
}

// Parses what may be parsed now; returns how many bytes were taken.
static size_t feed(struct net *n, struct conn *c, const char *p, size_t size)
{
    size_t at = 0;
    if (c->protocol == PROTOCOL_UNKNOWN && conn_accepts(n, c)) at = detect_feed(n, c, p, size);
    if (c->protocol == PROTOCOL_UNKNOWN || at == size) return at;
    return at + protocol_feed(n, c, p + at, size - at);
}

static void backlog_keep(struct net *n, struct conn *c, const char *p, size_t size)
{
    if (c->backlog.n + size > BACKLOG_MAX ||
        !net_buffer_append(&n->pool, &c->backlog, p, size))
        conn_kill(n, c);
}

static void backlog_feed(struct net *n, struct conn *c)
{
    if (c->backlog.n == 0) return;
    size_t left = c->backlog.n - c->backlog_at;
    c->backlog_at += (uint32_t)feed(n, c, c->backlog.p + c->backlog_at, left);
    if (c->state == CONN_OPEN && c->backlog_at < c->backlog.n) return;
    c->backlog_at = 0;
    net_buffer_free(&n->pool, &c->backlog);
}

// ---- the backend's events -----------------------------------------------------------------------

static void slot_free(struct net *n, struct conn *c)
{
    uint32_t generation = c->generation + 1;
    *c = (struct conn){ .generation = generation ? generation : 1 };
    n->spare[n->spare_n++] = conn_slot(n, c);
}

static uint64_t peer_key(const uint8_t address[16])
{
    static const uint8_t none[16];
    return memcmp(address, none, sizeof none) == 0 ? ADDRESS_UNIX : address_key(address);
}

static uint32_t on_accepted(void *ctx, unsigned listener, const uint8_t address[16])
{
    struct net *n = ctx;
    struct conn *c = NULL;
    if (n->spare_n) {
        c = &n->conns[n->spare[--n->spare_n]];
    } else if (n->conns_used < n->conns_max) {
        c = &n->conns[n->conns_used++];
        c->generation = 1;
    }
    if (!c || n->draining) {
        if (c) slot_free(n, c);
        n->stats.refused++;
        return SLOT_NONE;
    }
    c->state = CONN_OPEN;
    c->reading = true;
    c->http_only = n->http_only[listener];
    memcpy(c->peer, address, sizeof c->peer);
    c->address = peer_key(address);
    c->active_ms = n->now_ms;
    n->stats.open++;
    if (n->handler->opened && !n->handler->opened(n->ctx, conn_id(n, c), listener)) {
        // A handler that refuses may have used it before: the mark in todo then finds a free slot.
        n->stats.open--;
        n->stats.refused++;
        bool queued = c->queued;
        slot_free(n, c);
        c->queued = queued;
        return SLOT_NONE;
    }
    n->stats.accepted++;
    return conn_slot(n, c);
}

static void on_received(void *ctx, uint32_t slot, const void *bytes, size_t size)
{
    struct net *n = ctx;
    struct conn *c = &n->conns[slot];
    n->stats.bytes_in += size;
    if (size == 0) {
        c->eof = true;
        conn_mark(n, c);
        return;
    }
    if (c->state != CONN_OPEN) return;
    c->active_ms = n->now_ms;
    size_t took = 0;
    if (!c->backlog.n && !c->blocked) took = feed(n, c, bytes, size);
    if (took < size && c->state == CONN_OPEN)
        backlog_keep(n, c, (const char *)bytes + took, size - took);
}

static void on_sent(void *ctx, uint32_t slot, size_t size)
{
    struct net *n = ctx;
    struct conn *c = &n->conns[slot];
    if (size == 0) return;
    ASSERT(size <= c->flying.n - c->flying_at);
    c->flying_at += (uint32_t)size;
    c->active_ms = n->now_ms;
    n->stats.bytes_out += size;
    if (c->flying_at == c->flying.n) {
        c->flying_at = 0;
        net_buffer_free(&n->pool, &c->flying);
    }
    if (c->out.n || c->blocked || c->state != CONN_OPEN) conn_mark(n, c);
}

static void on_failed(void *ctx, uint32_t slot)
{
    struct net *n = ctx;
    conn_kill(n, &n->conns[slot]);
}

static void on_gone(void *ctx, uint32_t slot)
{
    struct net *n = ctx;
    struct conn *c = &n->conns[slot];
    ASSERT(c->state == CONN_LEAVING);
    ASSERT(!c->queued);
    net_buffer_free(&n->pool, &c->flying);
    slot_free(n, c);
}

static const struct net_backend_events events = {
    .accepted = on_accepted, .received = on_received, .sent = on_sent,
    .failed = on_failed, .gone = on_gone,
};

// ---- steps --------------------------------------------------------------------------------------

// What it holds apart from what the backend may still read.
static void let_go(struct net *n, struct conn *c)
{
    if (c->ws) ws_end(n, c);
    if (c->http) http_end(n, c);
    c->held = 0;
    net_buffer_free(&n->pool, &c->in);
    net_buffer_free(&n->pool, &c->backlog);
    net_buffer_free(&n->pool, &c->out);
    if (n->handler->closed) n->handler->closed(n->ctx, conn_id(n, c));
    n->stats.open--;
}

static void reap_dead(struct net *n, struct conn *c)
{
    let_go(n, c);
    ASSERT(!c->queued);
    c->state = CONN_LEAVING;
    n->ops->drop(n->backend, conn_slot(n, c));
}

static void flush(struct net *n, struct conn *c)
{
    if (c->flying.n || c->out.n == 0 || c->state == CONN_DEAD) return;
    c->flying = c->out;
    c->flying_at = 0;
    uint32_t now = c->out.n < USUAL_MAX ? c->out.n : USUAL_MAX;
    c->usual = now > c->usual ? now : c->usual - (c->usual - now) / 8;
    c->out = (struct net_buffer){0};
    uint32_t slot = conn_slot(n, c);
    on_sent(n, slot, n->ops->send(n->backend, slot, c->flying.p, c->flying.n));
}

// Low water is half of high water, so that reading is not turned on and off for every request.
static bool stays_blocked(const struct net *n, const struct conn *c)
{
    unsigned pipeline = c->trusted ? n->limits.pipeline_max : n->limits.pipeline_max_login;
    if (c->http && http_waits(c)) return true;
    return conn_unsent(c) > n->limits.send_buffer_max / 2 || c->pending > pipeline / 2;
}

static void unblock(struct net *n, struct conn *c)
{
    if (!c->blocked || stays_blocked(n, c)) return;
    c->blocked = false;
    if (c->request_ms) c->request_ms = n->now_ms; // the peer could not go on: its time begins anew
    if (c->body_ms) {
        c->body_ms = n->now_ms;
        c->body_at = c->in.n;
    }
    if (c->http) http_resume(n, c);
}

// Moves a connection that ends to its next state.
static void ending(struct net *n, struct conn *c)
{
    if (c->state == CONN_OPEN && c->eof && !c->backlog.n && !c->blocked) c->state = CONN_LAST;
    if (c->state == CONN_LAST && c->pending == 0) c->state = CONN_FINISH;
    flush(n, c);
    if (c->state == CONN_FINISH && conn_unsent(c) - c->held == 0) {
        c->state = CONN_LINGER;
        c->active_ms = n->now_ms;
        conn_request_ends(n, c);
        if (!c->eof) n->ops->shut(n->backend, conn_slot(n, c));
    }
    if (c->state == CONN_LINGER && c->eof) conn_kill(n, c);
}

static void reading(struct net *n, struct conn *c)
{
    bool want = !c->eof && (c->state == CONN_LINGER || (c->state == CONN_OPEN && !c->blocked));
    if (want == c->reading || c->state == CONN_DEAD) return;
    c->reading = want;
    n->ops->read(n->backend, conn_slot(n, c), want);
}

// Does all that is due for one connection. May be called any time outside the handler.
static void step(struct net *n, struct conn *c)
{
    if (c->state == CONN_FREE || c->state == CONN_LEAVING) return;
    if (c->state == CONN_OPEN) {
        unblock(n, c);
        if (!c->blocked) backlog_feed(n, c);
    }
    if (c->state != CONN_DEAD) ending(n, c);
    if (c->state != CONN_DEAD) reading(n, c);
    // One that died in this step stands in todo again: reaped from there, never listed twice.
    if (c->state == CONN_DEAD && !c->queued) reap_dead(n, c);
}

static void steps(struct net *n)
{
    uint32_t *list = n->todo, count = n->todo_n;
    n->todo = n->doing;
    n->doing = list;
    n->todo_n = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct conn *c = &n->conns[list[i]];
        c->queued = false;
        step(n, c);
    }
}

// ---- time ---------------------------------------------------------------------------------------

static bool too_slow(const struct net *n, const struct conn *c)
{
    if (c->request_ms == 0 || c->blocked || c->state != CONN_OPEN) return false;
    if (c->body_ms == 0) return n->now_ms - c->request_ms > n->limits.header_ms;
    uint64_t took = n->now_ms - c->body_ms;
    if (took <= n->limits.body_grace_ms) return false;
    uint64_t due = (took - n->limits.body_grace_ms) * n->limits.body_bytes_per_s / 1000;
    return c->in.n - c->body_at < due;
}

static void look(struct net *n, struct conn *c)
{
    uint64_t still = n->now_ms - c->active_ms;
    if (c->state == CONN_LINGER) {
        if (still > LINGER_MS) conn_kill(n, c);
    } else if (conn_unsent(c)) {
        if (still <= n->limits.idle_ms) return;
        n->stats.timeouts++;
        conn_kill(n, c);
    } else if (too_slow(n, c)) {
        n->stats.timeouts++;
        if (c->protocol == PROTOCOL_HTTP) http_timeout(n, c);
        else conn_kill(n, c);
    } else if (c->state == CONN_OPEN && c->pending == 0 && still > n->limits.idle_ms) {
        n->stats.timeouts++;
        net_finish(n, conn_id(n, c));
    }
}

static void scan(struct net *n)
{
    if (n->now_ms - n->scanned_ms < SCAN_MS) return;
    n->scanned_ms = n->now_ms;
    for (uint32_t i = 0; i < n->conns_used; i++) {
        struct conn *c = &n->conns[i];
        if (c->state == CONN_FREE || c->state == CONN_LEAVING || c->state == CONN_DEAD) continue;
        look(n, c);
    }
}

// ---- turns --------------------------------------------------------------------------------------

static void tick(struct net *n)
{
    n->now_ms = clock_coarse_ns() / 1000000 + 1;
}

// Sleeps unless a wake has come since the last sleep.
static void sleep_in(struct net *n, int wait_ms, void (*sleeping)(void *ctx, bool asleep))
{
    if (sleeping) sleeping(n->ctx, true);
    atomic_store(&n->asleep, 1);
    // Either this sees a wake that came before, or the waker sees that we sleep.
    if (atomic_exchange(&n->woken, 0)) wait_ms = 0;
    n->ops->wait(n->backend, wait_ms);
    atomic_store(&n->asleep, 0);
    atomic_exchange(&n->woken, 0); // what was made visible before is found after this turn
    if (sleeping) sleeping(n->ctx, false);
}

unsigned net_turn(struct net *n, int wait_ms, void (*sleeping)(void *ctx, bool asleep))
{
    tick(n);
    steps(n);
    scan(n);
    if (n->todo_n) wait_ms = 0;
    if (n->stats.open && (wait_ms < 0 || wait_ms > SCAN_MS)) wait_ms = SCAN_MS;
    if (wait_ms) sleep_in(n, wait_ms, sleeping);
    else n->ops->wait(n->backend, 0);
    tick(n);
    return n->ops->reap(n->backend);
}

void net_wake(struct net *n)
{
    if (atomic_exchange(&n->woken, 1) == 0 && atomic_load(&n->asleep)) n->ops->wake(n->backend);
}

void net_drain(struct net *n)
{
    if (n->draining) return;
    n->draining = true;
    n->ops->unlisten(n->backend);
    for (uint32_t i = 0; i < n->conns_used; i++) {
        struct conn *c = &n->conns[i];
        if (c->state != CONN_OPEN) continue;
        if (c->ws) {
            ws_close(n, c, WS_GOING_AWAY);
            continue;
        }
        if (c->http) http_drain(c);
        conn_last(n, c);
    }
}

// ---- open and close -----------------------------------------------------------------------------

static unsigned or_default(unsigned asked, unsigned bound)
{
    return asked ? asked : bound;
}

static void limits_set(struct net *n, const struct net_limits *asked)
{
    static const struct net_limits none;
    if (!asked) asked = &none;
    n->limits = (struct net_limits){
        .header_ms = or_default(asked->header_ms, HEADER_MS),
        .body_grace_ms = or_default(asked->body_grace_ms, BODY_GRACE_MS),
        .body_bytes_per_s = or_default(asked->body_bytes_per_s, BODY_BYTES_PER_S),
        .idle_ms = or_default(asked->idle_ms, IDLE_MS),
        .send_buffer_max = or_default(asked->send_buffer_max, SEND_BUFFER_MAX),
        .send_buffer_hard = or_default(asked->send_buffer_hard, SEND_BUFFER_HARD),
        .pipeline_max = or_default(asked->pipeline_max, PIPELINE_MAX),
        .pipeline_max_login = or_default(asked->pipeline_max_login, PIPELINE_MAX_LOGIN),
    };
    ASSERT(n->limits.send_buffer_hard <= SEND_BUFFER_HARD);
}

static int listen_all(struct net *n, const struct net_options *opt, char *why)
{
    if (opt->listen_count > LISTEN_MAX) {
        snprintf(why, 256, "more than %d addresses to listen on", LISTEN_MAX);
        return E2BIG;
    }
    for (unsigned i = 0; i < opt->listen_count; i++) {
        int error = n->ops->listen(n->backend, &opt->listen[i], why);
        if (error) return error;
        n->http_only[i] = opt->listen[i].http_only;
        n->listeners++;
    }
    return 0;
}

int net_open_with(struct net **out, const struct net_options *opt,
                  const struct net_backend_ops *ops, char why[256])
{
    ASSERT(opt->core < CORES_MAX);
    ASSERT(opt->connections_max > 0 && opt->connections_max < 1 << 24);
    why[0] = 0;
    struct net *n = aligned_alloc(64, sizeof *n);
    if (!n) return ENOMEM;
    memset(n, 0, sizeof *n);
    *n = (struct net){ .ops = ops, .handler = opt->handler, .ctx = opt->ctx, .core = opt->core };
    limits_set(n, opt->limits);
    n->conns_max = opt->connections_max;
    n->conns = calloc(n->conns_max, sizeof *n->conns);
    n->spare = calloc(n->conns_max, sizeof *n->spare);
    n->todo = calloc(n->conns_max, sizeof *n->todo);
    n->doing = calloc(n->conns_max, sizeof *n->doing);
    tick(n);
    n->scanned_ms = n->now_ms;
    int error = ENOMEM;
    if (n->conns && n->spare && n->todo && n->doing)
        error = ops->open(&n->backend, &(struct net_backend_options){
            .slots = n->conns_max, .core = opt->core, .reuse_port = opt->reuse_port,
            .events = &events, .ctx = n,
        }, why);
    else
        snprintf(why, 256, "no memory for %u connections", n->conns_max);
    if (!error) error = listen_all(n, opt, why);
    if (error) net_close(n);
    *out = error ? NULL : n;
    return error;
}

void net_close(struct net *n)
{
    for (uint32_t i = 0; i < n->conns_used; i++) {
        struct conn *c = &n->conns[i];
        if (c->state == CONN_FREE) continue;
        if (c->state != CONN_LEAVING) let_go(n, c);
        c->state = CONN_LEAVING;
    }
    if (n->backend) n->ops->close(n->backend);
    for (uint32_t i = 0; i < n->conns_used; i++)
        net_buffer_free(&n->pool, &n->conns[i].flying);
    net_buffer_free(&n->pool, &n->scratch);
    net_pool_free(&n->pool);
    free(n->conns);
    free(n->spare);
    free(n->todo);
    free(n->doing);
    free(n);
}

enum net_backend net_backend_used(const struct net *n)
{
    return n->ops->kind;
}

unsigned net_port(const struct net *n, unsigned listener)
{
    ASSERT(listener < n->listeners);
    return n->ops->port(n->backend, listener);
}

unsigned net_connections(const struct net *n)
{
    return (unsigned)n->stats.open;
}

void net_stats(const struct net *n, struct net_stats *out)
{
    *out = n->stats;
}
