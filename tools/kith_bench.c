#include "tools/kith_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/generator.h"
#include "bench/mix.h"
#include "bench/world.h"
#include "core/clock.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"
#include "tools/kith_temp.h"

enum { START_TRIES = 1000, KEY_MAX = 300 };
#define YEAR_2025_MS UINT64_C(1735689600000)
#define YEAR_MS (UINT64_C(365) * 86400 * 1000)

struct bench {
    enum mix_kind scenario;
    const char *to, *key_file, *rate, *io, *durability;
    bool unix_socket, json;
    uint64_t connections, in_flight, duration, warmup, users, follows, posts, seed, cores;
    // a private server
    pid_t child;
    struct temp temp;
    char address[320], key[KEY_MAX];
    double server_cpu;         // seconds of the server in the measured time
    struct world world;
    double world_seconds;
    struct generator_report report;
};

// ---- the server --------------------------------------------------------------------------------

// A port that nothing listens on, as the system gives it.
static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool got = bind(fd, (struct sockaddr *)&a, n) == 0 &&
               getsockname(fd, (struct sockaddr *)&a, &n) == 0;
    close(fd);
    return got ? ntohs(a.sin_port) : 0;
}

static void run_child(const struct bench *b)
{
    char cores[24];
    snprintf(cores, sizeof cores, "%llu", (unsigned long long)b->cores);
    const char *args[] = {"kith", "serve", b->temp.data, "--listen", b->address,
                          "--admin", "none", "--service-key-file", b->temp.key_file,
                          "--durability", b->durability, "--io", b->io,
                          "--quiet", "--cores", cores, NULL};
    // What the server has to say belongs to standard error; the report has standard output.
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv("/proc/self/exe", (char **)(uintptr_t)args);
    _exit(EXIT_FAILED);
}

