// The payload is judged before anything reads it; the key in front of it, if any, is taken off
// first.
#include "api/wire.h"

#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/arrive.h"
#include "api/gate.h"
#include "api/validate.h"
#include "kith_fb.h"
#include "store/record.h"

void wire_closed(void *ctx, net_conn c)
{
    struct reactor *r = ctx;
    free(net_user(r->net, c));
    net_set_user(r->net, c, NULL);
}

// ---- hello -------------------------------------------------------------------------------------

static enum kith_error prove(const struct server *s, const kt_Hello *hello, struct identity *who)
{
    fb_str token = kt_Hello_token(hello), key = kt_Hello_service_key(hello);
    if ((token.n > 0) == (key.n > 0))
        return token.n > 0 ? KITH_bad_request : KITH_unauthenticated;
    fb_str secret = token.n > 0 ? token : key;
    enum kith_error err = gate_secret(s, secret.s, secret.n, who);
    if (err == KITH_ok && who->service != (key.n > 0))
        err = KITH_invalid_token;
    if (err == KITH_ok && kt_Hello_viewer(hello) != 0)
        err = gate_act_as(s, who, kt_Hello_viewer(hello));
    return err;
}

static void welcome(struct reactor *r, struct request *q, uint64_t user)
{
    _Alignas(8) uint8_t buf[256];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_Welcome w = {0};
    kt_put_Welcome_schema(&w, kt_schema_hash);
    kt_put_Welcome_version(&w, fb_cstring(&b, KITH_VERSION));
    kt_put_Welcome_user_id(&w, user);
    answer_built(r, q, &b, kt_end_Welcome(&b, &w));
}

static void take_hello(struct reactor *r, struct request *q, const void *payload)
{
    struct identity who = {0}, *kept = net_user(r->net, q->conn);
    enum kith_error err = prove(r->server, kt_root_Hello(payload), &who);
    if (kept == NULL && err == KITH_ok) {
        kept = malloc(sizeof *kept);
        if (kept == NULL) {
            answer_error(r, q, KITH_overloaded);
            return;
        }
        net_set_user(r->net, q->conn, kept);
    }
    // A hello that fails leaves nobody behind.
    if (kept != NULL)
        *kept = who;
    if (err != KITH_ok) {
        if (kept != NULL)
            *kept = (struct identity){0};
        answer_error(r, q, err);
        return;
    }
    net_trust(r->net, q->conn);
    welcome(r, q, who.user);
}

// ---- frames ------------------------------------------------------------------------------------

static enum kith_error identify(struct reactor *r, struct request *q, uint64_t actor)
{
    const struct identity *kept = net_user(r->net, q->conn);
    struct identity who = kept != NULL ? *kept : (struct identity){0};
    enum kith_error err = gate_holds(r->server, &who);
    if (err == KITH_ok && actor != 0)
        err = gate_act_as(r->server, &who, actor);
    q->actor = who.user;
    q->session = who.session;
    q->service = who.service;
    q->service_key = who.service_key;
    return err;
}

// Takes the key off the payload's front.
static bool take_key(struct request *q, const uint8_t **payload, uint32_t *n)
{
    const uint8_t *p = *payload;
    if (*n < 8)
        return false;
    uint32_t key = p[0], room = (1 + key + 7) / 8 * 8;
    if (room > *n || !arrive_key(q, (const char *)p + 1, key))
        return false;
    for (uint32_t i = 1 + key; i < room; i++)
        if (p[i] != 0)
            return false;
    *payload = p + room;
    *n -= room;
    return true;
}

static void refuse(struct reactor *r, struct request *q, enum kith_error error)
{
    if (error == KITH_invalid_field || error == KITH_unknown_field)
        answer_fault(r, q, error);
    else
        answer_error(r, q, error);
}

// The gate looks whether each of them is there.
void wire_ahead(void *ctx, const uint64_t *actor, unsigned n)
{
    const struct reactor *r = ctx;
    const struct object *found[NET_AHEAD_MAX];
    records_find(r->server->store, (struct record_wish){actor, n, 1}, found);
}

static bool is_known(const struct op_row *row)
{
    return row != NULL && row->kind != OPK_INTERNAL;
}

void wire_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload)
{
    struct reactor *r = ctx;
    struct request *q = request_new(&r->requests);
    const uint8_t *body = payload;
    uint32_t n = head->length;
    if (q == NULL) {
        struct frame_head busy = {.op = head->op, .status = 1, .request = head->request,
                                  .magic = FRAME_MAGIC};
        net_send_frame(r->net, c, &busy, NULL);
        return;
    }
    arrive_from(q, c, CHANNEL_FRAME, head->request);
    q->op = head->op;
    const struct op_row *row = op_row(head->op);
    if (!is_known(row)) {
        answer_error(r, q, KITH_unknown_operation);
        return;
    }
    q->row = row;
    enum kith_error err = row->number == OP_hello ? KITH_ok : identify(r, q, head->actor);
    if (!limits_pass(r, q, (struct net_text){NULL, 0}))
        err = KITH_rate_limited;
    if (err == KITH_ok && (head->flags & FRAME_KEY) && !take_key(q, &body, &n))
        err = KITH_bad_request;
    if (err == KITH_ok && (head->flags & ~FRAME_KEY || head->status != 0))
        err = KITH_bad_request;
    if (err == KITH_ok && !arrive_known(q))
        err = KITH_unauthenticated;
    if (err == KITH_ok)
        err = validate_payload(body, n, row->request, &q->fault);
    if (err != KITH_ok) {
        refuse(r, q, err);
    } else if (row->number == OP_hello) {
        take_hello(r, q, body);
    } else if (!request_keep_body(q, body, n)) {
        answer_error(r, q, KITH_overloaded);
    } else {
        arrive_demand(r, q, head->place);
        arrive(r, q);
    }
}
