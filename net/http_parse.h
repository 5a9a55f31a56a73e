// The parser behind the guard: llhttp, whose names collide with net.h and stay inside http_parse.c.
#ifndef KITH_NET_HTTP_PARSE_H
#define KITH_NET_HTTP_PARSE_H

#include <stddef.h>

#include "net/buffer.h"
#include "net/http_head.h"

// Must stay where it is from http_parse_head to the end of the request.
struct http_parser {
    _Alignas(8) char llhttp[104];
    struct http_head *head;        // being filled; NULL behind the header
    const char *base;              // the header's first byte, while it is parsed
    struct http_span name, value;  // the field under way
    struct net_buffer *body;       // where the body goes
    struct net_pool *pool;
    uint64_t length;               // the parser's own view of the framing, as of the header's end
    bool has_length, chunked;
    bool head_done, done;
    int status;                    // of a field that was refused
};

// Parses a whole header that the guard has passed. 0 or the status to answer with.
int http_parse_head(struct http_parser *p, const char *bytes, size_t n, struct http_head *head);

enum http_parsed { PARSED_MORE, PARSED_DONE, PARSED_BAD, PARSED_NO_MEMORY };
// Goes on with a chunked body that the guard has passed; appends what it holds to p->body.
enum http_parsed http_parse_chunks(struct http_parser *p, const char *bytes, size_t n);

#endif
