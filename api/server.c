// Putting a server together and taking it apart again, in one order and its reverse.
#include "api/server.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "api/control.h"
#include "api/helper.h"
#include "api/load.h"
#include "api/marks.h"
#include "api/openapi.h"
#include "api/outbox.h"
#include "api/reactor.h"
#include "api/router.h"
#include "api/snapshotter.h"
#include "api/text.h"
#include "api/threads.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/logger.h"
#include "core/ops.h"
#include "core/random.h"
#include "persist/snapshot.h"
#include "store/store.h"

enum {
    TIMELINES_DEFAULT = 100000,
    TOKEN_TTL_S = 900,
    SLOW_MS_DEFAULT = 100,
    CLOSE_TRIES = 100000,
    LOOK_MS = 200,             // between two looks whether the server can go on
};

// ---- options -----------------------------------------------------------------------------------

static unsigned cores_allowed(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > CORES_MAX ? CORES_MAX : (unsigned)n;
}

void server_options_defaults(struct server_options *opt)
{
    *opt = (struct server_options){
        .io = NET_AUTO,
        .durability = DURABILITY_STRICT,
        .group_ms = GROUP_MS_DEFAULT,
        .fanout_max = FANOUT_MAX_DEFAULT,
        .partitions = PARTITIONS_DEFAULT,
        .token_ttl_s = TOKEN_TTL_S,
        .keep_activities_s = KEEP_ACTIVITIES_S,
        .keep_audits_s = KEEP_AUDITS_S,
        .restore_s = RESTORE_S,
        .keep_snapshots = SNAPSHOTS_KEPT,
        .snapshot_every_s = SNAPSHOT_EVERY_S,
        .timelines_max = TIMELINES_DEFAULT,
        .segment_bytes = SEGMENT_BYTES,
        .slow_ms = SLOW_MS_DEFAULT,
    };
    limit_options_defaults(&opt->limits);
}

static const char *options_wrong(const struct server_options *opt)
{
    if (opt->dir == NULL || opt->dir[0] == '\0')
        return "a data directory is needed";
    if (opt->listen_count > SERVER_LISTEN_MAX)
        return "too many addresses to listen on";
    if (opt->cores > CORES_MAX)
        return "too many cores";
    unsigned p = opt->partitions;
    if (p > PARTITIONS_MAX || (p & (p - 1)) != 0)
        return "partitions must be a power of two, at most 1024";
    if (opt->segment_bytes % BATCH_MAX != 0)
        return "segments must be a multiple of 1 MiB";
    if (opt->token_ttl_s > 24 * 3600)
        return "tokens may live for a day at most";
    return NULL;
}

static void fill_in(struct server_options *opt)
{
    if (opt->cores == 0)
        opt->cores = cores_allowed();
    if (opt->partitions == 0)
        opt->partitions = PARTITIONS_DEFAULT;
    if (opt->token_ttl_s == 0)
        opt->token_ttl_s = TOKEN_TTL_S;
    if (opt->restore_s == 0)
        opt->restore_s = RESTORE_S;
    if (opt->keep_snapshots == 0)
        opt->keep_snapshots = SNAPSHOTS_KEPT;
    if (opt->timelines_max == 0)
        opt->timelines_max = TIMELINES_DEFAULT;
    if (opt->segment_bytes == 0)
        opt->segment_bytes = SEGMENT_BYTES;
    if (opt->group_ms == 0)
        opt->group_ms = GROUP_MS_DEFAULT;
    if (!opt->fanout_set)
        opt->fanout_max = opt->fanout_max ? opt->fanout_max : FANOUT_MAX_DEFAULT;
}

// ---- the first half ----------------------------------------------------------------------------

static const char *random_name(void)
{
    return "kith";
}

static uint32_t random_word(void)
{
    uint32_t v;
    random_bytes(&v, sizeof v);
    return v;
}

static void random_fill(void *const out, const size_t n)
{
    random_bytes(out, n);
}

