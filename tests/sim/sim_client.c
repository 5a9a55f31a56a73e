// Random requests over the binary protocol.
#include "tests/sim/sim_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_json_parse.h"
#include "core/fb_verify.h"
#include "kith_fb.h"
#include "net/net.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_net.h"

#define SERVICE_KEY "simulated-service-key-0123456789"

struct sim_history history;
bool sim_clients_stop;

struct client {
    int link;                    // -1 = not connected
    unsigned under_way;
    uint32_t request;
};
static struct client clients[SIM_CLIENTS + 1]; // the last one is sim_ask's
static _Alignas(8) uint8_t answer[1 << 20];

void sim_clients_reset(void)
{
    if (history.op == NULL)
        history.op = calloc(SIM_OPS_MAX, sizeof *history.op);
    struct sim_op *op = history.op;
    memset(op, 0, SIM_OPS_MAX * sizeof *op);
    memset(&history, 0, sizeof history);
    history.op = op;
    memset(clients, 0, sizeof clients);
    for (unsigned i = 0; i <= SIM_CLIENTS; i++)
        clients[i].link = -1;
    sim_clients_stop = false;
}

void sim_clients_cut(void)
{
    for (unsigned i = 0; i <= SIM_CLIENTS; i++) {
        if (clients[i].link >= 0)
            sim_client_close(clients[i].link);
        clients[i].link = -1;
        clients[i].under_way = 0;
    }
    for (unsigned i = 0; i < history.n; i++)
        if (history.op[i].state == OP_SENT)
            history.op[i].state = OP_UNKNOWN;
}

// ---- frames
// --------------------------------------------------------------------------------------

static void send_frame(struct client *c, const struct sim_op *op)
{
    static _Alignas(8) uint8_t buf[65536];
    fb_builder b;
    fb_json_error error;
    fb_init(&b, buf, sizeof buf);
    fb_ref root = fb_json_parse(&b, op->json, strlen(op->json), op_row(op->op)->request, &error);
    size_t n = fb_finish(&b, root);
    if (n == 0)
        fprintf(stderr, "request %s: %s at %s\n", op->json, fb_json_code_name(error.code),
                error.pointer);
    ASSERT(n > 0);
    size_t key = strlen(op->key), key_n = key > 0 ? (1 + key + 7) / 8 * 8 : 0;
    uint8_t head[40] = {(uint8_t)key};
    memcpy(head + 1, op->key, key);
    struct frame_head h = {.length = (uint32_t)(key_n + n),
                           .op = op->op,
                           .flags = key > 0 ? FRAME_KEY : 0,
                           .request = op->request,
                           .magic = FRAME_MAGIC,
                           .actor = op->actor};
    sim_client_send(c->link, &h, sizeof h);
    sim_client_send(c->link, head, key_n);
    sim_client_send(c->link, fb_data(&b), n);
}

// A whole answer frame, or NULL: its payload is copied out.
static bool receive(struct client *c, struct frame_head *h)
{
    size_t n;
    const uint8_t *p = sim_client_bytes(c->link, &n);
    if (p == NULL || n < sizeof *h)
        return false;
    memcpy(h, p, sizeof *h);
    ASSERT(h->magic == FRAME_MAGIC && h->length <= sizeof answer);
    if (n < sizeof *h + h->length)
        return false;
    memcpy(answer, p + sizeof *h, h->length);
    sim_client_take(c->link, sizeof *h + h->length);
    const struct op_row *row = op_row(h->op);
    const fb_type *type = h->status == 0 ? row->reply : &kt_desc_Problem;
    ASSERT(fb_verify(answer, h->length, type, NULL) == FB_OK);
    return true;
}

static bool connect_client(struct client *c)
{
    if (c->link >= 0 && sim_client_alive(c->link))
        return true;
    if (c->link >= 0)
        sim_client_close(c->link);
    c->link = sim_connect(0);
    if (c->link < 0)
        return false;
    struct sim_op hello = {.op = OP_hello};
    strcpy(hello.json, "{\"service_key\":\"" SERVICE_KEY "\"}");
    send_frame(c, &hello);
    return true;
}

