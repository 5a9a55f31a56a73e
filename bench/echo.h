// A bare server of frames on the reactor of net/: each answer has as many bytes as the request
// wishes. What it does a second is the limit of all that speak through the same reactor.
#ifndef KITH_BENCH_ECHO_H
#define KITH_BENCH_ECHO_H

#include "net/net.h"

struct echo_options {
    const char *address;       // as in net.h
    enum net_backend io;
    unsigned cores;            // reactors, each in a thread
};

// Serves until the process is ended by a signal. Returns only with an errno, a sentence in
// why[256].
int echo_serve(const struct echo_options *opt, char why[256]);

#endif
