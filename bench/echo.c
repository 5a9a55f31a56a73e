#include "bench/echo.h"

#include <pthread.h>
#include <stdio.h>

#include "core/assert.h"

enum { ECHO_MAX = 64 << 10, CONNECTIONS_MAX = 4096 };

struct echo { struct net *net; pthread_t thread; };

static const uint8_t zeros[ECHO_MAX];

static bool on_opened(void *ctx, net_conn c, unsigned listener)
{
    struct echo *e = ctx;
    (void)listener;
    net_trust(e->net, c);
    return true;
}

static void on_closed(void *ctx, net_conn c)
{
    (void)ctx;
    (void)c;
}

static void on_frame(void *ctx, net_conn c, const struct frame_head *asked, const void *payload)
{
    struct echo *e = ctx;
    struct frame_head head = *asked;
    (void)payload;
    head.length = asked->place < ECHO_MAX ? (uint32_t)asked->place : ECHO_MAX;
    net_send_frame(e->net, c, &head, zeros);
}

static void on_http(void *ctx, net_conn c, const struct http_request *r)
{
    struct echo *e = ctx;
    (void)r;
    net_finish(e->net, c);
}

static size_t on_problem(void *ctx, unsigned status, char *out, size_t cap)
{
    (void)ctx;
    return (size_t)snprintf(out, cap, "{\"status\":%u}", status);
}

static void *serve(void *arg)
{
    struct echo *e = arg;
    for (;;)
        net_turn(e->net, 1000, NULL);
    return NULL;
}

int echo_serve(const struct echo_options *opt, char why[256])
{
    static struct echo echo[CORES_MAX];
    static const struct net_handler handler = {
        .opened = on_opened, .closed = on_closed, .frame = on_frame, .http = on_http,
        .problem = on_problem,
    };
    ASSERT(opt->cores >= 1 && opt->cores <= CORES_MAX);
    struct net_listen listen = {.address = opt->address};
    for (unsigned i = 0; i < opt->cores; i++) {
        struct net_options net = {
            .backend = opt->io, .core = i, .listen = &listen, .listen_count = 1,
            .reuse_port = opt->cores > 1, .connections_max = CONNECTIONS_MAX,
            .handler = &handler, .ctx = &echo[i],
        };
        int err = net_open(&echo[i].net, &net, why);
        if (err == 0)
            err = pthread_create(&echo[i].thread, NULL, serve, &echo[i]);
        if (err != 0)
            return err;
    }
    pthread_join(echo[0].thread, NULL);
    return 0;
}
