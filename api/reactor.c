// The turn of a core. Its order is what makes reads exact: other cores' marks are read before the
// mailboxes are emptied, so all pushes up to these marks are in the timelines when a read at them
// is answered; and the own mark is published after the pushes of what it speaks of were sent.
#include "api/reactor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/answer.h"
#include "api/changes.h"
#include "api/digests.h"
#include "api/helper.h"
#include "api/http.h"
#include "api/reads.h"
#include "api/snapshotter.h"
#include "api/wire.h"
#include "core/assert.h"
#include "core/pool.h"
#include "core/clock.h"
#include "core/logger.h"
#include "kith_fb.h"
#include "net/address.h"
#include "store/ahead.h"
#include "store/index.h"
#include "store/read.h"
#include "store/recount.h"
#include "store/bin.h"
#include "store/store.h"

enum {
    APPLY_ENTRIES = 2048,          // of a batch at a time
    APPLY_PUSHES = 5000,           // into timelines in one turn, or one post more
    APPLY_BATCHES = 4,             // in one turn, so that the network has its turn
    QUEUE_CLIENTS = QUEUE_BYTES / 4 * 3, // of the queue: the rest is for consequences
    RUN_TOGETHER = READ_AHEAD_MAX, // requests that are looked at before the first of them runs
    PARKED_MS = 1,                 // longest sleep while requests are parked
    INDEXED_A_TURN = 512,          // records read at the start, until all are in the index
    ERASE_EVERY_NS = 1000000000,   // between looks for overdue posts
    ERASE_LOOKS = 4096,            // posts that one look takes in
    LATE_MS = 1,                   // the same while something is to be tried again
    TEXT_MAX = 64 << 20,
    FILES_KEPT = 128,              // descriptors that are not connections
    CONNECTIONS_MOST = 1 << 16,    // of one core
    ADDRESS_BYTES = 256,
    PUBLISH_NS = 50 * 1000 * 1000, // between two looks at the counters of others
    RECOUNT_OBJECTS = 16,          // whose counters are looked at each time
};

// ---- what apply brings about -------------------------------------------------------------------

static void on_outcome(void *ctx, const struct entry *e, const struct outcome *o)
{
    struct reactor *r = ctx;
    unsigned core = (unsigned)(e->ticket >> 48);
    metric_add(&r->stats.plain, METRIC_entries_refused_total, o->error != KITH_ok);
    if (e->ticket == 0 || core >= r->server->cores)
        return;
    struct mail_outcome m = {e->ticket, *o};
    if (core != r->core) {
        mail_send(r, core, MAIL_OUTCOME, &m);
        return;
    }
    if (r->outcomes_n == r->outcomes_cap) {
        uint32_t cap = r->outcomes_cap ? 2 * r->outcomes_cap : 1024;
        struct mail_outcome *more = realloc(r->outcomes, cap * sizeof *more);
        ASSERT(more != NULL); // without its outcome a request would never end
        r->outcomes = more;
        r->outcomes_cap = cap;
    }
    r->outcomes[r->outcomes_n++] = m;
}

static void on_push(void *ctx, unsigned core, struct push push)
{
    struct reactor *r = ctx;
    metric_add(&r->stats.plain, METRIC_fanout_pushes_total, push.readers.n);
    mail_push(r, core, push);
}

static void on_pulled(void *ctx, uint64_t author)
{
    struct reactor *r = ctx;
    for (unsigned c = 0; c < r->server->cores; c++)
        if (c != r->core)
            mail_send(r, c, MAIL_PULLED, &author);
}

static void on_noted(void *ctx, uint64_t user)
{
    push_noted(ctx, user);
    watch_wake(ctx, user);
}

void reactor_outcome(struct reactor *r, uint64_t ticket, const struct outcome *o)
{
    struct request *q = request_find(&r->requests, ticket);
    if (q == NULL || q->outcomes_due == 0)
        return;
    if (q->outcome.error == KITH_ok)
        q->outcome.error = o->error;
    q->outcome.changed |= o->changed;
    q->outcome.count += o->count;
    q->outcome.count2 += o->count2;
    q->outcome.count3 += o->count3;
    q->outcome.id = o->id ? o->id : q->outcome.id;
    if (o->place > q->outcome.place)
        q->outcome.place = o->place;
    if (--q->outcomes_due > 0)
        return;
    q->trace.ended[TRACE_WAIT] = 0; // the last entry's, where one leads to another
    trace_end(r, q, TRACE_WAIT);
    reactor_ready(r, q);
}

