// One core's network: listeners, connections, framing. Tells binary frames from HTTP by the first
// bytes, hands whole requests to a handler and takes answers, at once or later. Knows no operation.
//
//   socket ──► backend (io_uring or epoll) ──► conn ──┬─► frames ──┐
//                                                     └─► HTTP ────┴──► handler ──► net_reply_*
#ifndef KITH_NET_NET_H
#define KITH_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

// First bytes of every frame in both directions, little-endian; the payload follows.
struct frame_head {
    uint32_t length;       // bytes of payload after this head, <= FRAME_MAX
    uint16_t op;           // operation, repeated in the answer
    uint8_t status;        // request: 0. answer: 0 = done, else the payload is a Problem
    uint8_t flags;         // FRAME_*
    uint32_t request;      // chosen by the client, repeated in the answer
    uint32_t magic;        // FRAME_MAGIC
    uint64_t place;        // request: not older than this place, 0 = no demand. answer: its place
    uint64_t actor;        // request: the user acted for under a service key, 0 = the hello's
};
// With FRAME_KEY the payload begins with an idempotency key: | u8 n | n bytes | zeros up to a
// multiple of 8 |, then the table; `length` counts both.
// FRAME_EVENT: not an answer but what a subscription of that request's number brings.
enum frame_flag { FRAME_KEY = 1, FRAME_EVENT = 2 };
#define FRAME_MAGIC UINT32_C(0x4854494b) // "KITH"
_Static_assert(sizeof(struct frame_head) == 32, "the head is a wire format");

// Names a connection for as long as the process runs: reactor, index, generation. 0 = none.
typedef uint64_t net_conn;

enum http_method {
    HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_HEAD, HTTP_OPTIONS, HTTP_OTHER,
};

struct net_text { const char *s; uint32_t n; };

// A whole HTTP request. Everything points into the connection's buffer and dies with the call.
struct http_request {
    enum http_method method;
    struct net_text path;          // percent-encoded as sent, without the query
    struct net_text query;         // after '?', without it
    struct net_text body;
    struct net_text authorization; // field values, trimmed; n = 0 where absent
    struct net_text viewer;        // Kith-Viewer
    struct net_text place;         // Kith-Log-Place
    struct net_text key;           // Idempotency-Key
    struct net_text content_type;
    struct net_text host;
    struct net_text captcha;       // Kith-Captcha
    struct net_text agent;         // User-Agent
    struct net_text forwarded;     // X-Forwarded-For, the last one
    // Upgrade, where Connection names it; Sec-WebSocket-Key and -Version.
    struct net_text websocket, websocket_key, websocket_version;
    bool keep_alive;
    uint64_t sequence;             // of this request on its connection: names the answer's place
};

struct http_answer {
    unsigned status;
    const char *content_type;      // NULL = no body
    const void *body;
    size_t body_size;
    uint64_t place;                // Kith-Log-Place, 0 = leave out
    uint64_t request_id;           // Kith-Request-Id
    const char *extra;             // further whole header lines "Name: value\r\n…", or NULL
    bool head;                     // the request was HEAD: lengths without the body
};

enum { NET_AHEAD_MAX = 16 };

// What the owner of a reactor does with what arrives. ctx is net_options.ctx.
struct net_handler {
    // May refuse by returning false: closed at once. `listener` is the index in net_options.listen.
    bool (*opened)(void *ctx, net_conn c, unsigned listener);
    // Comes at a turn's begin or from net_close, never out of another call; net_user still answers.
    void (*closed)(void *ctx, net_conn c);
    // Users acted for in frames that have come together, before the first of them is handed over:
    // what memory has of them may be asked for. At most NET_AHEAD_MAX. May be NULL.
    void (*ahead)(void *ctx, const uint64_t *actor, unsigned n);
    // payload is 8-aligned and dies with the call.
    void (*frame)(void *ctx, net_conn c, const struct frame_head *head, const void *payload);
    void (*http)(void *ctx, net_conn c, const struct http_request *request);
    // An HTTP error that net answers itself: fill in the body of a problem document for this
    // status; returns its length. (A framing error is answered by an empty frame of status 1.)
    size_t (*problem)(void *ctx, unsigned status, char *out, size_t cap);
};

enum net_backend { NET_AUTO, NET_URING, NET_EPOLL };

struct net_listen {
    // "127.0.0.1:5484", "[::1]:5484", "localhost:5484", "unix:/path". A socket file has one owner:
    // reactors other than core 0 pass over "unix:" addresses.
    const char *address;
    bool http_only;                // the admin port
};

