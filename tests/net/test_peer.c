// Where peers are, as the kernel says it, on both backends; who has reset his connection before he
// was accepted is nowhere, and is not listened to.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/address.h"
#include "net/net.h"
#include "tests/net/support_echo.h"

static struct net *net;
static unsigned opened, heard;
static uint8_t peer[16];
static uint64_t address;

static bool on_opened(void *ctx, net_conn c, unsigned listener)
{
    (void)ctx;
    (void)listener;
    opened++;
    net_peer(net, c, peer);
    address = net_address(net, c);
    return true;
}

static void on_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload)
{
    (void)ctx;
    (void)c;
    (void)head;
    (void)payload;
    heard++;
}

static void open_at(const char *where, enum net_backend backend)
{
    static const struct net_handler handler = { .opened = on_opened, .frame = on_frame };
    struct net_listen listen = { .address = where };
    struct net_options opt = { .backend = backend, .listen = &listen, .listen_count = 1,
                               .connections_max = 8, .handler = &handler };
    char why[256];
    opened = heard = 0;
    assert_int_equal(net_open(&net, &opt, why), 0);
}

// Until a frame was heard, and whatever comes right behind it.
static void turn(void)
{
    for (unsigned i = 0; i < 200 && heard == 0; i++) net_turn(net, 10, NULL);
    for (unsigned i = 0; i < 5; i++) net_turn(net, 10, NULL);
}

static void who_resets_is_not_listened_to(void **state)
{
    open_at("127.0.0.1:0", *(enum net_backend *)*state);
    int gone = echo_connect(net_port(net, 0)), here = echo_connect(net_port(net, 0));
    assert_true(gone >= 0 && here >= 0);
    struct linger at_once = { 1, 0 };
    assert_true(echo_ask(gone, (struct frame_head){ .op = ECHO }, NULL));
    assert_int_equal(setsockopt(gone, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(gone);
    assert_true(echo_ask(here, (struct frame_head){ .op = ECHO }, NULL));
    turn();
    assert_int_equal(opened, 1);
    assert_int_equal(heard, 1);
    static const uint8_t local[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
    assert_memory_equal(peer, local, 16);
    assert_int_equal(address, address_key(local));
    close(here);
    net_close(net);
}

static void a_neighbour_has_no_address(void **state)
{
    char where[sizeof "unix:" + 40];
    snprintf(where, sizeof where, "unix:/tmp/kith-peer-%d", (int)getpid());
    open_at(where, *(enum net_backend *)*state);
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    snprintf(to.sun_path, sizeof to.sun_path, "%s", where + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_true(echo_ask(fd, (struct frame_head){ .op = ECHO }, NULL));
    close(fd); // gone, but he said goodbye
    turn();
    assert_int_equal(heard, 1);
    static const uint8_t none[16];
    assert_memory_equal(peer, none, 16);
    assert_int_equal(address, ADDRESS_UNIX);
    net_close(net);
}

int main(void)
{
    static enum net_backend backends[] = { NET_URING, NET_EPOLL };
    int failed = 0;
    for (size_t i = 0; i < 2; i++) {
        struct echo_server *s = echo_start((struct net_options){
            .backend = backends[i], .connections_max = 1 }, (char[256]){0});
        if (!s) continue; // io_uring is not to be had here
        echo_stop(s);
        free(s);
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(who_resets_is_not_listened_to, &backends[i]),
            cmocka_unit_test_prestate(a_neighbour_has_no_address, &backends[i]),
        };
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}
