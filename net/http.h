// HTTP/1.1 on a connection: requests out of its byte stream, and their answers in order into it.
#ifndef KITH_NET_HTTP_H
#define KITH_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/conn.h"
#include "net/http_guard.h"
#include "net/http_head.h"
#include "net/http_parse.h"

enum http_phase { HTTP_IN_HEAD, HTTP_IN_BODY, HTTP_IN_CHUNKS };

// What a connection that speaks HTTP has besides.
struct http {
    uint8_t phase;                 // enum http_phase
    bool waits;                    // for earlier answers, before it may say 100 Continue
    uint64_t next_request;         // sequence of the request being read; they begin at 1
    uint64_t next_answer;          // sequence whose answer goes on the wire next
    uint64_t last_request;         // after its answer the connection ends; 0 = not yet known
    struct http_held *held;        // answers that came early, by sequence
    uint32_t head_size;            // bytes of the header in conn.in, once it is whole
    uint32_t block;                // size of this struct's block in the pool
    struct http_guard guard;
    struct http_head head;
    struct http_parser parser;
};

// The connection speaks HTTP. false: no memory, killed.
bool http_begin(struct net *n, struct conn *c);
void http_end(struct net *n, struct conn *c);
// Hands every whole request of these bytes to the handler and keeps the rest. Returns how many
// bytes it took: fewer than all only where the connection accepts no more.
size_t http_feed(struct net *n, struct conn *c, const char *p, size_t size);
// Reading is held up until all earlier requests are answered.
static inline bool http_waits(const struct conn *c)
{
    return c->http->waits && c->pending > 0;
}
// Reading goes on after it was blocked.
void http_resume(struct net *n, struct conn *c);
// The request being read was too slow.
void http_timeout(struct net *n, struct conn *c);
// The requests that were handed over are the last ones.
void http_drain(struct conn *c);

#endif
