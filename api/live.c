// The handshake (RFC 6455, 4.2), and events as text messages:
//
//   {"event":"ready","id":"…"}                         the last notification before all that follow
//   {"event":"notification","id":"…","data":{…}}       id: resume with ?after= of the last one seen
#include "api/live.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/answer.h"
#include "api/arrive.h"
#include "api/gate.h"
#include "api/reads.h"
#include "core/assert.h"
#include "core/fb_build.h"
#include "core/fb_json_print.h"
#include "kith_fb.h"

enum { KEY_CHARS = 24, ACCEPT_BYTES = 32, HEAD_BYTES = 96 };

static bool text_is(struct net_text t, const char *s)
{
    return t.n == strlen(s) && strncasecmp(t.s, s, t.n) == 0;
}

bool live_path(struct net_text path)
{
    return path.n == 3 && memcmp(path.s, "/ws", 3) == 0;
}

// ---- the query ---------------------------------------------------------------------------------

static struct net_text parameter(struct net_text query, const char *name)
{
    size_t n = strlen(name);
    const char *p = query.s, *end = query.s + query.n;
    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        if (amp == NULL)
            amp = end;
        if ((size_t)(amp - p) > n && memcmp(p, name, n) == 0 && p[n] == '=')
            return (struct net_text){p + n + 1, (uint32_t)(amp - p - (ptrdiff_t)n - 1)};
        p = amp + 1;
    }
    return (struct net_text){NULL, 0};
}

struct net_text live_token(const struct http_request *h)
{
    return parameter(h->query, "access_token");
}

static bool read_after(struct net_text query, bool *given, uint64_t *after)
{
    struct net_text t = parameter(query, "after");
    *given = t.n > 0;
    *after = 0;
    for (uint32_t i = 0; i < t.n; i++) {
        if (t.s[i] < '0' || t.s[i] > '9' || *after > UINT64_MAX / 10 - 1)
            return false;
        *after = *after * 10 + (uint64_t)(t.s[i] - '0');
    }
    return true;
}

// ---- the handshake -----------------------------------------------------------------------------

static bool asks_well(const struct http_request *h)
{
    return h->method == HTTP_GET && h->body.n == 0 && text_is(h->websocket, "websocket") &&
           text_is(h->websocket_version, "13") && h->websocket_key.n == KEY_CHARS;
}

static void accept_of(struct net_text key, char out[ACCEPT_BYTES])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char both[KEY_CHARS + sizeof magic];
    unsigned char sum[SHA_DIGEST_LENGTH];
    memcpy(both, key.s, KEY_CHARS);
    memcpy(both + KEY_CHARS, magic, sizeof magic);
    SHA1((const unsigned char *)both, KEY_CHARS + sizeof magic - 1, sum);
    EVP_EncodeBlock((unsigned char *)out, sum, sizeof sum);
}

// The request goes on as a subscription.
static bool keep_body(struct request *q, bool given, uint64_t after)
{
    _Alignas(8) uint8_t buf[128];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_Subscribe w = {0};
    if (given)
        kt_put_Subscribe_after(&w, after);
    size_t n = fb_finish(&b, kt_end_Subscribe(&b, &w));
    return n > 0 && request_keep_body(q, fb_data(&b), (uint32_t)n);
}

static bool keep_identity(struct reactor *r, const struct request *q, const struct identity *who)
{
    struct identity *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return false;
    *kept = *who;
    free(net_user(r->net, q->conn));
    net_set_user(r->net, q->conn, kept);
    return true;
}

void live_begin(struct reactor *r, struct request *q, const struct http_request *h)
{
    char accept[ACCEPT_BYTES];
    bool given;
    uint64_t after;
    struct identity who = {q->actor, q->session, UINT64_MAX / 2, q->service, q->service_key};
    if (!asks_well(h)) {
        answer_error(r, q, KITH_upgrade_required);
        return;
    }
    if (q->actor == 0) {
        answer_error(r, q, KITH_unauthenticated);
        return;
    }
    if (!read_after(h->query, &given, &after)) {
        answer_error(r, q, KITH_bad_request);
        return;
    }
    accept_of(h->websocket_key, accept);
    if (!keep_body(q, given, after) || !keep_identity(r, q, &who)) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    net_trust(r->net, q->conn);
    if (!net_upgrade(r->net, q->conn, q->sequence, accept)) {
        answer_error(r, q, KITH_conflict);
        return;
    }
    q->channel = CHANNEL_LIVE;
    arrive_demand(r, q, 0);
    arrive(r, q);
}

// ---- messages ----------------------------------------------------------------------------------

static void send_one(struct reactor *r, const struct request *q, const kt_Notification *event)
{
    enum { CAP = 16 << 10 };
    char *text = reactor_text(r, CAP);
    if (text == NULL)
        return;
    int head = snprintf(text, HEAD_BYTES, "{\"event\":\"notification\",\"id\":\"%llu\",\"data\":",
                        (unsigned long long)kt_Notification_notification_id(event));
    size_t n = fb_json_print(text + head, CAP - HEAD_BYTES - 1, event, &kt_desc_Notification,
                             FB_JSON_FULL);
    if (n == 0)
        return;
    text[(size_t)head + n] = '}';
    net_send_text(r->net, q->conn, text, (size_t)head + n + 1);
}

void live_send(struct reactor *r, struct request *q, const void *payload)
{
    const kt_NotificationEvents *all = kt_root_NotificationEvents(payload);
    fb_vec events = kt_NotificationEvents_events(all);
    if (!q->streaming) {
        char ready[HEAD_BYTES];
        unsigned long long last = kt_NotificationEvents_last_id(all);
        if (events.n > 0)
            last = kt_Subscribe_after(request_table(q));
        int n = snprintf(ready, sizeof ready, "{\"event\":\"ready\",\"id\":\"%llu\"}", last);
        net_send_text(r->net, q->conn, ready, (size_t)n);
    } else if (events.n == 0) {
        net_ping(r->net, q->conn);
    }
    for (uint32_t i = 0; i < events.n; i++)
        send_one(r, q, kt_at_Notification(events, i));
}
