// Every answer leaves through `send`, where the place that it speaks of is published before the
// bytes go.
#include "api/answer.h"

#include <stdio.h>
#include <string.h>

#include "api/accounts.h"
#include "api/explain.h"
#include "api/gather.h"
#include "api/link.h"
#include "api/live.h"
#include "api/lists.h"
#include "api/repeats.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/fb_json_print.h"
#include "core/logger.h"
#include "core/probe.h"
#include "kith_fb.h"

enum { EXTRA_BYTES = 1024, PROBLEM_BYTES = 2048 };

static void free_owned(struct request *q)
{
    lists_free(q);
    accounts_free(q);
    gather_free(q);
}

void answer_drop(struct request *q)
{
    if (q->live)
        free_owned(q);
}

// ---- problems ----------------------------------------------------------------------------------

static fb_ref build_errors(fb_builder *b, const struct fault *fault)
{
    if (fault->pointer[0] == '\0')
        return 0;
    kt_new_FieldError w = {0};
    kt_put_FieldError_pointer(&w, fb_cstring(b, fault->pointer));
    kt_put_FieldError_code(&w, fb_cstring(b, fault->code));
    if (fault->max > 0)
        kt_put_FieldError_max(&w, fault->max);
    uint32_t mark = fb_mark(b);
    fb_push(b, kt_end_FieldError(b, &w));
    return fb_refs(b, mark);
}

static fb_ref build_limit(fb_builder *b, const struct limit_verdict *v)
{
    kt_new_Limit w = {0};
    kt_put_Limit_policy(&w, fb_cstring(b, v->rule->name));
    kt_put_Limit_quota(&w, v->rule->burst);
    kt_put_Limit_window(&w, limit_seconds(v->rule->until_full_ns));
    kt_put_Limit_remaining(&w, limit_left(v));
    kt_put_Limit_reset(&w, limit_seconds(v->debt_ns));
    kt_put_Limit_retry_after_ms(&w, (uint32_t)((v->wait_ns + 999999) / 1000000));
    return kt_end_Limit(b, &w);
}

// A refusal as the client is told of it.
struct problem {
    const struct error_row *row;
    const struct fault *fault; // NULL = of no field
    uint64_t number;           // of the request
    const struct limit_verdict *limit; // of KITH_rate_limited
};

// A problem as a payload; its bytes.
static uint32_t build_problem(fb_builder *b, const struct problem *p)
{
    const struct error_row *row = p->row;
    char text[64];
    kt_new_Problem w = {0};
    if (p->fault != NULL)
        kt_put_Problem_errors(&w, build_errors(b, p->fault));
    if (p->limit != NULL && row->number == KITH_rate_limited)
        kt_put_Problem_limit(&w, build_limit(b, p->limit));
    snprintf(text, sizeof text, "%llu", (unsigned long long)p->number);
    kt_put_Problem_request_id(&w, fb_cstring(b, text));
    kt_put_Problem_code(&w, fb_cstring(b, row->name));
    kt_put_Problem_title(&w, fb_cstring(b, row->title));
    kt_put_Problem_status(&w, row->http);
    if (row->number == KITH_unknown_outcome)
        kt_put_Problem_outcome(&w, fb_cstring(b, "unknown"));
    snprintf(text, sizeof text, "urn:kith:error:%s", row->name);
    kt_put_Problem_type(&w, fb_cstring(b, text));
    size_t n = fb_finish(b, kt_end_Problem(b, &w));
    ASSERT(n > 0);
    return (uint32_t)n;
}

static size_t problem_json(char *out, size_t cap, const struct problem *p)
{
    _Alignas(8) uint8_t buf[PROBLEM_BYTES];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    build_problem(&b, p);
    return fb_json_print(out, cap, fb_root(fb_data(&b)), &kt_desc_Problem, FB_JSON_FULL);
}

size_t answer_problem_json(char *out, size_t cap, enum kith_error error, uint64_t number)
{
    return problem_json(out, cap, &(struct problem){error_row(error), NULL, number, NULL});
}

size_t answer_net_problem(void *ctx, unsigned status, char *out, size_t cap)
{
    (void)ctx;
    enum kith_error error = status == 413   ? KITH_too_large
                            : status == 431 ? KITH_headers_too_large
                            : status == 503 ? KITH_overloaded
                            : status == 500 ? KITH_internal
                                            : KITH_bad_request;
    struct error_row row = *error_row(error);
    row.http = (uint16_t)status;
    return problem_json(out, cap, &(struct problem){&row, NULL, 0, NULL});
}

// ---- as a frame --------------------------------------------------------------------------------

static struct frame_head frame_of(const struct request *q, uint32_t n)
{
    return (struct frame_head){
        .length = n,
        .op = q->op,
        .status = q->error != KITH_ok,
        .request = (uint32_t)q->sequence,
        .magic = FRAME_MAGIC,
        .place = q->place,
    };
}

