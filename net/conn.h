// A reactor and its connections: what conn, frame and http share, seen by nobody outside net/.
//
//   received ─► [backlog: kept while blocked] ─► parser ─► [in: one partial request] ─► handler
//   handler ─► [http: early answers] ─► [out: being filled] ─► [flying: with the backend] ─► sent
//
// Whatever happens to a connection only marks it; a step at the next turn's begin does what is due.
#ifndef KITH_NET_CONN_H
#define KITH_NET_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/backend.h"
#include "net/buffer.h"
#include "net/net.h"

enum {
    LISTEN_MAX = 16,
    SCAN_MS = 250,                 // between two looks for timeouts
    LINGER_MS = 2000,              // after our last byte: time for the peer to read it and close
    // Received while blocked: what one turn's buffers can bring. Beyond it the peer is cut off.
    BACKLOG_MAX = 8 << 20,
    DETECT_BYTES = 16,             // tell binary from HTTP
    USUAL_MAX = 1 << 20,           // of conn.usual
};

enum conn_state {
    CONN_FREE,
    CONN_OPEN,
    CONN_LAST,                     // reads no more requests, ends when all are answered
    CONN_FINISH,                   // takes no more answers, ends when all is sent
    CONN_LINGER,                   // our direction is shut; discards until the peer ends
    CONN_DEAD,                     // broken: reaped at the next step
    CONN_LEAVING,                  // the backend has it till it says gone
};

enum conn_protocol { PROTOCOL_UNKNOWN, PROTOCOL_FRAMES, PROTOCOL_HTTP, PROTOCOL_WS };

struct conn {
    uint32_t generation;           // of net_conn: changes when the slot is free
    uint8_t state;                 // enum conn_state
    uint8_t protocol;              // enum conn_protocol
    bool queued;                   // in net.todo
    bool reading;                  // what the backend was told last
    bool eof;                      // the peer sends no more
    bool blocked;                  // too much unsent or unanswered: nothing is read or parsed
    bool trusted;
    bool http_only;
    uint8_t peer[16];              // its address, as in net_backend_events.accepted
    uint64_t address;              // the same as in net/address.h
    uint32_t pending;              // requests handed over and not answered
    uint32_t backlog_at, flying_at; // bytes of these two done with
    uint32_t held;                 // bytes of answers that wait for their turn, in http
    uint32_t usual;                // bytes of its larger sends of late: room for them at once
    struct net_buffer in, backlog, out, flying;
    uint64_t active_ms;            // last byte in or out
    uint64_t request_ms;           // first byte of the partial request; 0 = there is none
    uint64_t body_ms;              // end of its header; 0 = not there yet
    uint32_t body_at;              // bytes of `in` at that time
    struct http *http;
    struct ws *ws;                 // besides `http`, from which it came
    void *user;                    // the handler's
};

struct net {
    const struct net_backend_ops *ops;
    void *backend;
    const struct net_handler *handler;
    void *ctx;
    struct net_limits limits;      // none is 0
    unsigned core, listeners;
    bool draining;
    bool http_only[LISTEN_MAX];

    struct conn *conns;            // [conns_max], those below conns_used have been in use
    uint32_t *spare;               // slots below conns_used that are free
    uint32_t conns_max, conns_used, spare_n;
    uint32_t *todo, *doing;        // slots to step; two lists, so that a step can mark
    uint32_t todo_n;

    struct net_pool pool;
    struct net_buffer scratch;     // a payload moved to where it is aligned
    uint64_t now_ms, scanned_ms;   // of this turn; never 0
    struct net_stats stats;

    _Alignas(64) _Atomic uint32_t woken; // a wake since the last sleep
    _Atomic uint32_t asleep;
};

// NULL where the slot has gone on to another connection or to none.
struct conn *conn_find(const struct net *n, net_conn id);
net_conn conn_id(const struct net *n, const struct conn *c);
uint32_t conn_slot(const struct net *n, const struct conn *c);

// Something is due for it at the next turn's begin.
void conn_mark(struct net *n, struct conn *c);
// Broken or at fault: nothing is sent any more. Its memory lasts until the next step.
void conn_kill(struct net *n, struct conn *c);
// No more requests; ends when those under way are answered.
void conn_last(struct net *n, struct conn *c);
// Answers are still taken.
static inline bool conn_answers(const struct conn *c)
{
    return c->state == CONN_OPEN || c->state == CONN_LAST;
}
// A further request may be parsed now; false from the one that reaches a limit on.
bool conn_accepts(struct net *n, struct conn *c);
// Room for n bytes of answer: where to write them, then conn_wrote. NULL: the connection was over
// its hard bound or memory was, and is killed.
char *conn_room(struct net *n, struct conn *c, size_t size);
void conn_wrote(struct net *n, struct conn *c, size_t size);
// Keeps bytes of a partial request in c->in. false: no memory, killed.
bool conn_keep(struct net *n, struct conn *c, const void *bytes, size_t size);
// The head of the partial request is whole: its body's clock runs.
void conn_body_begins(struct net *n, struct conn *c);
// The partial request is whole and dealt with: empties c->in.
void conn_request_ends(struct net *n, struct conn *c);
// A request was answered or forgotten.
void conn_answered(struct net *n, struct conn *c);
static inline size_t conn_unsent(const struct conn *c)
{
    return (size_t)c->out.n + (c->flying.n - c->flying_at) + c->held;
}

#endif