static void own_outcomes(struct reactor *r)
{
    for (uint32_t i = 0; i < r->outcomes_n; i++)
        reactor_outcome(r, r->outcomes[i].ticket, &r->outcomes[i].outcome);
    r->outcomes_n = 0;
}

// ---- applying ----------------------------------------------------------------------------------

static void apply_one(struct reactor *r, const struct entry *e)
{
    shard_apply(r->shard, e);
    if (e->op == OP_undo && store_core(r->server->store, entry_parent(e)->decider) == r->core)
        r->undos--;
    else if (e->op == OP_snapshot_mark)
        snapshotter_mark(r, e);
    else if (e->op == OP_digest_mark)
        digests_mark(r, e);
}

static void look_ahead(const struct reactor *r, const struct batch *b)
{
    const struct entry *next[AHEAD_EDGES];
    uint32_t n = 0;
    for (uint32_t at = r->batch_at; at < b->bytes && n < AHEAD_EDGES; at += next[n++]->length)
        next[n] = batch_entry(b, at);
    shard_ahead(r->shard, next, n);
}

bool reactor_apply(struct reactor *r)
{
    struct wal *wal = r->server->wal;
    if (r->batch == NULL && (r->batch = wal_released(wal, r->core)) == NULL)
        return false;
    struct batch *b = r->batch;
    unsigned n = 0;
    uint64_t pushed = r->shard->pushes;
    while (r->batch_at < b->bytes && n < APPLY_ENTRIES &&
           r->shard->pushes - pushed < APPLY_PUSHES) {
        if (n % AHEAD_EDGES == 0)
            look_ahead(r, b);
        const struct entry *e = batch_entry(b, r->batch_at);
        apply_one(r, e);
        r->batch_at += e->length;
        n++;
    }
    metric_add(&r->stats.plain, METRIC_entries_applied_total, n);
    if (r->batch_at == b->bytes) {
        r->batch = NULL;
        r->batch_at = 0;
        wal_give_back(wal, r->core, b);
    }
    return true;
}

// Whether there is more than the network should wait for.
static bool apply_some(struct reactor *r)
{
    uint64_t pushed = r->shard->pushes;
    for (unsigned i = 0; i < APPLY_BATCHES && r->shard->pushes - pushed < APPLY_PUSHES; i++)
        if (!reactor_apply(r))
            return false;
    return true;
}

// After everything that the applied entries sent was handed over.
static void publish(struct reactor *r)
{
    struct server *s = r->server;
    bool held = mail_late(r);
    uint64_t place = r->shard->place;
    if (held || place == atomic_load_explicit(&r->shared->applied, memory_order_relaxed))
        return;
    atomic_store(&r->shared->applied, place);
    for (unsigned c = 0; c < s->cores; c++)
        if (c != r->core && atomic_load(&s->shared[c].parked))
            r->sent_to[c] = true;
}

// ---- entries of our own ------------------------------------------------------------------------

bool reactor_log(struct reactor *r, const struct entry *e)
{
    ASSERT(e->length <= ENTRY_MAX);
    if (ring_used(r->queue) > QUEUE_CLIENTS || !ring_push(r->queue, e, e->length, 0))
        return false;
    r->logged = true;
    return true;
}

// Once a turn: what it logs goes into few batches, and costs the writer one call.
static void call_writer(struct reactor *r)
{
    if (r->logged)
        wal_kick(r->server->wal);
    r->logged = false;
}

// A consequence of an entry of an earlier process carries a ticket of that process.
static void keep_own(struct reactor *r, uint8_t **kept, const struct entry *e)
{
    r->undos += e->op == OP_undo;
    struct entry *copy = malloc(e->length);
    ASSERT(copy != NULL); // a consequence must not be lost
    memcpy(copy, e, e->length);
    const struct entry_parent *parent = entry_parent(copy);
    if (parent != NULL && parent->place <= r->server->recovered)
        copy->ticket = 0;
    *kept = (uint8_t *)copy;
}