// Bounds a test may narrow; where a member is 0 the one of core/limits.h holds.
struct net_limits {
    unsigned header_ms, body_grace_ms, body_bytes_per_s, idle_ms;
    unsigned send_buffer_max, send_buffer_hard, pipeline_max, pipeline_max_login;
};

struct net_options {
    enum net_backend backend;
    unsigned core;                 // of CORES_MAX: goes into net_conn
    const struct net_listen *listen;
    unsigned listen_count;
    bool reuse_port;               // several reactors on one address
    unsigned connections_max;
    const struct net_handler *handler;
    void *ctx;
    const struct net_limits *limits; // NULL = those of core/limits.h
};

struct net;

// Makes the reactor and its listeners. 0 or errno, with what failed in why[256]. On success why is
// empty, or says why NET_AUTO could not use io_uring. The thread that turns it first is its own
// from then on, and need not be this one.
int net_open(struct net **out, const struct net_options *opt, char why[256]);
void net_close(struct net *n);
enum net_backend net_backend_used(const struct net *n); // NET_URING or NET_EPOLL
unsigned net_port(const struct net *n, unsigned listener); // the port bound, where 0 was asked

// One turn: submit, wait at most wait_ms (0 = not at all, < 0 = no bound), reap, call the handler.
// Answers given during the turn leave at its end or at the next turn's begin in one submission.
// Returns the number of events seen; may return early, for timers.
// `sleeping` is called right before a wait and right after it (the quiet points), may be NULL.
unsigned net_turn(struct net *n, int wait_ms, void (*sleeping)(void *ctx, bool asleep));
// Makes a sleeping net_turn return, or the next one not sleep: work made visible before this call
// is found after that turn. Any thread; a system call only if it sleeps.
void net_wake(struct net *n);

// ---- answers: reactor's own thread, during or after the handler's call -------------------------
// Queues one answer frame; head->length bytes of payload are copied. Nothing happens when the
// connection is gone.
void net_send_frame(struct net *n, net_conn c, const struct frame_head *head, const void *payload);
// The same for a frame that answers no request.
void net_push_frame(struct net *n, net_conn c, const struct frame_head *head, const void *payload);
// Bytes that are not with the kernel yet; 0 where the connection is gone.
size_t net_unsent(const struct net *n, net_conn c);
// Answers are put on the wire in the order of the requests, whatever the order of these calls.
void net_send_http(struct net *n, net_conn c, uint64_t sequence, const struct http_answer *answer);
// The request's connection becomes a WebSocket, `accept` being the handshake's answer: from inside
// the handler's call. false: earlier requests on it are not answered yet, or no memory.
bool net_upgrade(struct net *n, net_conn c, uint64_t sequence, const char *accept);
// A text message; a ping; a close frame with a code (RFC 6455, 7.4) and the end. Nothing happens
// where the connection is gone or no WebSocket.
void net_send_text(struct net *n, net_conn c, const char *text, size_t size);
void net_ping(struct net *n, net_conn c);
void net_hang_up(struct net *n, net_conn c, unsigned code);
enum { WS_GOING_AWAY = 1001, WS_POLICY = 1008 };
bool net_is_open(const struct net *n, net_conn c);
// One request handed to the frame handler will not be answered: it no longer counts against the
// pipeline. A frame handler that never answers must call it.
void net_forget(struct net *n, net_conn c);
// The connection has an identity now: its limits widen.
void net_trust(struct net *n, net_conn c);
// The peer's IPv6 address, IPv4 as one of its mapped ones; zeros: the connection is gone, or its
// peer a neighbour on a Unix socket.
void net_peer(const struct net *n, net_conn c, uint8_t address[16]);
// The same as a key of net/address.h; 0 where the connection is gone.
uint64_t net_address(const struct net *n, net_conn c);
// Sends what is buffered, then closes.
void net_finish(struct net *n, net_conn c);
// Stops accepting, closes idle connections; others are finished after their answers ("Connection:
// close").
void net_drain(struct net *n);
unsigned net_connections(const struct net *n);
// A void pointer of the handler's for this connection.
void net_set_user(struct net *n, net_conn c, void *user);
void *net_user(const struct net *n, net_conn c);

struct net_stats {
    uint64_t accepted, refused, open, bytes_in, bytes_out, frames_in, http_in, errors, timeouts;
};
void net_stats(const struct net *n, struct net_stats *out);

#endif
