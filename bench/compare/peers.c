// Puts the scenarios of `kith bench` to other systems, and asks all of them for the same pages.
//
//   peers load SYSTEM             the community, as a stream for the system's own loader
//   peers pages SYSTEM            home feeds as text, before and after changes
//   peers graph SYSTEM            answers of the scenario graph as text, with its changes between
//   peers run SYSTEM SCENARIO     one line of JSON
//
// SYSTEM is redis, postgres or memcached, with `pages` also kith. See compare.py, which calls it.
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/compare/cpu.h"
#include "bench/compare/fill.h"
#include "bench/compare/pages.h"
#include "bench/generator.h"

struct system_row {
    const char *name;
    peer_driver *driver, *graph_driver;
    void (*load)(const struct load *l, FILE *to);
    bool reads_only;
};
static const struct system_row systems[] = {
    {"redis", redis_driver, redis_graph_driver, redis_load, false},
    {"postgres", postgres_driver, postgres_graph_driver, postgres_load, false},
    {"memcached", memcached_driver, NULL, memcached_load, true},
    {"kith", NULL, NULL, NULL, false},
};

struct peers {
    const struct system_row *system;
    struct community community;
    struct peer peer;
    struct driver driver;
    const char *scenario, *address, *key, *durability;
    unsigned connections, in_flight;
    double warmup, duration, rate;
    uint64_t order;
    struct load load;
    bool graph;                // the scenario graph, which has a driver of its own
    pid_t server;
    double server_cpu_s;
    // Kith's, for its pages
    struct world world;
    struct frames frames;
    struct pages_kith kith;
};

static int failed(const char *what, const char *why)
{
    fprintf(stderr, "peers: %s: %s\n", what, why);
    return 1;
}

static void mark(void *ctx, bool end)
{
    struct peers *p = ctx;
    p->server_cpu_s = cpu_seconds(p->server) - (end ? p->server_cpu_s : 0);
}

// ---- pages --------------------------------------------------------------------------------------

struct play { enum mix_kind kind; uint64_t first, n; double skew; };

// One request after the other, so that the order is the same everywhere.
static int play(struct peers *p, struct play what)
{
    struct mix mix = {.kind = what.kind, .community = &p->community, .order = p->order,
                      .skew = what.skew};
    struct generator_options opt = {.driver = &p->driver, .mix = &mix, .first = what.first,
                                    .connections = 1, .in_flight = 1, .duration_s = 600,
                                    .stop_after = what.n};
    struct generator_report report;
    mix_init(&mix);
    int err = generator_run(&opt, &report);
    if (err != 0)
        err = failed(mix_rows[what.kind].name, report.why);
    else if (report.refused + report.wrong > 0)
        err = failed(mix_rows[what.kind].name, report.first_error);
    generator_free(&report);
    mix_free(&mix);
    return err;
}

// Of two hundred readers drawn from all, and of two hundred with a skew as the changes have it:
// they are also those who like, and what they see is also what is liked.
static int print_readers(struct peers *p)
{
    enum { READERS = 200 };
    int err = play(p, (struct play){MIX_FEED, 0, READERS, 0});
    return err == 0 ? play(p, (struct play){MIX_FEED, 0, READERS, 1}) : err;
}

static int print_pages(struct peers *p)
{
    enum { CHANGES = 2000, POSTS = 200 };
    int err = print_readers(p);
    if (p->system->reads_only || err != 0)
        return err;
    printf("# after changes\n");
    err = play(p, (struct play){MIX_LIKE, 0, CHANGES, 1});
    if (err == 0)
        err = play(p, (struct play){MIX_COMMENT, CHANGES, CHANGES, 1});
    if (err == 0)
        err = play(p, (struct play){MIX_FANOUT, 2 * CHANGES, POSTS, 1});
    return err == 0 ? print_readers(p) : err;
}

static int print_graph(struct peers *p)
{
    enum { QUESTIONS = 24000 };
    return play(p, (struct play){MIX_GRAPH, 0, QUESTIONS, 1});
}

