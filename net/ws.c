// WebSocket (ws.h). wslay asks for bytes and gives bytes; it is only called from here, so what it
// writes goes straight into the connection's buffer.
#include "net/ws.h"

#include <string.h>
#include <wslay/wslay.h>

#include "core/assert.h"
#include "core/limits.h"
#include "net/http.h"

struct ws {
    wslay_event_context_ptr context;
    struct net *net;
    struct conn *conn;
    const char *in;                // bytes that wslay may still take
    size_t left;
    uint32_t block;
};

// ---- what wslay asks for ------------------------------------------------------------------------

static ssize_t on_recv(wslay_event_context_ptr context, uint8_t *to, size_t size, int flags,
                       void *user)
{
    struct ws *w = user;
    (void)flags;
    if (w->left == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t some = size < w->left ? size : w->left;
    memcpy(to, w->in, some);
    w->in += some;
    w->left -= some;
    return (ssize_t)some;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *bytes, size_t size,
                       int flags, void *user)
{
    struct ws *w = user;
    (void)flags;
    char *out = conn_room(w->net, w->conn, size);
    if (!out) {
        wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    memcpy(out, bytes, size);
    conn_wrote(w->net, w->conn, size);
    return (ssize_t)size;
}

// Nothing is asked for over this way yet.
static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    static const char why[] = "only events are sent here";
    (void)user;
    if (!wslay_is_ctrl_frame(arg->opcode))
        wslay_event_queue_close(context, WSLAY_CODE_UNSUPPORTED_DATA, (const uint8_t *)why,
                                sizeof why - 1);
}

// A code has two bytes (RFC 6455, 5.5.1). wslay takes one byte for none at all, and would answer as
// if nothing were wrong; what is queued first is what is sent.
static void on_header(wslay_event_context_ptr context,
                      const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    (void)user;
    if (arg->opcode == WSLAY_CONNECTION_CLOSE && arg->payload_length == 1)
        wslay_event_queue_close(context, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
}

// ---- begin and end ------------------------------------------------------------------------------

static bool begin(struct net *n, struct conn *c)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_header,
        .on_msg_recv_callback = on_message,
    };
    uint32_t block;
    struct ws *w = net_pool_take(&n->pool, sizeof *w, &block);
    if (!w) return false;
    *w = (struct ws){ .net = n, .conn = c, .block = block };
    if (wslay_event_context_server_init(&w->context, &callbacks, w) != 0) {
        net_pool_give(&n->pool, w, block);
        return false;
    }
    wslay_event_config_set_max_recv_msg_length(w->context, WS_MESSAGE_MAX);
    c->ws = w;
    return true;
}

void ws_end(struct net *n, struct conn *c)
{
    struct ws *w = c->ws;
    c->ws = NULL;
    wslay_event_context_free(w->context);
    net_pool_give(&n->pool, w, w->block);
}

static void send_all(struct net *n, struct conn *c)
{
    while (c->state != CONN_DEAD && wslay_event_want_write(c->ws->context))
        if (wslay_event_send(c->ws->context) != 0) conn_kill(n, c);
}

// For headers that no frame has, such as a ping's in parts, wslay would close without a code. What
// it has sent ends with a frame.
static void refuse(struct net *n, struct conn *c)
{
    static const char frame[] = { (char)0x88, 2, WSLAY_CODE_PROTOCOL_ERROR >> 8,
                                  (char)(WSLAY_CODE_PROTOCOL_ERROR & 0xff) };
    char *out = conn_room(n, c, sizeof frame);
    if (!out) return;
    memcpy(out, frame, sizeof frame);
    conn_wrote(n, c, sizeof frame);
    net_finish(n, conn_id(n, c));
}

void ws_feed(struct net *n, struct conn *c, const char *p, size_t size)
{
    struct ws *w = c->ws;
    w->in = p;
    w->left = size;
    bool readable = wslay_event_recv(w->context) == 0;
    w->left = 0;
    if (!readable && !wslay_event_get_close_sent(w->context)) {
        refuse(n, c);
        return;
    }
    send_all(n, c);
    bool over = !wslay_event_get_read_enabled(w->context) ||
                wslay_event_get_close_received(w->context) ||
                wslay_event_get_close_sent(w->context);
    if (over && c->state != CONN_DEAD) net_finish(n, conn_id(n, c));
}

void ws_close(struct net *n, struct conn *c, unsigned code)
{
    wslay_event_queue_close(c->ws->context, (uint16_t)code, NULL, 0);
    send_all(n, c);
    if (c->state != CONN_DEAD) net_finish(n, conn_id(n, c));
}

// ---- for the handler ----------------------------------------------------------------------------

static struct conn *find(struct net *n, net_conn id)
{
    struct conn *c = conn_find(n, id);
    return c && conn_answers(c) && c->ws ? c : NULL;
}

bool net_upgrade(struct net *n, net_conn id, uint64_t sequence, const char *accept)
{
    static const char begins[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    struct conn *c = conn_find(n, id);
    // Answers to earlier requests would come between the frames.
    if (!c || c->state != CONN_OPEN || !c->http || c->pending != 1 ||
        c->http->next_answer != sequence)
        return false;
    size_t size = sizeof begins - 1 + strlen(accept) + 4;
    if (!begin(n, c)) return false;
    char *out = conn_room(n, c, size);
    if (!out) return true; // killed: nothing more can be said
    memcpy(out, begins, sizeof begins - 1);
    memcpy(out + sizeof begins - 1, accept, strlen(accept));
    memcpy(out + size - 4, "\r\n\r\n", 4);
    conn_wrote(n, c, size);
    c->http->next_answer++;
    c->protocol = PROTOCOL_WS;
    conn_answered(n, c);
    return true;
}

void net_send_text(struct net *n, net_conn id, const char *text, size_t size)
{
    struct conn *c = find(n, id);
    if (!c) return;
    const struct wslay_event_msg message = {
        .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = size };
    if (wslay_event_queue_msg(c->ws->context, &message) != 0) return;
    send_all(n, c);
}

void net_ping(struct net *n, net_conn id)
{
    struct conn *c = find(n, id);
    if (!c) return;
    const struct wslay_event_msg message = { .opcode = WSLAY_PING };
    if (wslay_event_queue_msg(c->ws->context, &message) == 0) send_all(n, c);
}

void net_hang_up(struct net *n, net_conn id, unsigned code)
{
    struct conn *c = find(n, id);
    if (c) ws_close(n, c, code);
}