static bool push_kept(struct reactor *r, uint8_t **kept)
{
    const struct entry *e = (const void *)*kept;
    if (!ring_push(r->queue, e, e->length, 0))
        return false;
    free(*kept);
    *kept = NULL;
    r->logged = true;
    return true;
}

static bool emit_from(struct reactor *r, const struct entry *(*next)(struct shard *),
                      uint8_t **kept)
{
    for (;;) {
        if (*kept == NULL) {
            const struct entry *e = next(r->shard);
            if (e == NULL)
                return true;
            metric_add(&r->stats.plain, METRIC_consequences_total, 1);
            keep_own(r, kept, e);
        }
        if (!push_kept(r, kept))
            return false;
    }
}

// Whether all that is owed is in the queue.
static bool emit(struct reactor *r)
{
    bool owed = emit_from(r, shard_owed_next, &r->owed);
    uint32_t undos = r->undos + !owed;
    if (atomic_load_explicit(&r->shared->undos, memory_order_relaxed) != undos)
        atomic_store(&r->shared->undos, undos);
    return emit_from(r, shard_job_next, &r->job) && owed;
}

// Deleted posts whose time is over. What finds no room in the queue now does in a second.
static void erase_overdue(struct reactor *r)
{
    uint64_t now = clock_mono_ns();
    if (now < r->erase_ns)
        return;
    r->erase_ns = now + ERASE_EVERY_NS;
    uint64_t window_ms = (uint64_t)r->server->opt.restore_s * 1000, wall_ms = clock_wall_ms();
    uint64_t before_ms = wall_ms > window_ms ? wall_ms - window_ms : 0;
    uint32_t budget = ERASE_LOOKS;
    const struct entry *e;
    while ((e = shard_overdue(r->shard, before_ms, &budget)) != NULL && reactor_log(r, e)) {}
}

bool reactor_settled(const struct reactor *r, uint64_t place)
{
    if (r->seen < place)
        return false;
    for (unsigned c = 0; c < r->server->cores; c++)
        if (atomic_load(&r->server->shared[c].undos) != 0)
            return false;
    return true;
}

// ---- requests ----------------------------------------------------------------------------------

void reactor_ready(struct reactor *r, struct request *q)
{
    request_list_add(&r->ready, q);
}

void reactor_park(struct reactor *r, struct request *q)
{
    request_list_add(&r->parked, q);
}

void reactor_move(struct reactor *r, struct request *q, unsigned core,
                  void (*run)(struct reactor *, struct request *))
{
    q->run = run;
    if (core == r->core) {
        run(r, q);
        return;
    }
    q->trace.moves++;
    metric_add(&r->stats.plain, METRIC_forwarded_total, q->core == r->core);
    mail_send(r, core, MAIL_REQUEST, &q);
}

uint64_t reactor_answered(const struct server *s)
{
    uint64_t place = 0;
    for (unsigned c = 0; c < s->cores; c++) {
        uint64_t at = atomic_load(&s->shared[c].answered);
        if (at > place)
            place = at;
    }
    return place;
}

char *reactor_text(struct reactor *r, size_t n)
{
    if (n <= r->text_cap)
        return r->text;
    size_t cap = r->text_cap ? r->text_cap : 64 << 10;
    while (cap < n)
        cap *= 2;
    if (cap > TEXT_MAX)
        return NULL;
    free(r->text);
    r->text = malloc(cap);
    r->text_cap = r->text != NULL ? cap : 0;
    return r->text;
}

void reactor_give(struct reactor *r, struct helper_job *job)
{
    pthread_mutex_lock(&r->given_lock);
    job->next = r->given;
    r->given = job;
    pthread_mutex_unlock(&r->given_lock);
    atomic_store(&r->have_given, true);
    net_wake(r->net);
}

static void take_given(struct reactor *r)
{
    if (!atomic_load_explicit(&r->have_given, memory_order_acquire))
        return;
    atomic_store(&r->have_given, false);
    pthread_mutex_lock(&r->given_lock);
    struct helper_job *job = r->given;
    r->given = NULL;
    pthread_mutex_unlock(&r->given_lock);
    while (job != NULL) {
        struct helper_job *next = job->next;
        reactor_ready(r, job->request);
        job = next;
    }
}

