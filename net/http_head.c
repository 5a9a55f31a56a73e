// The rules about the fields of one request: what may come once, what excludes what, whom the
// target names.
#include "net/http_head.h"

#include <string.h>
#include <strings.h>

#include "core/limits.h"

static const struct { const char *name; uint32_t n; } names[FIELDS] = {
    [FIELD_AUTHORIZATION] = { "authorization", 13 },
    [FIELD_VIEWER] = { "kith-viewer", 11 },
    [FIELD_PLACE] = { "kith-log-place", 14 },
    [FIELD_KEY] = { "idempotency-key", 15 },
    [FIELD_CONTENT_TYPE] = { "content-type", 12 },
    [FIELD_HOST] = { "host", 4 },
    [FIELD_LENGTH] = { "content-length", 14 },
    [FIELD_CODING] = { "transfer-encoding", 17 },
    [FIELD_EXPECT] = { "expect", 6 },
    [FIELD_UPGRADE] = { "upgrade", 7 },
    [FIELD_WS_KEY] = { "sec-websocket-key", 17 },
    [FIELD_WS_VERSION] = { "sec-websocket-version", 21 },
    [FIELD_CAPTCHA] = { "kith-captcha", 12 },
    [FIELD_AGENT] = { "user-agent", 10 },
    [FIELD_FORWARDED] = { "x-forwarded-for", 15 },
};

static bool seen(const struct http_head *h, enum http_field f)
{
    return h->seen >> f & 1;
}

static bool is(const char *base, struct http_span s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(base + s.at, word, s.n) == 0;
}

// Connection: a list of options, in one field or several.
static void connection(struct http_head *h, const char *base, struct http_span list)
{
    uint32_t at = list.at, end = list.at + list.n;
    while (at < end) {
        while (at < end && (base[at] == ' ' || base[at] == '\t' || base[at] == ',')) at++;
        uint32_t from = at;
        while (at < end && base[at] != ',') at++;
        uint32_t to = at;
        while (to > from && (base[to - 1] == ' ' || base[to - 1] == '\t')) to--;
        if (is(base, (struct http_span){ from, to - from }, "close")) h->close = true;
        if (is(base, (struct http_span){ from, to - from }, "upgrade")) h->upgrade = true;
    }
}

int http_head_field(struct http_head *h, const char *base, struct http_span name,
                    struct http_span value)
{
    if (is(base, name, "connection")) connection(h, base, value);
    for (unsigned f = 0; f < FIELDS; f++) {
        if (name.n != names[f].n || strncasecmp(base + name.at, names[f].name, name.n) != 0)
            continue;
        // Two of one kind: whoever stands before us may go by the other one.
        if (seen(h, f) && f < FIELD_AGENT) return 400;
        h->seen |= 1u << f;
        h->field[f] = value;
        break;
    }
    return 0;
}

// Digits alone: no sign, no list, no space within.
static int content_length(struct http_head *h, const char *base)
{
    struct http_span s = h->field[FIELD_LENGTH];
    if (s.n == 0 || s.n > 19) return 400;
    uint64_t length = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        char b = base[s.at + i];
        if (b < '0' || b > '9') return 400;
        length = length * 10 + (uint64_t)(b - '0');
    }
    if (length > BODY_MAX) return 413;
    h->length = (uint32_t)length;
    return 0;
}

static int framing(struct http_head *h, const char *base)
{
    if (seen(h, FIELD_CODING)) {
        if (seen(h, FIELD_LENGTH) || h->minor == 0) return 400;
        if (!is(base, h->field[FIELD_CODING], "chunked")) return 400;
        h->chunked = true;
    }
    return seen(h, FIELD_LENGTH) ? content_length(h, base) : 0;
}

// A name or address with an optional port; neither empty nor able to end early for anyone.
static bool host_sound(const char *p, uint32_t n)
{
    static const char also[] = "-._~%!$&'()*+,;=:[]";
    for (uint32_t i = 0; i < n; i++) {
        char b = p[i];
        bool plain = (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
        if (!plain && (b == 0 || !strchr(also, b))) return false;
    }
    return n > 0;
}

// Sets path to what stands behind scheme and authority, which must be the Host.
static int absolute(struct http_head *h, const char *base)
{
    const char *target = base + h->target.at;
    uint32_t skip = 0;
    if (h->target.n > 7 && strncasecmp(target, "http://", 7) == 0) skip = 7;
    else if (h->target.n > 8 && strncasecmp(target, "https://", 8) == 0) skip = 8;
    if (!skip) return 400;
    uint32_t end = skip;
    while (end < h->target.n && target[end] != '/' && target[end] != '?') end++;
    struct http_span host = h->field[FIELD_HOST];
    if (!host_sound(target + skip, end - skip)) return 400;
    if (seen(h, FIELD_HOST) &&
        (host.n != end - skip || strncasecmp(base + host.at, target + skip, host.n) != 0))
        return 400;
    h->path = (struct http_span){ h->target.at + end, h->target.n - end };
    return 0;
}

static int target(struct http_head *h, const char *base)
{
    struct http_span host = h->field[FIELD_HOST];
    if (!seen(h, FIELD_HOST) && h->minor == 1) return 400;
    if (seen(h, FIELD_HOST) && !host_sound(base + host.at, host.n)) return 400;
    h->path = h->target;
    char first = base[h->target.at];
    if (h->target.n == 1 && first == '*') {
        if (!is(base, h->method, "OPTIONS")) return 400;
    } else if (first != '/') {
        int status = absolute(h, base);
        if (status) return status;
    }
    const char *path = base + h->path.at;
    const char *mark = h->path.n ? memchr(path, '?', h->path.n) : NULL;
    if (mark) {
        uint32_t n = (uint32_t)(mark - path);
        h->query = (struct http_span){ h->path.at + n + 1, h->path.n - n - 1 };
        h->path.n = n;
    }
    h->path_empty = h->path.n == 0;
    return 0;
}

int http_head_judge(struct http_head *h, const char *base)
{
    if (h->minor == 0) h->close = true;
    // A tunnel is nothing we offer.
    if (is(base, h->method, "CONNECT")) return 501;
    int status = target(h, base);
    if (!status) status = framing(h, base);
    if (status || !seen(h, FIELD_EXPECT)) return status;
    if (!is(base, h->field[FIELD_EXPECT], "100-continue")) return 417;
    // To be ignored under 1.0; without a body there is nothing to go on with.
    h->wants_continue = h->minor == 1 && (h->chunked || h->length > 0);
    return 0;
}
