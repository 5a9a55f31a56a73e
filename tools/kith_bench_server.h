// The server that a benchmark measures: a private one, a child on a temporary directory, or one
// that runs already.
#ifndef KITH_TOOLS_KITH_BENCH_SERVER_H
#define KITH_TOOLS_KITH_BENCH_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/kith_temp.h"

struct bench_server {
    // asked for
    const char *target;        // NULL: a private one
    const char *key_file;      // with target
    uint64_t target_pid;       // with target: 0 = to be found
    const char *io, *durability, *fanout; // of the private one; fanout NULL = its own
    uint64_t cores;
    bool unix_socket;
    // made
    pid_t child, pid;          // pid: whose processor time is counted, 0 = nobody's
    struct temp temp;
    char address[320], admin[64], key[300];
};

// EXIT_OK, or an exit code after a message.
int bench_server_start(struct bench_server *s);
// The same for a bare echo server in the place of Kith.
int bench_server_start_echo(struct bench_server *s);
// Ends the child and waits for it; its directory stays until bench_server_free.
void bench_server_stop(struct bench_server *s);
// Starts a private server again on its directory; the seconds until it takes requests, < 0 after a
// message.
double bench_server_restart(struct bench_server *s);
// Sum of the admin port's figures whose lines begin so, 0 where there is none; and a snapshot taken
// by it.
double bench_server_metric(const struct bench_server *s, const char *begin);
int bench_server_snapshot(const struct bench_server *s);
void bench_server_free(struct bench_server *s);

#endif
