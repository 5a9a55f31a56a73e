// End to end over the kernel, both backends: a reactor in a thread of its own, clients with plain
// sockets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "tests/net/support_echo.h"

static struct echo_server *server;
static enum net_backend backend;

static void start(struct net_options opt)
{
    char why[256] = "";
    opt.backend = backend;
    if (!opt.connections_max) opt.connections_max = 512;
    server = echo_start(opt, why);
    if (!server) print_error("%s\n", why);
    assert_non_null(server);
    assert_int_equal(net_backend_used(server->net), backend);
}

// Every connection that was opened was closed, once.
static void stop(void)
{
    echo_stop(server);
    assert_int_equal(server->opened, server->closed);
    free(server);
}

static int connected(void)
{
    int fd = echo_connect(net_port(server->net, 0));
    assert_true(fd >= 0);
    return fd;
}

static void ask(int fd, enum echo_op op, uint32_t request, uint32_t length)
{
    char *bytes = malloc(length + 1);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < length; i++) bytes[i] = (char)(request + i);
    struct frame_head head = { .length = length, .op = (uint16_t)op, .request = request };
    assert_true(echo_ask(fd, head, bytes));
    free(bytes);
}

// The echo of the same request.
static void echoed(int fd, uint32_t request, uint32_t length)
{
    struct frame_head head;
    assert_true(echo_read(fd, &head, sizeof head));
    assert_int_equal(head.magic, FRAME_MAGIC);
    assert_int_equal(head.request, request);
    assert_int_equal(head.length, length);
    char *bytes = malloc(length + 1);
    assert_non_null(bytes);
    assert_true(echo_read(fd, bytes, length));
    for (uint32_t i = 0; i < length; i++) assert_int_equal(bytes[i], (char)(request + i));
    free(bytes);
}

static void ended(int fd)
{
    char byte;
    long got = echo_recv(fd, &byte, 1);
    assert_true(got == 0 || (got < 0 && errno != EAGAIN));
    close(fd);
}

static void ask_big(int fd, uint32_t request, size_t size)
{
    assert_true(echo_ask(fd, (struct frame_head){ .op = ECHO_BIG, .request = request,
                                                  .place = size }, NULL));
}

static void got_big(int fd, uint32_t request, size_t size)
{
    struct frame_head head;
    assert_true(echo_read(fd, &head, sizeof head));
    assert_int_equal(head.request, request);
    assert_int_equal(head.length, size);
    char *bytes = malloc(size);
    assert_non_null(bytes);
    assert_true(echo_read(fd, bytes, size));
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 'b') fail_msg("byte %zu of %zu", i, size);
    free(bytes);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

// ---- requests -----------------------------------------------------------------------------------

static void pipelining(void **state)
{
    (void)state;
    start((struct net_options){0});
    int fds[40];
    for (unsigned i = 0; i < 40; i++) fds[i] = connected();
    for (uint32_t r = 0; r < 60; r++)
        for (unsigned i = 0; i < 40; i++) ask(fds[i], ECHO, r, (r * 37 + i) % 700);
    for (unsigned i = 0; i < 40; i++)
        for (uint32_t r = 0; r < 60; r++) echoed(fds[i], r, (r * 37 + i) % 700);
    for (unsigned i = 0; i < 40; i++) close(fds[i]);
    stop();
}

static void answers_later(void **state)
{
    (void)state;
    start((struct net_options){0});
    int fd = connected();
    ask(fd, ECHO_TRUST, 1, 8);
    echoed(fd, 1, 8);
    bool seen[500] = {0};
    for (uint32_t r = 0; r < 500; r++) ask(fd, ECHO_LATER, r, 24);
    for (uint32_t i = 0; i < 500; i++) {
        struct frame_head head;
        assert_true(echo_read(fd, &head, sizeof head));
        assert_true(head.request < 500 && !seen[head.request]);
        seen[head.request] = true;
    }
    for (uint32_t r = 0; r < 2 * PIPELINE_MAX; r++) ask(fd, ECHO_NEVER, r, 0);
    ask(fd, ECHO, 7, 8);
    echoed(fd, 7, 8);
    close(fd);
    stop();
}

