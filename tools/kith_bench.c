#include "tools/kith_bench.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "tools/kith_bench_graph.h"
#include "tools/kith_bench_report.h"
#include "tools/kith_bench_run.h"
#include "tools/kith_bench_special.h"
#include "tools/kith_cli.h"

static int run_mix(struct bench *b);
static int run_echo(struct bench *b);

// The scenarios. Those of one mix have their name, version and words from bench/mix.h.
static const struct scenario {
    enum mix_kind kind;
    int (*run)(struct bench *b);
    const char *name;          // NULL: the mix's
    unsigned version;
    const char *words;
} scenarios[] = {
    {MIX_PING, run_mix, NULL, 0, NULL},
    {MIX_ECHO, run_echo, NULL, 0, NULL},
    {MIX_FEED, run_mix, NULL, 0, NULL},
    {MIX_MIXED, run_mix, NULL, 0, NULL},
    {MIX_LIKE, run_mix, NULL, 0, NULL},
    {MIX_FOLLOW, run_mix, NULL, 0, NULL},
    {MIX_COMMENT, run_mix, NULL, 0, NULL},
    {MIX_FANOUT, bench_fanout, NULL, 0, NULL},
    {MIX_GRAPH, run_mix, NULL, 0, NULL},
    {MIX_CELEBRITY, bench_celebrity, NULL, 0, NULL},
    {MIX_SEARCH, bench_search, NULL, 0, NULL},
    {MIX_SUGGEST, bench_suggest, NULL, 0, NULL},
    {MIX_MIXED, bench_snapshot, "snapshot", 1, "mixed, calm and while snapshots are taken"},
    {MIX_FEED, bench_restart, "restart", 2, "from stop to ready: by the log, by a snapshot"},
    {MIX_FEED, bench_memory, "memory", 1, "what each edge, post, like, comment and timeline takes"},
    {MIX_ECHO, bench_limits, "limits", 1,
     "what the machine can do: bare echoes, synced appends, reads of memory"},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static const char *scenario_name(void *ctx, unsigned i)
{
    (void)ctx;
    return scenarios[i].name != NULL ? scenarios[i].name : mix_rows[scenarios[i].kind].name;
}

// ---- runs of one mix ---------------------------------------------------------------------------

static int run_mix(struct bench *b)
{
    enum mix_kind kind = b->scenario_mix;
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK && kind == MIX_PING)
        bench_prepare_bare(b, kind, 0);
    else if (code == EXIT_OK)
        code = bench_prepare(b, kind, kind == MIX_FEED || kind == MIX_MIXED);
    if (code == EXIT_OK)
        code = bench_measure(b);
    return code == EXIT_OK ? bench_count_changes(b) : code;
}

static int run_echo(struct bench *b)
{
    int code = b->server.target != NULL
                   ? failed(EXIT_USAGE, "the scenario echo has its own server: no --target")
                   : bench_server_start_echo(&b->server);
    if (code != EXIT_OK)
        return code;
    bench_prepare_bare(b, MIX_ECHO, (unsigned)b->opt.echo_bytes);
    return bench_measure(b);
}

// ---- the command -------------------------------------------------------------------------------

// What is judged after parsing: words that are durations, rates and shares.
struct words_given {
    const char *rate, *duration, *warmup, *calibrate, *skew, *read_share, *order, *protocol;
};

// "10", "10s", "500ms", "2m", "1h" as seconds.
static bool parse_duration(const char *s, double *out)
{
    static const struct { const char *suffix; double s; } units[] = {
        {"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"m", 60}, {"min", 60}, {"h", 3600},
    };
    char *end;
    if ((s[0] < '0' || s[0] > '9') && s[0] != '.')
        return false;
    double n = strtod(s, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            *out = n * units[i].s;
            return isfinite(*out);
        }
    }
    return false;
}

static bool parse_real(const char *s, double *out)
{
    char *end;
    *out = strtod(s, &end);
    return end != s && *end == '\0' && isfinite(*out) && *out >= 0;
}