static int pages_kith(struct peers *p)
{
    struct client client = {.fd = -1};
    struct client_identity who = {.service_key = p->key};
    struct driver inner;
    if (client_open(&client, p->address) != 0 || client_hello(&client, &who) != 0)
        return failed(p->address, client.why);
    p->world = (struct world){.client = &client, .community = p->community, .want_posts = true,
                              .when = fill_span(), .likes = p->graph ? p->load.likes : 0};
    if (!world_make(&p->world))
        return failed(p->address, p->world.why);
    client_close(&client);
    p->frames = (struct frames){.address = p->address, .service_key = p->key, .world = &p->world};
    frames_init(&p->frames, &inner);
    p->kith.community = &p->community;
    p->kith.graph = p->graph;
    pages_of_kith(&p->kith, &inner, &p->driver);
    return p->graph ? print_graph(p) : print_pages(p);
}

static int pages(struct peers *p)
{
    if (p->system->driver == NULL)
        return pages_kith(p);
    p->peer.page = pages_print;
    p->peer.page_ctx = &p->community;
    p->peer.graph = pages_print_graph;
    return p->graph ? print_graph(p) : print_pages(p);
}

// ---- run ----------------------------------------------------------------------------------------

static void print_run(const struct peers *p, const struct generator_report *r)
{
    double n = r->answered > 0 ? (double)r->answered : 1;
    printf("{\"scenario\": \"%s\", \"in_flight\": %u, \"connections\": %u, \"durability\": \"%s\", "
           "\"system\": \"%s\", \"ops_per_second\": %.0f, ",
           p->scenario, p->in_flight, p->connections, p->durability, p->system->name,
           n / r->seconds);
    printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, ",
           (double)hist_percentile(&r->latency, 50) / 1e3,
           (double)hist_percentile(&r->latency, 99) / 1e3,
           (double)hist_percentile(&r->latency, 99.9) / 1e3);
    printf("\"server_us_per_op\": %.2f, \"generator_busy\": %.2f, \"requests\": %llu, "
           "\"refused\": %llu, \"wrong\": %llu, \"changed\": %llu, \"unchanged\": %llu, "
           "\"error\": \"",
           p->server_cpu_s * 1e6 / n, r->busy, (unsigned long long)r->made,
           (unsigned long long)r->refused, (unsigned long long)r->wrong,
           (unsigned long long)p->peer.changed, (unsigned long long)p->peer.unchanged);
    for (const char *at = p->peer.first_error; *at != '\0'; at++)
        putchar(*at < ' ' || *at == '"' || *at == '\\' ? ' ' : *at);
    printf("\"}\n");
}

static int run(struct peers *p)
{
    unsigned kind = 0;
    while (kind < MIXES && strcmp(p->scenario, mix_rows[kind].name) != 0)
        kind++;
    if (kind == MIXES || p->system->driver == NULL)
        return failed(p->scenario, "no such scenario of this system");
    struct mix mix = {.kind = (enum mix_kind)kind, .community = &p->community, .order = p->order,
                      .read_share = 0.8};
    struct generator_options opt = {
        .driver = &p->driver, .mix = &mix, .connections = p->connections,
        .in_flight = p->in_flight, .warmup_s = p->warmup, .duration_s = p->duration,
        .rate = p->rate, .mark = mark, .ctx = p};
    struct generator_report report;
    mix_init(&mix);
    int err = generator_run(&opt, &report);
    if (err == 0)
        print_run(p, &report);
    else
        failed(p->system->name, report.why);
    generator_free(&report);
    mix_free(&mix);
    return err != 0;
}

// ---- the command --------------------------------------------------------------------------------

static const struct option options[] = {
    {"users", 1, NULL, 'u'},      {"follows", 1, NULL, 'f'},    {"posts", 1, NULL, 'p'},
    {"circle", 1, NULL, 'c'},     {"seed", 1, NULL, 's'},       {"order", 1, NULL, 'o'},
    {"host", 1, NULL, 'h'},       {"port", 1, NULL, 'P'},       {"synced", 0, NULL, 'S'},
    {"connections", 1, NULL, 'C'}, {"in-flight", 1, NULL, 'F'}, {"warmup", 1, NULL, 'w'},
    {"duration", 1, NULL, 'd'},   {"rate", 1, NULL, 'r'},       {"server", 1, NULL, 'v'},
    {"address", 1, NULL, 'a'},    {"key", 1, NULL, 'k'},        {"durability", 1, NULL, 'D'},
    {"parts", 1, NULL, 'l'},      {"likes", 1, NULL, 'L'},      {"comments", 1, NULL, 'K'},
    {0},
};

