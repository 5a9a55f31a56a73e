// Looks at every byte of HTTP before the parser does, and refuses what parsers disagree on: what
// the guard lets through has one meaning. Its verdict on a byte does not depend on how the stream
// was cut.
#ifndef KITH_NET_HTTP_GUARD_H
#define KITH_NET_HTTP_GUARD_H

#include <stddef.h>
#include <stdint.h>

// Zeros at the begin of each request.
struct http_guard {
    uint8_t state;                 // enum guard_state, in http_guard.c
    uint8_t digits;                // of a chunk's size
    uint16_t fields;               // of header and trailer together
    uint32_t head;                 // bytes of start line, fields and trailer fields
    uint32_t word;                 // bytes of the method, target, version or chunk extension
    uint32_t chunk;                // bytes to come of this chunk
    uint32_t body;                 // bytes of all chunks, this one included
};

// A verdict is one of these two or the status to answer with: 400, 413, 414, 431.
enum { GUARD_MORE = 0, GUARD_DONE = 1 };

// Goes on with a start line and header fields up to the empty line, which it includes. *used =
// bytes looked at and found good.
int guard_head(struct http_guard *g, const char *p, size_t n, size_t *used);
// Goes on with a chunked body that stands behind a head that was done.
int guard_chunks(struct http_guard *g, const char *p, size_t n, size_t *used);

#endif
