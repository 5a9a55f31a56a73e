// What a limit costs a request in instructions: run under callgrind by tests/bench/test_budgets.py.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/reactor.h"
#include "api/state.h"
#include "core/assert.h"
#include "tests/bench/cost.h"

enum { TIMES = 1000, USERS = 128 };

static struct server server;
static struct reactor reactor = {.server = &server};
static net_conn conn;

static bool on_opened(void *ctx, net_conn c, unsigned listener)
{
    (void)ctx;
    (void)listener;
    conn = c;
    return true;
}

static int connected(void)
{
    static const struct net_handler handler = {.opened = on_opened};
    struct net_listen listen = {.address = "127.0.0.1:0"};
    struct net_options opt = {.backend = NET_EPOLL, .listen = &listen, .listen_count = 1,
                              .connections_max = 8, .handler = &handler};
    char why[256];
    ASSERT(net_open(&reactor.net, &opt, why) == 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)net_port(reactor.net, 0))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    while (conn == 0)
        net_turn(reactor.net, 10, NULL);
    return fd;
}

// Requests a millisecond apart by USERS in turn, or under a service key.
static void cost_of(const char *path, bool service)
{
    static uint64_t now = UINT64_C(1000000000);
    const struct op_row *row = op_row(OP_feed);
    unsigned good = 0;
    cost_begin();
    for (unsigned i = 0; i < TIMES; i++) {
        struct request q;
        q.row = row;
        q.conn = conn;
        q.actor = 1 + i % USERS;
        q.service_key = service;
        q.limit.rule = NULL;
        q.began_ns = now += 1000000;
        good += limits_pass(&reactor, &q, (struct net_text){NULL, 0});
    }
    cost_end(path, TIMES);
    ASSERT(good == TIMES);
}

int main(void)
{
    limit_options_defaults(&server.opt.limits);
    ASSERT(limits_init(&server.limits, &server.opt.limits));
    int fd = connected();
    cost_of("limit_key", true);
    cost_of("limit_user", false);
    server.limits.local = true;
    cost_of("limit_both", false);

    char out[LIMIT_HEADER];
    size_t bytes = 0;
    const struct limit_rule *rule = &server.limits.rule[RATE_READ][LIMIT_USER];
    cost_begin();
    for (unsigned i = 0; i < TIMES; i++)
        bytes += limit_header(out, &(struct limit_verdict){rule, i * rule->every_ns, 0});
    cost_end("limit_header", TIMES);
    ASSERT(bytes > TIMES);
    limits_free(&server.limits);
    net_close(reactor.net);
    close(fd);
    return 0;
}
