#include "tools/kith_bench_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/frames_http.h"
#include "core/assert.h"
#include "core/clock.h"
#include "tools/kith_cli.h"

#define YEAR_2025_MS UINT64_C(1735689600000)
#define YEAR_MS (UINT64_C(365) * 86400 * 1000)

static const double IDLE_MIN = 0.1, LATE_MAX = 0.001;
static const double HALF = 0.5;

// ---- preparing ---------------------------------------------------------------------------------

int bench_connect(struct bench *b, struct client *c)
{
    struct client_identity who = {.service_key = b->server.key[0] != '\0' ? b->server.key : NULL};
    if (client_open(c, b->server.address) != 0 ||
        (who.service_key != NULL && client_hello(c, &who) != 0))
        return failed(EXIT_CONNECT, "%s", c->why);
    return EXIT_OK;
}

static void make_mix(struct bench *b, enum mix_kind kind)
{
    mix_free(&b->mix);
    b->mix.kind = kind;
    b->mix.community = &b->world.community;
    b->mix.order = b->opt.order;
    b->mix.skew = b->opt.skew;
    b->mix.read_share = b->opt.read_share;
    mix_init(&b->mix);
}

static void make_driver(struct bench *b)
{
    b->frames.address = b->server.address;
    b->frames.service_key = b->server.key[0] != '\0' ? b->server.key : NULL;
    b->frames.world = b->world.user != NULL ? &b->world : NULL;
    b->frames.model = b->modelled ? &b->model : NULL;
    b->frames.queries = &b->queries;
    b->frames.validate_every = (unsigned)b->opt.validate_every;
    // Echoes have a protocol of their own.
    if (b->opt.http && b->mix.kind != MIX_ECHO)
        frames_http_init(&b->frames, &b->driver);
    else
        frames_init(&b->frames, &b->driver);
}

void bench_prepare_bare(struct bench *b, enum mix_kind kind, unsigned echo_bytes)
{
    b->world.community = (struct community){.seed = b->opt.seed, .users = 2};
    community_init(&b->world.community);
    make_mix(b, kind);
    b->frames.echo_bytes = echo_bytes > 0 ? echo_bytes : 64;
    make_driver(b);
}

void bench_retarget(struct bench *b, enum mix_kind kind)
{
    make_mix(b, kind);
    make_driver(b);
}

// Posts are pushed to those who read: everybody reads once before.
int bench_read_once(struct bench *b)
{
    struct mix warm = {.kind = MIX_WARM, .community = &b->world.community};
    mix_init(&warm);
    struct generator_options opt = {
        .driver = &b->driver, .mix = &warm, .connections = 8, .in_flight = 32, .duration_s = 600,
        .stop_after = b->world.community.users,
    };
    struct generator_report report;
    int err = generator_run(&opt, &report);
    int code = err != 0 ? failed(EXIT_FAILED, "%s", report.why) : EXIT_OK;
    if (code == EXIT_OK && report.asked[ASK_FEED] < opt.stop_after)
        code = failed(EXIT_FAILED, "a feed cannot be read: %s", report.first_error);
    generator_free(&report);
    mix_free(&warm);
    return code;
}

struct time_span bench_span(void)
{
    return (struct time_span){YEAR_2025_MS, YEAR_MS};
}

static int make_world(struct bench *b)
{
    struct client c = {.fd = -1};
    int code = bench_connect(b, &c);
    if (code != EXIT_OK)
        return code;
    struct world *w = &b->world;
    w->client = &c;
    w->when = bench_span();
    w->want_posts = true;
    uint64_t begin = clock_mono_ns();
    bool whole = world_make(w) && world_count(w, &b->before);
    b->world_seconds = (double)(clock_mono_ns() - begin) / 1e9;
    w->client = NULL;
    client_close(&c);
    return whole ? EXIT_OK : failed(EXIT_FAILED, "the community cannot be made: %s", w->why);
}

void bench_aim(struct bench *b, enum mix_kind kind)
{
    if (b->opt.validate) {
        model_init(&b->model, &b->world);
        b->model.queries = &b->queries;
        b->model.crowded = b->world.edges_applied < b->world.community.edges;
        b->model.deleting = kind == MIX_GRAPH;
        b->modelled = true;
    }
    bench_retarget(b, kind);
}

int bench_prepare(struct bench *b, enum mix_kind kind, bool read)
{
    community_init(&b->world.community);
    int code = make_world(b);
    if (code != EXIT_OK)
        return code;
    bench_aim(b, kind);
    return read ? bench_read_once(b) : EXIT_OK;
}

// ---- running -----------------------------------------------------------------------------------

static void note_resident(struct bench_run *r, const struct bench *b)
{
    uint64_t now = process_resident_bytes(b->server.pid);
    r->resident_max = now > r->resident_max ? now : r->resident_max;
}

static void mark(void *ctx, bool end)
{
    struct bench *b = ctx;
    struct bench_run *r = b->current;
    uint64_t cpu = process_cpu_ns(b->server.pid);
    r->server_cpu_ns = end ? cpu - r->server_cpu_ns : cpu;
    note_resident(r, b);
    struct machine_cores now;
    machine_cores(&now);
    if (!end) {
        b->cores_begin = now;
        return;
    }
    r->cores = now.n;
    for (unsigned i = 0; i < now.n; i++)
        r->core_busy[i] = (double)(now.busy_ns[i] - b->cores_begin.busy_ns[i]) / 1e9 /
                          (r->report.seconds > 0 ? r->report.seconds : 1);
}

static void tick(void *ctx, double at_s)
{
    struct bench *b = ctx;
    (void)at_s;
    note_resident(b->current, b);
    if (b->ticked != NULL)
        b->ticked(b);
}