// libsodium draws its salts where everything else is drawn, so that the simulator decides them too.
static bool sodium_ready(void)
{
    static randombytes_implementation ours = {
        .implementation_name = random_name, .random = random_word, .buf = random_fill};
    return randombytes_set_implementation(&ours) == 0 && sodium_init() >= 0;
}

static enum server_exit fail(enum server_exit how, char why[SERVER_WHY], const char *what, int err)
{
    snprintf(why, SERVER_WHY, "%.150s: %.100s", what, strerror(err));
    return how;
}

static enum server_exit say(enum server_exit how, char why[SERVER_WHY], const char *what)
{
    snprintf(why, SERVER_WHY, "%.255s", what);
    return how;
}

static enum server_exit read_root(struct server *s, char why[SERVER_WHY])
{
    int err = root_read(s->dir, &s->root);
    if (err == ENOENT)
        err = root_create(s->dir, s->opt.partitions, &s->root);
    if (err == ENOTSUP)
        return say(SERVER_REFUSED, why, "a version of another format wrote the data directory");
    if (err == EBADMSG)
        return say(SERVER_REFUSED, why, "both slots of the root file are damaged");
    if (err != 0)
        return fail(SERVER_IO, why, "root file", err);
    s->cores = s->opt.cores < s->root.partitions ? s->opt.cores : s->root.partitions;
    return SERVER_DONE;
}

static enum server_exit open_dir(struct server *s, char why[SERVER_WHY])
{
    const char *which;
    int err = file_dir_open(&s->dir, s->opt.dir, true);
    if (err != 0)
        return fail(SERVER_CONFIG, why, s->opt.dir, err);
    err = file_dir_lock(s->dir);
    if (err == EWOULDBLOCK)
        return say(SERVER_CONFIG, why, "another process has the data directory");
    if (err != 0)
        return fail(SERVER_IO, why, "lock of the data directory", err);
    enum server_exit how = read_root(s, why);
    if (how != SERVER_DONE)
        return how;
    err = keys_open(s->dir, &s->keys, &which);
    return err != 0 ? fail(SERVER_IO, why, which, err) : SERVER_DONE;
}

static enum server_exit make_parts(struct server *s, char why[SERVER_WHY])
{
    struct text document = {0};
    openapi_write(&document);
    s->openapi = document.s;
    s->openapi_n = document.n;
    s->router = router_new();
    s->shared = aligned_alloc(64, s->cores * sizeof *s->shared);
    const struct limit_options *limits = &s->opt.limits;
    s->crowd = crowd_new(limits->connections ? limits->connections : reactor_connections(s) / 4);
    if (document.failed || s->router == NULL || s->crowd == NULL ||
        !limits_init(&s->limits, limits) || s->shared == NULL || mail_open(s) != 0 ||
        digests_init(&s->digests, s) != 0)
        return say(SERVER_FAILED, why, "no memory");
    memset(s->shared, 0, s->cores * sizeof *s->shared);
    s->helpers = helpers_new(s);
    s->snapshotter = snapshotter_new(s);
    s->outbox = outbox_new(s->started_ms);
    if (s->helpers == NULL || s->outbox == NULL || s->snapshotter == NULL)
        return say(SERVER_FAILED, why, "no memory");
    return SERVER_DONE;
}

static enum server_exit begin(struct server *s, char why[SERVER_WHY])
{
    const char *wrong = options_wrong(&s->opt);
    if (wrong != NULL)
        return say(SERVER_CONFIG, why, wrong);
    fill_in(&s->opt);
    if (!sodium_ready())
        return say(SERVER_FAILED, why, "libsodium cannot be used");
    if (s->opt.service_key_file != NULL &&
        !service_keys_open(s->opt.service_key_file, &s->services, why))
        return SERVER_CONFIG;
    if (s->opt.provider_file != NULL &&
        !provider_set_open(&s->providers, s->opt.provider_file, why))
        return SERVER_CONFIG;
    if (s->opt.media_file != NULL && !media_open(s->opt.media_file, &s->media, why))
        return SERVER_CONFIG;
    if (s->opt.captcha_file != NULL && !captcha_open(&s->captcha, s->opt.captcha_file, why))
        return SERVER_CONFIG;
    random_bytes(&s->boot, sizeof s->boot);
    s->started_ms = clock_wall_ms();
    s->slow_ns = (uint64_t)s->opt.slow_ms * 1000000;
    enum server_exit how = open_dir(s, why);
    if (how == SERVER_DONE)
        how = make_parts(s, why);
    if (how == SERVER_DONE && control_open(s, &s->control, why) != 0)
        how = SERVER_CONFIG;
    return how;
}