static int judge_words(const struct command *c, struct bench *b, const struct words_given *w)
{
    struct bench_options *o = &b->opt;
    const struct { const char *name, *word; double *to; } durations[] = {
        {"duration", w->duration, &o->duration_s},
        {"warmup", w->warmup, &o->warmup_s},
        {"calibrate", w->calibrate, &o->calibrate_s},
    };
    for (unsigned i = 0; i < sizeof durations / sizeof durations[0]; i++)
        if (durations[i].word != NULL && !parse_duration(durations[i].word, durations[i].to))
            return usage_error(c, "--%s takes a duration such as 10s or 500ms, not \"%s\"",
                               durations[i].name, durations[i].word);
    if (o->duration_s <= 0 || o->duration_s > GENERATOR_SECONDS_MAX)
        return usage_error(c, "--duration is above 0 and at most an hour");
    if (o->calibrate_s <= 0)
        o->calibrate_s = o->duration_s / 4 < 3 ? o->duration_s / 4 : 3;
    if (w->rate != NULL && strcmp(w->rate, "max") == 0)
        o->closed = true;
    else if (w->rate != NULL && (!parse_real(w->rate, &o->rate) || o->rate <= 0))
        return usage_error(c, "--rate is a number above 0 or max, not \"%s\"", w->rate);
    if (o->closed && o->rate > 0)
        return usage_error(c, "--closed has no rate: leave out one of the two");
    if (w->skew != NULL && (!parse_real(w->skew, &o->skew) || o->skew > 10))
        return usage_error(c, "--skew is an exponent from 0 to 10, not \"%s\"", w->skew);
    if (w->read_share != NULL && (!parse_real(w->read_share, &o->read_share) || o->read_share > 1))
        return usage_error(c, "--read-share is from 0 to 1, not \"%s\"", w->read_share);
    o->http = w->protocol != NULL && strcmp(w->protocol, "http") == 0;
    if (w->protocol != NULL && !o->http && strcmp(w->protocol, "binary") != 0)
        return usage_error(c, "--protocol is binary or http, not \"%s\"", w->protocol);
    if (w->order != NULL && !parse_u64(w->order, &o->order))
        return usage_error(c, "--order takes a number, not \"%s\"", w->order);
    if (w->order == NULL)
        random_bytes(&o->order, sizeof(uint32_t));
    return CLI_GO_ON;
}

static int judge_numbers(const struct command *c, const struct bench *b, const struct scenario *s)
{
    const struct bench_options *o = &b->opt;
    uint64_t users = s->run == bench_celebrity ? o->followers + 1 : o->users;
    uint64_t follows = s->run == bench_fanout ? FAN_OUT : o->follows;
    if (s->run == bench_celebrity && o->followers < 100)
        return usage_error(c, "--followers is at least 100");
    if (s->run == bench_celebrity)
        follows = 0; // its community is of its own making
    if (o->connections < 1 || o->connections > 10000 || o->in_flight < 1 || o->in_flight > 1024)
        return usage_error(c, "--connections is from 1 to 10000, --in-flight from 1 to 1024");
    bool own = s->run == bench_celebrity || s->run == bench_fanout || s->run == bench_suggest;
    if (o->edges != NULL && own)
        return usage_error(c, "--edges does not go with a scenario that has its own graph");
    if (o->undirected && o->edges == NULL)
        return usage_error(c, "--undirected needs --edges");
    if (o->texts != NULL && s->run != bench_search)
        return usage_error(c, "--texts goes with the scenario search");
    if (o->texts != NULL && o->edges != NULL)
        return usage_error(c, "--texts brings its authors: no --edges");
    if (s->run == bench_suggest && (o->followees < 1 || o->followees > 1000 || follows > 1000))
        return usage_error(c, "--followees is from 1 to 1000, and --follows-per-user at most 1000: "
                              "more are not counted");
    if (s->run == bench_suggest && (users < 2 * ASKERS || o->followees * 2 >= users))
        return usage_error(c, "--users is at least %d and more than twice --followees", 2 * ASKERS);
    if (users < 2 || users > 10000000)
        return usage_error(c, "--users (celebrity: --followers) is from 2 to 10000000");
    if (follows * 2 >= users)
        return usage_error(c, "%llu follows each are too many for %llu users: less than half",
                           (unsigned long long)follows, (unsigned long long)users);
    if (o->posts < 10 || o->posts > 100000000)
        return usage_error(c, "--posts is from 10 to 100000000");
    if (o->validate_every < 1)
        return usage_error(c, "--validate-every is at least 1");
    if (o->echo_bytes < 64 || o->echo_bytes > 65536)
        return usage_error(c, "--echo-bytes is from 64 to 65536");
    if (b->server.target != NULL && b->server.key_file == NULL && s->kind != MIX_PING)
        return usage_error(c, "--target needs --service-key-file: the users are made by import");
    return CLI_GO_ON;
}

