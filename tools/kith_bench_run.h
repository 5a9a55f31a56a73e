// One benchmark: what was asked for, the community in the server, the measured runs and what they
// showed. The scenarios (kith_bench.c, kith_bench_special.c) fill it, the reports print it.
#ifndef KITH_TOOLS_KITH_BENCH_RUN_H
#define KITH_TOOLS_KITH_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/frames.h"
#include "bench/generator.h"
#include "bench/machine.h"
#include "bench/mix.h"
#include "bench/world.h"
#include "tools/kith_bench_server.h"

enum { RUNS_MAX = 24, FIGURES_MAX = 120 };
// Above this share of its thread's time, with cores to spare, the generator is what is measured.
#define BENCH_BUSY_MAX 0.9

// Everything asked for on the command line.
struct bench_options {
    const char *scenario, *words;
    unsigned version;          // of the scenario
    bool closed;
    double rate;               // requests a second, 0 = half of the highest
    double duration_s, warmup_s, calibrate_s;
    uint64_t connections, in_flight;
    uint64_t users, follows, posts, followers, followees, seed, order, echo_bytes;
    double skew, read_share;
    bool validate, sweep, limit, http;
    uint64_t validate_every;
    const char *edges;         // file of the graph, NULL = made up
    const char *texts;         // search: file of posts, NULL = made up
    bool undirected;
    const char *json, *hdr, *hlog, *html; // files, NULL = none, "-" = standard output
};

// One stretch of load.
struct bench_run {
    char label[40];
    double rate;               // open loop: requests a second; 0 = closed
    struct generator_report report;
    uint64_t server_cpu_ns;    // in the measured time; 0 = not known
    double core_busy[CORES_MAX]; // shares of the measured time
    unsigned cores;
    uint64_t resident_max;     // of the server, bytes
    bool bound;                // the generator was what held it up
};

// A further figure of a scenario, beside its main run.
struct bench_figure { const char *name, *unit; double value; };

struct bench {
    struct bench_options opt;
    enum mix_kind scenario_mix;
    int (*scenario_run)(struct bench *b);
    struct bench_server server;
    struct machine machine;
    char command[1024];        // as it was given
    struct world world;
    double world_seconds;
    struct mix mix;
    struct frames frames;
    struct queries queries;
    struct zipf words;         // of made-up texts that are searched
    struct driver driver;
    struct model model;
    bool modelled;
    uint64_t next;             // number of the next request of the mix
    uint64_t asked[ASK_KINDS]; // changes that were answered, in all runs
    struct world_counts before;
    double changed;            // share of the changes that changed something; < 0 = not known

    struct bench_run run[RUNS_MAX];
    unsigned runs;
    int main;                  // the run that the headline is of; -1 = none
    double limit_ratio;        // of the rate and that of bare echoes; 0 = not measured
    double highest;            // requests a second of the closed calibration, 0 = none made
    bool sweep[RUNS_MAX];      // runs that belong to the sweep
    struct bench_figure figure[FIGURES_MAX];
    unsigned figures;
    struct bench_run *current; // while it runs
    void (*ticked)(struct bench *b); // about ten times a second of a run; may be NULL
    struct machine_cores cores_begin;
};

// Puts the community into the server, reads every feed once where `read` is set, and makes the
// driver. EXIT_OK or an exit code after a message.
int bench_prepare(struct bench *b, enum mix_kind kind, bool read);
// The steps of it, for who takes them apart: a connection with the server's key, when the posts
// were made, everybody's feed read once.
int bench_connect(struct bench *b, struct client *c);
struct time_span bench_span(void);
int bench_read_once(struct bench *b);
// The same without a community: for pings and echoes.
void bench_prepare_bare(struct bench *b, enum mix_kind kind, unsigned echo_bytes);
// The mix and driver anew for another kind of requests on the same community.
void bench_retarget(struct bench *b, enum mix_kind kind);
// The model, where answers are validated, mix and driver on the community that is in the server.
void bench_aim(struct bench *b, enum mix_kind kind);

// Runs the mix: closed with rate 0. NULL after a message. In a run without a mark nothing is kept
// but its changes.
struct bench_load { const char *label; double rate, warmup_s, duration_s; };
struct bench_run *bench_load(struct bench *b, const struct bench_load *l);
// Calibrates where it has to, and runs the load that was asked for; b->main is set.
int bench_measure(struct bench *b);
// Counts what the changes changed, against the counts of bench_prepare.
int bench_count_changes(struct bench *b);

void bench_note(struct bench *b, const char *name, double value, const char *unit);
static inline double bench_ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}
// Answers that should not have been.
// Rows of an answer of this kind, as far as any was counted.
void bench_note_found(struct bench *b, enum ask_kind kind, const char *name);
uint64_t bench_errors(const struct bench *b);
void bench_free(struct bench *b);

static inline double run_per_second(const struct bench_run *r)
{
    return r->report.seconds > 0 ? (double)r->report.answered / r->report.seconds : 0;
}
static inline double run_us(const struct bench_run *r, double percent)
{
    return (double)hist_percentile(&r->report.latency, percent) / 1e3;
}
static inline double run_server_us(const struct bench_run *r)
{
    return r->report.answered > 0 ? (double)r->server_cpu_ns / 1e3 / (double)r->report.answered : 0;
}

#endif