static void run_all(struct reactor *r, struct request_list *list)
{
    struct request *q = request_list_take(list);
    while (q != NULL) {
        struct request *some[RUN_TOGETHER];
        uint32_t n = 0;
        for (; q != NULL && n < RUN_TOGETHER; q = q->next)
            some[n++] = q;
        reads_ahead(r, some, n);
        changes_ahead(r, some, n);
        for (uint32_t i = 0; i < n; i++)
            some[i]->run(r, some[i]);
    }
}

// Marks first, mailboxes second.
static void look(struct reactor *r)
{
    struct server *s = r->server;
    uint64_t seen = UINT64_MAX;
    for (unsigned c = 0; c < s->cores; c++) {
        uint64_t at = atomic_load(&s->shared[c].applied);
        if (at < seen)
            seen = at;
    }
    mail_take(r);
    take_given(r);
    r->seen = seen;
}

static void work(struct reactor *r)
{
    r->turn_ns = clock_coarse_ns();
    look(r);
    own_outcomes(r);
    if (r->parked.n > 0)
        run_all(r, &r->parked);
    // What one run makes ready (a move to this very core, an answer from a mailbox) runs the next
    // turn.
    run_all(r, &r->ready);
    uint32_t parked = r->parked.n > 0;
    if (atomic_load_explicit(&r->shared->parked, memory_order_relaxed) != parked)
        atomic_store(&r->shared->parked, parked);
}

// ---- the turn ----------------------------------------------------------------------------------

static void on_sleeping(void *ctx, bool asleep)
{
    struct reactor *r = ctx;
    struct quiet *quiet = &r->server->store->quiet;
    if (asleep)
        quiet_offline(quiet, r->core);
    else
        quiet_online(quiet, r->core);
}

static void recount(struct reactor *r)
{
    struct shard *s = r->shard;
    uint64_t before = s->recount.drifted;
    shard_recount(s, RECOUNT_OBJECTS);
    if (s->recount.drifted != before)
        log_event(LOG_ERROR, "counters are not the size of their lists: run kith check",
                  log_u64("core", r->core), log_u64("found", s->recount.drifted));
    metric_set(&r->stats.plain, METRIC_counters_recounted_total, s->recount.counters);
    metric_set(&r->stats.plain, METRIC_counter_drift, s->recount.drifted);
}

static void publish_stats(struct reactor *r)
{
    uint64_t now = clock_coarse_ns();
    if (now - r->published_ns < PUBLISH_NS)
        return;
    r->published_ns = now;
    hot_keys_age(&r->hot, now);
    struct stats *t = &r->stats;
    const struct shard *s = r->shard;
    for (unsigned k = 0; k < MEM_KINDS; k++) {
        atomic_store_explicit(&t->memory_used[k], s->pool.used[k], memory_order_relaxed);
        atomic_store_explicit(&t->memory_count[k], s->pool.count[k], memory_order_relaxed);
    }
    atomic_store_explicit(&t->memory_mapped, s->pool.mapped, memory_order_relaxed);
    atomic_store_explicit(&t->limbo_bytes, s->limbo.bytes, memory_order_relaxed);
    struct net_stats net;
    net_stats(r->net, &net);
    metric_set(&t->plain, METRIC_connections_open, net.open);
    metric_set(&t->plain, METRIC_connections_total, net.accepted);
    metric_set(&t->plain, METRIC_connections_refused_total, net.refused);
    metric_set(&t->plain, METRIC_bytes_received_total, net.bytes_in);
    metric_set(&t->plain, METRIC_bytes_sent_total, net.bytes_out);
    metric_set(&t->plain, METRIC_timelines_materialised, s->timelines.count);
    metric_set(&t->plain, METRIC_timelines_computed_total, s->timelines.computed);
    metric_set(&t->plain, METRIC_timelines_evicted_total, s->timelines.evicted);
    metric_set(&t->plain, METRIC_feed_hits_total, s->feed_hits);
    metric_set(&t->plain, METRIC_feed_misses_total, s->feed_misses);
    uint64_t released = wal_released_place(r->server->wal);
    metric_set(&t->plain, METRIC_index_lag_entries, released > s->place ? released - s->place : 0);
    metric_set(&t->plain, METRIC_index_postings, s->index->postings);
    metric_set(&t->plain, METRIC_reports_open, s->queue[kt_ReportStatus_open].count);
    metric_set(&t->plain, METRIC_index_left, index_left(s));
    if (!r->server->opt.no_recount)
        recount(r);
    mail_rest(r);
    if (ring_rests(r->queue, RING_REST_BYTES))
        pool_forget_pages(r->queue->buf, r->queue->capacity);
}

