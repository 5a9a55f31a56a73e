// One look takes a thirtieth of the time that things are kept, so that a month is right to a day.
#include "api/retention.h"

#include <string.h>

#include "api/reactor.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/lists.h"
#include "store/seq.h"
#include "store/stream.h"

enum {
    LISTS_A_TURN = 256,
    TRIM_ITEMS = 4096,         // that one entry takes out
    TRIM_BYTES = 256,
    LOOKS = 30,
    LOOK_MIN_MS = 200,
    LOOK_MAX_MS = 24 * 3600 * 1000,
};

enum { STREAM_KINDS_KEPT = 1 };  // the first ones; the others are sequences
static const uint8_t kinds[RETENTION_KINDS] = {LIST_notifications, LIST_searches, LIST_audits};

static uint64_t keep_ms(const struct reactor *r, unsigned kind)
{
    const struct server_options *opt = &r->server->opt;
    const unsigned keep_s[RETENTION_KINDS] = {opt->keep_notifications_s, opt->keep_searches_s,
                                              opt->keep_audits_s};
    return 1000 * (uint64_t)keep_s[kind];
}

static bool all_kept(const struct reactor *r)
{
    for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
        if (keep_ms(r, kind) != 0)
            return false;
    return true;
}

// false: the queue is full.
static bool log_trim(struct reactor *r, struct edge_at at, uint64_t before)
{
    _Alignas(8) uint8_t body[TRIM_BYTES], bytes[sizeof(struct entry) + TRIM_BYTES];
    struct entry *e = (struct entry *)(void *)bytes;
    fb_builder b;
    fb_init(&b, body, sizeof body);
    kt_new_Trim w = {0};
    kt_put_Trim_owner(&w, at.owner);
    kt_put_Trim_list(&w, (uint8_t)at.list);
    kt_put_Trim_before(&w, before);
    size_t n = fb_finish(&b, kt_end_Trim(&b, &w));
    ASSERT(n > 0 && n <= TRIM_BYTES);
    memset(e, 0, sizeof *e);
    e->op = OP_trim;
    e->length = (uint32_t)(sizeof *e + n);
    memcpy(e + 1, fb_data(&b), n);
    unsigned error = store_route(r->server->store, e);
    ASSERT(error == 0);
    return reactor_log(r, e);
}

// What one entry leaves the next look finds.
static bool look_at_seq(void *ctx, void *list)
{
    struct retention *t = ctx;
    const struct seq *s = list;
    if (t->left == 0)
        return false;
    t->left--;
    for (unsigned kind = STREAM_KINDS_KEPT; kind < RETENTION_KINDS; kind++) {
        uint64_t id;
        if (s->list != kinds[kind] || t->before[kind] == 0 || seq_above(s, 0, &id, 1) == 0)
            continue;
        struct edge_at at = {s->owner, (enum list_kind)s->list};
        if (id_stamp(id) < t->before[kind] && !log_trim(t->reactor, at, t->before[kind]))
            return false;
    }
    return true;
}

static bool look_at(void *ctx, void *list)
{
    struct retention *t = ctx;
    const struct stream *s = list;
    struct edge_at at = {s->owner, (enum list_kind)s->list};
    if (t->left == 0)
        return false;
    t->left--;
    for (unsigned kind = 0; kind < STREAM_KINDS_KEPT; kind++) {
        uint64_t before = s->list == kinds[kind] ? t->before[kind] : 0;
        if (stream_first(s) >= before)
            continue;
        // As many at a time as one entry may take.
        uint64_t next = stream_skip(s, t->from, TRIM_ITEMS);
        for (; next != 0 && next < before; next = stream_skip(s, t->from, TRIM_ITEMS)) {
            if (!log_trim(t->reactor, at, next + 1))
                return false;
            t->from = next;
        }
        if (next != 0 && !log_trim(t->reactor, at, before))
            return false;
        t->from = 0;
    }
    return true;
}

static void begin(struct reactor *r)
{
    struct retention *t = &r->retention;
    uint64_t now = clock_wall_ms(), pause = LOOK_MAX_MS;
    for (unsigned kind = 0; kind < RETENTION_KINDS; kind++) {
        uint64_t keep = keep_ms(r, kind);
        bool kept = keep == 0 || now < KITH_EPOCH_MS + keep;
        t->before[kind] = kept ? 0 : stamp_make(now - keep, 0);
        if (keep != 0 && keep / LOOKS < pause)
            pause = keep / LOOKS;
    }
    if (pause < LOOK_MIN_MS)
        pause = LOOK_MIN_MS;
    t->due_ns = clock_mono_ns() + pause * UINT64_C(1000000);
    t->part = r->core;
    t->seqs = false;
    t->reactor = r;
}

void retention_turn(struct reactor *r)
{
    struct retention *t = &r->retention;
    const struct store *store = r->server->store;
    bool idle = t->reactor == NULL;
    if (all_kept(r) || reactor_stops(r))
        return;
    if (idle && clock_coarse_ns() < t->due_ns)
        return;
    if (idle)
        begin(r);
    t->left = LISTS_A_TURN;
    while (t->part < store->partitions && t->left > 0) {
        const struct part *p = &store->part[t->part];
        bool end = t->seqs ? lists_walk(&p->seqs, &t->at, look_at_seq, t)
                           : lists_walk(&p->streams, &t->at, look_at, t);
        if (!end)
            return;
        t->at = 0;
        if (t->seqs)
            t->part += store->cores;
        t->seqs = !t->seqs;
    }
    if (t->part >= store->partitions)
        t->reactor = NULL;
}
