// The numbers of a request under way, and the line that tells them.
#include "api/trace.h"

#include <stddef.h>

#include "api/lists.h"
#include "api/reactor.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/logger.h"
#include "store/fanout.h"
#include "store/record.h"
#include "store/store.h"

const char *trace_step_name(enum trace_step step)
{
    static const char *const names[TRACE_STEPS] = {
        [TRACE_PARSE] = "parse", [TRACE_ROUTE] = "route", [TRACE_WAIT] = "wait",
        [TRACE_READ] = "read",   [TRACE_BUILD] = "build", [TRACE_SEND] = "send",
    };
    ASSERT(step < TRACE_STEPS);
    return names[step];
}

void trace_end(const struct reactor *r, struct request *q, enum trace_step step)
{
    struct trace *t = &q->trace;
    if (t->ended[step] == 0)
        t->ended[step] = t->explained ? clock_mono_ns() : r->turn_ns;
}

void trace_steps(const struct trace *t, uint64_t began_ns, uint64_t ns[TRACE_STEPS])
{
    uint64_t at = began_ns;
    for (unsigned i = 0; i < TRACE_STEPS; i++) {
        // A turn may have begun before the request came.
        ns[i] = t->ended[i] > at ? t->ended[i] - at : 0;
        at += ns[i];
    }
}

// ---- feeds -------------------------------------------------------------------------------------

struct feed_before trace_feed_begin(const struct reactor *r)
{
    const struct shard *s = r->shard;
    return (struct feed_before){s->feed_misses, s->feed_pulled, s->feed_read};
}

// By the author: what a reader without a timeline is shown was all merged now; else it was if the
// author does not push, or is the reader.
static bool was_merged(const struct reactor *r, const struct request *q, uint64_t id)
{
    const struct object *o = store_find(r->server->store, id);
    if (o == NULL || o->kind != ENTITY_post)
        return false;
    uint64_t author = ((const struct post *)o)->author;
    return author == q->actor || pulled_has(r->shard, author);
}

void trace_feed_end(const struct reactor *r, struct request *q, const struct feed_before *before)
{
    const struct shard *s = r->shard;
    struct trace *t = &q->trace;
    const struct page *page = &q->reading->what.page;
    bool missed = s->feed_misses != before->misses;
    t->misses = (uint16_t)(t->misses + missed);
    t->authors_pulled += (uint32_t)(s->feed_pulled - before->pulled);
    t->authors_read += (uint32_t)(s->feed_read - before->read);
    for (uint32_t i = 0; t->explained && i < page->n; i++) {
        bool merged = missed || was_merged(r, q, page->item[i].id);
        t->pulled += merged;
        t->pushed += !merged;
    }
}

// ---- the slow log ------------------------------------------------------------------------------

#define NS_PER_S UINT64_C(1000000000)
enum { SLOW_LINES = 20 };          // of one core and second

// Whether this one is told.
static bool told_still(struct slow_log *l, uint64_t second)
{
    if (second != l->second) *l = (struct slow_log){second, 0, l->untold};
    if (l->told == SLOW_LINES) {
        l->untold++;
        return false;
    }
    l->told++;
    return true;
}

void trace_slow(struct reactor *r, const struct request *q, uint64_t ns)
{
    uint64_t slow_ns = r->server->slow_ns, step[TRACE_STEPS];
    // Who waits for something to happen wants to.
    if (slow_ns == 0 || ns < slow_ns || q->row == NULL || q->watch_user != 0)
        return;
    if (!told_still(&r->slow, (q->began_ns + ns) / NS_PER_S)) return;
    const struct trace *t = &q->trace;
    trace_steps(t, q->began_ns, step);
    uint64_t told = 0;
    for (unsigned i = 0; i < TRACE_SEND; i++)
        told += step[i];
    log_event(LOG_WARN, "slow request", log_u64("request", q->number),
              log_str("op", q->row->name), log_str("code", error_row(q->error)->name),
              log_u64("user", q->actor), log_u64("place", q->place), log_u64("us", ns / 1000),
              log_u64("parse_us", step[TRACE_PARSE] / 1000),
              log_u64("route_us", step[TRACE_ROUTE] / 1000),
              log_u64("wait_us", step[TRACE_WAIT] / 1000),
              log_u64("read_us", step[TRACE_READ] / 1000),
              log_u64("build_us", step[TRACE_BUILD] / 1000),
              log_u64("send_us", (ns > told ? ns - told : 0) / 1000),
              log_u64("moves", t->moves), log_u64("asked", t->asked),
              log_u64("rounds", t->rounds), log_u64("found", t->found),
              log_u64("hidden", t->hidden), log_u64("shown", t->shown),
              log_u64("records", t->records), log_u64("authors_pulled", t->authors_pulled),
              log_u64("authors_read", t->authors_read), log_u64("misses", t->misses),
              log_u64("bytes", t->bytes), log_u64("untold", r->slow.untold));
    r->slow.untold = 0;
}
