// A report is a document of the reporter's. What it is about lies in another slot, so that it is
// there and seen is judged before the entry, and not again in apply: what is reported may go at any
// time after all.
#include "api/reports.h"

#include <stdlib.h>

#include "api/answer.h"
#include "api/changes.h"
#include "api/gather.h"
#include "api/ingest.h"
#include "kith_fb.h"
#include "store/sees.h"
#include "store/store.h"

static uint64_t object_of(const struct request *q)
{
    return kt_ReportAdd_object_id(request_table(q));
}

bool reports_names(const struct request *q)
{
    return q->row->number == OP_report_add && object_of(q) != 0;
}

bool reports_sees(const struct reactor *r, const struct request *q)
{
    struct eye eye;
    uint64_t id = object_of(q);
    const struct object *o = store_find(r->server->store, id);
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    if (o == NULL)
        return false;
    if (o->kind == ENTITY_user)
        return sees_user_id(&eye, id) != NULL;
    if (o->kind == ENTITY_post)
        return sees_post_id(&eye, id) != NULL;
    return o->kind == ENTITY_comment && sees_comment_id(&eye, id) != NULL;
}

static kt_ReportedType type_of(const struct object *o)
{
    return o->kind == ENTITY_user   ? kt_ReportedType_user
           : o->kind == ENTITY_post ? kt_ReportedType_post
                                    : kt_ReportedType_comment;
}

static enum kith_error ingest_add(struct reactor *r, struct request *q)
{
    const kt_ReportAdd *t = request_table(q);
    const struct store *s = r->server->store;
    uint64_t id = object_of(q);
    const struct object *o = id != 0 ? store_find(s, id) : NULL;
    fb_builder b;
    if (id == 0)
        return ingest_fault(q, "/object_id", "missing", 0);
    if (kt_ReportAdd_reason(t) == kt_ReportReason_none)
        return ingest_fault(q, "/reason", "missing", 0);
    if (o == NULL)
        return KITH_not_found;
    if (store_author(s, o->id) == q->actor)
        return KITH_self_report;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_ReportAdd w = {0};
    ingest_stage(&b, (struct fields){&kt_desc_ReportAdd, t, ~UINT64_C(0)}, &w);
    kt_put_ReportAdd_object_type(&w, type_of(o));
    return change_take(r, &b, kt_end_ReportAdd(&b, &w));
}

enum kith_error reports_ingest(struct reactor *r, struct request *q)
{
    if (q->row->number == OP_report_add)
        return ingest_add(r, q);
    if (!kt_has_ReportResolve_status(request_table(q)))
        return ingest_fault(q, "/status", "missing", 0);
    return ingest_as_is(r, q);
}

// ---- how many ----------------------------------------------------------------------------------

struct counted { uint64_t in[DOC_QUEUES]; };

static void count(struct reactor *r, struct share *share)
{
    struct counted *mine = malloc(sizeof *mine);
    share->result = mine;
    for (unsigned i = 0; mine != NULL && i < DOC_QUEUES; i++)
        mine->in[i] = r->shard->queue[i].count;
}

static void told(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[256];
    const struct gathering *g = q->gathering;
    struct counted all = {0};
    for (unsigned c = 0; c < g->cores; c++) {
        const struct counted *one = g->share[c].result;
        if (one == NULL) {
            answer_error(r, q, KITH_overloaded);
            return;
        }
        for (unsigned i = 0; i < DOC_QUEUES; i++)
            all.in[i] += one->in[i];
    }
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_ReportCounts w = {0};
    kt_put_ReportCounts_open(&w, all.in[kt_ReportStatus_open]);
    kt_put_ReportCounts_resolved(&w, all.in[kt_ReportStatus_resolved]);
    kt_put_ReportCounts_dismissed(&w, all.in[kt_ReportStatus_dismissed]);
    answer_built(r, q, &b, kt_end_ReportCounts(&b, &w));
}

void reports_count(struct reactor *r, struct request *q)
{
    struct gathering *g = gather_new(r, q);
    if (g == NULL) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    g->work = count;
    g->done = told;
    gather_all(r, g);
}