// ---- requests
// ------------------------------------------------------------------------------------

static uint64_t some(const uint64_t *id, unsigned n) { return id[sim_below(&sim.schedule, n)]; }

static const struct { uint16_t op; unsigned weight;
} mix[] = {
    {OP_import_users, 2},   {OP_follow, 14},     {OP_unfollow, 6},       {OP_post_create, 14},
    {OP_like, 14},          {OP_unlike, 6},      {OP_comment_create, 8}, {OP_comment_update, 3},
    {OP_comment_delete, 3}, {OP_post_update, 4}, {OP_post_delete, 3},    {OP_user_update, 3},
    {OP_feed, 10},          {OP_post_get, 5},    {OP_user_get, 5},       {OP_followers, 2},
    {OP_comment_list, 2},   {OP_ping, 1},
};

static uint16_t draw(void)
{
    unsigned all = 0;
    for (size_t i = 0; i < sizeof mix / sizeof mix[0]; i++)
        all += mix[i].weight;
    unsigned k = sim_below(&sim.schedule, all);
    size_t i = 0;
    while (k >= mix[i].weight)
        k -= mix[i++].weight;
    return mix[i].op;
}

static void compose(struct sim_op *o, unsigned nr)
{
    struct sim_history *h = &history;
    size_t cap = sizeof o->json;
    uint64_t post = h->posts > 0 ? some(h->post, h->posts) : 1;
    uint64_t comment = h->comments > 0 ? some(h->comment, h->comments) : 1;
    uint64_t user = some(h->user, h->users);
    o->actor = some(h->user, h->users);
    switch (o->op) {
    case OP_import_users:
        o->actor = 0;
        snprintf(o->json, cap, "{\"users\":[{\"username\":\"u%u\",\"created_at\":%" PRIu64 "}]}",
                 nr, UINT64_C(1500000000000) + nr);
        return;
    case OP_post_create:
        snprintf(o->json, cap, "{\"caption\":\"post %u\"}", nr);
        snprintf(o->key, sizeof o->key, "k%u", nr);
        return;
    case OP_comment_create:
        snprintf(o->json, cap, "{\"post_id\":\"%" PRIu64 "\",\"content\":\"comment %u\"}", post,
                 nr);
        snprintf(o->key, sizeof o->key, "k%u", nr);
        return;
    case OP_post_update:
        snprintf(o->json, cap, "{\"post_id\":\"%" PRIu64 "\",\"caption\":\"edit %u\"}", post, nr);
        return;
    case OP_comment_update:
        snprintf(o->json, cap, "{\"comment_id\":\"%" PRIu64 "\",\"content\":\"edit %u\"}", comment,
                 nr);
        return;
    case OP_comment_delete:
        snprintf(o->json, cap, "{\"comment_id\":\"%" PRIu64 "\"}", comment);
        return;
    case OP_user_update:
        snprintf(o->json, cap, "{\"user_id\":\"%" PRIu64 "\",\"bio\":\"bio %u\"}", o->actor, nr);
        return;
    case OP_follow:
    case OP_unfollow:
    case OP_user_get:
    case OP_followers:
        snprintf(o->json, cap, "{\"user_id\":\"%" PRIu64 "\"}", user);
        return;
    case OP_feed:
    case OP_ping:
        snprintf(o->json, cap, "{}");
        return;
    }
    snprintf(o->json, cap, "{\"post_id\":\"%" PRIu64 "\"}", post);
}

// A new request; or one whose end is not known, again. Only creations carry a key; the others are
// harmless to repeat, and so are sent anew as requests of their own.
static void send_one(struct client *c, unsigned client)
{
    for (unsigned i = 0; i < history.n; i++)
        if (history.op[i].state == OP_UNKNOWN && history.op[i].client == client) {
            history.op[i].state = OP_SENT;
            history.op[i].request = ++c->request;
            send_frame(c, &history.op[i]);
            c->under_way++;
            return;
        }
    if (sim_clients_stop || history.n == SIM_OPS_MAX)
        return;
    struct sim_op *o = &history.op[history.n];
    *o = (struct sim_op){.op = history.users < 4 ? OP_import_users : draw(), .state = OP_SENT,
                         .client = (uint8_t)client, .request = ++c->request};
    if (o->op == OP_import_users && history.users >= 40)
        o->op = OP_feed;
    if (history.users == 0)
        history.user[0] = 0, history.users = 1, compose(o, history.n), history.users = 0;
    else
        compose(o, history.n);
    history.n++;
    c->under_way++;
    send_frame(c, o);
}

