// What Redis is filled with, as a stream for redis-cli --pipe; the keys are in peer_redis.c.
#include "bench/compare/fill.h"
#include "bench/compare/peer.h"
#include "bench/compare/resp.h"

enum { LOAD_MAX = 64 << 10 };

// Each answers with the count after it, or with -1 - count where nothing was new; a post with its
// author's followers and its own number at their end.
static const char library[] =
    "#!lua name=social\n"
    "local function like(_, a)\n"
    "  local p = 'p:' .. a[2]\n"
    "  if redis.call('SADD', 'l:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', p, 'l')\n"
    "  end\n"
    "  redis.call('SADD', 'r:' .. a[2], a[1])\n"
    "  return redis.call('HINCRBY', p, 'l', 1)\n"
    "end\n"
    "local function unlike(_, a)\n"
    "  local p = 'p:' .. a[2]\n"
    "  if redis.call('SREM', 'l:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', p, 'l')\n"
    "  end\n"
    "  redis.call('SREM', 'r:' .. a[2], a[1])\n"
    "  return redis.call('HINCRBY', p, 'l', -1)\n"
    "end\n"
    "local function follow(_, a)\n"
    "  if redis.call('SADD', 'g:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', 'u:' .. a[2], 'f')\n"
    "  end\n"
    "  redis.call('SADD', 'f:' .. a[2], a[1])\n"
    "  redis.call('HINCRBY', 'u:' .. a[1], 'g', 1)\n"
    "  return redis.call('HINCRBY', 'u:' .. a[2], 'f', 1)\n"
    "end\n"
    "local function unfollow(_, a)\n"
    "  if redis.call('SREM', 'g:' .. a[1], a[2]) == 0 then\n"
    "    return -1 - redis.call('HGET', 'u:' .. a[2], 'f')\n"
    "  end\n"
    "  redis.call('SREM', 'f:' .. a[2], a[1])\n"
    "  redis.call('HINCRBY', 'u:' .. a[1], 'g', -1)\n"
    "  return redis.call('HINCRBY', 'u:' .. a[2], 'f', -1)\n"
    "end\n"
    "local function comment(_, a)\n"
    "  local id = redis.call('INCR', 'comments')\n"
    "  redis.call('HSET', 'c:' .. id, 'u', a[1], 'p', a[2], 'c', a[3], 't', a[4])\n"
    "  redis.call('LPUSH', 'k:' .. a[2], id)\n"
    "  return redis.call('HINCRBY', 'p:' .. a[2], 'k', 1)\n"
    "end\n"
    "local function post(_, a)\n"
    "  local id = redis.call('INCR', 'posts')\n"
    "  redis.call('HSET', 'p:' .. id, 'b', a[2], 'l', 0, 'k', 0)\n"
    "  redis.call('LPUSH', 'a:' .. a[1], id)\n"
    "  redis.call('HINCRBY', 'u:' .. a[1], 'p', 1)\n"
    "  local fans = redis.call('SMEMBERS', 'f:' .. a[1])\n"
    "  fans[#fans + 1] = tostring(id)\n"
    "  return fans\n"
    "end\n"
    "local function node(_, a)\n"
    "  local id = redis.call('INCR', 'posts')\n"
    "  redis.call('HSET', 'p:' .. id, 'b', a[1])\n"
    "  return id\n"
    "end\n"
    "redis.register_function('node', node)\n"
    "redis.register_function('like', like)\n"
    "redis.register_function('unlike', unlike)\n"
    "redis.register_function('follow', follow)\n"
    "redis.register_function('unfollow', unfollow)\n"
    "redis.register_function('comment', comment)\n"
    "redis.register_function('post', post)\n";

// ---- rows --------------------------------------------------------------------------------------

static void send_off(struct bytes *b, FILE *to)
{
    fwrite(b->at, 1, b->n, to);
    b->n = 0;
}

static void load_user(const struct fill *f, uint32_t u, struct bytes *b)
{
    resp_head(b, 10);
    resp_name(b, "HSET");
    resp_key(b, 'u', u);
    resp_name(b, "n");
    resp_user(b, u);
    resp_name(b, "p");
    resp_number(b, f->posts[u]);
    resp_name(b, "g");
    resp_number(b, f->following[u]);
    resp_name(b, "f");
    resp_number(b, f->first[u + 1] - f->first[u]);
}

static void load_timeline(const struct fill *f, uint32_t u, struct bytes *b)
{
    if (f->timeline_n[u] == 0)
        return;
    resp_head(b, 2 + f->timeline_n[u]);
    resp_name(b, "RPUSH");
    resp_key(b, 't', u);
    for (uint32_t i = 0; i < f->timeline_n[u]; i++)
        resp_number(b, f->timeline[(size_t)u * f->kept + i]);
}