static int start_server(struct bench *b)
{
    if (!temp_make(&b->temp, "bench"))
        return EXIT_FAILED;
    snprintf(b->key, sizeof b->key, "%s", b->temp.key);
    if (b->unix_socket)
        snprintf(b->address, sizeof b->address, "unix:%s/sock", b->temp.path);
    else
        snprintf(b->address, sizeof b->address, "127.0.0.1:%u", free_port());
    b->child = fork();
    if (b->child < 0)
        return failed(EXIT_FAILED, "fork: %s", strerror(errno));
    if (b->child == 0)
        run_child(b);
    char why[CLIENT_WHY];
    int fd;
    for (unsigned i = 0; i < START_TRIES; i++) {
        if (client_connect(b->address, &fd, why) == 0) {
            close(fd);
            return EXIT_OK;
        }
        int status;
        if (waitpid(b->child, &status, WNOHANG) == b->child) {
            b->child = 0;
            return failed(EXIT_FAILED, "the private server ended at once");
        }
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return failed(EXIT_CONNECT, "%s", why);
}

static void stop_server(struct bench *b)
{
    if (b->child > 0) {
        kill(b->child, SIGTERM);
        waitpid(b->child, NULL, 0);
    }
    if (b->temp.path[0] != '\0')
        temp_remove(&b->temp);
}

// Processor time of the private server so far, in seconds; 0 for somebody else's server.
static double server_cpu(const struct bench *b)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    if (b->child <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)b->child);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    const char *rest = fgets(line, sizeof line, f) != NULL ? strrchr(line, ')') : NULL;
    fclose(f);
    if (rest == NULL ||
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void mark(void *ctx, bool end)
{
    struct bench *b = ctx;
    b->server_cpu = server_cpu(b) - (end ? b->server_cpu : 0);
}

// ---- the run -----------------------------------------------------------------------------------

static bool make_world(struct bench *b, struct client *c)
{
    struct world *w = &b->world;
    w->client = c;
    w->when = (struct time_span){YEAR_2025_MS, YEAR_MS};
    w->want_posts = b->scenario == MIX_LIKE || b->scenario == MIX_MIXED;
    w->community = (struct community){.seed = b->seed, .users = (uint32_t)b->users,
                                      .edges = b->users * b->follows, .posts = b->posts};
    community_init(&w->community);
    uint64_t begin = clock_mono_ns();
    bool whole = world_make(w);
    b->world_seconds = (double)(clock_mono_ns() - begin) / 1e9;
    return whole;
}

static struct generator_options load_of(struct bench *b, struct mix *mix)
{
    return (struct generator_options){
        .address = b->address,
        .service_key = b->key[0] != '\0' ? b->key : NULL,
        .connections = (unsigned)b->connections,
        .in_flight = (unsigned)b->in_flight,
        .warmup_s = (double)b->warmup,
        .duration_s = (double)b->duration,
        .maker = {mix_make, mix},
        .mark = mark,
        .mark_ctx = b,
    };
}

// Posts are pushed to those who read: everybody reads once before.
static int read_once(struct bench *b)
{
    struct mix mix = {MIX_WARM, &b->world, b->seed};
    struct generator_options opt = load_of(b, &mix);
    opt.stop_after = b->users;
    opt.mark = NULL;
    struct generator_report report;
    int err = generator_run(&opt, &report);
    if (err != 0)
        snprintf(b->report.why, sizeof b->report.why, "%s", report.why);
    generator_free(&report);
    return err;
}

static int measure(struct bench *b)
{
    struct client c = {.fd = -1};
    struct client_identity who = {.service_key = b->key[0] != '\0' ? b->key : NULL};
    if (client_open(&c, b->address) != 0 ||
        (who.service_key != NULL && client_hello(&c, &who) != 0))
        return failed(EXIT_CONNECT, "%s", c.why);
    bool whole = b->scenario == MIX_PING || make_world(b, &c);
    client_close(&c);
    if (!whole)
        return failed(EXIT_FAILED, "the community cannot be made: %s", b->world.why);
    if (b->scenario == MIX_PING) {
        b->world.community = (struct community){.seed = b->seed, .users = 2};
        b->world.user = calloc(2, sizeof *b->world.user);
    }
    if ((b->scenario == MIX_POST || b->scenario == MIX_MIXED) && read_once(b) != 0)
        return failed(EXIT_FAILED, "%s", b->report.why);
    struct mix mix = {b->scenario, &b->world, b->seed};
    struct generator_options opt = load_of(b, &mix);
    if (b->rate != NULL)
        parse_u64(b->rate, &opt.rate);
    int err = generator_run(&opt, &b->report);
    return err == 0 ? EXIT_OK : failed(EXIT_FAILED, "%s", b->report.why);
}

// ---- the report --------------------------------------------------------------------------------

struct figures { double per_s, p50, p99, p999, max, mean, us_per_op; };

static struct figures figures_of(const struct bench *b)
{
    const struct generator_report *r = &b->report;
    double n = (double)r->answered;
    return (struct figures){
        .per_s = r->seconds > 0 ? n / r->seconds : 0,
        .p50 = (double)hist_percentile(&r->latency, 50) / 1e3,
        .p99 = (double)hist_percentile(&r->latency, 99) / 1e3,
        .p999 = (double)hist_percentile(&r->latency, 99.9) / 1e3,
        .max = (double)hist_max(&r->latency) / 1e3,
        .mean = hist_mean(&r->latency) / 1e3,
        .us_per_op = n > 0 ? b->server_cpu * 1e6 / n : 0,
    };
}

static void print_json(const struct bench *b)
{
    const struct generator_report *r = &b->report;
    struct figures f = figures_of(b);
    printf("{\"scenario\":\"%s\",\"durability\":\"%s\",\"io\":\"%s\",\"connections\":%llu,"
           "\"in_flight\":%llu,\"rate\":\"%s\",",
           mix_names[b->scenario], b->durability, b->io, (unsigned long long)b->connections,
           (unsigned long long)b->in_flight, b->rate != NULL ? b->rate : "max");
    printf("\"users\":%llu,\"follows_per_user\":%llu,\"posts\":%llu,\"seed\":%llu,",
           (unsigned long long)b->users, (unsigned long long)b->follows,
           (unsigned long long)b->posts, (unsigned long long)b->seed);
    printf("\"seconds\":%.3f,\"answered\":%llu,\"refused\":%llu,\"malformed\":%llu,\"late\":%llu,"
           "\"per_second\":%.0f,",
           r->seconds, (unsigned long long)r->answered, (unsigned long long)r->refused,
           (unsigned long long)r->malformed, (unsigned long long)r->late, f.per_s);
    printf("\"us\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"mean\":%.1f},"
           "\"server_us_per_op\":%.2f,\"generator_busy\":%.2f}\n",
           f.p50, f.p99, f.p999, f.max, f.mean, f.us_per_op, r->busy);
}

static void print_text(const struct bench *b)
{
    const struct generator_report *r = &b->report;
    struct figures f = figures_of(b);
    printf("%s: %s\n", mix_names[b->scenario], mix_words[b->scenario]);
    printf("%llu connections, %llu in flight each, %s, durability %s, io %s\n",
           (unsigned long long)b->connections, (unsigned long long)b->in_flight,
           b->rate != NULL && strcmp(b->rate, "max") != 0
               ? "open loop, latency from the intended time"
               : "closed loop",
           b->child > 0 ? b->durability : "of the server", b->child > 0 ? b->io : "of the server");
    if (b->scenario != MIX_PING)
        printf("%llu users, %llu follows each, %llu posts, made in %.1f s\n",
               (unsigned long long)b->users, (unsigned long long)b->follows,
               (unsigned long long)b->posts, b->world_seconds);
    printf("%.0f/s   p50 %.0f us   p99 %.0f us   p99.9 %.0f us   max %.0f us\n", f.per_s, f.p50,
           f.p99, f.p999, f.max);
    if (b->child > 0)
        printf("server %.2f us of processor time each, %.0f %% of a core\n", f.us_per_op,
               100 * b->server_cpu / r->seconds);
    printf("generator busy %.0f %%%s; %.1f MB/s out, %.1f MB/s in\n", 100 * r->busy,
           r->busy > 0.8 ? ": the figures are the generator's own, not the server's" : "",
           (double)r->bytes_out / r->seconds / 1e6, (double)r->bytes_in / r->seconds / 1e6);
    if (r->refused > 0)
        printf("%llu refused, the first: %s\n", (unsigned long long)r->refused, r->first_error);
    if (r->malformed > 0)
        printf("%llu answers had not their declared shape\n", (unsigned long long)r->malformed);
    if (r->late > 0)
        printf("%llu requests were due and never sent: the rate is above what is possible\n",
               (unsigned long long)r->late);
}

static int run(struct bench *b)
{
    int code = EXIT_OK;
    signal(SIGPIPE, SIG_IGN);
    if (b->to != NULL) {
        snprintf(b->address, sizeof b->address, "%s", b->to);
        int err = b->key_file != NULL ? read_secret(b->key_file, b->key, sizeof b->key) : 0;
        if (err != 0)
            return failed(EXIT_USAGE, "%s: %s", b->key_file, strerror(err));
    } else {
        code = start_server(b);
    }
    if (code == EXIT_OK)
        code = measure(b);
    if (code == EXIT_OK && b->json)
        print_json(b);
    else if (code == EXIT_OK)
        print_text(b);
    bool bad = b->report.malformed > 0;
    generator_free(&b->report);
    world_free(&b->world);
    stop_server(b);
    return code == EXIT_OK && bad ? EXIT_FAILED : code;
}

// ---- the command -------------------------------------------------------------------------------

static int judge(const struct command *c, struct bench *b, struct words rest)
{
    uint64_t rate;
    if (rest.n != 1)
        return usage_error(c, "one scenario, please");
    unsigned s = 0;
    while (s < MIX_WARM && strcmp(rest.word[0], mix_names[s]) != 0)
        s++;
    if (s == MIX_WARM)
        return usage_error(c, "no scenario \"%s\"", rest.word[0]);
    b->scenario = (enum mix_kind)s;
    if (b->rate != NULL && strcmp(b->rate, "max") != 0 && !parse_u64(b->rate, &rate))
        return usage_error(c, "--rate is a number or max, not \"%s\"", b->rate);
    if (b->connections < 1 || b->connections > 10000 || b->in_flight < 1 || b->in_flight > 1024)
        return usage_error(c, "--connections is from 1 to 10000, --in-flight from 1 to 1024");
    if (b->users < 2 || b->users > 10000000 || b->follows * 2 >= b->users)
        return usage_error(c, "--users is at least 2, --follows-per-user less than half of them");
    if (b->duration < 1)
        return usage_error(c, "--duration is at least a second");
    if (b->to != NULL && b->key_file == NULL && b->scenario != MIX_PING)
        return usage_error(c, "--to needs --service-key-file: the users are made by import");
    return CLI_GO_ON;
}

static const char bench_more[] =
    "scenarios:\n"
    "  ping     an empty request\n"
    "  feed     a home feed of 20 posts by any user\n"
    "  follow   any user follows any other\n"
    "  like     any user likes any post\n"
    "  post     a popular author posts, pushed to readers who have read before\n"
    "  mixed    80 % feed, 10 % like, 4 % follow, 3 % comment, 3 % post\n"
    "\n"
    "Without --to a private server is started on a temporary directory. With --rate N the loop is\n"
    "open: latencies count from the time at which a request was to be sent. The generator is one\n"
    "thread and shares the machine with the server.\n";

int kith_bench(int argc, char **argv)
{
    static struct bench b = {
        .io = "auto", .durability = "strict", .connections = 50, .in_flight = 1, .duration = 10,
        .warmup = 2, .users = 10000, .follows = 50, .posts = 100000, .seed = 1,
    };
    const struct option options[] = {
        {"to", 0, OPTION_TEXT, "ADDR", "a private server", "measure this server", &b.to},
        {"service-key-file", 0, OPTION_TEXT, "FILE", NULL, "with --to: its service key",
         &b.key_file},
        {"connections", 0, OPTION_NUMBER, "N", "50", "connections", &b.connections},
        {"in-flight", 0, OPTION_NUMBER, "N", "1", "requests under way on each", &b.in_flight},
        {"duration", 0, OPTION_NUMBER, "S", "10", "measured seconds", &b.duration},
        {"warmup", 0, OPTION_NUMBER, "S", "2", "seconds before", &b.warmup},
        {"rate", 0, OPTION_TEXT, "N|max", "max", "requests a second", &b.rate},
        {"users", 0, OPTION_NUMBER, "N", "10000", "users made", &b.users},
        {"follows-per-user", 0, OPTION_NUMBER, "N", "50", "whom each follows", &b.follows},
        {"posts", 0, OPTION_NUMBER, "N", "100000", "posts made", &b.posts},
        {"seed", 0, OPTION_NUMBER, "S", "1", "of community and requests", &b.seed},
        {"durability", 0, OPTION_TEXT, "MODE", "strict", "of the private server", &b.durability},
        {"io", 0, OPTION_TEXT, "HOW", "auto", "of the private server", &b.io},
        {"cores", 0, OPTION_NUMBER, "N", "of this machine", "of the private server", &b.cores},
        {"unix", 0, OPTION_FLAG, NULL, NULL, "over a Unix socket instead of TCP", &b.unix_socket},
        {"json", 0, OPTION_FLAG, NULL, NULL, "the report as JSON", &b.json},
        {0},
    };
    const struct command command = {
        .name = "bench",
        .purpose = "Measures throughput and latency of one scenario.",
        .usage = "SCENARIO [options]",
        .examples = "  kith bench feed --in-flight 16\n"
                    "  kith bench mixed --rate 20000 --duration 30 --durability group\n",
        .options = options,
        .more = bench_more,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code == CLI_GO_ON)
        code = judge(&command, &b, rest);
    return code != CLI_GO_ON ? code : run(&b);
}
