// Requests over the binary protocol: connections, frames, and what is asked again.
#include "tests/sim/sim_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_json_parse.h"
#include "core/fb_verify.h"
#include "core/hash.h"
#include "kith_fb.h"
#include "net/net.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_compose.h"
#include "tests/sim/sim_net.h"

struct sim_history history;
bool sim_clients_stop;
uint64_t sim_done[OP_LIMIT], sim_refused[OP_LIMIT], sim_cuts;
uint64_t sim_events;

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
    memset(&history, 0, sizeof history);
    history.op = op;
    memset(clients, 0, sizeof clients);
    for (unsigned i = 0; i <= SIM_CLIENTS; i++)
        clients[i].link = -1;
    sim_clients_stop = false;
    sim_compose_reset();
}

void sim_clients_forget(void)
{
    history.before += history.n;
    history.n = 0;
}

// ---- who waits ---------------------------------------------------------------------------------

static void settle_op(struct sim_op *o, enum op_state state)
{
    bool was_open = o->state == OP_SENT || o->state == OP_UNKNOWN;
    bool open = state == OP_SENT || state == OP_UNKNOWN;
    history.unknown[o->client] -= o->state == OP_UNKNOWN;
    history.unknown[o->client] += state == OP_UNKNOWN;
    history.open += open;
    history.open -= was_open;
    o->state = (uint8_t)state;
}

static void connection_lost(unsigned client)
{
    for (unsigned i = 0; i < history.n; i++)
        if (history.op[i].state == OP_SENT && history.op[i].client == client)
            settle_op(&history.op[i], OP_UNKNOWN);
    clients[client].under_way = 0;
}

void sim_clients_cut(void)
{
    for (unsigned i = 0; i <= SIM_CLIENTS; i++) {
        if (clients[i].link >= 0)
            sim_client_close(clients[i].link);
        clients[i].link = -1;
        if (i < SIM_CLIENTS)
            connection_lost(i);
    }
}

bool sim_clients_quiet(void) { return history.open == 0; }

// ---- frames ------------------------------------------------------------------------------------

static void send_frame(struct client *c, struct sim_op *op)
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
    op->body = hash64(fb_data(&b), n, op->op);
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
    unsigned client = (unsigned)(c - clients);
    struct sim_op hello = {.op = OP_hello};
    sim_hello(client, hello.json);
    sim_connected(client);
    if (hello.json[0] != 0)
        send_frame(c, &hello);
    return true;
}

// ---- requests ----------------------------------------------------------------------------------

static bool ask_again(struct client *c, unsigned client)
{
    for (unsigned i = 0; history.unknown[client] > 0 && i < history.n; i++) {
        struct sim_op *o = &history.op[i];
        if (o->state != OP_UNKNOWN || o->client != client)
            continue;
        settle_op(o, OP_SENT);
        o->retried = true;
        o->request = ++c->request;
        send_frame(c, o);
        c->under_way++;
        return true;
    }
    return false;
}

// A new request; or one whose end is not known, again. Only what must not be done twice carries a
// key; the others are harmless to repeat.
static void send_one(struct client *c, unsigned client)
{
    if (ask_again(c, client) || sim_clients_stop || history.n == SIM_OPS_MAX)
        return;
    struct sim_op *o = &history.op[history.n];
    *o = (struct sim_op){.client = (uint8_t)client, .request = ++c->request};
    sim_compose(o, client, history.before + history.n);
    history.n++;
    settle_op(o, OP_SENT);
    c->under_way++;
    send_frame(c, o);
}

static void take_refusal(struct sim_op *o, unsigned client)
{
    o->status = kt_Problem_status(kt_root_Problem(answer));
    settle_op(o, o->status >= 500 ? OP_UNKNOWN : OP_REFUSED);
    sim_refused[o->op] += o->state == OP_REFUSED;
    if (o->status == 401)
        sim_unwelcome(client);
}

static void take_answer(struct client *c, unsigned client, const struct frame_head *h)
{
    if (h->op == OP_hello) {
        sim_done[OP_hello] += h->status == 0;
        if (h->status != 0)
            sim_unwelcome(client);
        return;
    }
    if (h->flags & FRAME_EVENT) {
        sim_events++;
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
            o->status = 200;
            settle_op(o, OP_DONE);
            sim_done[o->op]++;
            sim_learn(o, answer);
        } else {
            take_refusal(o, client);
        }
        sim_say("client %u  %s %s -> %u at %" PRIu64, client, op_row(o->op)->name, o->json,
                o->status, o->place);
        return;
    }
    assert_failed("somebody asked for this answer", __FILE__, __LINE__);
}

static void break_off(struct client *c, unsigned client)
{
    sim_client_close(c->link);
    c->link = -1;
    connection_lost(client);
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
        connection_lost(client);
        return;
    }
    if (c->under_way > 0 && sim_below(&sim.schedule, 4000) == 0) {
        sim_cuts++;
        sim_say("client %u breaks off", client);
        break_off(c, client);
        return;
    }
    if (c->under_way == 0 && sim_connect_anew(client)) {
        break_off(c, client);
        return;
    }
    unsigned most = client == SIM_MEMBER ? 1 : SIM_IN_FLIGHT;
    if (c->under_way < most && sim_chance(&sim.schedule, 500))
        send_one(c, client);
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