static int judge(const struct command *c, struct bench *b, struct words rest)
{
    const struct scenario *s = NULL;
    for (unsigned i = 0; i < SCENARIOS; i++)
        if (strcmp(rest.word[0], scenario_name(NULL, i)) == 0)
            s = &scenarios[i];
    if (s == NULL) {
        const char *near = nearest_name(rest.word[0], SCENARIOS, scenario_name, NULL);
        return usage_error(c, "no scenario \"%s\"%s%s%s", rest.word[0],
                           near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                           near != NULL ? "?)" : "");
    }
    b->opt.scenario = s->name != NULL ? s->name : mix_rows[s->kind].name;
    b->opt.version = s->name != NULL ? s->version : mix_rows[s->kind].version;
    b->opt.words = s->name != NULL ? s->words : mix_rows[s->kind].words;
    b->scenario_mix = s->kind;
    b->scenario_run = s->run;
    return judge_numbers(c, b, s);
}

static void note_command(struct bench *b, int argc, char **argv)
{
    size_t n = (size_t)snprintf(b->command, sizeof b->command, "kith bench");
    for (int i = 0; i < argc && n < sizeof b->command; i++)
        n += (size_t)snprintf(b->command + n, sizeof b->command - n,
                              strpbrk(argv[i], " '\"$") != NULL ? " '%s'" : " %s", argv[i]);
}

static int run(struct bench *b)
{
    signal(SIGPIPE, SIG_IGN);
    machine_describe(&b->machine);
    b->world.community = (struct community){.seed = b->opt.seed, .users = (uint32_t)b->opt.users,
                                            .edges = b->opt.users * b->opt.follows,
                                            .posts = b->opt.posts};
    b->world.likes = b->scenario_mix == MIX_GRAPH ? GRAPH_LIKES_A_POST * b->opt.posts : 0;
    int code = b->opt.edges != NULL ? bench_graph_take(b) : EXIT_OK;
    if (code == EXIT_OK)
        code = b->scenario_run(b);
    if (code == EXIT_OK && b->opt.limit && b->main >= 0)
        code = bench_echo_share(b);
    if (code == EXIT_OK)
        code = report_write(b);
    // A figure that stands on errors is none.
    if (code == EXIT_OK && bench_errors(b) > 0)
        code = EXIT_FAILED;
    bench_free(b);
    bench_graph_free(b);
    return code;
}

static const char bench_more[] =
    "scenarios:\n"
    "  ping         an empty request\n"
    "  echo         64 bytes out, --echo-bytes back from a bare reactor: a limit\n"
    "  feed         a home feed of 20 posts with authors, counts and viewer state\n"
    "  mixed        80 % feed of 20 posts, 10 % like or unlike, 6 % comment, 2 % post, 2 % follow\n"
    "  like, follow, comment\n"
    "               one change that was not there before\n"
    "  post-fanout  posts to 100 followers each, all of whom have read before\n"
    "  graph        LinkBench's mix: nodes are posts, links are likes, ten a post\n"
    "  celebrity    posts of an author with --followers against those of authors with 10; feeds\n"
    "               while he posts 100 times, and whether all of them have it\n"
    "  search       half posts by one word or two of theirs, half people by 2 to 5 letters of\n"
    "               their name; texts are made up by Zipf's law, or --texts\n"
    "  suggest      ten to follow, asked by a hundred users with --followees\n"
    "  snapshot     mixed, calm and while snapshots are taken; memory\n"
    "  restart      from stop to ready, by the log, by a snapshot, by both\n"
    "  memory       what each edge, post, like, comment and timeline entry takes\n"
    "  limits       bare echoes, synced appends, reads of memory\n"
    "\n"
    "The loop is open: a request has an intended time, evenly spaced, and its latency counts\n"
    "from there, sent late or not. Without --rate the highest rate is looked for first, in a\n"
    "short closed loop (--calibrate), and half of it is run; both are reported. With --closed\n"
    "an answer brings the next request: right for throughput, wrong for latency.\n"
    "\n"
    "Without --target a private server is started on a temporary directory. Each run asks in\n"
    "an order of its own (--order repeats one), and what was really changed is counted\n"
    "afterwards. The generator is one thread on the same machine and says so when it was what\n"
    "held things up.\n";

// ---- the options -------------------------------------------------------------------------------

static struct words_given given;
static struct bench bench = {
    .server = {.io = "auto", .durability = "strict"},
    .opt = {.connections = 50, .in_flight = 1, .duration_s = 10, .warmup_s = 2, .users = 10000,
            .follows = 50, .posts = 100000, .followers = 1000000, .followees = 1000, .seed = 1,
            .read_share = 0.8, .validate_every = 1000, .echo_bytes = FEED_PAGE_BYTES},
    .changed = -1,
    .main = -1,
};

