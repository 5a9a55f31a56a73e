// How many small requests one reactor answers: 50 connections, 1 and 16 in flight on each, both
// backends, frames and HTTP. Prints; judges nothing.
//
//   echo_rate [seconds]
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/support_echo.h"

enum { CONNECTIONS = 50, PAYLOAD = 64 };

struct load {
    char ask[256];                 // one request
    size_t ask_n, answer_n;        // its bytes, and those of its answer
    unsigned depth;
    size_t got[CONNECTIONS];       // bytes of answers so far
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(const struct load *l, int fd, size_t count)
{
    char bytes[16 * 256];
    for (size_t i = 0; i < count; i++) memcpy(bytes + i * l->ask_n, l->ask, l->ask_n);
    if (!echo_write(fd, bytes, count * l->ask_n)) perror("send");
}

// Answers received within `seconds`.
static uint64_t drive(struct load *l, unsigned port, double seconds)
{
    int fds[CONNECTIONS], ep = epoll_create1(0);
    uint64_t answers = 0;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        fds[i] = echo_connect(port);
        struct epoll_event ev = { EPOLLIN, { .u32 = i } };
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
        ask(l, fds[i], l->depth);
    }
    for (double end = now_s() + seconds; now_s() < end; ) {
        struct epoll_event ready[CONNECTIONS];
        int n = epoll_wait(ep, ready, CONNECTIONS, 100);
        for (int i = 0; i < n; i++) {
            char bytes[16384];
            unsigned k = ready[i].data.u32;
            ssize_t got = recv(fds[k], bytes, sizeof bytes, MSG_DONTWAIT);
            if (got <= 0) continue;
            size_t before = l->got[k] / l->answer_n;
            l->got[k] += (size_t)got;
            size_t whole = l->got[k] / l->answer_n - before;
            answers += whole;
            if (whole) ask(l, fds[k], whole);
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) close(fds[i]);
    close(ep);
    return answers;
}

static struct load frames(void)
{
    struct load l = { .ask_n = sizeof(struct frame_head) + PAYLOAD };
    struct frame_head head = { .length = PAYLOAD, .op = ECHO, .magic = FRAME_MAGIC };
    memcpy(l.ask, &head, sizeof head);
    memset(l.ask + sizeof head, 'p', PAYLOAD);
    l.answer_n = l.ask_n;
    return l;
}

static struct load http(unsigned port)
{
    struct load l = {0};
    l.ask_n = (size_t)snprintf(l.ask, sizeof l.ask,
                               "GET /api/feed?limit=20 HTTP/1.1\r\nHost: localhost\r\n"
                               "Authorization: Bearer abcdefghijklmnopqrstuvwxyz\r\n"
                               "Accept: application/json\r\n\r\n");
    char answer[1024];
    int fd = echo_connect(port);
    if (!echo_write(fd, l.ask, l.ask_n)) perror("send");
    l.answer_n = (size_t)recv(fd, answer, sizeof answer, 0);
    close(fd);
    return l;
}

static void measure(enum net_backend backend, bool as_http, unsigned depth, double seconds)
{
    char why[256];
    struct net_options opt = { .backend = backend, .connections_max = 256 };
    struct echo_server *s = echo_start(opt, why);
    if (!s) {
        printf("%s\n", why);
        return;
    }
    unsigned port = net_port(s->net, 0);
    struct load l = as_http ? http(port) : frames();
    l.depth = depth;
    double from = now_s();
    uint64_t n = drive(&l, port, seconds);
    double took = now_s() - from;
    echo_stop(s);
    printf("%-6s %-6s %2u in flight: %8.0f requests/s, %8.0f a second of server CPU (%.0f %%)\n",
           backend == NET_URING ? "uring" : "epoll", as_http ? "http" : "frames", depth,
           (double)n / took, (double)n / s->cpu_s, 100 * s->cpu_s / took);
    free(s);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    for (int http = 0; http < 2; http++)
        for (unsigned depth = 1; depth <= 16; depth += 15) {
            measure(NET_URING, http, depth, seconds);
            measure(NET_EPOLL, http, depth, seconds);
        }
    return 0;
}
