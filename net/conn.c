// What befalls one connection: its life from open to dead, its buffers, the answers put in them.
#include "net/conn.h"

#include <string.h>

#include "core/assert.h"

// net_conn: | core 8 | slot 24 | generation 32 |; a generation is never 0, so neither is this.
net_conn conn_id(const struct net *n, const struct conn *c)
{
    return (uint64_t)n->core << 56 | (uint64_t)conn_slot(n, c) << 32 | c->generation;
}

uint32_t conn_slot(const struct net *n, const struct conn *c)
{
    return (uint32_t)(c - n->conns);
}

struct conn *conn_find(const struct net *n, net_conn id)
{
    uint32_t slot = (uint32_t)(id >> 32) & 0xffffff;
    if (id >> 56 != n->core || slot >= n->conns_used) return NULL;
    struct conn *c = &n->conns[slot];
    if (c->generation != (uint32_t)id || c->state == CONN_FREE || c->state == CONN_LEAVING)
        return NULL;
    return c;
}

void conn_mark(struct net *n, struct conn *c)
{
    if (c->queued) return;
    c->queued = true;
    ASSERT(n->todo_n < n->conns_max);
    n->todo[n->todo_n++] = conn_slot(n, c);
}

void conn_kill(struct net *n, struct conn *c)
{
    ASSERT(c->state != CONN_FREE);
    if (c->state == CONN_DEAD || c->state == CONN_LEAVING) return;
    c->state = CONN_DEAD;
    conn_mark(n, c);
}

void conn_last(struct net *n, struct conn *c)
{
    if (c->state == CONN_OPEN) c->state = CONN_LAST;
    conn_mark(n, c);
}

bool conn_accepts(struct net *n, struct conn *c)
{
    if (c->state != CONN_OPEN) return false;
    if (c->blocked) return false;
    unsigned pipeline = c->trusted ? n->limits.pipeline_max : n->limits.pipeline_max_login;
    if (c->pending < pipeline && conn_unsent(c) <= n->limits.send_buffer_max) return true;
    c->blocked = true;
    conn_mark(n, c);
    return false;
}

char *conn_room(struct net *n, struct conn *c, size_t size)
{
    // A buffer that grows is copied each time, all in all as often as it is filled.
    size_t room = c->out.n == 0 && c->usual > size ? c->usual : size;
    if (conn_unsent(c) + size > n->limits.send_buffer_hard ||
        !net_buffer_reserve(&n->pool, &c->out, room)) {
        conn_kill(n, c);
        return NULL;
    }
    return c->out.p + c->out.n;
}

void conn_wrote(struct net *n, struct conn *c, size_t size)
{
    ASSERT(size <= c->out.cap - c->out.n);
    // A reader that has nothing more to read is not slow: its time begins with the first byte.
    if (conn_unsent(c) == 0) c->active_ms = n->now_ms;
    c->out.n += (uint32_t)size;
    conn_mark(n, c);
}

bool conn_keep(struct net *n, struct conn *c, const void *bytes, size_t size)
{
    if (c->request_ms == 0) c->request_ms = n->now_ms;
    if (net_buffer_append(&n->pool, &c->in, bytes, size)) return true;
    conn_kill(n, c);
    return false;
}

void conn_body_begins(struct net *n, struct conn *c)
{
    c->body_ms = n->now_ms;
    c->body_at = c->in.n;
}

void conn_request_ends(struct net *n, struct conn *c)
{
    c->request_ms = c->body_ms = 0;
    if (c->in.cap) net_buffer_free(&n->pool, &c->in);
}

void conn_answered(struct net *n, struct conn *c)
{
    if (c->pending == 0) return;
    c->pending--;
    if (c->blocked || (c->pending == 0 && c->state != CONN_OPEN)) conn_mark(n, c);
}

bool net_is_open(const struct net *n, net_conn id)
{
    const struct conn *c = conn_find(n, id);
    return c && conn_answers(c);
}

size_t net_unsent(const struct net *n, net_conn id)
{
    const struct conn *c = conn_find(n, id);
    return c ? conn_unsent(c) : 0;
}

void net_forget(struct net *n, net_conn id)
{
    struct conn *c = conn_find(n, id);
    if (c && conn_answers(c) && c->protocol != PROTOCOL_HTTP) conn_answered(n, c);
}

void net_trust(struct net *n, net_conn id)
{
    struct conn *c = conn_find(n, id);
    if (!c || !conn_answers(c)) return;
    c->trusted = true;
    if (c->blocked) conn_mark(n, c);
}

void net_peer(const struct net *n, net_conn id, uint8_t address[16])
{
    const struct conn *c = conn_find(n, id);
    memset(address, 0, 16);
    if (c) memcpy(address, c->peer, sizeof c->peer);
}

uint64_t net_address(const struct net *n, net_conn id)
{
    const struct conn *c = conn_find(n, id);
    return c ? c->address : 0;
}

void net_finish(struct net *n, net_conn id)
{
    struct conn *c = conn_find(n, id);
    if (!c || !conn_answers(c)) return;
    c->state = CONN_FINISH;
    conn_mark(n, c);
}

void net_set_user(struct net *n, net_conn id, void *user)
{
    struct conn *c = conn_find(n, id);
    if (c) c->user = user;
}

void *net_user(const struct net *n, net_conn id)
{
    const struct conn *c = conn_find(n, id);
    return c ? c->user : NULL;
}