static void *large_requests(void *arg)
{
    unsigned port = *(unsigned *)arg;
    int fd = echo_connect(port);
    assert_true(fd >= 0);
    ask(fd, ECHO_TRUST, 1, 8);
    echoed(fd, 1, 8);
    for (uint32_t r = 0; r < 6; r++) {
        ask(fd, ECHO, r, FRAME_MAX - r * 1001);
        echoed(fd, r, FRAME_MAX - r * 1001);
    }
    close(fd);
    return NULL;
}

// More bytes on their way than there are provided buffers for.
static void large(void **state)
{
    (void)state;
    start((struct net_options){0});
    unsigned port = net_port(server->net, 0);
    pthread_t threads[12];
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, large_requests, &port), 0);
    for (unsigned i = 0; i < 12; i++) pthread_join(threads[i], NULL);
    stop();
}

static void big_answers(void **state)
{
    (void)state;
    start((struct net_options){0});
    int fd = connected();
    for (uint32_t r = 0; r < 8; r++) {
        ask_big(fd, r, 3 << 20);
        got_big(fd, r, 3 << 20);
    }
    close(fd);
    stop();
}

static void slow_reader(void **state)
{
    (void)state;
    start((struct net_options){0});
    int slow = connected(), live = connected();
    for (uint32_t r = 0; r < 100; r++) ask_big(slow, r, 256 << 10);
    pause_ms(100);
    for (uint32_t r = 0; r < 50; r++) {
        ask(live, ECHO, r, 32);
        echoed(live, r, 32);
    }
    // 25 MB were asked for; he gets them once he reads.
    for (uint32_t r = 0; r < 100; r++) got_big(slow, r, 256 << 10);
    ask(slow, ECHO, 1, 8);
    echoed(slow, 1, 8);
    close(slow);
    close(live);
    stop();
}

// ---- peers that misbehave -----------------------------------------------------------------------

static void resets(void **state)
{
    (void)state;
    start((struct net_options){0});
    for (unsigned i = 0; i < 30; i++) {
        int fd = connected();
        ask_big(fd, i, 2 << 20);
        struct linger now = { .l_onoff = 1 };
        if (i % 2) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (i % 3) pause_ms(2);
        close(fd);
    }
    int fd = connected();
    ask(fd, ECHO, 1, 8);
    echoed(fd, 1, 8);
    close(fd);
    stop();
}

static void flood(void **state)
{
    (void)state;
    start((struct net_options){ .connections_max = 100 });
    int live = connected();
    ask(live, ECHO, 0, 8);
    echoed(live, 0, 8);
    int fds[300];
    for (unsigned i = 0; i < 300; i++) fds[i] = connected();
    for (uint32_t r = 0; r < 20; r++) {
        ask(live, ECHO, r, 8);
        echoed(live, r, 8);
    }
    // The first 99 are served, the others were closed.
    ask(fds[0], ECHO, 1, 8);
    echoed(fds[0], 1, 8);
    ended(fds[299]);
    for (unsigned i = 0; i < 299; i++) close(fds[i]);
    pause_ms(50);
    int fd = connected();
    ask(fd, ECHO, 1, 8);
    echoed(fd, 1, 8);
    close(fd);
    close(live);
    echo_stop(server);
    assert_int_equal(server->stats.refused, 201);
    assert_int_equal(server->opened, server->closed);
    free(server);
}

static void short_limits(void **state)
{
    (void)state;
    static const struct net_limits limits = { .idle_ms = 600, .header_ms = 200 };
    start((struct net_options){ .limits = &limits });
    double from = seconds();
    int idle = connected(), header = connected(), http = connected();
    assert_true(echo_write(header, "\1\0\0\0\1", 5));
    assert_true(echo_write(http, "GET / HT", 8));
    char answer[512] = "";
    assert_true(echo_recv(http, answer, sizeof answer - 1) > 0);
    assert_non_null(strstr(answer, "HTTP/1.1 408 Request Timeout"));
    ended(http);
    ended(header);
    assert_true(seconds() - from < 5);
    ended(idle);
    assert_true(seconds() - from >= 0.6);
    stop();
}

