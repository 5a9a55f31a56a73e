// The simulated network behind net/backend.h.
//
//   client ──► up (bytes on their way to the server) ──► received in pieces
//   client ◄── down ◄── what send hands over, in pieces, as the seed has it
#include "tests/sim/sim_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "tests/sim/sim.h"

enum { LINKS_MAX = 64, BACKENDS_MAX = 8, LISTENERS_MAX = 4 };

struct bytes { uint8_t *p; size_t n, cap; };

struct sim_link {
    bool used, waiting, client_open, server_open, reading, eof_told;
    unsigned listener;
    uint32_t slot;
    struct sim_backend_state *at;
    struct bytes up, down;
    const uint8_t *sending;
    size_t sending_n;
};

struct sim_backend_state {
    struct net_backend_options opt;
    unsigned listeners;
    bool listening;
};

static struct sim_link links[LINKS_MAX];
static struct sim_backend_state *backends[BACKENDS_MAX];
static unsigned backend_count;

static void put(struct bytes *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    if (b->n + n > b->cap) {
        b->cap = (b->n + n) * 2;
        b->p = realloc(b->p, b->cap);
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}
static void take(struct bytes *b, size_t n)
{
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

// ---- the clients' side --------------------------------------------------------------------------

int sim_connect(unsigned listener)
{
    if (backend_count == 0)
        return -1;
    struct sim_backend_state *b = backends[sim_below(&sim.schedule, backend_count)];
    if (!b->listening || listener >= b->listeners)
        return -1;
    for (int i = 0; i < LINKS_MAX; i++)
        if (!links[i].used) {
            free(links[i].up.p);
            free(links[i].down.p);
            links[i] = (struct sim_link){.used = true,
                                         .waiting = true,
                                         .client_open = true,
                                         .listener = listener,
                                         .at = b,
                                         .slot = SLOT_NONE};
            return i;
        }
    return -1;
}

void sim_client_send(int link, const void *bytes, size_t n)
{
    if (links[link].server_open || links[link].waiting)
        put(&links[link].up, bytes, n);
}

const uint8_t *sim_client_bytes(int link, size_t *n)
{
    *n = links[link].down.n;
    return *n == 0 && !sim_client_alive(link) ? NULL : links[link].down.p;
}
void sim_client_take(int link, size_t n) { take(&links[link].down, n); }

bool sim_client_alive(int link) { return links[link].server_open || links[link].waiting; }

static void free_if_done(struct sim_link *l)
{
    if (!l->client_open && !l->server_open && !l->waiting)
        l->used = false;
}

void sim_client_close(int link)
{
    links[link].client_open = false;
    links[link].waiting = false;
    free_if_done(&links[link]);
}

void sim_net_reset(void)
{
    for (int i = 0; i < LINKS_MAX; i++) {
        links[i].server_open = false;
        links[i].waiting = false;
        free_if_done(&links[i]);
    }
    for (unsigned i = 0; i < backend_count; i++)
        free(backends[i]);
    backend_count = 0;
}

// ---- net/backend.h ------------------------------------------------------------------------------

static int backend_open(void **out, const struct net_backend_options *opt, char *why)
{
    (void)why;
    ASSERT(backend_count < BACKENDS_MAX);
    struct sim_backend_state *b = calloc(1, sizeof *b);
    b->opt = *opt;
    backends[backend_count++] = b;
    *out = b;
    return 0;
}

static void backend_close(void *state)
{
    for (int i = 0; i < LINKS_MAX; i++)
        if (links[i].used && links[i].at == state) {
            links[i].server_open = false;
            links[i].waiting = false;
            free_if_done(&links[i]);
        }
    for (unsigned i = 0; i < backend_count; i++)
        if (backends[i] == state)
            backends[i] = backends[--backend_count];
    free(state);
}

static int backend_listen(void *state, const struct net_listen *l, char *why)
{
    (void)l;
    (void)why;
    struct sim_backend_state *b = state;
    b->listeners++;
    b->listening = true;
    return 0;
}
static unsigned backend_port(const void *state, unsigned listener)
{
    (void)state;
    return 1000 + listener;
}
static void backend_unlisten(void *state)
{
    ((struct sim_backend_state *)state)->listening = false;
}

static struct sim_link *at_slot(void *state, uint32_t slot)
{
    for (int i = 0; i < LINKS_MAX; i++)
        if (links[i].used && links[i].server_open && links[i].at == state && links[i].slot == slot)
            return &links[i];
    return NULL;
}

static void backend_read(void *state, uint32_t slot, bool on)
{
    struct sim_link *l = at_slot(state, slot);
    if (l != NULL)
        l->reading = on;
}

static size_t backend_send(void *state, uint32_t slot, const void *bytes, size_t n)
{
    struct sim_link *l = at_slot(state, slot);
    if (l == NULL)
        return n;
    size_t now = sim_chance(&sim.schedule, 700) ? n : sim_below(&sim.schedule, (uint32_t)n + 1);
    put(&l->down, bytes, now);
    l->sending = (const uint8_t *)bytes + now;
    l->sending_n = n - now;
    return now;
}

static void backend_shut(void *state, uint32_t slot) { (void)state; (void)slot; }

static void backend_drop(void *state, uint32_t slot)
{
    struct sim_backend_state *b = state;
    struct sim_link *l = at_slot(state, slot);
    if (l != NULL) {
        l->server_open = false;
        free_if_done(l);
    }
    b->opt.events->gone(b->opt.ctx, slot);
}

static void backend_wait(void *state, int wait_ms)
{
    (void)state;
    (void)wait_ms;
}

static unsigned link_events(struct sim_backend_state *b, struct sim_link *l)
{
    const struct net_backend_events *e = b->opt.events;
    unsigned events = 0;
    if (l->waiting && sim_chance(&sim.schedule, 700)) {
        l->waiting = false;
        l->server_open = true;
        l->reading = true;
        static const uint8_t nowhere[16];
        l->slot = e->accepted(b->opt.ctx, l->listener, nowhere);
        if (l->slot == SLOT_NONE)
            l->server_open = false;
        return 1;
    }
    if (!l->server_open)
        return 0;
    if (l->sending_n > 0) {
        size_t n = sim_below(&sim.schedule, (uint32_t)l->sending_n) + 1;
        put(&l->down, l->sending, n);
        l->sending += n;
        l->sending_n -= n;
        e->sent(b->opt.ctx, l->slot, n);
        events++;
    }
    if (l->server_open && l->reading && l->up.n > 0 && sim_chance(&sim.schedule, 800)) {
        size_t n = sim_chance(&sim.schedule, 600) ? l->up.n
                                                  : sim_below(&sim.schedule, (uint32_t)l->up.n) + 1;
        uint64_t *copy = malloc(n + 8);
        memcpy(copy, l->up.p, n);
        take(&l->up, n);
        e->received(b->opt.ctx, l->slot, copy, n);
        free(copy);
        events++;
    }
    if (l->server_open && !l->client_open && l->up.n == 0 && !l->eof_told) {
        l->eof_told = true;
        e->received(b->opt.ctx, l->slot, "", 0);
        events++;
    }
    return events;
}

static unsigned backend_reap(void *state)
{
    unsigned events = 0;
    for (int i = 0; i < LINKS_MAX; i++)
        if (links[i].used && links[i].at == state)
            events += link_events(state, &links[i]);
    return events;
}
static void backend_wake(void *state) { (void)state; }

const struct net_backend_ops sim_backend = {
    .kind = NET_EPOLL,
    .open = backend_open,
    .close = backend_close,
    .listen = backend_listen,
    .port = backend_port,
    .unlisten = backend_unlisten,
    .read = backend_read,
    .send = backend_send,
    .shut = backend_shut,
    .drop = backend_drop,
    .wait = backend_wait,
    .reap = backend_reap,
    .wake = backend_wake,
};

int net_open(struct net **out, const struct net_options *opt, char why[256])
{
    return net_open_with(out, opt, &sim_backend, why);
}