static void relieve(struct reactor *r)
{
    int pressure = atomic_load_explicit(&r->server->pressure, memory_order_relaxed);
    bool memory = pressure >= PRESSURE_DERIVED && pressure <= PRESSURE_MEMORY;
    if (memory && r->shard->timelines.count > 0)
        timeline_drop_all(r->shard);
}

bool reactor_stops(const struct reactor *r)
{
    return atomic_load_explicit(&r->server->phase, memory_order_relaxed) == PHASE_DRAINING;
}

static void drain(struct reactor *r)
{
    if (!reactor_stops(r))
        return;
    if (!r->drained)
        net_drain(r->net);
    r->drained = true;
    bool idle = r->requests.live == 0 && net_connections(r->net) == 0;
    atomic_store(&r->shared->idle, idle);
}

void reactor_turn(struct reactor *r, int wait_ms)
{
    metric_add(&r->stats.plain, METRIC_turns_total, 1);
    drain(r);
    bool more = apply_some(r);
    bool emitted = emit(r);
    erase_overdue(r);
    publish(r);
    watch_turn(r);
    retention_turn(r);
    push_turn(r);
    snapshotter_turn(r);
    work(r);
    call_writer(r);
    mail_wake(r);
    bool indexing = index_some(r->shard, INDEXED_A_TURN);
    quiet_point(&r->server->store->quiet, r->core);
    shard_tidy(r->shard);
    publish_stats(r);
    relieve(r);
    if (server_dead(r->server))
        return;
    int longest = r->parked.n > 0 ? PARKED_MS : !emitted || r->pulled_late > 0 ? LATE_MS : wait_ms;
    if (r->image != NULL && longest > SNAPSHOTTER_TURN_MS)
        longest = SNAPSHOTTER_TURN_MS;
    if (r->watch.n > 0 && longest > WATCH_SWEEP_MS)
        longest = WATCH_SWEEP_MS;
    if (more || indexing || r->ready.n > 0)
        longest = 0;
    net_turn(r->net, longest < wait_ms ? longest : wait_ms, on_sleeping);
    if (r->ready.n == 0 && r->parked.n == 0)
        return;
    // What has just arrived is answered before the next sleep.
    work(r);
    call_writer(r);
    mail_wake(r);
}

// ---- open and close ----------------------------------------------------------------------------

// A proxy has the connections of all that come through it.
static bool counts_in_crowd(const struct server *s, uint64_t address)
{
    bool exempt = address_is_local(address) && !s->opt.limits.local;
    return address != ADDRESS_NONE && !exempt && !limits_believe(s, address);
}

static bool on_opened(void *ctx, net_conn c, unsigned listener)
{
    (void)listener;
    struct reactor *r = ctx;
    uint64_t address = net_address(r->net, c);
    if (!counts_in_crowd(r->server, address) || crowd_enter(r->server->crowd, address))
        return true;
    metric_add(&r->stats.plain, METRIC_connections_crowded_total, 1);
    return false;
}

static void on_closed(void *ctx, net_conn c)
{
    const struct reactor *r = ctx;
    uint64_t address = net_address(r->net, c);
    if (counts_in_crowd(r->server, address))
        crowd_leave(r->server->crowd, address);
    wire_closed(ctx, c);
}

static const struct net_handler handler = {
    .opened = on_opened,
    .closed = on_closed,
    .ahead = wire_ahead,
    .frame = wire_frame,
    .http = http_arrived,
    .problem = answer_net_problem,
};

