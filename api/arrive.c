// The hash behind an idempotency key covers the request as it was sent, before anything is settled.
#include "api/arrive.h"

#include "api/answer.h"
#include "api/audit.h"
#include "api/changes.h"
#include "api/explain.h"
#include "api/gate.h"
#include "api/media.h"
#include "api/reads.h"
#include "api/validate.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/probe.h"
#include "kith_fb.h"
#include "store/store.h"

void arrive_from(struct request *q, net_conn c, enum channel channel, uint64_t sequence)
{
    q->conn = c;
    q->channel = (uint8_t)channel;
    q->sequence = sequence;
    q->began_ns = clock_mono_ns();
    q->deadline_ns = q->began_ns + (uint64_t)READ_WAIT_MS * 1000000;
}

void arrive_demand(struct reactor *r, struct request *q, uint64_t place)
{
    uint64_t answered = reactor_answered(r->server);
    q->demand = place > answered ? place : answered;
}

bool arrive_key(struct request *q, const char *s, size_t n)
{
    if (n < 1 || n > IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    struct hash128 h = hash128(s, n, q->actor);
    q->keyed = true;
    q->key = (struct entry_key){.key_hi = h.hi, .key_lo = h.lo};
    return true;
}

bool arrive_known(const struct request *q)
{
    return q->row->auth == AUTH_OPEN || q->actor != 0 || q->service;
}

static void run_ping(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[128];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_Pong w = {0};
    kt_put_Pong_place(&w, r->seen);
    answer_built(r, q, &b, kt_end_Pong(&b, &w));
}

static void run_local(struct reactor *r, struct request *q)
{
    if (q->row->number == OP_explain)
        explain_begin(r, q);
    else if (q->row->number == OP_media_ticket)
        media_ticket(r, q);
    else
        run_ping(r, q);
}

void arrive(struct reactor *r, struct request *q)
{
    PROBE(request_begun, q->row->number, r->core, q->number);
    if (atomic_load_explicit(&r->server->phase, memory_order_relaxed) == PHASE_DRAINING &&
        q->row->kind == OPK_CHANGE) {
        answer_error(r, q, KITH_draining);
        return;
    }
    enum kith_error err = gate_may(r->server, q);
    if (err != KITH_ok) {
        answer_error(r, q, err);
        return;
    }
    uint64_t now_ms = clock_wall_ms();
    err = validate_table(q->row, request_table(q), now_ms, &q->fault);
    if (err != KITH_ok) {
        answer_fault(r, q, err);
        return;
    }
    if (!captcha_pass(r, q)) {
        answer_error(r, q, KITH_captcha_required);
        return;
    }
    if (r->server->limits.account[q->row->rate] && !limits_pass_account(r, q)) {
        answer_error(r, q, KITH_rate_limited);
        return;
    }
    trace_end(r, q, TRACE_PARSE);
    audit_peer(r, q);
    if (q->actor != 0)
        store_active(r->server->store, q->actor, now_ms);
    hot_keys_note(&r->hot, q);
    switch (q->row->kind) {
    case OPK_LOCAL:
        q->run = run_local;
        break;
    case OPK_READ:
        q->run = reads_begin;
        break;
    case OPK_CHANGE:
        q->key.request = hash64(q->body, q->body_n, q->row->number);
        q->run = changes_begin;
        break;
    case OPK_INTERNAL:
        answer_error(r, q, KITH_unknown_operation);
        return;
    }
    reactor_ready(r, q);
}