enum server_exit server_new(const struct server_options *opt, struct server **out,
                            char why[SERVER_WHY])
{
    struct server *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    *out = NULL;
    why[0] = '\0';
    if (s == NULL)
        return say(SERVER_FAILED, why, "no memory");
    memset(s, 0, sizeof *s);
    s->opt = *opt;
    s->dir.fd = -1;
    enum server_exit how = begin(s, why);
    if (how == SERVER_DONE)
        *out = s;
    else
        server_abandon(s);
    return how;
}

// ---- the second half ---------------------------------------------------------------------------

static void on_progress(void *ctx, const char *phase, uint64_t done, uint64_t all)
{
    struct server *s = ctx;
    atomic_store(&s->phase, strcmp(phase, "log") == 0 ? PHASE_LOG : PHASE_SNAPSHOT);
    atomic_store(&s->progress_done, done);
    atomic_store(&s->progress_all, all);
}

static enum server_exit judge(const struct load_report *report, int err, char why[SERVER_WHY])
{
    if (err == EBADMSG)
        return say(SERVER_REFUSED, why, report->line[0] ? report->line : "damaged data");
    if (err != 0)
        return fail(SERVER_IO, why, report->line[0] ? report->line : "reading the state", err);
    if (report->recover.refused)
        return say(SERVER_REFUSED, why, report->line);
    if (report->snapshot_wrong)
        return say(SERVER_REFUSED, why, report->line);
    if (report->digests_wrong > 0) {
        snprintf(why, SERVER_WHY, "the state at place %llu is not what the log says it was",
                 (unsigned long long)report->digest_wrong_place);
        return SERVER_REFUSED;
    }
    return SERVER_DONE;
}

static enum server_exit read_state(struct server *s, struct load_report *report,
                                   char why[SERVER_WHY])
{
    struct store_options so = {
        .cores = s->cores,
        .partitions = s->root.partitions,
        .hash_key = {s->root.hash_key[0], s->root.hash_key[1]},
        .fanout_max = s->opt.fanout_max,
        .timelines_max = s->opt.timelines_max,
        .map = pool_map_pages,
        .unmap = pool_unmap_pages,
    };
    struct load_options lo = {.index_later = true, .progress = on_progress, .ctx = s};
    snapshot_clean(s->dir);
    s->store = store_new(&so);
    if (s->store == NULL)
        return say(SERVER_FAILED, why, "no memory");
    int err = load_state(s->dir, &s->root, s->store, &lo, report);
    enum server_exit how = judge(report, err, why);
    if (how == SERVER_DONE)
        log_event(LOG_INFO, "recovered", log_u64("place", report->at.next_place - 1),
                  log_u64("entries", report->entries),
                  log_u64("snapshot", report->have_snapshot ? report->snapshot.place : 0),
                  log_u64("dropped_bytes", report->recover.bytes_dropped),
                  log_str("log", report->recover.line));
    return how;
}

static void wake_core(void *ctx, unsigned c)
{
    const struct server *s = ctx;
    if (s->reactor[c] != NULL && s->reactor[c]->net != NULL)
        net_wake(s->reactor[c]->net);
}