static void send_frame(struct reactor *r, const struct request *q, const void *payload, uint32_t n)
{
    struct frame_head head = frame_of(q, n);
    net_send_frame(r->net, q->conn, &head, payload);
}

static void send_frame_problem(struct reactor *r, const struct request *q)
{
    _Alignas(8) uint8_t buf[PROBLEM_BYTES];
    const struct problem p = {error_row(q->error), &q->fault, q->number, &q->limit};
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    uint32_t n = build_problem(&b, &p);
    send_frame(r, q, fb_data(&b), n);
}

// ---- as HTTP -----------------------------------------------------------------------------------

static void send_http(struct reactor *r, const struct request *q, const struct plain *p)
{
    char extra[EXTRA_BYTES + LIMIT_HEADER];
    size_t n = q->limit.rule != NULL ? limit_header(extra, &q->limit) : 0;
    if (n > 0)
        snprintf(extra + n, sizeof extra - n, "%s", p->extra != NULL ? p->extra : "");
    struct http_answer a = {
        .status = p->status,
        .content_type = p->content_type,
        .body = p->body,
        .body_size = p->n,
        .place = q->place,
        .request_id = q->number,
        .extra = n > 0 ? extra : p->extra,
        .head = q->head,
    };
    net_send_http(r->net, q->conn, q->sequence, &a);
}

static void send_http_problem(struct reactor *r, const struct request *q)
{
    char json[PROBLEM_BYTES + FB_JSON_SLACK];
    const struct error_row *row = error_row(q->error);
    const struct problem problem = {row, &q->fault, q->number, &q->limit};
    char extra[64] = "";
    uint32_t wait = limit_seconds(q->limit.wait_ns);
    if (row->http == 503 || row->http == 507 || row->http == 429)
        snprintf(extra, sizeof extra, "Retry-After: %u\r\n", row->http == 429 && wait ? wait : 1);
    else if (row->http == 401)
        snprintf(extra, sizeof extra, "WWW-Authenticate: Bearer\r\n");
    size_t n = problem_json(json, sizeof json, &problem);
    send_http(r, q, &(struct plain){row->http, "application/problem+json", extra, json, n});
}

static void next_link(const struct request *q, const void *table, char *extra)
{
    const fb_type *t = q->row->reply;
    for (unsigned i = 0; i < t->n_fields; i++) {
        if (strcmp(t->fields[i].name, "next_cursor") != 0)
            continue;
        fb_str cursor = fb_sub_str(table, t->fields[i].slot);
        if (cursor.n > 0)
            link_next(extra, EXTRA_BYTES, q, cursor);
    }
}

// NDJSON: each line as it is.
static bool send_http_lines(struct reactor *r, const struct request *q, const kt_ExportPage *page,
                            const char *extra)
{
    fb_vec lines = kt_ExportPage_lines(page);
    size_t bytes = 0;
    for (uint32_t i = 0; i < lines.n; i++) bytes += fb_vec_str(lines, i).n + 1u;
    char *out = reactor_text(r, bytes + 1), *to = out;
    if (out == NULL)
        return false;
    for (uint32_t i = 0; i < lines.n; i++) {
        fb_str line = fb_vec_str(lines, i);
        memcpy(to, line.s, line.n);
        to += line.n;
        *to++ = '\n';
    }
    send_http(r, q, &(struct plain){200, "application/x-ndjson", extra[0] ? extra : NULL, out,
                                    bytes});
    return true;
}

static bool send_http_table(struct reactor *r, const struct request *q, const void *payload,
                            uint32_t n)
{
    char extra[EXTRA_BYTES] = "";
    unsigned status = q->row->status ? q->row->status : 200;
    if (status == 204) {
        send_http(r, q, &(struct plain){.status = 204});
        return true;
    }
    const void *table = fb_root(payload);
    next_link(q, table, extra);
    if (q->row->reply == &kt_desc_ExportPage)
        return send_http_lines(r, q, table, extra);
    size_t cap = 2 * (size_t)n + 1024, bytes = 0;
    for (char *out; bytes == 0 && (out = reactor_text(r, cap)) != NULL; cap = 2 * r->text_cap)
        bytes = fb_json_print(out, r->text_cap, table, q->row->reply, FB_JSON_FULL);
    if (bytes == 0)
        return false;
    send_http(r, q, &(struct plain){status, "application/json", extra[0] ? extra : NULL, r->text,
                                    bytes});
    return true;
}

// ---- out ---------------------------------------------------------------------------------------

