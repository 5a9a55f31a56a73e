// A client of the binary protocol: blocking, one thread, requests pipelined as deep as the caller
// likes. Every answer is checked against its declared shape before the caller sees it.
//
//   client_send … client_send ──► out ──► socket ──► in ──► client_recv … client_recv
#ifndef KITH_API_CLIENT_H
#define KITH_API_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fb.h"
#include "net/net.h"

enum { CLIENT_WHY = 256 };

struct client {
    int fd;                // -1 = not open
    int timeout_ms;        // without a byte in or out, then ETIMEDOUT; 30,000 at first
    uint32_t last_request; // number of the newest request
    uint32_t waiting;      // requests without their answer
    uint8_t *out;          // not yet written
    size_t out_n, out_done, out_cap;
    uint8_t *in;           // read and not yet handed out: [in_begin, in_end)
    size_t in_begin, in_end, in_cap;
    char why[CLIENT_WHY];  // what went wrong
};

struct client_request {
    uint16_t op;           // enum op
    uint64_t actor;        // user acted for under a service key, 0 = the hello's
    uint64_t place;        // a read: not older than this, 0 = no demand
    const void *body;      // a finished FlatBuffers payload of the operation's request table
    size_t body_n;
    const char *key;       // idempotency key, NULL = none
};

struct answer {
    struct frame_head head;
    const void *payload;   // lives until the next call on the client
    const void *table;     // root of the reply's table; NULL when head.status != 0
    const void *problem;   // kt_Problem; NULL when head.status == 0
};

// "127.0.0.1:5484", "[::1]:5484", "localhost:5484" or "unix:/path". 0 or errno, with a sentence in
// c->why.
int client_open(struct client *c, const char *address);
void client_close(struct client *c);

// Who speaks: a user's token, or a service key and the user that it acts for (0 = none). 0 or
// errno; EACCES when the server refuses, with its words in c->why.
struct client_identity { const char *token, *service_key; uint64_t viewer; };
int client_hello(struct client *c, const struct client_identity *who);

// Queues a request; its number, never 0. Written when much is queued, or by recv or flush.
// 0 when the connection is broken.
uint32_t client_send(struct client *c, const struct client_request *request);
int client_flush(struct client *c);
// The next answer, in whatever order the server gives them. 0, or errno: ECONNRESET when the server
// closed, EPROTO when it spoke nonsense, ETIMEDOUT.
int client_recv(struct client *c, struct answer *out);
// Sends one request and waits for its answer. Only while no other is under way.
int client_call(struct client *c, const struct client_request *request, struct answer *out);

// Code and sentence of a refusal, into at most cap bytes.
void client_problem(const struct answer *a, char *out, size_t cap);
// Number of the refusal in errors.def, by the problem's code; KITH_internal when it is unknown.
unsigned client_error(const struct answer *a);
// Whether an answer's payload has the shape that its operation declares; sets table or problem.
bool client_check(struct answer *a);

// The parts of a frame, for who does the reading and writing himself. Bytes that the request takes,
// and the same bytes at `at`.
size_t client_frame_bytes(const struct client_request *request);
void client_frame_write(uint8_t *at, const struct client_request *request, uint32_t number);

// Connects as client_open does; a non-blocking descriptor in *fd. 0 or errno, a sentence in
// why[CLIENT_WHY].
int client_connect(const char *address, int *fd, char *why);

#endif
