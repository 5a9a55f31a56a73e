// A user's notifications lie on one core, and what waits for them waits there. A subscription is a
// request that never ends: it waits at the user's core, goes home with what has come, puts it on
// the wire, and goes back; so one that cannot keep up is simply asked for less often.
//
//   home: arrived ─► user's core: look ─┬─ nothing ─► watch … woken ─┐
//           ▲                           └─ events ─► home: send ─────┘
#include "api/notes.h"

#include <string.h>

#include "api/answer.h"
#include "api/cursor.h"
#include "api/gate.h"
#include "api/push.h"
#include "api/watch.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "net/net.h"
#include "store/acts.h"
#include "store/note_read.h"
#include "store/store.h"

enum {
    ANSWER_SMALL = 512,
    BEAT_MS = 15000,           // a subscription says so often that it lives
    SLOW_MS = 50,              // before a connection with much unsent is looked at again
};
#define NS_PER_MS UINT64_C(1000000)

bool notes_reads(const struct request *q)
{
    switch (q->row->number) {
    case OP_notifications:
    case OP_notification_count:
    case OP_notification_events:
    case OP_subscribe:
    case OP_notification_preferences:
    case OP_activities:
        return true;
    default:
        return false;
    }
}

static uint64_t owner_of(const struct request *q)
{
    return q->row->number == OP_activities ? request_key(q) : q->actor;
}

unsigned notes_core(const struct reactor *r, const struct request *q)
{
    return reactor_core_of(r, owner_of(q));
}

// ---- pages -------------------------------------------------------------------------------------

// What a page is asked with.
struct asked { struct notes_read read; fb_str cursor; bool acts, grouped; };

static struct asked asked_of(const struct request *q)
{
    const void *t = request_table(q);
    struct asked a = {.read.owner = owner_of(q), .acts = q->row->number == OP_activities};
    if (a.acts) {
        a.read.want = kt_UserList_limit(t);
        a.cursor = kt_UserList_cursor(t);
        return a;
    }
    a.read.want = kt_NotificationList_limit(t);
    a.read.unread = kt_NotificationList_unread(t);
    a.grouped = kt_NotificationList_grouped(t);
    a.cursor = kt_NotificationList_cursor(t);
    return a;
}

uint64_t activities_since(const struct server *s)
{
    uint64_t now = clock_wall_ms(), keep = 1000 * (uint64_t)s->opt.keep_activities_s;
    return keep == 0 || now < KITH_EPOCH_MS + keep ? 0 : stamp_make(now - keep, 0);
}

static uint32_t acts_page(struct reactor *r, struct notes_read read, struct stream_item *item,
                          uint64_t *next)
{
    struct acts_read acts = {read.owner, read.before, activities_since(r->server), read.want};
    return read_acts(r->shard, acts, item, next);
}

static void read_page(struct reactor *r, struct request *q)
{
    const struct server *s = r->server;
    struct stream_item item[PAGE_MAX];
    struct asked a = asked_of(q);
    uint64_t next, flags = (uint64_t)a.read.unread << 33 | (uint64_t)a.grouped << 32;
    struct cursor_scope scope = {q->actor, a.read.owner, flags | q->row->number};
    char text[CURSOR_CHARS + 1];
    if (store_user(s->store, a.read.owner) == NULL) {
        answer_error(r, q, KITH_not_found);
        return;
    }
    if (a.cursor.n > 0 && !cursor_read(a.cursor, s->keys.cursor, &scope, &a.read.before)) {
        answer_error(r, q, KITH_invalid_cursor);
        return;
    }
    uint32_t n = a.acts ? acts_page(r, a.read, item, &next)
                        : read_notes(r->shard, a.read, item, &next);
    struct noted what = {.owner = a.read.owner, .item = item, .n = n, .grouped = a.grouped};
    if (next != 0) {
        cursor_write(text, s->keys.cursor, &scope, next);
        what.cursor = text;
    }
    fb_builder *b = &r->pages;
    fb_restart(b);
    answer_built(r, q, b, a.acts ? build_activities(b, s->store, &what)
                                 : build_notifications(b, s->store, &what));
}

static void answer_count(struct reactor *r, struct request *q, uint32_t unread)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_UnreadCount w = {0};
    kt_put_UnreadCount_unread_count(&w, unread);
    answer_built(r, q, &b, kt_end_UnreadCount(&b, &w));
}

// ---- events ------------------------------------------------------------------------------------

static void run_events(struct reactor *r, struct request *q);
static void run_deliver(struct reactor *r, struct request *q);

// From the client's `after`, or from now on.
static void events_begin(struct reactor *r, struct request *q)
{
    const void *t = request_table(q);
    bool subscribe = q->row->number == OP_subscribe;
    bool given = subscribe ? kt_has_Subscribe_after(t) : kt_has_NotificationWait_after(t);
    uint64_t after = subscribe ? kt_Subscribe_after(t) : kt_NotificationWait_after(t);
    uint64_t ms = subscribe ? 0 : kt_NotificationWait_wait(t) * UINT64_C(1000);
    if (r->watch.n >= WATCHERS_MAX) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    q->watch_user = q->actor;
    q->watch_after = given ? id_stamp(after) : read_last_note(r->shard, q->actor);
    q->watch_sent = q->watch_after;
    q->watch_ns = clock_mono_ns() + ms * NS_PER_MS;
    run_events(r, q);
}

