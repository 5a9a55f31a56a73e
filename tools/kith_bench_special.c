#include "tools/kith_bench_special.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/limits.h"
#include "core/assert.h"
#include "core/limits.h"
#include "tools/kith_cli.h"
#include "tools/kith_http.h"

static void note(struct bench *b, const char *name, double value, const char *unit)
{
    bench_add_figure(b, (struct bench_figure){.name = name, .unit = unit, .value = value});
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

// ---- posts -------------------------------------------------------------------------------------

int bench_fanout(struct bench *b)
{
    b->world.community.circle = FAN_OUT;
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = bench_prepare(b, MIX_FANOUT, true);
    if (code == EXIT_OK)
        code = bench_measure(b);
    if (code != EXIT_OK)
        return code;
    const struct bench_run *r = &b->run[b->main];
    note(b, "deliveries_per_second", run_per_second(r) * FAN_OUT, "/s");
    if (r->server_cpu_ns > 0)
        note(b, "deliveries_per_core_second",
             (double)r->report.answered * FAN_OUT / ((double)r->server_cpu_ns / 1e9), "/s");
    return bench_count_changes(b);
}

static const struct bench_run *post_run(struct bench *b, const char *label, uint64_t every)
{
    struct bench_load l = {label, 0, b->opt.warmup_s / 4, b->opt.duration_s / 4};
    b->mix.post_every = every;
    return bench_load(b, &l);
}

// CIRCLE: followers of everybody else, few enough to make a million people in a minute.
enum { POSTS_A_SECOND = 20, CIRCLE = 10 };

int bench_celebrity(struct bench *b)
{
    b->world.community.circle = CIRCLE;
    b->world.community.star = true;
    b->world.community.users = (uint32_t)b->opt.followers + 1;
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = bench_prepare(b, MIX_FANOUT, true);
    if (code != EXIT_OK)
        return code;
    const struct bench_run *ordinary = post_run(b, "posts of ordinary authors", 0);
    bench_retarget(b, MIX_CELEBRITY);
    const struct bench_run *star = post_run(b, "posts of the celebrity", 1);
    if (ordinary == NULL || star == NULL)
        return EXIT_FAILED;
    b->mix.post_every = 0;
    if ((code = bench_measure(b)) != EXIT_OK)
        return code;
    struct bench_run *calm = &b->run[b->main];
    double rate = calm->rate > 0 ? calm->rate : run_per_second(calm);
    snprintf(calm->label, sizeof calm->label, "feeds, calm");
    b->mix.post_every = rate > 2 * POSTS_A_SECOND ? (uint64_t)(rate / POSTS_A_SECOND) : 2;
    struct bench_load l = {"feeds while the celebrity posts", calm->rate, 0, b->opt.duration_s};
    const struct bench_run *during = bench_load(b, &l);
    if (during == NULL)
        return EXIT_FAILED;
    note(b, "followers", (double)b->opt.followers, "");
    note(b, "ordinary_post_us", run_us(ordinary, 50), "us");
    note(b, "celebrity_post_us", run_us(star, 50), "us");
    note(b, "ordinary_post_cpu_us", run_server_us(ordinary), "us");
    note(b, "celebrity_post_cpu_us", run_server_us(star), "us");
    note(b, "post_cost_ratio", ratio(run_server_us(star), run_server_us(ordinary)), "");
    note(b, "feed_p99_calm_us", (double)hist_percentile(&calm->report.kind[ASK_FEED], 99) / 1e3,
         "us");
    note(b, "feed_p99_during_us", (double)hist_percentile(&during->report.kind[ASK_FEED], 99) / 1e3,
         "us");
    note(b, "feed_p99_ratio",
         ratio((double)hist_percentile(&during->report.kind[ASK_FEED], 99),
               (double)hist_percentile(&calm->report.kind[ASK_FEED], 99)), "");
    return bench_count_changes(b);
}

// ---- snapshot ----------------------------------------------------------------------------------

// Asks for one snapshot after the other, each by a process of its own: the generator cannot wait.
struct snapshots { pid_t child; unsigned begun, done; };
static struct snapshots snapshots;

static void begin_snapshot(const char *admin)
{
    const char *args[] = {"kith", "snapshot", "now", "--admin", admin, NULL};
    snapshots.child = fork();
    if (snapshots.child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        execv("/proc/self/exe", (char **)(uintptr_t)args);
        _exit(EXIT_FAILED);
    }
    snapshots.begun++;
}

static void end_snapshot(bool wait)
{
    int status;
    if (snapshots.child <= 0 || waitpid(snapshots.child, &status, wait ? 0 : WNOHANG) == 0)
        return;
    snapshots.done += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    snapshots.child = 0;
}

static void on_tick(struct bench *b)
{
    end_snapshot(false);
    if (snapshots.child <= 0)
        begin_snapshot(b->server.admin);
}

int bench_snapshot(struct bench *b)
{
    if (b->server.target != NULL)
        return failed(EXIT_USAGE, "the scenario snapshot needs a private server: no --target");
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = bench_prepare(b, MIX_MIXED, true);
    if (code == EXIT_OK)
        code = bench_measure(b);
    if (code != EXIT_OK)
        return code;
    struct bench_run *calm = &b->run[b->main];
    snprintf(calm->label, sizeof calm->label, "calm");
    snapshots = (struct snapshots){0};
    b->ticked = on_tick;
    struct bench_load l = {"while snapshots are taken", calm->rate, 0, b->opt.duration_s};
    const struct bench_run *during = bench_load(b, &l);
    b->ticked = NULL;
    end_snapshot(true);
    if (during == NULL)
        return EXIT_FAILED;
    if (snapshots.done == 0)
        return failed(EXIT_FAILED, "no snapshot was taken");
    note(b, "snapshots", snapshots.done, "");
    note(b, "p99_calm_us", run_us(calm, 99), "us");
    note(b, "p99_during_us", run_us(during, 99), "us");
    note(b, "p999_calm_us", run_us(calm, 99.9), "us");
    note(b, "p999_during_us", run_us(during, 99.9), "us");
    note(b, "p999_ratio", ratio(run_us(during, 99.9), run_us(calm, 99.9)), "");
    note(b, "resident_calm_mb", (double)calm->resident_max / 1e6, "MB");
    note(b, "resident_during_mb", (double)during->resident_max / 1e6, "MB");
    note(b, "resident_ratio", ratio((double)during->resident_max, (double)calm->resident_max), "");
    return bench_count_changes(b);
}

// ---- restart -----------------------------------------------------------------------------------

// Entries of the log so far, as the admin port tells: the place that has been released.
static double log_entries(const struct bench *b)
{
    struct string body = {0};
    char why[256];
    double place = 0;
    struct http_call call = {b->server.admin, "GET", "/metrics"};
    if (http_exchange(&call, &body, why) == 200) {
        const char *at = strstr(body.s, "\nkith_place_released ");
        if (at != NULL)
            place = strtod(at + strlen("\nkith_place_released "), NULL);
    }
    string_free(&body);
    return place;
}

// The admin port may refuse for a moment after a start.
static int take_snapshot(const struct bench *b)
{
    enum { TRIES = 100, PAUSE_NS = 50000000 };
    struct string body = {0};
    char why[256] = "";
    struct http_call call = {b->server.admin, "POST", "/snapshot"};
    int status = -1;
    for (unsigned i = 0; i < TRIES && status / 100 != 2; i++) {
        if (i > 0)
            nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
        string_clear(&body);
        status = http_exchange(&call, &body, why);
    }
    int code = EXIT_OK;
    if (status / 100 != 2)
        code = failed(EXIT_FAILED, "no snapshot: status %d, %s", status,
                      body.n > 0 ? body.s : why);
    string_free(&body);
    return code;
}

int bench_restart(struct bench *b)
{
    if (b->server.target != NULL)
        return failed(EXIT_USAGE, "the scenario restart needs a private server: no --target");
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = bench_prepare(b, MIX_FEED, false);
    if (code != EXIT_OK)
        return code;
    double entries = log_entries(b), rows = (double)(b->world.community.edges + b->opt.posts +
                                                     b->opt.users);
    note(b, "rows", rows, "");
    note(b, "resident_mb", (double)process_resident_bytes(b->server.pid) / 1e6, "MB");
    bench_server_stop(&b->server);
    double replay_s = bench_server_restart(&b->server);
    if (replay_s < 0)
        return EXIT_FAILED;
    double replay_cpu_s = (double)process_cpu_ns(b->server.pid) / 1e9;
    if ((code = take_snapshot(b)) != EXIT_OK)
        return code;
    bench_server_stop(&b->server);
    double load_s = bench_server_restart(&b->server);
    if (load_s < 0)
        return EXIT_FAILED;
    note(b, "log_replay_s", replay_s, "s");
    note(b, "log_entries", entries, "");
    note(b, "replayed_rows_per_second", ratio(rows, replay_s), "/s");
    note(b, "replayed_rows_per_core_second", ratio(rows, replay_cpu_s), "/s");
    note(b, "snapshot_load_s", load_s, "s");
    note(b, "loaded_rows_per_second", ratio(rows, load_s), "/s");
    return EXIT_OK;
}

// ---- limits ------------------------------------------------------------------------------------

static int limit_echo(struct bench *b, unsigned bytes, unsigned in_flight)
{
    static const char *const names[2][2] = {{"echo_64_64_1", "echo_64_64_16"},
                                            {"echo_64_4264_1", "echo_64_4264_16"}};
    bool big = bytes == FEED_PAGE_BYTES, deep = in_flight > 1;
    b->opt.in_flight = in_flight;
    bench_prepare_bare(b, MIX_ECHO, bytes);
    struct bench_load l = {names[big][deep], 0, b->opt.warmup_s / 4, b->opt.duration_s / 4};
    const struct bench_run *r = bench_load(b, &l);
    if (r == NULL)
        return EXIT_FAILED;
    note(b, names[big][deep], run_per_second(r), "/s");
    return EXIT_OK;
}

static int limit_appends(struct bench *b)
{
    static const struct { size_t bytes; unsigned in_flight; const char *us, *per_s; } each[] = {
        {4 << 10, 1, "append_4k_us", "append_4k_per_s"},
        {64 << 10, 1, "append_64k_us", "append_64k_per_s"},
        {4 << 10, 4, "append_4k_x4_us", "append_4k_x4_per_s"},
        {64 << 10, 4, "append_64k_x4_us", "append_64k_x4_per_s"},
    };
    for (unsigned i = 0; i < sizeof each / sizeof each[0]; i++) {
        struct limit_append a = {.dir = b->server.temp.path, .bytes = each[i].bytes,
                                 .in_flight = each[i].in_flight,
                                 .seconds = b->opt.duration_s / 8};
        int err = limit_append(&a);
        if (err != 0)
            return failed(EXIT_FAILED, "%s: %s", a.dir, strerror(err));
        note(b, each[i].us, a.p50_us, "us");
        note(b, each[i].per_s, a.per_second, "/s");
    }
    return EXIT_OK;
}

enum { WALK_BYTES = 512 << 20 };

int bench_limits(struct bench *b)
{
    uint64_t in_flight = b->opt.in_flight;
    int code = bench_server_start_echo(&b->server);
    for (unsigned i = 0; i < 4 && code == EXIT_OK; i++)
        code = limit_echo(b, i / 2 == 0 ? SMALL_BYTES : FEED_PAGE_BYTES, i % 2 == 0 ? 1 : 16);
    b->opt.in_flight = in_flight;
    bench_server_stop(&b->server);
    if (code == EXIT_OK)
        code = limit_appends(b);
    if (code != EXIT_OK)
        return code;
    struct limit_memory m = {.bytes = WALK_BYTES};
    if (limit_memory(&m) != 0)
        return failed(EXIT_FAILED, "no memory for a walk through %d MiB", WALK_BYTES >> 20);
    note(b, "memory_dependent_ns", m.dependent_ns, "ns");
    note(b, "memory_overlapped_ns", m.overlapped_ns, "ns");
    return EXIT_OK;
}

int bench_echo_share(struct bench *b)
{
    struct bench *e = calloc(1, sizeof *e);
    ASSERT(e != NULL);
    const struct bench_run *r = &b->run[b->main];
    double n = r->report.answered > 0 ? (double)r->report.answered : 1;
    unsigned bytes = (unsigned)((double)r->report.bytes_in / n + 0.5);
    bench_server_stop(&b->server);
    e->opt = b->opt;
    e->server = (struct bench_server){.io = b->server.io, .unix_socket = b->server.unix_socket};
    int code = bench_server_start_echo(&e->server);
    if (code == EXIT_OK) {
        bench_prepare_bare(e, MIX_ECHO, bytes < SMALL_BYTES ? SMALL_BYTES : bytes);
        struct bench_load l = {"echo", 0, b->opt.warmup_s / 2, b->opt.duration_s / 2};
        const struct bench_run *echo = bench_load(e, &l);
        code = echo != NULL ? EXIT_OK : EXIT_FAILED;
        double best = b->highest > 0 ? b->highest : run_per_second(r);
        if (echo != NULL) {
            note(b, "echo_bytes", e->frames.echo_bytes, "");
            note(b, "echo_per_second", run_per_second(echo), "/s");
            note(b, "echo_server_us", run_server_us(echo), "us");
            b->limit_ratio = ratio(best, run_per_second(echo));
        }
    }
    bench_free(e);
    free(e);
    return code;
}