// Descriptors that the process may have, shared out; some are kept for files and whatever else.
static unsigned connections_max(const struct server *s)
{
    struct rlimit limit;
    uint64_t n = 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        n = limit.rlim_cur;
    n = (n > 2 * FILES_KEPT ? n - FILES_KEPT : n / 2) / s->cores;
    return n < CONNECTIONS_MOST ? (unsigned)n : CONNECTIONS_MOST;
}

uint32_t reactor_connections(const struct server *s)
{
    return connections_max(s) * s->cores;
}

// Where any port would do the first core has chosen it.
static const char *same_port(const struct reactor *r, unsigned i, char out[ADDRESS_BYTES])
{
    const char *address = r->server->opt.listen[i];
    size_t n = strlen(address);
    bool any = n > 2 && n < ADDRESS_BYTES - 8 && strcmp(address + n - 2, ":0") == 0;
    if (!any || r->core == 0 || strncmp(address, "unix:", 5) == 0)
        return address;
    snprintf(out, ADDRESS_BYTES, "%.*s:%u", (int)(n - 2), address,
             net_port(r->server->reactor[0]->net, i));
    return out;
}

static int listen_on(struct reactor *r, char why[SERVER_WHY])
{
    const struct server_options *opt = &r->server->opt;
    struct net_listen listen[SERVER_LISTEN_MAX];
    char address[SERVER_LISTEN_MAX][ADDRESS_BYTES];
    for (unsigned i = 0; i < opt->listen_count; i++)
        listen[i] = (struct net_listen){.address = same_port(r, i, address[i])};
    struct net_options o = {
        .backend = opt->io,
        .core = r->core,
        .listen = listen,
        .listen_count = opt->listen_count,
        .reuse_port = r->server->cores > 1,
        .connections_max = connections_max(r->server),
        .handler = &handler,
        .ctx = r,
    };
    return net_open(&r->net, &o, why);
}

int reactor_open(struct server *s, unsigned core, struct reactor **out, char why[SERVER_WHY])
{
    struct reactor *r = aligned_alloc(64, (sizeof *r + 63) / 64 * 64);
    *out = r;
    if (r == NULL)
        return ENOMEM;
    memset(r, 0, sizeof *r);
    r->server = s;
    r->core = core;
    r->shard = &s->store->shard[core];
    r->queue = wal_queue(s->wal, core);
    r->shared = &s->shared[core];
    pthread_mutex_init(&r->given_lock, NULL);
    requests_init(&r->requests, core, s->boot);
    request_list_init(&r->ready);
    request_list_init(&r->parked);
    mail_init(r);
    r->build = malloc(BUILD_BYTES);
    r->entry = malloc(ENTRY_MAX);
    fb_init(&r->pages, r->build, r->build != NULL ? BUILD_BYTES : 0);
    snprintf(why, SERVER_WHY, "no memory");
    if (r->build == NULL || r->entry == NULL || stats_init(&r->stats) != 0)
        return ENOMEM;
    r->seen = r->shard->place;
    atomic_store(&r->shared->applied, r->shard->place);
    r->shard->hooks = (struct shard_hooks){
        .ctx = r, .outcome = on_outcome, .push = on_push, .pulled = on_pulled,
        .noted = on_noted};
    r->media.store = &s->media;
    r->shard->media = media_hook(&r->media);
    return listen_on(r, why);
}

// Requests that other cores or helpers have at the end are theirs no more: nobody runs.
static void drop_requests(struct reactor *r)
{
    for (uint32_t i = 0; i < r->requests.made; i++)
        answer_drop(r->requests.slot[i]);
    requests_free(&r->requests);
}

void reactor_close(struct reactor *r)
{
    if (r == NULL)
        return;
    if (r->net != NULL)
        net_close(r->net);
    r->shard->hooks = (struct shard_hooks){0};
    r->shard->media = (struct media_hook){0};
    media_forget(&r->media);
    drop_requests(r);
    mail_free(r);
    snapshotter_drop(r);
    push_end(r);
    stats_free(&r->stats);
    pthread_mutex_destroy(&r->given_lock);
    free(r->outcomes);
    free(r->owed);
    free(r->job);
    free(r->build);
    free(r->entry);
    free(r->text);
    free(r);
}
