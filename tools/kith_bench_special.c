#include "tools/kith_bench_special.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/limits.h"
#include "core/assert.h"
#include "core/limits.h"
#include "tools/kith_cli.h"

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
    bench_note(b, "deliveries_per_second", run_per_second(r) * FAN_OUT, "/s");
    if (r->server_cpu_ns > 0)
        bench_note(b, "deliveries_per_core_second",
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
enum { STAR_POSTS = 100, CIRCLE = 10 };

// Every follower's feed begins with what the celebrity has just posted.
static int check_feeds(struct bench *b, const struct bench_run *during)
{
    struct client c = {.fd = -1};
    struct world_newest newest = {.posts = (uint32_t)during->report.asked[ASK_POST]};
    int code = bench_connect(b, &c);
    if (code != EXIT_OK)
        return code;
    b->world.client = &c;
    bool whole = world_newest(&b->world, &newest);
    b->world.client = NULL;
    client_close(&c);
    if (!whole)
        return failed(EXIT_FAILED, "the feeds cannot be read: %s", b->world.why);
    bench_note(b, "celebrity_posts", (double)during->report.asked[ASK_POST], "");
    bench_note(b, "feeds_read", (double)newest.feeds, "");
    bench_note(b, "feeds_incomplete", (double)newest.incomplete, "");
    if (newest.incomplete > 0 || newest.feeds < b->opt.followers)
        return failed(EXIT_FAILED, "%llu of %llu feeds do not have the celebrity's last %u posts",
                      (unsigned long long)newest.incomplete, (unsigned long long)newest.feeds,
                      newest.posts);
    return EXIT_OK;
}

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
    // One more, as the last may not have come to its turn when the time is over.
    b->mix.post_every = (uint64_t)(rate * b->opt.duration_s / (STAR_POSTS + 1));
    b->mix.post_every = b->mix.post_every > 2 ? b->mix.post_every : 2;
    struct bench_load l = {"feeds while the celebrity posts", calm->rate, 0, b->opt.duration_s};
    const struct bench_run *during = bench_load(b, &l);
    if (during == NULL)
        return EXIT_FAILED;
    bench_note(b, "followers", (double)b->opt.followers, "");
    bench_note(b, "ordinary_post_us", run_us(ordinary, 50), "us");
    bench_note(b, "celebrity_post_us", run_us(star, 50), "us");
    bench_note(b, "ordinary_post_cpu_us", run_server_us(ordinary), "us");
    bench_note(b, "celebrity_post_cpu_us", run_server_us(star), "us");
    bench_note(b, "post_cost_ratio", bench_ratio(run_server_us(star), run_server_us(ordinary)), "");
    double calm_us = (double)hist_percentile(&calm->report.kind[ASK_FEED], 99) / 1e3;
    double during_us = (double)hist_percentile(&during->report.kind[ASK_FEED], 99) / 1e3;
    bench_note(b, "feed_p99_calm_us", calm_us, "us");
    bench_note(b, "feed_p99_during_us", during_us, "us");
    bench_note(b, "feed_p99_ratio", bench_ratio(during_us, calm_us), "");
    code = check_feeds(b, during);
    return code == EXIT_OK ? bench_count_changes(b) : code;
}

// ---- suggestions -------------------------------------------------------------------------------

int bench_suggest(struct bench *b)
{
    struct community *c = &b->world.community;
    c->askers = ASKERS;
    c->asker_follows = (uint32_t)b->opt.followees;
    c->edges = (c->users - ASKERS) * b->opt.follows + ASKERS * b->opt.followees;
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = bench_prepare(b, MIX_SUGGEST, false);
    if (code == EXIT_OK)
        code = bench_measure(b);
    if (code != EXIT_OK)
        return code;
    bench_note(b, "followees", (double)b->opt.followees, "");
    bench_note(b, "follows_of_each", (double)b->opt.follows, "");
    bench_note_found(b, ASK_SUGGEST, "suggested_per_query");
    return EXIT_OK;
}

// ---- snapshot ----------------------------------------------------------------------------------

// Asks for one snapshot after the other, each by a process of its own: the generator cannot wait.
// Nor could it copy itself, with all that it knows of the community.
struct snapshots { pid_t child; unsigned done; };
static struct snapshots snapshots;

static void begin_snapshot(const char *admin)
{
    const char *args[] = {"kith", "snapshot", "now", "--admin", admin, NULL};
    posix_spawn_file_actions_t to;
    posix_spawn_file_actions_init(&to);
    posix_spawn_file_actions_addopen(&to, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&snapshots.child, "/proc/self/exe", &to, NULL, (char **)(uintptr_t)args,
                    environ) != 0)
        snapshots.child = 0;
    posix_spawn_file_actions_destroy(&to);
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
    bench_note(b, "snapshots", snapshots.done, "");
    bench_note(b, "p99_calm_us", run_us(calm, 99), "us");
    bench_note(b, "p99_during_us", run_us(during, 99), "us");
    bench_note(b, "p999_calm_us", run_us(calm, 99.9), "us");
    bench_note(b, "p999_during_us", run_us(during, 99.9), "us");
    bench_note(b, "p999_ratio", bench_ratio(run_us(during, 99.9), run_us(calm, 99.9)), "");
    bench_note(b, "resident_calm_mb", (double)calm->resident_max / 1e6, "MB");
    bench_note(b, "resident_during_mb", (double)during->resident_max / 1e6, "MB");
    bench_note(b, "resident_ratio",
               bench_ratio((double)during->resident_max, (double)calm->resident_max), "");
    return bench_count_changes(b);
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
    bench_note(b, names[big][deep], run_per_second(r), "/s");
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
        bench_note(b, each[i].us, a.p50_us, "us");
        bench_note(b, each[i].per_s, a.per_second, "/s");
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
    bench_note(b, "memory_dependent_ns", m.dependent_ns, "ns");
    bench_note(b, "memory_overlapped_ns", m.overlapped_ns, "ns");
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
            bench_note(b, "echo_bytes", e->frames.echo_bytes, "");
            bench_note(b, "echo_per_second", run_per_second(echo), "/s");
            bench_note(b, "echo_server_us", run_server_us(echo), "us");
            b->limit_ratio = bench_ratio(best, run_per_second(echo));
        }
    }
    bench_free(e);
    free(e);
    return code;
}