// Home with it: what is sent there is the request's own copy.
static void take_home(struct reactor *r, struct request *q, fb_builder *b, fb_ref root)
{
    size_t n = root != 0 ? fb_finish(b, root) : 0;
    if (n > 0)
        request_keep_answer(&r->requests, q, fb_data(b), (uint32_t)n);
    reactor_move(r, q, q->core, run_deliver);
}

static void run_events(struct reactor *r, struct request *q)
{
    struct stream_item item[PAGE_MAX];
    bool subscribe = q->row->number == OP_subscribe;
    uint32_t limit = subscribe ? PAGE_MAX : kt_NotificationWait_limit(request_table(q));
    struct events_read read = {q->actor, q->watch_after, limit};
    struct noted what = {.owner = q->actor, .item = item};
    // It is back, so its connection has taken what it went home with.
    if (subscribe && q->watch_sent < q->watch_after)
        push_live(r, q->actor, q->watch_sent, q->watch_after);
    q->watch_sent = q->watch_after;
    bool there = store_user(r->server->store, q->actor) != NULL;
    what.n = there ? read_events(r->shard, read, item, &what.last) : 0;
    bool due = clock_mono_ns() >= q->watch_ns || reactor_stops(r);
    q->run = run_events;
    bool more = there && what.n == 0 && what.last < read_last_note(r->shard, q->actor);
    if ((more && !reactor_stops(r)) || (there && what.n == 0 && !due)) {
        q->watch_after = q->watch_sent = what.last;
        if (more)
            reactor_ready(r, q);
        else
            watch_add(r, q);
        return;
    }
    if (there)
        q->watch_after = what.last;
    q->place = r->seen;
    fb_builder *b = &r->pages;
    fb_restart(b);
    fb_ref root = build_events(b, r->server->store, &what);
    if (subscribe)
        take_home(r, q, b, root);
    else
        answer_built(r, q, b, root);
}

// ---- subscriptions -----------------------------------------------------------------------------

static bool still_may(const struct reactor *r, const struct request *q)
{
    const struct identity *kept = net_user(r->net, q->conn);
    if (kept == NULL)
        return false;
    struct identity who = *kept;
    who.user = q->actor;
    return gate_holds(r->server, &who) == KITH_ok;
}

// Waits at home until the peer has read some of it.
static void run_slow(struct reactor *r, struct request *q)
{
    if (!net_is_open(r->net, q->conn) || reactor_stops(r) || !still_may(r, q)) {
        if (q->channel == CHANNEL_LIVE)
            net_hang_up(r->net, q->conn, reactor_stops(r) ? WS_GOING_AWAY : WS_POLICY);
        answer_none(r, q);
        return;
    }
    if (net_unsent(r->net, q->conn) > SEND_BUFFER_MAX / 4) {
        q->run = run_slow;
        q->watch_user = 0;
        q->watch_ns = clock_mono_ns() + SLOW_MS * NS_PER_MS;
        watch_add(r, q);
        return;
    }
    q->watch_user = q->actor;
    q->watch_ns = clock_mono_ns() + BEAT_MS * NS_PER_MS;
    // Not at once where it is the same core: what there is may be many pages.
    if (reactor_core_of(r, q->actor) == r->core) {
        q->run = run_events;
        reactor_ready(r, q);
    } else {
        reactor_move(r, q, reactor_core_of(r, q->actor), run_events);
    }
}

static void run_deliver(struct reactor *r, struct request *q)
{
    bool sent = q->answer != NULL && net_is_open(r->net, q->conn);
    if (sent)
        answer_event(r, q, q->answer, q->answer_n);
    request_drop_answer(&r->requests, q);
    if (!sent)
        answer_none(r, q);
    else
        run_slow(r, q);
}

// ---- reads -------------------------------------------------------------------------------------

void notes_read(struct reactor *r, struct request *q)
{
    fb_builder *b = &r->pages;
    switch (q->row->number) {
    case OP_notification_count:
        answer_count(r, q, read_unread(r->shard, q->actor));
        return;
    case OP_notification_events:
    case OP_subscribe:
        events_begin(r, q);
        return;
    case OP_notification_preferences:
        fb_restart(b);
        answer_built(r, q, b, build_preferences(b, r->shard, q->actor));
        return;
    default:
        read_page(r, q);
    }
}

// ---- changes -----------------------------------------------------------------------------------

static void run_preference(struct reactor *r, struct request *q)
{
    fb_builder *b = &r->pages;
    fb_restart(b);
    answer_built(r, q, b, build_preference(b, r->shard, q->actor, (unsigned)q->outcome.id));
}

// On the user's core, where what else is unread is looked at.
static void run_state(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_NotificationState w = {0};
    kt_put_NotificationState_notification_id(&w, request_key(q));
    kt_put_NotificationState_is_read(&w, true);
    kt_put_NotificationState_unread_count(&w, read_unread(r->shard, q->actor));
    answer_built(r, q, &b, kt_end_NotificationState(&b, &w));
}

bool notes_answer(struct reactor *r, struct request *q)
{
    switch (q->row->number) {
    case OP_notification_read:
        reactor_move(r, q, reactor_core_of(r, q->actor), run_state);
        return true;
    case OP_notifications_read:
        answer_count(r, q, 0);
        return true;
    case OP_notification_preference_set:
        reactor_move(r, q, reactor_core_of(r, q->actor), run_preference);
        return true;
    default:
        return false;
    }
}
