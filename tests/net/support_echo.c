// The echo server's handler and thread; the clients' reads and writes.
#include "tests/net/support_echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool on_opened(void *ctx, net_conn c, unsigned listener)
{
    struct echo_server *s = ctx;
    (void)c;
    (void)listener;
    atomic_fetch_add(&s->opened, 1);
    return true;
}

static void on_closed(void *ctx, net_conn c)
{
    struct echo_server *s = ctx;
    (void)c;
    atomic_fetch_add(&s->closed, 1);
}

static void on_frame(void *ctx, net_conn c, const struct frame_head *asked, const void *payload)
{
    struct echo_server *s = ctx;
    struct frame_head head = *asked;
    switch ((enum echo_op)head.op) {
    case ECHO_BIG:
        head.length = (uint32_t)head.place;
        net_send_frame(s->net, c, &head, s->big);
        return;
    case ECHO_LATER:
        head.length = 0;
        if (s->later_n < sizeof s->later / sizeof *s->later)
            s->later[s->later_n++] = (struct echo_later){ c, head };
        return;
    case ECHO_TRUST:
        net_trust(s->net, c);
        break;
    case ECHO_NEVER:
        net_forget(s->net, c);
        return;
    case ECHO:
    case ECHO_FINISH:
        break;
    }
    net_send_frame(s->net, c, &head, payload);
    if (head.op == ECHO_FINISH) net_finish(s->net, c);
}

static void on_http(void *ctx, net_conn c, const struct http_request *r)
{
    struct echo_server *s = ctx;
    struct http_answer a = {
        .status = 200, .content_type = "text/plain", .body = r->body.s, .body_size = r->body.n,
        .head = r->method == HTTP_HEAD,
    };
    net_send_http(s->net, c, r->sequence, &a);
}

static size_t on_problem(void *ctx, unsigned status, char *out, size_t cap)
{
    (void)ctx;
    return (size_t)snprintf(out, cap, "{\"status\":%u}", status);
}

static const struct net_handler handler = {
    .opened = on_opened, .closed = on_closed, .frame = on_frame, .http = on_http,
    .problem = on_problem,
};

static void *serve(void *arg)
{
    struct echo_server *s = arg;
    while (!atomic_load(&s->stop)) {
        net_turn(s->net, 1000, NULL);
        if (atomic_exchange(&s->drain, false)) net_drain(s->net);
        while (s->later_n) {
            struct echo_later *l = &s->later[--s->later_n];
            net_send_frame(s->net, l->c, &l->head, NULL);
        }
    }
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    s->cpu_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    return NULL;
}

struct echo_server *echo_start(struct net_options opt, char *why)
{
    struct echo_server *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    memset(s->big, 'b', sizeof s->big);
    static const struct net_listen anywhere = { .address = "127.0.0.1:0" };
    if (!opt.listen) {
        opt.listen = &anywhere;
        opt.listen_count = 1;
    }
    opt.handler = &handler;
    opt.ctx = s;
    if (net_open(&s->net, &opt, why) || pthread_create(&s->thread, NULL, serve, s)) {
        free(s);
        return NULL;
    }
    return s;
}

void echo_stop(struct echo_server *s)
{
    atomic_store(&s->stop, true);
    net_wake(s->net);
    pthread_join(s->thread, NULL);
    net_stats(s->net, &s->stats);
    net_close(s->net);
}

int echo_connect(unsigned port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // A test that waits for ever tells nothing.
    struct timeval limit = { .tv_sec = 20 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int failed;
    do failed = connect(fd, (struct sockaddr *)&to, sizeof to); while (failed && errno == EINTR);
    if (!failed || errno == EISCONN) return fd;
    close(fd);
    return -1;
}

long echo_recv(int fd, void *bytes, size_t n)
{
    long got;
    do got = recv(fd, bytes, n, 0); while (got < 0 && errno == EINTR);
    return got;
}

bool echo_write(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool echo_read(int fd, void *bytes, size_t n)
{
    char *p = bytes;
    while (n) {
        ssize_t got = echo_recv(fd, p, n);
        if (got <= 0) return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

bool echo_ask(int fd, struct frame_head head, const void *payload)
{
    head.magic = FRAME_MAGIC;
    if (!echo_write(fd, &head, sizeof head)) return false;
    return head.length == 0 || echo_write(fd, payload, head.length);
}