// Whether the figures are the generator's own: it had no time left while the machine had, or it
// sent too late what it could have sent in time.
static bool generator_bound(const struct bench_run *r)
{
    double idle = 0;
    for (unsigned i = 0; i < r->cores; i++)
        idle += r->core_busy[i] < 1 ? 1 - r->core_busy[i] : 0;
    return (r->report.busy > BENCH_BUSY_MAX && idle > IDLE_MIN) ||
           (double)r->report.late > LATE_MAX * (double)r->report.sent;
}

struct bench_run *bench_load(struct bench *b, const struct bench_load *l)
{
    ASSERT(b->runs < RUNS_MAX);
    struct bench_run *r = &b->run[b->runs];
    memset(r, 0, sizeof *r);
    snprintf(r->label, sizeof r->label, "%s", l->label);
    r->rate = l->rate;
    b->current = r;
    struct generator_options opt = {
        .driver = &b->driver, .mix = &b->mix, .first = b->next,
        .connections = (unsigned)b->opt.connections, .in_flight = (unsigned)b->opt.in_flight,
        .warmup_s = l->warmup_s, .duration_s = l->duration_s, .rate = l->rate,
        .mark = mark, .tick = tick, .tick_s = 0.1, .ctx = b,
    };
    int err = generator_run(&opt, &r->report);
    if (err != 0) {
        failed(EXIT_FAILED, "%s", r->report.why);
        generator_free(&r->report);
        return NULL;
    }
    b->runs++;
    b->next += r->report.made;
    for (unsigned k = 0; k < ASK_KINDS; k++)
        b->asked[k] += r->report.asked[k];
    r->bound = generator_bound(r);
    return r;
}

static int sweep(struct bench *b)
{
    static const double shares[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
    double each_s = b->opt.duration_s / 2 < 3 ? b->opt.duration_s / 2 : 3;
    for (unsigned i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        char label[40];
        snprintf(label, sizeof label, "%.0f %% of the highest", 100 * shares[i]);
        b->sweep[b->runs] = true;
        struct bench_load l = {label, shares[i] * b->highest, each_s / 4, each_s};
        if (bench_load(b, &l) == NULL)
            return EXIT_FAILED;
    }
    return EXIT_OK;
}

int bench_measure(struct bench *b)
{
    const struct bench_options *o = &b->opt;
    struct bench_load l = {"closed", o->rate, o->warmup_s, o->duration_s};
    struct bench_run *r;
    if (!o->closed && (o->rate <= 0 || o->sweep)) {
        struct bench_load closed = {"highest, closed loop", 0, o->warmup_s, o->calibrate_s};
        if ((r = bench_load(b, &closed)) == NULL)
            return EXIT_FAILED;
        b->highest = run_per_second(r);
        l.warmup_s = o->warmup_s / 2;
        if (o->rate <= 0)
            l.rate = HALF * b->highest;
    }
    if (!o->closed)
        l.label = "open";
    if ((r = bench_load(b, &l)) == NULL)
        return EXIT_FAILED;
    b->main = (int)(r - b->run);
    return o->sweep && !o->closed ? sweep(b) : EXIT_OK;
}

// ---- after it ----------------------------------------------------------------------------------

// Real changes among those of a set and its undoing. What a run takes back it had made before, so
// all of that counts, and the rest of the difference is what was made.
static double set_changes(const struct bench *b, uint64_t difference, enum ask_kind put)
{
    enum ask_kind taken = put == ASK_LIKE ? ASK_UNLIKE : ASK_UNFOLLOW;
    return (double)(int64_t)(difference + 2 * b->asked[taken]);
}

int bench_count_changes(struct bench *b)
{
    static const enum ask_kind changes[] = {ASK_LIKE, ASK_UNLIKE, ASK_FOLLOW, ASK_UNFOLLOW,
                                            ASK_COMMENT, ASK_POST};
    double asked = 0;
    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++)
        asked += (double)b->asked[changes[i]];
    // LinkBench takes back and repeats by its nature.
    if (asked <= 0 || b->mix.kind == MIX_GRAPH)
        return EXIT_OK;
    struct client c = {.fd = -1};
    struct world_counts after;
    int code = bench_connect(b, &c);
    if (code != EXIT_OK)
        return code;
    b->world.client = &c;
    bool whole = world_count(&b->world, &after);
    client_close(&c);
    if (!whole)
        return failed(EXIT_FAILED, "what was changed cannot be counted: %s", b->world.why);
    double real = set_changes(b, after.likes - b->before.likes, ASK_LIKE) +
                  set_changes(b, after.followers - b->before.followers, ASK_FOLLOW) +
                  (double)(after.comments - b->before.comments) +
                  (double)(after.posts - b->before.posts);
    b->changed = real / asked;
    return EXIT_OK;
}

void bench_note(struct bench *b, const char *name, double value, const char *unit)
{
    ASSERT(b->figures < FIGURES_MAX);
    b->figure[b->figures++] = (struct bench_figure){name, unit, value};
}

void bench_note_found(struct bench *b, enum ask_kind kind, const char *name)
{
    double n = (double)b->frames.searched[kind];
    if (n > 0)
        bench_note(b, name, bench_ratio((double)b->frames.found[kind], n), "");
}

uint64_t bench_errors(const struct bench *b)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < b->runs; i++)
        n += b->run[i].report.refused + b->run[i].report.wrong;
    return n;
}

void bench_free(struct bench *b)
{
    for (unsigned i = 0; i < b->runs; i++)
        generator_free(&b->run[i].report);
    if (b->modelled)
        model_free(&b->model);
    mix_free(&b->mix);
    queries_free(&b->queries);
    zipf_free(&b->words);
    world_free(&b->world);
    bench_server_free(&b->server);
}
