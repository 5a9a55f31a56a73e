// The admin port's routes. Answers that have to wait (a snapshot, a digest) are kept until they can
// be given.
//
//   GET /livez /readyz /metrics /varz /digest   POST /snapshot
#ifndef KITH_API_ADMIN_H
#define KITH_API_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "api/snapshotter.h"
#include "api/state.h"
#include "net/net.h"

enum admin_wait { ADMIN_SNAPSHOT, ADMIN_DIGEST };
enum { ADMIN_WAITS = 64 };

struct admin {
    struct server *server;
    struct net *net;
    struct ring *queue;            // the server's own, once it serves
    struct { net_conn conn; uint64_t sequence; enum admin_wait what; } wait[ADMIN_WAITS];
    unsigned waits;
    bool digest_wanted;            // as soon as no mark is pending
    bool snapshot_wanted;          // as soon as the log can begin a new segment
};

// net_handler.http; ctx is the struct admin.
void admin_http(void *ctx, net_conn c, const struct http_request *h);
// What was waited for has come.
void admin_snapshot_ended(struct admin *a, const struct snapshot_result *result);
void admin_digest_ended(struct admin *a);
// Begins the snapshot that is wanted, if it can be.
void admin_snapshot_step(struct admin *a);

#endif
