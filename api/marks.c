// All of them concern every slot, and carry a table of a few numbers.
#include "api/marks.h"

#include <string.h>

#include "api/state.h"
#include "core/assert.h"
#include "core/entry.h"
#include "core/fb_build.h"
#include "core/ops.h"
#include "kith_fb.h"

enum { MARK_BYTES = 256 };

static bool log_body(const struct server *s, struct ring *queue, unsigned op, fb_builder *b)
{
    _Alignas(8) uint8_t bytes[sizeof(struct entry) + MARK_BYTES];
    struct entry *e = (struct entry *)(void *)bytes;
    size_t n = b->payload;
    ASSERT(n > 0 && n <= MARK_BYTES);
    memset(e, 0, sizeof *e);
    e->op = (uint16_t)op;
    e->length = (uint32_t)(sizeof *e + n);
    memcpy(e + 1, fb_data(b), n);
    unsigned error = store_route(s->store, e);
    ASSERT(error == 0);
    if (!ring_push(queue, e, e->length, 0))
        return false;
    wal_kick(s->wal);
    return true;
}

bool marks_log(const struct server *s, struct ring *queue, unsigned op, uint64_t number)
{
    _Alignas(8) uint8_t buf[MARK_BYTES];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_Mark w = {0};
    kt_put_Mark_number(&w, number);
    fb_finish(&b, kt_end_Mark(&b, &w));
    return log_body(s, queue, op, &b);
}

bool marks_log_report(const struct server *s, struct ring *queue, const struct marks_report *report)
{
    _Alignas(8) uint8_t buf[MARK_BYTES];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_DigestReport w = {0};
    kt_put_DigestReport_place(&w, report->place);
    kt_put_DigestReport_objects_hi(&w, report->sum.objects.hi);
    kt_put_DigestReport_objects_lo(&w, report->sum.objects.lo);
    kt_put_DigestReport_edges_hi(&w, report->sum.edges.hi);
    kt_put_DigestReport_edges_lo(&w, report->sum.edges.lo);
    fb_finish(&b, kt_end_DigestReport(&b, &w));
    return log_body(s, queue, OP_digest_report, &b);
}

uint64_t marks_number(const struct entry *e)
{
    return kt_Mark_number(kt_root_Mark(entry_body(e)));
}