static enum server_exit open_wal(struct server *s, const struct wal_position *at,
                                 char why[SERVER_WHY])
{
    const char *what = "log";
    struct wal_options o = {
        .cores = s->cores,
        .durability = s->opt.durability,
        .group_ms = s->opt.group_ms,
        .segment_bytes = s->opt.segment_bytes,
        .use_uring = s->opt.io != NET_EPOLL,
        .wake_core = wake_core,
        .ctx = s,
    };
    s->recovered = at->next_place - 1;
    captcha_since(&s->captcha, stamp_ms(at->last_stamp));
    int err = wal_open(&s->wal, s->dir, &o, at, &what);
    return err != 0 ? fail(SERVER_IO, why, what, err) : SERVER_DONE;
}

enum server_exit server_load(struct server *s, char why[SERVER_WHY])
{
    struct load_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return say(SERVER_FAILED, why, "no memory");
    enum server_exit how = read_state(s, report, why);
    if (how == SERVER_DONE)
        how = open_wal(s, &report->at, why);
    uint64_t epoch = report->at.epoch;
    free(report);
    for (unsigned c = 0; c < s->cores && how == SERVER_DONE; c++)
        if (reactor_open(s, c, &s->reactor[c], why) != 0)
            how = SERVER_CONFIG;
    if (how != SERVER_DONE)
        return how;
    if (why[0] != '\0')
        log_line(LOG_WARN, "%s", why);
    why[0] = '\0';
    bool logged = marks_log(s, wal_queue(s->wal, s->cores), OP_start, epoch);
    ASSERT(logged); // the queue is empty
    atomic_store(&s->phase, PHASE_SERVING);
    return SERVER_DONE;
}

// ---- steps -------------------------------------------------------------------------------------

unsigned server_cores(const struct server *s)
{
    return s->cores;
}

struct wal *server_wal(struct server *s)
{
    return s->wal;
}

struct store *server_store(struct server *s)
{
    return s->store;
}

unsigned server_port(const struct server *s, unsigned listener)
{
    return net_port(s->reactor[0]->net, listener);
}

unsigned server_admin_port(const struct server *s)
{
    return control_port(s->control);
}

struct outbox *server_outbox(struct server *s)
{
    return s->outbox;
}

const char *server_backend(const struct server *s)
{
    return net_backend_used(s->reactor[0]->net) == NET_URING ? "io_uring" : "epoll";
}

void server_write(struct server *s, int wait_ms)
{
    int err = wal_step(s->wal, wait_ms);
    if (err == 0)
        return;
    atomic_store(&s->wal_error, err);
    log_event(LOG_ERROR, "the log cannot be written: nothing more is answered",
              log_str("why", strerror(err)));
}

void server_step_core(struct server *s, unsigned core)
{
    if (!server_dead(s))
        reactor_turn(s->reactor[core], 0);
}

void server_step_writer(struct server *s)
{
    if (!server_dead(s))
        server_write(s, 0);
}

void server_step_control(struct server *s)
{
    control_step(s->control, 0);
}

void server_step_helper(struct server *s)
{
    helper_step(s->helpers);
}

void server_step_snapshot(struct server *s)
{
    snapshotter_step(s->snapshotter);
}

// ---- start and stop ----------------------------------------------------------------------------

enum server_exit server_start(const struct server_options *opt, struct server **out,
                              char why[SERVER_WHY])
{
    struct server *s;
    enum server_exit how = server_new(opt, &s, why);
    *out = NULL;
    if (how != SERVER_DONE)
        return how;
    int err = threads_begin(s);
    if (err == 0)
        how = server_load(s, why);
    if (err == 0 && how == SERVER_DONE)
        err = threads_serve(s);
    if (err != 0)
        how = fail(SERVER_FAILED, why, "a thread cannot be made", err);
    if (how == SERVER_DONE)
        *out = s;
    else
        server_abandon(s);
    return how;
}

enum server_exit server_wait(const struct server *s, int ms)
{
    const struct timespec nap = {0, 10 * 1000 * 1000};
    for (int waited = 0; waited < ms && !server_dead(s); waited += 10)
        nanosleep(&nap, NULL);
    return server_dead(s) ? SERVER_IO : SERVER_DONE;
}

