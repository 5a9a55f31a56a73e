// The request keeps the frame's operation and the caller; row and table are those of the one that
// is looked at, until its answer is there.
#include "api/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/arrive.h"
#include "api/validate.h"
#include "core/assert.h"
#include "core/fb_json_print.h"
#include "kith_fb.h"

enum { TOLD_BYTES = 4096, JSON_BYTES = 1024 };

static const struct op_row *row_named(fb_str name)
{
    for (unsigned i = 0; i < OP_LIMIT; i++) {
        const struct op_row *row = op_row(i);
        if (row != NULL && strlen(row->name) == name.n && memcmp(row->name, name.s, name.n) == 0)
            return row;
    }
    return NULL;
}

// Not what nobody sends, what is about the connection or goes on after its answer, and what proves
// who somebody is: that is counted and told by rules of its own.
static bool can_be_explained(const struct op_row *row)
{
    if (row == NULL || row->number == OP_subscribe)
        return false;
    return row->kind == OPK_READ || (row->kind == OPK_CHANGE && row->auth != AUTH_OPEN);
}

static void refuse_name(struct reactor *r, struct request *q)
{
    snprintf(q->fault.pointer, sizeof q->fault.pointer, "/op");
    q->fault.code = "unknown";
    answer_fault(r, q, KITH_invalid_field);
}

void explain_begin(struct reactor *r, struct request *q)
{
    const kt_Explain *t = request_table(q);
    const struct op_row *row = row_named(kt_Explain_op(t));
    if (!can_be_explained(row)) {
        refuse_name(r, q);
        return;
    }
    fb_str json = kt_Explain_request(t);
    fb_builder b;
    fb_json_error error = {0};
    fb_init(&b, r->build, BUILD_BYTES);
    fb_ref root = json.n > 0 ? fb_json_parse(&b, json.s, json.n, row->request, &error)
                             : fb_json_parse(&b, "{}", 2, row->request, &error);
    size_t n = root != 0 ? fb_finish(&b, root) : 0;
    if (n == 0) {
        answer_fault(r, q, root != 0 ? KITH_too_large : validate_json(&error, &q->fault));
        return;
    }
    if (q->body != q->bytes)
        free(q->body);
    q->body = NULL;
    if (!request_keep_body(q, fb_data(&b), (uint32_t)n)) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    q->row = row;
    q->trace.explained = true;
    arrive(r, q);
}

// ---- told --------------------------------------------------------------------------------------

static fb_ref build_steps(fb_builder *b, const struct request *q)
{
    uint64_t ns[TRACE_STEPS];
    trace_steps(&q->trace, q->began_ns, ns);
    fb_ref step[TRACE_STEPS];
    for (unsigned i = TRACE_STEPS; i-- > 0;) {
        kt_new_ExplainedStep w = {0};
        kt_put_ExplainedStep_step(&w, fb_cstring(b, trace_step_name((enum trace_step)i)));
        kt_put_ExplainedStep_nanoseconds(&w, ns[i]);
        step[i] = kt_end_ExplainedStep(b, &w);
    }
    uint32_t mark = fb_mark(b);
    for (unsigned i = 0; i < TRACE_STEPS; i++)
        fb_push(b, step[i]);
    return fb_refs(b, mark);
}

static fb_ref build_told(fb_builder *b, const struct request *q, size_t json)
{
    const struct trace *t = &q->trace;
    kt_new_Explained w = {0};
    kt_put_Explained_steps(&w, build_steps(b, q));
    kt_put_Explained_op(&w, fb_cstring(b, q->row->name));
    kt_put_Explained_nanoseconds(&w, t->ended[TRACE_SEND] - q->began_ns);
    kt_put_Explained_place(&w, q->place);
    kt_put_Explained_moves(&w, t->moves);
    kt_put_Explained_asked(&w, t->asked);
    kt_put_Explained_rounds(&w, t->rounds);
    kt_put_Explained_found(&w, t->found);
    kt_put_Explained_hidden(&w, t->hidden);
    kt_put_Explained_passed(&w, t->passed);
    kt_put_Explained_hydrated(&w, t->shown);
    kt_put_Explained_records(&w, t->records);
    kt_put_Explained_pushed(&w, t->pushed);
    kt_put_Explained_pulled(&w, t->pulled);
    kt_put_Explained_older(&w, t->older);
    kt_put_Explained_authors_pulled(&w, t->authors_pulled);
    kt_put_Explained_authors_read(&w, t->authors_read);
    kt_put_Explained_misses(&w, t->misses);
    kt_put_Explained_bytes(&w, t->bytes);
    kt_put_Explained_json_bytes(&w, (uint32_t)json);
    return kt_end_Explained(b, &w);
}

// What the answer would be as JSON; 0 where there is none, or no memory for it.
static size_t json_bytes(struct reactor *r, const struct request *q, const void *payload,
                         uint32_t n)
{
    size_t bytes = 0, cap = 2 * (size_t)n + JSON_BYTES;
    if (q->row->status == 204)
        return 0;
    for (char *out; bytes == 0 && (out = reactor_text(r, cap)) != NULL; cap = 2 * r->text_cap)
        bytes = fb_json_print(out, r->text_cap, fb_root(payload), q->row->reply, FB_JSON_FULL);
    return bytes;
}

void explain_end(struct reactor *r, struct request *q, const void *payload, uint32_t n)
{
    _Alignas(8) uint8_t buf[TOLD_BYTES];
    fb_builder b;
    ASSERT(q->core == r->core);
    ASSERT(q->error == KITH_ok);
    size_t json = json_bytes(r, q, payload, n);
    trace_end(r, q, TRACE_SEND);
    fb_init(&b, buf, sizeof buf);
    fb_ref root = build_told(&b, q, json);
    q->trace.explained = false;
    q->row = op_row(OP_explain);
    answer_built(r, q, &b, root);
}