static void learn(struct sim_op *o)
{
    switch (o->op) {
    case OP_import_users: {
        fb_vec ids = kt_ImportedUsers_user_ids(kt_root_ImportedUsers(answer));
        o->id = fb_vec_u64(ids, 0);
        if (o->id != 0)
            history.user[history.users++] = o->id;
        return;
    }
    case OP_post_create:
        o->id = kt_Post_post_id(kt_root_Post(answer));
        if (history.posts < 4096)
            history.post[history.posts++] = o->id;
        return;
    case OP_comment_create:
        o->id = kt_Comment_comment_id(kt_root_Comment(answer));
        if (history.comments < 4096)
            history.comment[history.comments++] = o->id;
        return;
    case OP_follow:
    case OP_unfollow:
        o->count = kt_FollowState_followers_count(kt_root_FollowState(answer));
        return;
    case OP_like:
    case OP_unlike:
        o->count = kt_LikeState_like_count(kt_root_LikeState(answer));
        return;
    }
}

static void take_answer(struct client *c, unsigned client, const struct frame_head *h)
{
    if (h->op == OP_hello) {
        ASSERT(h->status == 0);
        return;
    }
    for (unsigned i = history.n; i-- > 0;) {
        struct sim_op *o = &history.op[i];
        if (o->state != OP_SENT || o->client != client || o->request != h->request)
            continue;
        ASSERT(o->op == h->op);
        o->place = h->place;
        c->under_way--;
        if (h->status == 0) {
            o->state = OP_DONE;
            history.answered_by[o->op & 255]++;
            learn(o);
        } else {
            const kt_Problem *p = kt_root_Problem(answer);
            o->status = kt_Problem_status(p);
            o->state = o->status >= 500 ? OP_UNKNOWN : OP_REFUSED;
            history.refused_by[o->op & 255] += o->state == OP_REFUSED;
        }
        sim_say("client %u  %s %s -> %u at %" PRIu64, client, op_row(o->op)->name, o->json,
                o->status, o->place);
        return;
    }
    assert_failed("somebody asked for this answer", __FILE__, __LINE__);
}

void sim_client_step(unsigned client)
{
    struct client *c = &clients[client];
    if (!connect_client(c)) {
        c->under_way = 0;
        return;
    }
    struct frame_head h;
    while (receive(c, &h))
        take_answer(c, client, &h);
    if (!sim_client_alive(c->link)) {
        for (unsigned i = 0; i < history.n; i++)
            if (history.op[i].state == OP_SENT && history.op[i].client == client)
                history.op[i].state = OP_UNKNOWN;
        c->under_way = 0;
        return;
    }
    if (c->under_way < SIM_IN_FLIGHT && sim_chance(&sim.schedule, 500))
        send_one(c, client);
}

bool sim_clients_quiet(void)
{
    for (unsigned i = 0; i < history.n; i++)
        if (history.op[i].state == OP_SENT || history.op[i].state == OP_UNKNOWN)
            return false;
    return true;
}

const void *sim_ask(uint16_t op, uint64_t actor, const char *json, unsigned *status)
{
    struct client *c = &clients[SIM_CLIENTS];
    struct sim_op o = {.op = op, .actor = actor};
    snprintf(o.json, sizeof o.json, "%s", json);
    while (!connect_client(c))
        sim_world_step();
    o.request = ++c->request;
    send_frame(c, &o);
    struct frame_head h;
    for (unsigned i = 0; i < 100000; i++) {
        while (receive(c, &h))
            if (h.op == op && h.request == o.request) {
                *status = h.status == 0 ? 200 : kt_Problem_status(kt_root_Problem(answer));
                return answer;
            }
        sim_world_step();
    }
    assert_failed("every request is answered", __FILE__, __LINE__);
}
