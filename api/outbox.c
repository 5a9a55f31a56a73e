// A ring behind a lock: it is touched once for a token and once for a reader's look.
#include "api/outbox.h"

#include <pthread.h>
#include <sodium/utils.h>
#include <stdlib.h>

#include "api/answer.h"
#include "kith_fb.h"

struct outbox {
    pthread_mutex_t lock;
    uint64_t base;             // number of the first event
    uint64_t count;            // events so far; the last OUTBOX_MAX are kept
    struct outbox_event event[OUTBOX_MAX];
};

enum { NUMBERS_PER_MS = 1 << 10 };

struct outbox *outbox_new(uint64_t started_ms)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    pthread_mutex_init(&o->lock, NULL);
    o->base = started_ms * NUMBERS_PER_MS + 1;
    return o;
}

void outbox_free(struct outbox *o)
{
    if (o == NULL)
        return;
    pthread_mutex_destroy(&o->lock);
    sodium_memzero(o, sizeof *o);
    free(o);
}

void outbox_add(struct outbox *o, struct outbox_event *e)
{
    pthread_mutex_lock(&o->lock);
    e->number = o->base + o->count;
    o->event[o->count++ % OUTBOX_MAX] = *e;
    pthread_mutex_unlock(&o->lock);
}

static uint64_t oldest(const struct outbox *o)
{
    return o->count > OUTBOX_MAX ? o->count - OUTBOX_MAX : 0;
}

uint32_t outbox_read(struct outbox *o, uint64_t after, struct outbox_event *out, uint32_t max)
{
    uint32_t n = 0;
    pthread_mutex_lock(&o->lock);
    uint64_t at = after < o->base ? 0 : after - o->base + 1;
    if (at < oldest(o))
        at = oldest(o);
    while (at < o->count && n < max)
        out[n++] = o->event[at++ % OUTBOX_MAX];
    pthread_mutex_unlock(&o->lock);
    return n;
}

bool outbox_missed(struct outbox *o, uint64_t after)
{
    pthread_mutex_lock(&o->lock);
    // A reader who begins has missed nothing; one who comes from before the start may have.
    bool before = after != 0 && after < o->base - 1;
    bool missed = before || (after >= o->base && after - o->base + 1 < oldest(o)) ||
                  (after == 0 && oldest(o) > 0);
    pthread_mutex_unlock(&o->lock);
    return missed;
}

static fb_ref build_event(fb_builder *b, const struct outbox_event *e)
{
    kt_new_OutboxEvent w = {0};
    kt_put_OutboxEvent_number(&w, e->number);
    kt_put_OutboxEvent_channel(&w, fb_cstring(b, e->sms ? "sms" : "mail"));
    kt_put_OutboxEvent_kind(&w, (kt_TicketKind)e->kind);
    kt_put_OutboxEvent_user_id(&w, e->user);
    kt_put_OutboxEvent_to(&w, fb_cstring(b, e->to));
    kt_put_OutboxEvent_token(&w, fb_cstring(b, e->token));
    kt_put_OutboxEvent_created_at(&w, e->created_ms);
    kt_put_OutboxEvent_expires_at(&w, e->expires_ms);
    return kt_end_OutboxEvent(b, &w);
}

void outbox_answer(struct reactor *r, struct request *q)
{
    const kt_OutboxList *t = request_table(q);
    struct outbox *o = r->server->outbox;
    struct outbox_event event[PAGE_MAX];
    uint64_t after = kt_OutboxList_after(t);
    uint32_t n = outbox_read(o, after, event, kt_OutboxList_limit(t));
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_Outbox w = {0};
    uint32_t mark = fb_mark(&b);
    for (uint32_t i = 0; i < n; i++)
        fb_push(&b, build_event(&b, &event[i]));
    kt_put_Outbox_events(&w, fb_refs(&b, mark));
    kt_put_Outbox_next(&w, n > 0 ? event[n - 1].number : after);
    kt_put_Outbox_missed(&w, outbox_missed(o, after));
    answer_built(r, q, &b, kt_end_Outbox(&b, &w));
    sodium_memzero(event, sizeof event);
}