static void descriptors_run_out(void **state)
{
    (void)state;
    static const struct net_listen http = { .address = "127.0.0.1:0", .http_only = true };
    struct rlimit old, low;
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = 200;
    // Before the start: io_uring keeps to the limit there was when it was told to accept.
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    start((struct net_options){ .listen = &http, .listen_count = 1 });
    pause_ms(50);
    // Sockets until none is left to accept with.
    int fds[200];
    unsigned count = 0;
    while (count < 200 && (fds[count] = socket(AF_INET, SOCK_STREAM, 0)) >= 0) count++;
    assert_int_equal(errno, EMFILE);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)net_port(server->net, 0)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval limit = { .tv_sec = 10 };
    setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&to, sizeof to), 0);
    char answer[256] = "";
    ssize_t n = echo_recv(fds[0], answer, sizeof answer - 1);
    int error = errno;
    setrlimit(RLIMIT_NOFILE, &old);
    if (n <= 0) fail_msg("%zd, %s", n, strerror(error));
    assert_non_null(strstr(answer, "503"));
    for (unsigned i = 1; i < count; i++) close(fds[i]);
    int fd = connected();
    static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_true(echo_write(fd, get, sizeof get - 1));
    memset(answer, 0, sizeof answer);
    assert_true(echo_recv(fd, answer, sizeof answer - 1) > 0);
    assert_non_null(strstr(answer, "200 OK"));
    close(fd);
    close(fds[0]);
    stop();
}

// ---- ends ---------------------------------------------------------------------------------------

static void finish_and_drain(void **state)
{
    (void)state;
    start((struct net_options){0});
    int fd = connected(), idle = connected();
    ask(fd, ECHO_FINISH, 1, 100);
    echoed(fd, 1, 100);
    ended(fd);
    ask(idle, ECHO, 1, 8);
    echoed(idle, 1, 8);
    atomic_store(&server->drain, true);
    net_wake(server->net);
    ended(idle);
    assert_int_equal(echo_connect(net_port(server->net, 0)), -1);
    stop();
}

static void wakes_at_once(void **state)
{
    (void)state;
    start((struct net_options){0});
    pause_ms(50);
    double from = seconds();
    for (unsigned i = 0; i < 1000; i++) net_wake(server->net);
    stop();                        // the server's turns sleep for a second
    assert_true(seconds() - from < 0.8);
}