#define NUMBER(name, value, usual, help, to) {name, 0, OPTION_NUMBER, value, usual, help, to}
#define TEXT(name, value, usual, help, to) {name, 0, OPTION_TEXT, value, usual, help, to}
#define FLAG(name, help, to) {name, 0, OPTION_FLAG, NULL, NULL, help, to}
static const struct option options[] = {
    TEXT("target", "ADDR", "a private server", "HOST:PORT or unix:PATH to measure",
         &bench.server.target),
    TEXT("to", "ADDR", NULL, "the same", &bench.server.target),
    TEXT("service-key-file", "FILE", NULL, "with --target: its service key",
         &bench.server.key_file),
    NUMBER("server-pid", "PID", NULL,
           "with --target: whose processor time and memory are counted", &bench.server.target_pid),
    NUMBER("connections", "N", "50", "connections", &bench.opt.connections),
    NUMBER("in-flight", "N", "1", "requests under way on each", &bench.opt.in_flight),
    TEXT("duration", "TIME", "10s", "measured: 10, 10s, 500ms, 2m", &given.duration),
    TEXT("warmup", "TIME", "2s", "before each measured time", &given.warmup),
    TEXT("rate", "N|max", "half of the highest", "requests a second; max is --closed", &given.rate),
    FLAG("closed", "closed loop", &bench.opt.closed),
    TEXT("calibrate", "TIME", "a quarter of --duration, 3s at most",
         "of the search for the highest rate", &given.calibrate),
    FLAG("limit", "also run bare echoes of as many bytes: what the network allows",
         &bench.opt.limit),
    FLAG("sweep", "also run 10 % to 100 % of the highest rate", &bench.opt.sweep),
    TEXT("skew", "S", "0: all alike", "Zipf exponent of who asks and what is liked", &given.skew),
    TEXT("read-share", "R", "0.8", "mixed: feeds among the requests", &given.read_share),
    NUMBER("seed", "N", "1", "of the community", &bench.opt.seed),
    TEXT("order", "N", "drawn each time", "of the requests", &given.order),
    NUMBER("users", "N", "10000", "users made", &bench.opt.users),
    NUMBER("follows-per-user", "N", "50", "whom each follows", &bench.opt.follows),
    TEXT("edges", "FILE", NULL, "the graph of a file in the place of a made-up one: lines \"u v\"",
         &bench.opt.edges),
    FLAG("undirected", "with --edges: each edge both ways", &bench.opt.undirected),
    NUMBER("posts", "N", "100000", "posts made", &bench.opt.posts),
    TEXT("texts", "FILE", NULL,
         "search: posts and their authors, CSV or NDJSON as of kith import --posts",
         &bench.opt.texts),
    NUMBER("followers", "N", "1000000", "celebrity: who follow him", &bench.opt.followers),
    NUMBER("followees", "N", "1000", "suggest: whom each of those who ask follows",
           &bench.opt.followees),
    FLAG("validate", "check a sample of the answers against a model", &bench.opt.validate),
    NUMBER("validate-every", "N", "1000", "one answer of so many", &bench.opt.validate_every),
    NUMBER("echo-bytes", "N", "4264", "echo: of an answer", &bench.opt.echo_bytes),
    TEXT("durability", "MODE", "strict", "of the private server", &bench.server.durability),
    TEXT("io", "HOW", "auto", "of the private server", &bench.server.io),
    NUMBER("cores", "N", "of this machine", "of the private server", &bench.server.cores),
    TEXT("protocol", "NAME", "binary", "binary, or http: HTTP/1.1 with JSON", &given.protocol),
    FLAG("unix", "over a Unix socket instead of TCP", &bench.server.unix_socket),
    TEXT("json", "FILE", NULL, "write one object; - is standard output", &bench.opt.json),
    TEXT("hdr", "FILE", NULL, "write percentiles, .hgrm", &bench.opt.hdr),
    TEXT("hlog", "FILE", NULL, "write HdrHistogram's interval log", &bench.opt.hlog),
    TEXT("html", "FILE", NULL, "write a report with charts", &bench.opt.html),
    {0},
};

int kith_bench(int argc, char **argv)
{
    const struct command command = {
        .name = "bench",
        .operand = "scenario",
        .purpose = "Measures throughput and latency of one scenario.",
        .usage = "SCENARIO [options]",
        .examples = "  kith bench feed --in-flight 16 --closed\n"
                    "  kith bench mixed --rate 20000 --duration 30s --html report.html\n"
                    "  kith bench feed --target 127.0.0.1:5484 --service-key-file service.key "
                    "--json feed.json\n",
        .options = options,
        .more = bench_more,
    };
    struct words rest;
    note_command(&bench, argc, argv);
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code == CLI_GO_ON)
        code = judge(&command, &bench, rest);
    if (code == CLI_GO_ON)
        code = judge_words(&command, &bench, &given);
    return code != CLI_GO_ON ? code : run(&bench);
}
