// A server that echoes, in a thread of its own over a real backend, and blocking clients for it.
#ifndef KITH_TESTS_NET_SUPPORT_ECHO_H
#define KITH_TESTS_NET_SUPPORT_ECHO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

// What a frame asks of the server by its op.
enum echo_op {
    ECHO = 1,                      // its payload back
    ECHO_BIG,                      // place bytes of 'b'
    ECHO_LATER,                    // its payload back, but from the next turn on, last one first
    ECHO_TRUST,                    // wider limits, and its payload back
    ECHO_FINISH,                   // its payload back, then the end
    ECHO_NEVER,                    // nothing: forgotten
};

struct echo_later { net_conn c; struct frame_head head; };

struct echo_server {
    struct net *net;
    pthread_t thread;
    _Atomic bool stop, drain;
    _Atomic unsigned opened, closed;
    struct net_stats stats;        // after echo_stop
    double cpu_s;                  // of the thread, after echo_stop
    unsigned later_n;
    struct echo_later later[4096];
    char big[4 << 20];
};

// NULL where the backend cannot be had, with the reason in why[256].
struct echo_server *echo_start(struct net_options opt, char *why);
void echo_stop(struct echo_server *s);

// Blocking; -1 or a descriptor.
int echo_connect(unsigned port);
// recv, again where a signal came: a ring closed in this thread ends in one.
long echo_recv(int fd, void *bytes, size_t n);
bool echo_write(int fd, const void *bytes, size_t n);
// Exactly n bytes; false at the end of the stream.
bool echo_read(int fd, void *bytes, size_t n);
bool echo_ask(int fd, struct frame_head head, const void *payload);

#endif