// An answer that the peer has not read must not be lost when we close with his bytes unread.
static void refusal_reaches_the_peer(void **state)
{
    (void)state;
    start((struct net_options){0});
    int fd = connected();
    static char bytes[200000];
    memset(bytes, 'x', sizeof bytes);
    int n = snprintf(bytes, 200, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n");
    bytes[n] = 'x';
    assert_true(echo_write(fd, bytes, sizeof bytes));
    pause_ms(50);
    echo_write(fd, bytes, sizeof bytes);
    char answer[1024] = "";
    assert_true(echo_recv(fd, answer, sizeof answer - 1) > 0);
    assert_non_null(strstr(answer, "413 Content Too Large"));
    close(fd);
    stop();
}

// ---- addresses ----------------------------------------------------------------------------------

static int connect_file(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    strcpy(to.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

static int refuses(const char *address, unsigned core)
{
    static const struct net_handler none;
    struct net_listen listen = { .address = address };
    struct net *n;
    char why[256];
    int error = net_open(&n, &(struct net_options){
        .backend = backend, .listen = &listen, .listen_count = 1, .connections_max = 8,
        .handler = &none, .core = core,
    }, why);
    if (!error) net_close(n);
    else assert_true(why[0] != 0);
    return error;
}

static void addresses(void **state)
{
    (void)state;
    char path[64], address[80];
    snprintf(path, sizeof path, "/tmp/kith_echo_%d", getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    // What a crashed server leaves behind.
    struct sockaddr_un stale = { .sun_family = AF_UNIX };
    strcpy(stale.sun_path, path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&stale, sizeof stale), 0);
    close(dead);
    const struct net_listen listen[] = { { .address = address }, { .address = "localhost:0" },
                                         { .address = "[::1]:0" } };
    start((struct net_options){ .listen = listen, .listen_count = 2 });
    assert_int_equal(net_port(server->net, 0), 0);
    int file = connect_file(path), inet = echo_connect(net_port(server->net, 1));
    assert_true(file >= 0 && inet >= 0);
    ask(file, ECHO, 1, 3000);
    echoed(file, 1, 3000);
    ask(inet, ECHO, 1, 3000);
    echoed(inet, 1, 3000);
    close(file);
    close(inet);
    assert_int_equal(refuses(address, 0), EADDRINUSE);
    assert_int_equal(refuses(address, 1), 0); // not this core's
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", net_port(server->net, 1));
    assert_int_equal(refuses(taken, 0), EADDRINUSE);
    stop();
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(refuses(taken, 0), 0); // free at once
    static const char *const bad[] = {
        "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "nowhere:1", "unix:", ":1",
        "[::1:1", "127.0.0.1:-1", "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(refuses(bad[i], 0), EINVAL);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(refuses(address, 0), EEXIST);
    unlink(path);
}

static void many_reactors(void **state)
{
    (void)state;
    start((struct net_options){ .reuse_port = true });
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", net_port(server->net, 0));
    struct net_listen listen = { .address = address };
    struct echo_server *first = server;
    start((struct net_options){ .reuse_port = true, .core = 1, .listen = &listen,
                                .listen_count = 1 });
    int fds[64];
    for (unsigned i = 0; i < 64; i++) {
        fds[i] = connected();
        ask(fds[i], ECHO, i, 8);
    }
    for (unsigned i = 0; i < 64; i++) {
        echoed(fds[i], i, 8);
        close(fds[i]);
    }
    assert_int_equal(first->opened + server->opened, 64);
    assert_true(first->opened > 0 && server->opened > 0);
    stop();
    server = first;
    stop();
}

// ---- io_uring denied ----------------------------------------------------------------------------

// In the child: 0 where NET_AUTO went on with epoll and said why.
static int open_denied(int with)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)with),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 2;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 3;
    static const struct net_handler none;
    struct net_listen listen = { .address = "127.0.0.1:0" };
    struct net *n;
    char why[256];
    struct net_options opt = { .backend = NET_AUTO, .listen = &listen, .listen_count = 1,
                               .connections_max = 8, .handler = &none };
    if (net_open(&n, &opt, why)) return 4;
    if (net_backend_used(n) != NET_EPOLL || !strstr(why, "io_uring")) return 5;
    net_turn(n, 1, NULL);
    net_close(n);
    opt.backend = NET_URING;
    return net_open(&n, &opt, why) == with && strstr(why, "io_uring") ? 0 : 6;
}

static void falls_back(void **state)
{
    (void)state;
    static const int errors[] = { EPERM, ENOSYS, ENOMEM };
    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) _exit(open_denied(errors[i]));
        int status = -1;
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static int with_uring(void **state)
{
    (void)state;
    backend = NET_URING;
    struct echo_server *s = echo_start((struct net_options){
        .backend = NET_URING, .connections_max = 1 }, (char[256]){0});
    if (!s) {
        print_message("io_uring is not to be had here: epoll only\n");
        backend = NET_EPOLL;
        return 0;
    }
    echo_stop(s);
    free(s);
    return 0;
}

static int with_epoll(void **state)
{
    (void)state;
    backend = NET_EPOLL;
    return 0;
}

// test_echo [pattern of test names]
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelining), cmocka_unit_test(answers_later), cmocka_unit_test(large),
        cmocka_unit_test(big_answers), cmocka_unit_test(slow_reader), cmocka_unit_test(resets),
        cmocka_unit_test(flood), cmocka_unit_test(short_limits),
        cmocka_unit_test(descriptors_run_out), cmocka_unit_test(finish_and_drain),
        cmocka_unit_test(wakes_at_once), cmocka_unit_test(refusal_reaches_the_peer),
        cmocka_unit_test(addresses), cmocka_unit_test(many_reactors),
    };
    const struct CMUnitTest denied[] = { cmocka_unit_test(falls_back) };
    int failed = cmocka_run_group_tests_name("io_uring", tests, with_uring, NULL);
    failed += cmocka_run_group_tests_name("epoll", tests, with_epoll, NULL);
    return failed + cmocka_run_group_tests_name("denied", denied, NULL, NULL);
}
