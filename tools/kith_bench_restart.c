// The scenario restart: how long a stopped server takes until it answers, from the log of an
// import, from a snapshot, and from a snapshot with a log of single changes after it. The last less
// the second is what those changes took to replay.
#include "tools/kith_bench_special.h"

#include "tools/kith_cli.h"

// From the start of the process to the first answer, and what it took of all cores until then.
struct start { double seconds, cpu_s; };

static int restart(struct bench *b, struct start *out)
{
    bench_server_stop(&b->server);
    out->seconds = bench_server_restart(&b->server);
    out->cpu_s = (double)process_cpu_ns(b->server.pid) / 1e9;
    return out->seconds < 0 ? EXIT_FAILED : EXIT_OK;
}

// So many single changes in the proportions of `mixed`: an entry each.
static int change(struct bench *b, uint64_t changes)
{
    struct mix mix = {.kind = MIX_MIXED, .community = &b->world.community, .order = b->opt.order};
    mix_init(&mix);
    struct generator_options opt = {
        .driver = &b->driver, .mix = &mix, .connections = 16, .in_flight = 64,
        .duration_s = GENERATOR_SECONDS_MAX, .stop_after = changes,
    };
    struct generator_report report;
    int err = generator_run(&opt, &report);
    int code = err != 0 ? failed(EXIT_FAILED, "%s", report.why) : EXIT_OK;
    if (code == EXIT_OK && report.refused + report.wrong > 0)
        code = failed(EXIT_FAILED, "a change is refused: %s", report.first_error);
    generator_free(&report);
    mix_free(&mix);
    return code;
}

static double entries(const struct bench *b)
{
    return bench_server_metric(&b->server, "kith_place_released ");
}

static void note_import(struct bench *b, struct start s, double logged)
{
    const struct community *c = &b->world.community;
    double rows = (double)(c->edges + c->posts + c->users);
    bench_note(b, "rows", rows, "");
    bench_note(b, "log_entries", logged, "");
    bench_note(b, "log_replay_s", s.seconds, "s");
    bench_note(b, "replayed_rows_per_second", bench_ratio(rows, s.seconds), "/s");
    bench_note(b, "replayed_rows_per_core_second", bench_ratio(rows, s.cpu_s), "/s");
}

static void note_changes(struct bench *b, struct start snapshot, struct start both, double logged)
{
    double seconds = both.seconds - snapshot.seconds, cpu_s = both.cpu_s - snapshot.cpu_s;
    bench_note(b, "change_entries", logged, "");
    bench_note(b, "snapshot_and_changes_s", both.seconds, "s");
    bench_note(b, "replayed_entries_per_second", bench_ratio(logged, seconds), "/s");
    bench_note(b, "replayed_entries_per_core_second", bench_ratio(logged, cpu_s), "/s");
}

int bench_restart(struct bench *b)
{
    struct start log, snapshot, both;
    if (b->server.target != NULL)
        return failed(EXIT_USAGE, "the scenario restart needs a private server: no --target");
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = bench_prepare(b, MIX_FEED, false);
    if (code != EXIT_OK)
        return code;
    double imported = entries(b);
    bench_note(b, "resident_mb", (double)process_resident_bytes(b->server.pid) / 1e6, "MB");
    if ((code = restart(b, &log)) != EXIT_OK)
        return code;
    note_import(b, log, imported);
    if ((code = bench_server_snapshot(&b->server)) != EXIT_OK ||
        (code = restart(b, &snapshot)) != EXIT_OK)
        return code;
    bench_note(b, "snapshot_load_s", snapshot.seconds, "s");
    bench_note(b, "snapshot_load_cpu_s", snapshot.cpu_s, "s");
    bench_note(b, "resident_loaded_mb", (double)process_resident_bytes(b->server.pid) / 1e6, "MB");
    double before = entries(b);
    if ((code = change(b, b->opt.posts)) != EXIT_OK)
        return code;
    double logged = entries(b) - before;
    if ((code = restart(b, &both)) == EXIT_OK)
        note_changes(b, snapshot, both, logged);
    return code;
}
