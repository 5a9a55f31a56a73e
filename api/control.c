// Nothing here waits for a core or for the disk.
#include "api/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/admin.h"
#include "api/answer.h"
#include "api/reactor.h"
#include "core/clock.h"
#include "core/logger.h"

enum {
    ADMIN_CONNECTIONS = 64,
    LOOK_NS = 100 * 1000 * 1000,   // between two looks at memory and disk
    PROVIDERS_NS = 1000 * 1000 * 1000, // at the files of the providers' keys
    SNAPSHOT_BYTES = 64 << 20,     // of log since the last snapshot, before another is taken
};
#define SNAPSHOT_NS (UINT64_C(600) * 1000 * 1000 * 1000)

struct control {
    struct server *server;
    struct admin admin;
    uint64_t looked_ns, providers_ns;
    uint64_t snapshot_ns, snapshot_bytes; // when the last one was taken, and the log's bytes then
    uint64_t snapshot_place;       // of the last one, 0 = none since the start
    unsigned same_snapshots;       // how many in a row say what it says
    uint64_t digest_place;         // of the last mark, about
};

// Frames never come to the admin port.
static void no_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload)
{
    (void)head;
    (void)payload;
    const struct admin *a = ctx;
    net_forget(a->net, c);
}

static const struct net_handler handler = {
    .frame = no_frame, .http = admin_http, .problem = answer_net_problem};

int control_open(struct server *s, struct control **out, char why[SERVER_WHY])
{
    struct control *c = calloc(1, sizeof *c);
    *out = c;
    if (c == NULL)
        return ENOMEM;
    c->server = s;
    c->admin.server = s;
    c->snapshot_ns = clock_mono_ns();
    if (s->opt.admin == NULL)
        return 0;
    struct net_listen listen = {.address = s->opt.admin, .http_only = true};
    struct net_options o = {
        .backend = s->opt.io,
        .listen = &listen,
        .listen_count = 1,
        .connections_max = ADMIN_CONNECTIONS,
        .handler = &handler,
        .ctx = &c->admin,
    };
    return net_open(&c->admin.net, &o, why);
}

void control_close(struct control *c)
{
    if (c == NULL)
        return;
    if (c->admin.net != NULL)
        net_close(c->admin.net);
    free(c);
}

void control_wake(struct control *c)
{
    if (c->admin.net != NULL)
        net_wake(c->admin.net);
}

unsigned control_port(const struct control *c)
{
    return c->admin.net != NULL ? net_port(c->admin.net, 0) : 0;
}

// ---- while serving -----------------------------------------------------------------------------

static uint64_t memory_used(const struct server *s)
{
    uint64_t bytes = 0;
    for (unsigned c = 0; c < s->cores; c++) {
        const struct stats *t = &s->reactor[c]->stats;
        for (unsigned k = 0; k < MEM_KINDS; k++)
            bytes += stats_get(&t->memory_used[k]);
    }
    return bytes;
}

static enum pressure pressure_of(const struct server *s)
{
    struct wal_stats w;
    wal_stats(s->wal, &w);
    if (w.no_space)
        return PRESSURE_DISK;
    uint64_t limit = s->opt.memory_limit, used = limit ? memory_used(s) : 0;
    if (limit == 0 || used < limit / 10 * 8)
        return PRESSURE_NONE;
    if (used < limit / 10 * 9)
        return PRESSURE_DERIVED;
    return used < limit / 20 * 19 ? PRESSURE_GROWTH : PRESSURE_MEMORY;
}

static void look_at_keys(struct provider_set *set, const char *whose)
{
    switch (provider_set_look(set)) {
    case PROVIDERS_SAME:
        return;
    case PROVIDERS_NEW:
        log_line(LOG_INFO, "%s keys were read anew", whose);
        return;
    case PROVIDERS_BAD:
        log_line(LOG_WARN, "%s keys stay as they were: %s", whose, set->why);
    }
}

static void look_at_providers(struct control *c, uint64_t now)
{
    if (now - c->providers_ns < PROVIDERS_NS)
        return;
    c->providers_ns = now;
    look_at_keys(&c->server->providers, "the providers'");
    look_at_keys(&c->server->captcha.verifier, "the captcha verifier's");
}

// What was erased goes from the disk with the last snapshot, and the log, that has it: so even
// where hardly anything happens a new one is taken until all that are kept say the same.
static bool overdue(const struct control *c, uint64_t now)
{
    const struct server *s = c->server;
    uint64_t every_ns = (uint64_t)s->opt.snapshot_every_s * 1000000000;
    bool differ = c->same_snapshots < s->opt.keep_snapshots ||
                  wal_released_place(s->wal) != c->snapshot_place;
    return every_ns > 0 && now - c->snapshot_ns >= every_ns && differ;
}

static void look(struct control *c)
{
    struct server *s = c->server;
    uint64_t now = clock_mono_ns();
    if (now - c->looked_ns < LOOK_NS)
        return;
    c->looked_ns = now;
    look_at_providers(c, now);
    atomic_store(&s->pressure, (int)pressure_of(s));
    if (wal_released_place(s->wal) >= c->digest_place + DIGEST_EVERY)
        c->admin.digest_wanted = true;
    struct wal_stats w;
    wal_stats(s->wal, &w);
    // On a full disk a snapshot may let old log go.
    uint64_t pause = w.no_space ? SNAPSHOT_NS / 10 : SNAPSHOT_NS;
    bool much = now - c->snapshot_ns >= pause && w.bytes - c->snapshot_bytes >= SNAPSHOT_BYTES;
    if (much || overdue(c, now))
        snapshotter_ask(s->snapshotter, c->admin.queue);
}

static void digests(struct control *c)
{
    struct server *s = c->server;
    if (digests_step(&s->digests, s, c->admin.queue))
        admin_digest_ended(&c->admin);
    if (!c->admin.digest_wanted || !digests_ask(&s->digests, s, c->admin.queue))
        return;
    c->admin.digest_wanted = false;
    c->digest_place = wal_released_place(s->wal);
}

static void snapshots(struct control *c)
{
    struct snapshot_result result;
    struct wal_stats w;
    if (!snapshotter_ended(c->server->snapshotter, &result))
        return;
    wal_stats(c->server->wal, &w);
    // Of two marks in a row nothing is between.
    bool same = result.place == c->snapshot_place + 1;
    if (result.error == 0) {
        c->same_snapshots = same ? c->same_snapshots + 1 : 1;
        c->snapshot_place = result.place;
    }
    c->snapshot_ns = clock_mono_ns();
    c->snapshot_bytes = w.bytes;
    admin_snapshot_ended(&c->admin, &result);
}

static void serve(struct control *c)
{
    struct server *s = c->server;
    if (c->admin.queue == NULL) {
        c->admin.queue = wal_queue(s->wal, s->cores);
        c->digest_place = s->recovered;
    }
    look(c);
    digests(c);
    admin_snapshot_step(&c->admin);
    snapshots(c);
}

void control_step(struct control *c, int wait_ms)
{
    int phase = atomic_load_explicit(&c->server->phase, memory_order_acquire);
    if (phase >= PHASE_SERVING && !server_dead(c->server))
        serve(c);
    if (c->admin.net != NULL)
        net_turn(c->admin.net, wait_ms, NULL);
}
