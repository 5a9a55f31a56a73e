// Push jobs (push.h): the list of a core, and pages of it.
#include "api/push.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/gather.h"
#include "api/reactor.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "store/devices.h"
#include "store/doc.h"
#include "store/note_read.h"
#include "store/seq.h"
#include "store/store.h"

enum {
    DEVICES_A_TURN = 64,
    LIVE_LOOK = 1024,          // of the newest, for what a subscription has taken
    LOOKS = 4096,              // of one core, for one page
    KEY_BYTES = 64,
    ENTRY_BYTES = 512,
    OWNERS_MAX = 16,           // of one token, that are looked at at once
};

// ---- the list ----------------------------------------------------------------------------------

static int by_number(const void *a, const void *b)
{
    const struct push_note *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

// While it is built: what came meanwhile may have been found as well.
static void put_in_order(struct pushes *p)
{
    uint32_t n = 0;
    if (p->n > 0)
        qsort(p->note, p->n, sizeof p->note[0], by_number);
    for (uint32_t i = 0; i < p->n; i++) {
        if (n > 0 && p->note[n - 1].number == p->note[i].number)
            p->note[n - 1].live |= p->note[i].live;
        else
            p->note[n++] = p->note[i];
    }
    p->n = n;
}

// The oldest quarter goes, as many as a sender does not ask for in time.
static void let_go(struct pushes *p)
{
    if (!p->built)
        put_in_order(p);
    uint32_t gone = p->n / 4;
    p->lost = p->note[gone - 1].number;
    p->n -= gone;
    memmove(p->note, p->note + gone, p->n * sizeof p->note[0]);
}

static bool make_room(struct pushes *p)
{
    if (p->n < p->room)
        return true;
    if (p->room == PUSHES_MAX) {
        let_go(p);
        return true;
    }
    uint32_t room = p->room > 0 ? 2 * p->room : 256;
    struct push_note *more = realloc(p->note, room * sizeof *more);
    if (more == NULL)
        return false;
    p->note = more;
    p->room = room;
    return true;
}

static void add(struct pushes *p, struct push_note note)
{
    // Of those up to `lost` none is promised any more.
    if (note.number > p->lost && make_room(p))
        p->note[p->n++] = note;
}

void push_noted(struct reactor *r, uint64_t user)
{
    const struct doc *any;
    struct stream_item item;
    if (r->shard->devices.live == 0)
        return;
    if (devices_of(r->shard, user, UINT64_MAX, (struct device_room){&any, 1}) == 0)
        return;
    uint64_t last = read_last_note(r->shard, user);
    if (read_note(r->shard, user, last, &item) && item.bits & CHANNEL_PUSH)
        add(&r->pushes, (struct push_note){last, user, false});
}

void push_live(struct reactor *r, uint64_t user, uint64_t after, uint64_t upto)
{
    struct pushes *p = &r->pushes;
    uint32_t end = p->n > LIVE_LOOK ? p->n - LIVE_LOOK : 0;
    for (uint32_t i = p->n; i > end; i--) {
        struct push_note *note = &p->note[i - 1];
        note->live |= note->user == user && note->number > after && note->number <= upto;
    }
}

void push_end(struct reactor *r)
{
    free(r->pushes.note);
    r->pushes.note = NULL;
}

// ---- after a start -----------------------------------------------------------------------------

// What the owner of a device was told of lately.
static void find_notes(struct reactor *r, uint64_t user)
{
    struct stream_item item[PAGE_MAX];
    uint64_t now = clock_wall_ms();
    uint64_t at = now > KITH_EPOCH_MS + PUSH_KEEP_MS ? stamp_make(now - PUSH_KEEP_MS, 0) : 0;
    uint64_t last = read_last_note(r->shard, user);
    at = at > r->pushes.lost ? at : r->pushes.lost;
    while (at < last) {
        uint32_t n = read_events(r->shard, (struct events_read){user, at, PAGE_MAX}, item, &at);
        for (uint32_t i = 0; i < n; i++)
            if (item[i].bits & CHANNEL_PUSH)
                add(&r->pushes, (struct push_note){item[i].number, user, false});
    }
}

struct building { struct reactor *r; uint32_t left; };

// Each user once: with the newest device.
static bool find_of_device(void *ctx, void *record)
{
    struct building *b = ctx;
    const struct doc *d = record, *newest;
    if (b->left == 0)
        return false;
    b->left--;
    struct device_room room = {&newest, 1};
    if (devices_of(b->r->shard, d->owner, UINT64_MAX, room) == 1 && newest == d)
        find_notes(b->r, d->owner);
    return true;
}

static void build(struct reactor *r)
{
    struct pushes *p = &r->pushes;
    struct building b = {r, DEVICES_A_TURN};
    if (p->built || !devices_walk(r->shard, &p->at, find_of_device, &b))
        return;
    put_in_order(p);
    p->built = true;
}

// ---- a core's share ----------------------------------------------------------------------------

struct job_note {
    uint64_t user;
    struct stream_item item;
    uint32_t badge, devices;
    uint64_t device[DEVICES_MAX];
};

struct push_share {
    bool built;
    uint64_t upto;             // all numbers up to it are in this share
    uint64_t lost;
    uint32_t n;
    struct job_note note[];
};

static uint32_t first_above(const struct pushes *p, uint64_t after)
{
    uint32_t low = 0, high = p->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->note[middle].number <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Whether it is still to be pushed: neither seen, nor taken back, nor hidden from the user.
static bool is_due(const struct reactor *r, const struct push_note *note, struct job_note *job)
{
    const struct doc *d[DEVICES_MAX];
    if (note->live || store_user(r->server->store, note->user) == NULL)
        return false;
    if (!read_note(r->shard, note->user, note->number, &job->item))
        return false;
    if ((job->item.flags & (STREAM_READ | STREAM_SILENT)) == STREAM_READ)
        return false;
    job->user = note->user;
    job->badge = read_unread(r->shard, note->user);
    struct device_room room = {d, DEVICES_MAX};
    job->devices = devices_of(r->shard, note->user, note->number, room);
    for (uint32_t i = 0; i < job->devices; i++)
        job->device[i] = d[i]->o.id;
    return job->devices > 0;
}

struct push_asked { uint64_t after, before; uint32_t limit; };

static void work(struct reactor *r, struct share *share)
{
    const struct push_asked *asked = share->of->input;
    const struct pushes *p = &r->pushes;
    struct push_share *mine = calloc(1, sizeof *mine + asked->limit * sizeof mine->note[0]);
    share->result = mine;
    if (mine == NULL)
        return;
    mine->built = p->built;
    mine->lost = p->lost;
    mine->upto = r->shard->stamp < asked->before ? r->shard->stamp : asked->before;
    uint32_t i = first_above(p, asked->after), end = i + LOOKS;
    for (; i < p->n && p->note[i].number <= mine->upto; i++) {
        if (mine->n == asked->limit || i == end) {
            mine->upto = p->note[i].number - 1;
            break;
        }
        mine->n += is_due(r, &p->note[i], &mine->note[mine->n]);
    }
}

// ---- the answer --------------------------------------------------------------------------------

static bool is_urgent(unsigned type)
{
    return type == NOTE_message || type == NOTE_mention || type == NOTE_reply ||
           type == NOTE_comment || type == NOTE_follow_request;
}

// What a device shows in the place of an earlier one: those of one type about one thing.
static fb_ref build_collapse(fb_builder *b, const struct store *s, const struct stream_item *item)
{
    char text[KEY_BYTES];
    int n = snprintf(text, sizeof text, "%s:%llu", note_row(item->type)->name,
                     (unsigned long long)note_post(s, item));
    return fb_string(b, text, (uint32_t)n);
}

static fb_ref build_job(fb_builder *b, const struct store *s, const struct job_note *note,
                        const struct doc *d)
{
    const kt_Device *t = doc_content(d);
    fb_str token = kt_Device_token(t), type = kt_Device_device_type(t);
    kt_new_PushJob w = {0};
    kt_put_PushJob_notification(&w, build_note(b, s, note->user, &note->item));
    kt_put_PushJob_collapse_key(&w, build_collapse(b, s, &note->item));
    kt_put_PushJob_priority(&w, fb_cstring(b, is_urgent(note->item.type) ? "high" : "normal"));
    kt_put_PushJob_token(&w, fb_string(b, token.s, token.n));
    kt_put_PushJob_device_type(&w, fb_string(b, type.s, type.n));
    kt_put_PushJob_number(&w, note->item.number);
    kt_put_PushJob_user_id(&w, note->user);
    kt_put_PushJob_device_id(&w, d->o.id);
    kt_put_PushJob_badge(&w, note->badge);
    return kt_end_PushJob(b, &w);
}

// The next note of all shares by number up to `upto`; NULL: there is none.
static const struct job_note *next_note(const struct gathering *g, uint32_t *at, uint64_t upto)
{
    const struct job_note *best = NULL;
    unsigned of = 0;
    for (unsigned c = 0; c < g->cores; c++) {
        const struct push_share *share = g->share[c].result;
        const struct job_note *note = at[c] < share->n ? &share->note[at[c]] : NULL;
        if (note == NULL || note->item.number > upto)
            continue;
        if (best == NULL || note->item.number < best->item.number) {
            best = note;
            of = c;
        }
    }
    if (best != NULL)
        at[of]++;
    return best;
}

// All jobs of a note stand in one page, so that its number is where to go on from.
static uint64_t push_jobs(fb_builder *b, const struct store *s, const struct gathering *g,
                          uint64_t upto)
{
    uint32_t at[CORES_MAX] = {0}, n = 0;
    const struct push_asked *asked = g->input;
    uint64_t next = upto;
    for (const struct job_note *note; (note = next_note(g, at, upto)) != NULL;) {
        if (n > 0 && n + note->devices > asked->limit)
            return next;
        for (uint32_t i = 0; i < note->devices; i++) {
            const struct doc *d = store_doc(s, note->device[i], ENTITY_device);
            if (d == NULL || !note_stands(s, &note->item))
                continue;
            fb_push(b, build_job(b, s, note, d));
        }
        n += note->devices;
        next = note->item.number;
    }
    return upto;
}

static void told(struct reactor *r, struct request *q)
{
    const struct gathering *g = q->gathering;
    const struct push_asked *asked = g->input;
    uint64_t upto = asked->before;
    enum kith_error error = KITH_ok;
    bool missed = false;
    for (unsigned c = 0; c < g->cores; c++) {
        const struct push_share *share = g->share[c].result;
        if (share == NULL || !share->built) {
            error = share == NULL ? KITH_overloaded : KITH_not_ready;
            break;
        }
        upto = share->upto < upto ? share->upto : upto;
        missed |= asked->after < share->lost;
    }
    if (error != KITH_ok) {
        answer_error(r, q, error);
        return;
    }
    if (upto < asked->after)
        upto = asked->after;
    fb_builder *b = &r->pages;
    fb_restart(b);
    uint32_t mark = fb_mark(b);
    uint64_t next = push_jobs(b, r->server->store, g, upto);
    kt_new_PushJobs w = {0};
    kt_put_PushJobs_jobs(&w, fb_refs(b, mark));
    kt_put_PushJobs_next(&w, next);
    kt_put_PushJobs_missed(&w, missed);
    answer_built(r, q, b, kt_end_PushJobs(b, &w));
}

// Without `after` only the place to begin at is told.
void push_answer(struct reactor *r, struct request *q)
{
    const kt_PushList *t = request_table(q);
    struct gathering *g = gather_new(r, q);
    struct push_asked *asked = malloc(sizeof *asked);
    if (g == NULL || asked == NULL) {
        free(asked);
        answer_error(r, q, KITH_overloaded);
        return;
    }
    asked->before = stamp_make(clock_wall_ms() - PUSH_DELAY_MS, 0);
    asked->after = kt_has_PushList_after(t) ? kt_PushList_after(t) : asked->before;
    asked->limit = kt_PushList_limit(t);
    g->input = asked;
    g->work = work;
    g->done = told;
    gather_all(r, g);
}

// ---- a token's newest owner --------------------------------------------------------------------
//
// Each registration looks for the others when it has been applied, so of two the later one sees the
// other, and removes the older as it saw it: one that was registered anew meanwhile is not meant.

static bool is_older(const struct doc *a, const struct doc *b)
{
    return a->updated_ms != b->updated_ms ? a->updated_ms < b->updated_ms : a->o.id < b->o.id;
}

// false: there is no room in the log's queue.
static bool log_removal(struct reactor *r, const struct doc *d)
{
    _Alignas(8) uint8_t body[ENTRY_BYTES], bytes[sizeof(struct entry) + ENTRY_BYTES];
    struct entry *e = (struct entry *)(void *)bytes;
    fb_builder b;
    fb_init(&b, body, sizeof body);
    kt_new_DeviceRemove w = {0};
    kt_put_DeviceRemove_device_id(&w, d->o.id);
    kt_put_DeviceRemove_as_of(&w, d->updated_ms);
    size_t n = fb_finish(&b, kt_end_DeviceRemove(&b, &w));
    ASSERT(n > 0 && n <= ENTRY_BYTES);
    memset(e, 0, sizeof *e);
    e->op = OP_device_remove;
    e->actor = d->owner;
    e->length = (uint32_t)(sizeof *e + n);
    memcpy(e + 1, fb_data(&b), n);
    unsigned error = store_route(r->server->store, e);
    ASSERT(error == 0);
    return reactor_log(r, e);
}

// Whoever else has this one's token has it no more, or this one has not. false: not yet.
static bool settle_owner(struct reactor *r, const struct doc *mine)
{
    const struct doc *other[OWNERS_MAX];
    struct device_room room = {other, OWNERS_MAX};
    uint32_t n = devices_of_token(r->server->store, mine, room);
    for (uint32_t i = 0; i < n; i++)
        if (!log_removal(r, is_older(other[i], mine) ? other[i] : mine))
            return false;
    return n < OWNERS_MAX;
}

void push_moved(struct reactor *r, uint64_t device)
{
    struct pushes *p = &r->pushes;
    atomic_thread_fence(memory_order_seq_cst); // of two at once not both miss the other
    const struct doc *mine = store_doc(r->server->store, device, ENTITY_device);
    if (mine == NULL || settle_owner(r, mine))
        return;
    p->owned = false;
    p->owner_at = 0;
}

static bool settle_next(void *ctx, void *record)
{
    struct building *b = ctx;
    if (b->left == 0)
        return false;
    b->left--;
    return settle_owner(b->r, record);
}

// Over all devices: after a start, for the server may have ended before a removal was logged, and
// when there was no room for one.
static void settle_owners(struct reactor *r)
{
    struct pushes *p = &r->pushes;
    struct building b = {r, DEVICES_A_TURN};
    if (!p->owned)
        p->owned = devices_walk(r->shard, &p->owner_at, settle_next, &b);
}

void push_turn(struct reactor *r)
{
    build(r);
    settle_owners(r);
}
