#include "tools/kith_bench_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/client.h"
#include "bench/echo.h"
#include "bench/machine.h"
#include "core/clock.h"
#include "core/fb_build.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"
#include "tools/kith_http.h"

enum { START_TRIES = 60000, TRY_NS = 1000000, ARGS_MAX = 24 };

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

static void run_child(const struct bench_server *s)
{
    char cores[24];
    snprintf(cores, sizeof cores, "%llu", (unsigned long long)s->cores);
    const char *args[ARGS_MAX] = {"kith", "serve", s->temp.data, "--listen", s->address,
                                  "--admin", s->admin, "--service-key-file", s->temp.key_file,
                                  "--durability", s->durability, "--io", s->io,
                                  "--quiet", "--slow-ms", "0", "--cores", cores, NULL};
    if (s->fanout != NULL) {
        args[18] = "--fanout-max";
        args[19] = s->fanout;
    }
    // What the server has to say belongs to standard error; the report has standard output.
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv("/proc/self/exe", (char **)(uintptr_t)args);
    _exit(EXIT_FAILED);
}

static void run_echo(const struct bench_server *s)
{
    char why[256] = "";
    struct echo_options opt = {s->address, NET_AUTO, s->cores > 0 ? (unsigned)s->cores : 1};
    if (strcmp(s->io, "auto") != 0)
        opt.io = strcmp(s->io, "epoll") == 0 ? NET_EPOLL : NET_URING;
    signal(SIGTERM, SIG_DFL);
    int err = echo_serve(&opt, why);
    fprintf(stderr, "kith: the echo server: %s: %s\n", strerror(err), why);
    _exit(EXIT_FAILED);
}

// Whether a first request is answered.
static bool answers(const char *address, char *why)
{
    uint8_t buf[256];
    struct client c;
    struct answer a;
    fb_builder builder;
    fb_init(&builder, buf, sizeof buf);
    kt_new_Ping ping = {0};
    struct client_request r = {.op = OP_ping};
    r.body_n = fb_finish(&builder, kt_end_Ping(&builder, &ping));
    r.body = fb_data(&builder);
    bool done = client_open(&c, address) == 0 && client_call(&c, &r, &a) == 0 &&
                a.head.status == 0;
    snprintf(why, CLIENT_WHY, "%s", c.why);
    client_close(&c);
    return done;
}

// An echo has no words: that it takes connections is enough.
static bool listens(const char *address, char *why)
{
    int fd;
    bool done = client_connect(address, &fd, why) == 0;
    if (done)
        close(fd);
    return done;
}

// Waits until the child serves.
static int await(struct bench_server *s, bool (*serves)(const char *address, char *why))
{
    char why[CLIENT_WHY];
    for (unsigned i = 0; i < START_TRIES; i++) {
        int status;
        if (serves(s->address, why))
            return EXIT_OK;
        if (waitpid(s->child, &status, WNOHANG) == s->child) {
            s->child = s->pid = 0;
            return failed(EXIT_FAILED, "the private server ended at once");
        }
        nanosleep(&(struct timespec){0, TRY_NS}, NULL);
    }
    return failed(EXIT_CONNECT, "%s", why);
}

static int spawn(struct bench_server *s, void (*run)(const struct bench_server *s))
{
    fflush(NULL);
    s->child = s->pid = fork();
    if (s->child < 0) {
        s->child = s->pid = 0;
        return failed(EXIT_FAILED, "fork: %s", strerror(errno));
    }
    if (s->child == 0) {
        // It does not outlive a benchmark that was killed.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(s);
    }
    return await(s, run == run_echo ? listens : answers);
}

// Who serves an address, as far as this machine knows.
static pid_t serving(const char *address)
{
    char why[CLIENT_WHY];
    struct ucred who = {0};
    socklen_t n = sizeof who;
    int fd;
    if (strncmp(address, "unix:", 5) == 0) {
        if (client_connect(address, &fd, why) == 0) {
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
            close(fd);
        }
        return who.pid;
    }
    const char *colon = strrchr(address, ':');
    bool here = strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0 ||
                strncmp(address, "[::1]:", 6) == 0;
    return here && colon != NULL ? process_listening((unsigned)strtoul(colon + 1, NULL, 10)) : 0;
}

static int take_target(struct bench_server *s)
{
    snprintf(s->address, sizeof s->address, "%s", s->target);
    s->pid = s->target_pid != 0 ? (pid_t)s->target_pid : serving(s->address);
    int err = s->key_file != NULL ? read_secret(s->key_file, s->key, sizeof s->key) : 0;
    return err == 0 ? EXIT_OK : failed(EXIT_USAGE, "%s: %s", s->key_file, strerror(err));
}

static int choose_address(struct bench_server *s)
{
    if (!temp_make(&s->temp, "bench"))
        return EXIT_FAILED;
    snprintf(s->key, sizeof s->key, "%s", s->temp.key);
    snprintf(s->admin, sizeof s->admin, "127.0.0.1:%u", free_port());
    if (s->unix_socket)
        snprintf(s->address, sizeof s->address, "unix:%s/sock", s->temp.path);
    else
        snprintf(s->address, sizeof s->address, "127.0.0.1:%u", free_port());
    return EXIT_OK;
}

int bench_server_start(struct bench_server *s)
{
    if (s->target != NULL)
        return take_target(s);
    int code = choose_address(s);
    return code != EXIT_OK ? code : spawn(s, run_child);
}

int bench_server_start_echo(struct bench_server *s)
{
    int code = choose_address(s);
    s->key[0] = '\0';
    return code != EXIT_OK ? code : spawn(s, run_echo);
}

void bench_server_stop(struct bench_server *s)
{
    if (s->child <= 0)
        return;
    kill(s->child, SIGTERM);
    waitpid(s->child, NULL, 0);
    s->child = s->pid = 0;
}

double bench_server_restart(struct bench_server *s)
{
    uint64_t begin = clock_mono_ns();
    if (spawn(s, run_child) != EXIT_OK)
        return -1;
    return (double)(clock_mono_ns() - begin) / 1e9;
}

double bench_server_metric(const struct bench_server *s, const char *begin)
{
    struct string body = {0};
    char why[256];
    double sum = 0;
    struct http_call call = {s->admin, "GET", "/metrics"};
    const char *line = http_exchange(&call, &body, why) == 200 ? body.s : NULL;
    while (line != NULL) {
        line += *line == '\n';
        const char *value = strncmp(line, begin, strlen(begin)) == 0 ? strchr(line, ' ') : NULL;
        sum += value != NULL ? strtod(value, NULL) : 0;
        line = strchr(line, '\n');
    }
    string_free(&body);
    return sum;
}

// The admin port may refuse for a moment after a start.
int bench_server_snapshot(const struct bench_server *s)
{
    enum { TRIES = 100, PAUSE_NS = 50000000 };
    struct string body = {0};
    char why[256] = "";
    struct http_call call = {s->admin, "POST", "/snapshot"};
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

void bench_server_free(struct bench_server *s)
{
    bench_server_stop(s);
    if (s->temp.path[0] != '\0')
        temp_remove(&s->temp);
    s->temp.path[0] = '\0';
}
