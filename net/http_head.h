// What a request's header means to Kith: the fields it looks at, gathered one by one and then
// judged together.
#ifndef KITH_NET_HTTP_HEAD_H
#define KITH_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

// A piece of the header: offset from its first byte, so that the header may move in memory.
struct http_span { uint32_t at, n; };

// Fields that are looked at; each at most once in a header, but for those from FIELD_AGENT on,
// which are only written down: of them the last one counts.
enum http_field {
    FIELD_AUTHORIZATION, FIELD_VIEWER, FIELD_PLACE, FIELD_KEY, FIELD_CONTENT_TYPE, FIELD_HOST,
    FIELD_LENGTH, FIELD_CODING, FIELD_EXPECT, FIELD_UPGRADE, FIELD_WS_KEY, FIELD_WS_VERSION,
    FIELD_CAPTCHA, FIELD_AGENT, FIELD_FORWARDED, FIELDS,
};

struct http_head {
    struct http_span method, target, path, query;
    struct http_span field[FIELDS];
    uint32_t seen;                 // bit per http_field
    uint32_t length;               // of the body, by Content-Length
    uint8_t minor;                 // HTTP/1.minor
    bool chunked;
    bool close;                    // the connection ends after this request
    bool wants_continue;
    bool upgrade;                  // Connection names it
    bool path_empty;               // of an absolute target: stands for "/"
};

// One field of the header that begins at `base`, value trimmed. 0 or the status to answer with.
int http_head_field(struct http_head *h, const char *base, struct http_span name,
                    struct http_span value);
// All fields are there, as are method, target and minor. Fills in the rest. 0 or a status.
int http_head_judge(struct http_head *h, const char *base);

#endif