static void load_post(const struct fill *f, uint64_t i, struct bytes *b)
{
    struct made_post made;
    fill_post(f, i, &made);
    resp_head(b, 8);
    resp_name(b, "HSET");
    resp_key(b, 'p', i);
    resp_name(b, "b");
    resp_post(b, &made);
    BYTES_PUT(b, "$1\r\nl\r\n$1\r\n0\r\n$1\r\nk\r\n$1\r\n0\r\n");
    resp_head(b, 3);
    resp_name(b, "LPUSH");
    resp_key(b, 'a', made.author);
    resp_number(b, i);
}

static void load_edge(const struct pair *e, struct bytes *b)
{
    const uint32_t ends[2][2] = {{e->from, e->to}, {e->to, e->from}};
    for (unsigned i = 0; i < 2; i++) {
        resp_head(b, 3);
        resp_name(b, "SADD");
        resp_key(b, "gf"[i], ends[i][0]);
        resp_number(b, ends[i][1]);
    }
}

// The same in sorted sets, which know when, as Kith's do: G and F.
static void load_timed_edge(const struct pair *e, uint64_t i, struct bytes *b)
{
    const uint32_t ends[2][2] = {{e->from, e->to}, {e->to, e->from}};
    for (unsigned k = 0; k < 2; k++) {
        resp_head(b, 4);
        resp_name(b, "ZADD");
        resp_key(b, "GF"[k], ends[k][0]);
        resp_number(b, i);
        resp_number(b, ends[k][1]);
    }
}

static void load_like(struct pair like, struct bytes *b)
{
    resp_call(b, "like", 2);
    resp_number(b, like.from);
    resp_number(b, like.to);
}

// A like as a link with its time, of the scenario graph.
static void load_link(struct pair like, uint64_t i, struct bytes *b)
{
    resp_head(b, 5);
    resp_name(b, "ZADD");
    resp_key(b, 'z', like.to);
    resp_name(b, "NX");
    resp_number(b, i);
    resp_user(b, like.from);
}

static void load_comment(const struct fill *f, uint64_t i, struct bytes *b)
{
    struct pair by = community_commented(f->c, i);
    resp_call(b, "comment", 4);
    resp_number(b, by.from);
    resp_number(b, by.to);
    resp_number(b, fill_span().end_ms);
    resp_name(b, community_comment(f->c, i));
}

// ---- the stream ---------------------------------------------------------------------------------

static void load_library(const struct community *c, struct bytes *b)
{
    resp_head(b, 4);
    resp_name(b, "FUNCTION");
    resp_name(b, "LOAD");
    resp_name(b, "REPLACE");
    resp_name(b, library);
    resp_head(b, 3);
    resp_name(b, "SET");
    resp_name(b, "posts");
    resp_number(b, c->posts - 1);
}

static void load_people(const struct fill *f, unsigned parts, struct bytes *b, FILE *to)
{
    if ((parts & LOAD_USERS) != 0)
        load_library(f->c, b);
    for (uint32_t u = 0; u < f->c->users && (parts & LOAD_USERS) != 0; u++, send_off(b, to))
        load_user(f, u, b);
    for (uint64_t i = 0; i < f->edges && (parts & LOAD_FOLLOWS) != 0; i++, send_off(b, to))
        load_edge(&f->edge[i], b);
    for (uint64_t i = 0; i < f->edges && (parts & LOAD_TIMED_FOLLOWS) != 0; i++, send_off(b, to))
        load_timed_edge(&f->edge[i], i, b);
    for (uint32_t u = 0; u < f->c->users && (parts & LOAD_TIMELINES) != 0; u++, send_off(b, to))
        load_timeline(f, u, b);
}

void redis_load(const struct load *l, FILE *to)
{
    static uint8_t room[LOAD_MAX];
    struct bytes b = {room, 0, sizeof room};
    struct fill f;
    fill_begin(&f, l->community, (l->parts & LOAD_TIMELINES) != 0 ? TIMELINE_KEPT : 0);
    load_people(&f, l->parts, &b, to);
    for (uint64_t i = 0; i < l->community->posts && (l->parts & LOAD_POSTS) != 0; i++) {
        load_post(&f, i, &b);
        send_off(&b, to);
    }
    for (uint64_t i = 0; i < l->likes && (l->parts & LOAD_LIKES) != 0; i++, send_off(&b, to))
        load_like(community_like(l->community, i), &b);
    for (uint64_t i = 0; i < l->likes && (l->parts & LOAD_LINKS) != 0; i++, send_off(&b, to))
        load_link(community_like(l->community, i), i, &b);
    for (uint64_t i = 0; i < l->comments && (l->parts & LOAD_COMMENTS) != 0; i++, send_off(&b, to))
        load_comment(&f, i, &b);
    fill_end(&f);
}
