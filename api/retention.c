// One look takes a thirtieth of the time that things are kept, so that a month is right to a day.
#include "api/retention.h"

#include <string.h>

#include "api/reactor.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/lists.h"
#include "store/stream.h"

enum {
    STREAMS_A_TURN = 256,
    TRIM_ITEMS = 4096,         // that one entry takes out
    TRIM_BYTES = 256,
    LOOKS = 30,
    LOOK_MIN_MS = 200,
    LOOK_MAX_MS = 24 * 3600 * 1000,
};

static const uint8_t kinds[2] = {LIST_notifications, LIST_activities};

static uint64_t keep_ms(const struct reactor *r, unsigned kind)
{
    const struct server_options *opt = &r->server->opt;
    return 1000 * (uint64_t)(kind == 0 ? opt->keep_notifications_s : opt->keep_activities_s);
}

// false: the queue is full.
static bool log_trim(struct reactor *r, const struct stream *s, uint64_t before)
{
    _Alignas(8) uint8_t body[TRIM_BYTES], bytes[sizeof(struct entry) + TRIM_BYTES];
    struct entry *e = (struct entry *)(void *)bytes;
    fb_builder b;
    fb_init(&b, body, sizeof body);
    kt_new_Trim w = {0};
    kt_put_Trim_owner(&w, s->owner);
    kt_put_Trim_list(&w, s->list);
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

static bool look_at(void *ctx, void *list)
{
    struct retention *t = ctx;
    const struct stream *s = list;
    if (t->left == 0)
        return false;
    t->left--;
    for (unsigned kind = 0; kind < 2; kind++) {
        uint64_t before = s->list == kinds[kind] ? t->before[kind] : 0;
        if (stream_first(s) >= before)
            continue;
        // As many at a time as one entry may take.
        uint64_t next = stream_skip(s, t->from, TRIM_ITEMS);
        for (; next != 0 && next < before; next = stream_skip(s, t->from, TRIM_ITEMS)) {
            if (!log_trim(t->reactor, s, next + 1))
                return false;
            t->from = next;
        }
        if (next != 0 && !log_trim(t->reactor, s, before))
            return false;
        t->from = 0;
    }
    return true;
}

static void begin(struct reactor *r)
{
    struct retention *t = &r->retention;
    uint64_t now = clock_wall_ms(), pause = LOOK_MAX_MS;
    for (unsigned kind = 0; kind < 2; kind++) {
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
    t->reactor = r;
}

void retention_turn(struct reactor *r)
{
    struct retention *t = &r->retention;
    const struct store *store = r->server->store;
    bool idle = t->reactor == NULL;
    if ((keep_ms(r, 0) == 0 && keep_ms(r, 1) == 0) || reactor_stops(r))
        return;
    if (idle && clock_coarse_ns() < t->due_ns)
        return;
    if (idle)
        begin(r);
    t->left = STREAMS_A_TURN;
    while (t->part < store->partitions && t->left > 0) {
        if (!lists_walk(&store->part[t->part].streams, &t->at, look_at, t))
            return;
        t->at = 0;
        t->part += store->cores;
    }
    if (t->part >= store->partitions)
        t->reactor = NULL;
}