// The parts that are not the log's, in the reverse order of their making.
static void free_parts(struct server *s)
{
    for (unsigned c = 0; c < s->cores; c++)
        reactor_close(s->reactor[c]);
    control_close(s->control);
    snapshotter_free(s->snapshotter);
    helpers_free(s->helpers);
    outbox_free(s->outbox);
    provider_set_close(&s->providers);
    captcha_close(&s->captcha);
    mail_close(s);
    digests_free(&s->digests);
    router_free(s->router);
    free(s->openapi);
    free(s->shared);
    free(s->crowd);
    limits_free(&s->limits);
    if (s->store != NULL)
        store_free(s->store);
    if (s->dir.fd >= 0)
        file_dir_close(&s->dir);
    sodium_memzero(s, sizeof *s);
    free(s);
}

void server_abandon(struct server *s)
{
    threads_end(s);
    if (s->wal != NULL)
        wal_abandon(s->wal);
    free_parts(s);
}

static void apply_rest(struct server *s)
{
    for (unsigned c = 0; c < s->cores; c++)
        while (reactor_apply(s->reactor[c])) {
        }
}

// No thread runs any more.
static enum server_exit close_wal(struct server *s)
{
    if (server_dead(s)) {
        wal_abandon(s->wal);
        return SERVER_IO;
    }
    int err = EBUSY;
    for (unsigned i = 0; i < CLOSE_TRIES && err == EBUSY; i++) {
        apply_rest(s);
        err = wal_close(s->wal);
    }
    return err == 0 ? SERVER_DONE : SERVER_IO;
}

enum server_exit server_stop(struct server *s)
{
    bool threaded = s->threads != NULL;
    atomic_store(&s->phase, PHASE_DRAINING);
    if (threaded)
        threads_drain(s, DRAIN_MS);
    threads_end(s);
    for (unsigned c = 0; c < s->cores; c++)
        quiet_online(&s->store->quiet, c);
    enum server_exit how = close_wal(s);
    s->wal = NULL;
    free_parts(s);
    return how;
}

// ---- the foreground ----------------------------------------------------------------------------

static void ready_line(const struct server *s)
{
    printf("kith %s ready:", KITH_VERSION);
    for (unsigned i = 0; i < s->opt.listen_count; i++)
        printf(" %s", s->opt.listen[i]);
    if (s->opt.admin != NULL)
        printf(", admin %s", s->opt.admin);
    printf(", %s, %u core%s, %s, place %llu\n", server_backend(s), s->cores,
           s->cores == 1 ? "" : "s", s->opt.dir, (unsigned long long)s->recovered);
    fflush(stdout);
}

// Until a signal or until the server cannot go on.
static enum server_exit wait_for_end(const struct server *s, const sigset_t *set)
{
    const struct timespec wait = {0, LOOK_MS * 1000 * 1000};
    for (;;) {
        if (sigtimedwait(set, NULL, &wait) > 0)
            return SERVER_DONE;
        if (server_dead(s))
            return SERVER_IO;
    }
}

// As many connections as the process may have.
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

enum server_exit server_run(const struct server_options *opt)
{
    struct server *s;
    char why[SERVER_WHY];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    // Before any thread is made: none of them may take a signal.
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_limits();
    logger_start((struct logger_options){.level = LOG_INFO, .format = LOG_LOGFMT, .fd = 2});
    enum server_exit how = server_start(opt, &s, why);
    if (how != SERVER_DONE) {
        log_line(LOG_ERROR, "%s", why);
        logger_stop();
        return how;
    }
    if (!opt->quiet)
        ready_line(s);
    enum server_exit ended = wait_for_end(s, &set);
    // From here on a signal ends the process as if it was killed.
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    log_line(LOG_INFO, "%s", ended == SERVER_DONE ? "stopping" : "ending after an error");
    how = server_stop(s);
    logger_stop();
    return ended != SERVER_DONE ? ended : how;
}