// Words with commas between them.
static unsigned parts_of(const char *words)
{
    static const struct { const char *word; unsigned part; } parts[] = {
        {"users", LOAD_USERS},         {"follows", LOAD_FOLLOWS},
        {"posts", LOAD_POSTS},         {"timelines", LOAD_TIMELINES},
        {"likes", LOAD_LIKES},         {"comments", LOAD_COMMENTS},
        {"timed-follows", LOAD_TIMED_FOLLOWS}, {"graph", LOAD_GRAPH},
    };
    unsigned out = 0;
    for (const char *at = words; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if (strcspn(at, ",") == strlen(parts[i].word) &&
                strncmp(at, parts[i].word, strlen(parts[i].word)) == 0)
                out |= parts[i].part;
    return out;
}

static bool take_option(struct peers *p, int option)
{
    uint64_t n = strtoull(optarg != NULL ? optarg : "0", NULL, 10);
    double seconds = strtod(optarg != NULL ? optarg : "0", NULL);
    switch (option) {
    case 'u': p->community.users = (uint32_t)n; break;
    case 'f': p->community.edges = n; break; // times users, when all are known
    case 'p': p->community.posts = n; break;
    case 'c': p->community.circle = (uint32_t)n; break;
    case 's': p->community.seed = n; break;
    case 'o': p->order = n; break;
    case 'h': p->peer.host = optarg; break;
    case 'P': p->peer.port = (unsigned)n; break;
    case 'S': p->peer.synced = true; break;
    case 'C': p->connections = (unsigned)n; break;
    case 'F': p->in_flight = (unsigned)n; break;
    case 'w': p->warmup = seconds; break;
    case 'd': p->duration = seconds; break;
    case 'r': p->rate = seconds; break;
    case 'v': p->server = (pid_t)n; break;
    case 'a': p->address = optarg; break;
    case 'k': p->key = optarg; break;
    case 'l': p->load.parts = parts_of(optarg); break;
    case 'L': p->load.likes = n; break;
    case 'K': p->load.comments = n; break;
    case 'D': p->durability = optarg; break;
    default: return false;
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: peers (load | pages | run) SYSTEM [SCENARIO] [options]; "
                    "see bench/compare/peers.c\n");
    return 2;
}

static int act(struct peers *p, const char *command)
{
    community_init(&p->community);
    if (p->connections == 0 || p->in_flight == 0)
        return usage();
    p->peer.community = &p->community;
    p->peer.in_flight = p->in_flight;
    p->peer.first = calloc((size_t)p->connections * p->in_flight, sizeof *p->peer.first);
    ASSERT(p->peer.first != NULL);
    p->graph = strcmp(p->scenario != NULL ? p->scenario : command, "graph") == 0;
    p->load.likes = p->load.likes > 0 ? p->load.likes : GRAPH_LIKES_A_POST * p->community.posts;
    if (p->graph && p->system->graph_driver != NULL)
        p->system->graph_driver(&p->peer, &p->driver);
    else if (p->system->driver != NULL)
        p->system->driver(&p->peer, &p->driver);
    if (strcmp(command, "pages") == 0 || strcmp(command, "graph") == 0)
        return pages(p);
    if (strcmp(command, "run") == 0 && p->scenario != NULL)
        return run(p);
    if (strcmp(command, "load") == 0 && p->system->load != NULL) {
        p->load.community = &p->community;
        p->system->load(&p->load, stdout);
        return fflush(stdout) != 0 || ferror(stdout) != 0;
    }
    return usage();
}

int main(int argc, char **argv)
{
    static struct peers p = {
        .community = {.seed = 1, .users = 10000, .edges = 50, .posts = 100000},
        .peer = {.host = "127.0.0.1"}, .order = 1, .connections = 50, .in_flight = 1,
        .warmup = 1, .duration = 10, .durability = "none", .load = {.parts = LOAD_COMMUNITY},
    };
    signal(SIGPIPE, SIG_IGN);
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        if (!take_option(&p, option))
            return usage();
    p.community.edges *= p.community.users;
    for (size_t i = 0; argc - optind >= 2 && i < sizeof systems / sizeof systems[0]; i++)
        if (strcmp(argv[optind + 1], systems[i].name) == 0)
            p.system = &systems[i];
    if (p.system == NULL)
        return usage();
    p.scenario = argc - optind > 2 ? argv[optind + 2] : NULL;
    return act(&p, argv[optind]);
}
