// Binary frames: whole ones are handed over from where they were received, others are put together
// in the connection's buffer first.
//
//   | head 32 | payload length | head 32 | payload … |   no padding between frames
#include "net/frame.h"

#include <string.h>

#include "core/assert.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the head is read as it lies");
enum { HEAD = sizeof(struct frame_head) };

// Framing is lost: says so, with what of the head can be believed, and reads no more.
static void fail(struct net *n, struct conn *c, const struct frame_head *bad)
{
    struct frame_head head = { .status = 1, .magic = FRAME_MAGIC };
    if (bad->magic == FRAME_MAGIC) {
        head.op = bad->op;
        head.request = bad->request;
    }
    n->stats.errors++;
    conn_request_ends(n, c);
    char *out = conn_room(n, c, HEAD);
    if (!out) return;
    memcpy(out, &head, HEAD);
    conn_wrote(n, c, HEAD);
    conn_last(n, c);
}

// Judged by the head alone, before room for the payload is made.
static bool sound(const struct conn *c, const struct frame_head *head)
{
    uint32_t max = c->trusted ? FRAME_MAX : FRAME_MAX_LOGIN;
    return head->magic == FRAME_MAGIC && head->length <= max;
}

static void deliver(struct net *n, struct conn *c, const struct frame_head *head,
                    const char *payload)
{
    if (head->length == 0) {
        payload = (const char *)head; // nothing to read, aligned all the same
    } else if ((uintptr_t)payload & 7) {
        n->scratch.n = 0;
        if (!net_buffer_append(&n->pool, &n->scratch, payload, head->length)) {
            conn_kill(n, c);
            return;
        }
        payload = n->scratch.p;
    }
    c->pending++;
    n->stats.frames_in++;
    n->handler->frame(n->ctx, conn_id(n, c), head, payload);
}

// Goes on with the frame that began earlier. Returns how many bytes it took.
static size_t complete(struct net *n, struct conn *c, const char *p, size_t size)
{
    struct frame_head head;
    size_t took = 0;
    if (c->in.n < HEAD) {
        took = HEAD - c->in.n < size ? HEAD - c->in.n : size;
        if (!conn_keep(n, c, p, took) || c->in.n < HEAD) return took;
        memcpy(&head, c->in.p, HEAD);
        if (!sound(c, &head)) {
            fail(n, c, &head);
            return took;
        }
        conn_body_begins(n, c);
    } else {
        memcpy(&head, c->in.p, HEAD);
    }
    size_t need = HEAD + head.length - c->in.n;
    size_t take = need < size - took ? need : size - took;
    if (take && !conn_keep(n, c, p + took, take)) return size;
    if (take == need) {
        deliver(n, c, &head, c->in.p + HEAD);
        conn_request_ends(n, c);
    }
    return took + take;
}

// Returns how many bytes the frames span that the handler was told of.
static size_t ahead(struct net *n, const char *p, size_t size)
{
    uint64_t actor[NET_AHEAD_MAX];
    unsigned count = 0;
    size_t at = 0;
    while (count < NET_AHEAD_MAX && size - at >= HEAD) {
        struct frame_head head;
        memcpy(&head, p + at, HEAD);
        if (size - at - HEAD < head.length) break;
        actor[count++] = head.actor;
        at += HEAD + head.length;
    }
    if (count > 1) n->handler->ahead(n->ctx, actor, count);
    return at;
}

size_t frame_feed(struct net *n, struct conn *c, const char *p, size_t size)
{
    size_t at = 0, told = 0;
    while (at < size && conn_accepts(n, c)) {
        if (c->in.n) {
            at += complete(n, c, p + at, size - at);
            continue;
        }
        if (at >= told && n->handler->ahead) told = at + ahead(n, p + at, size - at);
        struct frame_head head;
        if (size - at < HEAD) {
            conn_keep(n, c, p + at, size - at);
            return size;
        }
        memcpy(&head, p + at, HEAD);
        if (!sound(c, &head)) {
            fail(n, c, &head);
            return size;
        }
        if (size - at < HEAD + head.length) {
            if (!conn_keep(n, c, p + at, HEAD)) return size;
            conn_body_begins(n, c);
            conn_keep(n, c, p + at + HEAD, size - at - HEAD);
            return size;
        }
        deliver(n, c, &head, p + at + HEAD);
        at += HEAD + head.length;
    }
    return at;
}

static bool send_frame(struct net *n, struct conn *c, const struct frame_head *head,
                       const void *payload)
{
    if (!c || !conn_answers(c)) return false;
    ASSERT(c->protocol != PROTOCOL_HTTP);
    ASSERT(head->magic == FRAME_MAGIC);
    char *out = conn_room(n, c, HEAD + (size_t)head->length);
    if (!out) return false;
    memcpy(out, head, HEAD);
    if (head->length) memcpy(out + HEAD, payload, head->length);
    conn_wrote(n, c, HEAD + (size_t)head->length);
    return true;
}

void net_send_frame(struct net *n, net_conn id, const struct frame_head *head, const void *payload)
{
    struct conn *c = conn_find(n, id);
    if (send_frame(n, c, head, payload)) conn_answered(n, c);
}

void net_push_frame(struct net *n, net_conn id, const struct frame_head *head, const void *payload)
{
    send_frame(n, conn_find(n, id), head, payload);
}