static void count(struct reactor *r, const struct request *q)
{
    unsigned op = q->row != NULL ? q->row->number : OP_none;
    uint64_t ns = clock_mono_ns() - q->began_ns;
    stats_ended(&r->stats, op, q->error, ns);
    PROBE(request_answered, op, r->core, ns, q->error);
    trace_slow(r, q, ns);
    if (q->account_hash != 0)
        limits_ended(r, q, error_row(q->error)->http);
    if (q->said != 0 && q->error != KITH_ok)
        repeats_ended(r, q);
    if (q->error != KITH_ok)
        captcha_ended(r, q);
    // What is refused for want of room is counted, not told one by one.
    if (q->error == KITH_internal || q->error == KITH_unknown_outcome)
        log_event(LOG_WARN, "request failed", log_u64("request", q->number),
                  log_str("op", q->row != NULL ? q->row->name : "none"),
                  log_str("code", error_row(q->error)->name), log_u64("us", ns / 1000));
    else if (logger_wants(LOG_DEBUG))
        log_event(LOG_DEBUG, "request", log_u64("request", q->number),
                  log_str("op", q->row != NULL ? q->row->name : "none"),
                  log_str("code", error_row(q->error)->name), log_u64("user", q->actor),
                  log_u64("place", q->place), log_u64("us", ns / 1000));
}

static void end(struct reactor *r, struct request *q)
{
    free_owned(q);
    request_free(&r->requests, q);
}

static void send(struct reactor *r, struct request *q, const void *payload, uint32_t n)
{
    ASSERT(q->core == r->core);
    bool change = q->row != NULL && q->row->kind == OPK_CHANGE;
    if (change && q->place > atomic_load_explicit(&r->shared->answered, memory_order_relaxed))
        atomic_store(&r->shared->answered, q->place);
    if (q->trace.explained && q->error == KITH_ok) {
        explain_end(r, q, payload, n);
        return;
    }
    if (!server_dead(r->server)) {
        if (q->error == KITH_ok && q->channel == CHANNEL_HTTP) {
            if (!send_http_table(r, q, payload, n)) {
                q->error = KITH_internal;
                send_http_problem(r, q);
            }
        } else if (q->error == KITH_ok) {
            send_frame(r, q, payload, n);
        } else if (q->channel == CHANNEL_HTTP) {
            send_http_problem(r, q);
        } else {
            send_frame_problem(r, q);
        }
    }
    count(r, q);
    end(r, q);
}

static void run_send(struct reactor *r, struct request *q)
{
    send(r, q, q->answer, q->answer_n);
}

void answer_payload(struct reactor *r, struct request *q, const void *payload, uint32_t n)
{
    q->error = KITH_ok;
    q->trace.bytes = n;
    trace_end(r, q, TRACE_BUILD);
    if (q->row->kind != OPK_CHANGE && q->place == 0)
        q->place = r->seen;
    if (q->core == r->core) {
        send(r, q, payload, n);
        return;
    }
    if (!request_keep_answer(&r->requests, q, payload, n)) {
        answer_error(r, q, KITH_internal);
        return;
    }
    reactor_move(r, q, q->core, run_send);
}

void answer_built(struct reactor *r, struct request *q, fb_builder *b, fb_ref root)
{
    size_t n = root != 0 ? fb_finish(b, root) : 0;
    if (n == 0)
        answer_error(r, q, KITH_internal);
    else
        answer_payload(r, q, fb_data(b), (uint32_t)n);
}

void answer_empty(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[64];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_Empty w = {0};
    answer_built(r, q, &b, kt_end_Empty(&b, &w));
}

void answer_fault(struct reactor *r, struct request *q, enum kith_error error)
{
    ASSERT(error != KITH_ok);
    q->error = (uint16_t)error;
    if (q->row != NULL && q->row->kind != OPK_CHANGE && q->place == 0)
        q->place = r->seen;
    reactor_move(r, q, q->core, run_send);
}

void answer_error(struct reactor *r, struct request *q, enum kith_error error)
{
    const struct error_row *row = error_row(error);
    q->fault.pointer[0] = '\0';
    if (row->pointer != NULL) {
        snprintf(q->fault.pointer, sizeof q->fault.pointer, "%s", row->pointer);
        q->fault.code = row->name;
    }
    answer_fault(r, q, error);
}

void answer_none(struct reactor *r, struct request *q)
{
    reactor_move(r, q, q->core, end);
}

void answer_event(struct reactor *r, struct request *q, const void *payload, uint32_t n)
{
    ASSERT(q->core == r->core);
    struct frame_head head = frame_of(q, n);
    if (q->channel == CHANNEL_LIVE) {
        live_send(r, q, payload);
    } else if (!q->streaming) {
        net_send_frame(r->net, q->conn, &head, payload);
    } else {
        head.flags = FRAME_EVENT;
        net_push_frame(r->net, q->conn, &head, payload);
    }
    q->streaming = true;
}

void answer_plain(struct reactor *r, struct request *q, const struct plain *plain)
{
    send_http(r, q, plain);
    count(r, q);
    request_free(&r->requests, q);
}
