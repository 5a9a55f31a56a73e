// A check that refuses may only be behind: what the client was told of need not have reached every
// core. So a refusal counts when this core has seen all that was answered before; until then the
// step is repeated.
#include "api/changes.h"

#include <string.h>

#include "api/accounts.h"
#include "api/answer.h"
#include "api/audit.h"
#include "api/engage.h"
#include "api/ingest.h"
#include "api/notes.h"
#include "api/push.h"
#include "api/repeats.h"
#include "api/reports.h"
#include "api/tickets.h"
#include "core/assert.h"
#include "core/clock.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "store/doc.h"
#include "store/read.h"
#include "store/record.h"
#include "store/sees.h"
#include "store/store.h"

enum { ANSWER_SMALL = 512 };

// ---- the entry ---------------------------------------------------------------------------------

struct entry *change_head(struct reactor *r, const struct request *q, unsigned op)
{
    struct entry *e = (struct entry *)(void *)r->entry;
    memset(e, 0, sizeof *e + sizeof(struct entry_key) + sizeof(struct entry_audit));
    e->op = (uint16_t)op;
    e->actor = q->actor;
    e->ticket = q->ticket;
    // Chained entries have no key: the first one of the chain has it. A request may have become
    // another operation (ingest_op), which is not asked again: an account turns private meanwhile.
    bool first = q->row->number == op || op == OP_user_rename || op == OP_follow_request ||
                 op == OP_like;
    if (q->keyed && first) {
        e->flags = ENTRY_KEY;
        memcpy(e + 1, &q->key, sizeof q->key);
    }
    if (audit_due(q, op)) {
        struct entry_audit who;
        audit_fill(r, q, &who);
        e->flags |= ENTRY_AUDIT;
        memcpy(r->entry + entry_head_size(e) - sizeof who, &who, sizeof who);
    }
    e->length = entry_head_size(e);
    return e;
}

uint8_t *change_body(struct reactor *r)
{
    return r->entry + entry_head_size((const struct entry *)(void *)r->entry);
}

uint32_t change_room(const struct reactor *r)
{
    return ENTRY_MAX - entry_head_size((const struct entry *)(const void *)r->entry);
}

enum kith_error change_take(struct reactor *r, fb_builder *b, fb_ref root)
{
    struct entry *e = (struct entry *)(void *)r->entry;
    size_t n = root != 0 ? fb_finish(b, root) : 0;
    if (n == 0 || n > change_room(r))
        return KITH_too_large;
    ASSERT(n % 8 == 0);
    memcpy(change_body(r), fb_data(b), n);
    e->length = entry_head_size(e) + (uint32_t)n;
    return KITH_ok;
}

// What the state of memory and disk allows.
static enum kith_error admitted(const struct reactor *r, const struct entry *e)
{
    const struct op_row *row = op_row(e->op);
    int pressure = atomic_load_explicit(&r->server->pressure, memory_order_relaxed);
    if (pressure < PRESSURE_GROWTH)
        return KITH_ok;
    if (row->act == DOC_REMOVE || row->act == DOC_CLEAR || row->unlink != EDGE_none)
        return KITH_ok;
    switch (e->op) {
    case OP_user_delete:
    case OP_post_delete:
    case OP_comment_delete:
    case OP_post_remove:
    case OP_comment_remove:
    case OP_unreact:
    case OP_media_remove:
    case OP_session_delete:
    case OP_session_revoke:
    case OP_session_revoke_all:
    case OP_user_deactivate:
    case OP_notification_delete:
        return KITH_ok;
    case OP_audit_add:
        if (pressure != PRESSURE_DISK)
            return KITH_ok;
        break;
    case OP_user_update:
    case OP_post_update:
    case OP_comment_update:
    case OP_session_create:
    case OP_session_rotate:
    case OP_ticket_make:
    case OP_verify_email:
    case OP_reset_password:
    case OP_totp_enable:
    case OP_totp_confirm:
    case OP_totp_disable:
    case OP_role_set:
    case OP_verified_set:
    case OP_notification_read:
    case OP_notifications_read:
    case OP_notification_preference_set:
    case OP_report_resolve:
        if (pressure == PRESSURE_GROWTH)
            return KITH_ok;
        break;
    default:
        break;
    }
    return pressure == PRESSURE_DISK ? KITH_disk_full : KITH_memory_full;
}

static bool may_wait(const struct reactor *r, const struct request *q)
{
    return !reactor_fresh(r, q) && clock_mono_ns() < q->deadline_ns;
}

enum change_end change_log(struct reactor *r, struct request *q, enum kith_error *error)
{
    struct entry *e = (struct entry *)(void *)r->entry;
    const struct store *store = r->server->store;
    *error = admitted(r, e);
    if (*error != KITH_ok)
        return CHANGE_REFUSED;
    // With a key it may be a repetition of what was done: the decider knows.
    *error = e->flags & ENTRY_KEY ? KITH_ok : store_check(store, e);
    if (*error == KITH_ok)
        *error = store_route(store, e);
    if (*error != KITH_ok)
        return may_wait(r, q) ? CHANGE_WAITS : CHANGE_REFUSED;
    ASSERT(entry_is_sound(e, e->length));
    q->outcome = (struct outcome){0};
    q->outcomes_due = e->flags & ENTRY_ALL ? r->server->cores : 1;
    if (reactor_log(r, e)) {
        trace_end(r, q, TRACE_ROUTE);
        return CHANGE_LOGGED;
    }
    q->outcomes_due = 0;
    *error = KITH_overloaded;
    return CHANGE_REFUSED;
}

// ---- answers -----------------------------------------------------------------------------------

// What the acting user's operation on a follow has come to.
static const char *follow_status(const struct request *q)
{
    if (q->row->number == OP_request_approve)
        return "following";
    if (q->row->number != OP_follow)
        return "none";
    return q->outcome.count2 != 0 ? "requested" : "following";
}

static void answer_follow(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_FollowState w = {0};
    const char *status = follow_status(q);
    kt_put_FollowState_status(&w, fb_cstring(&b, status));
    kt_put_FollowState_following(&w, strcmp(status, "following") == 0);
    kt_put_FollowState_followers_count(&w, q->outcome.count);
    answer_built(r, q, &b, kt_end_FollowState(&b, &w));
}

static void answer_like(struct reactor *r, struct request *q, bool liked)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_LikeState w = {0};
    kt_put_LikeState_post_id(&w, request_key(q));
    kt_put_LikeState_liked(&w, liked);
    // What can be liked shows its likes.
    const struct post *post = liked ? NULL : store_post(r->server->store, request_key(q));
    bool shown = post == NULL || likes_shown(post, q->actor);
    kt_put_LikeState_like_count(&w, shown ? q->outcome.count : 0);
    answer_built(r, q, &b, kt_end_LikeState(&b, &w));
}

static void answer_import(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[ANSWER_SMALL];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    kt_new_ImportState w = {0};
    kt_put_ImportState_applied(&w, q->outcome.count);
    kt_put_ImportState_repeated(&w, q->outcome.count2);
    kt_put_ImportState_refused(&w, q->outcome.count3);
    answer_built(r, q, &b, kt_end_ImportState(&b, &w));
}

// What is left to say of an object that was changed and is gone again before the answer: its id.
// The change was made all the same, so this is no refusal.
static fb_ref build_gone(fb_builder *b, const struct request *q)
{
    if (q->row->reply == &kt_desc_Post) {
        kt_new_Post w = {0};
        kt_put_Post_post_id(&w, q->outcome.id);
        return kt_end_Post(b, &w);
    }
    if (q->row->reply == &kt_desc_Comment) {
        kt_new_Comment w = {0};
        kt_put_Comment_comment_id(&w, q->outcome.id);
        kt_put_Comment_is_deleted(&w, true);
        return kt_end_Comment(b, &w);
    }
    kt_new_User w = {0};
    kt_put_User_user_id(&w, q->outcome.id);
    return kt_end_User(b, &w);
}

// The object as the acting user sees it: on that user's core, where the own edges are.
static void run_object(struct reactor *r, struct request *q)
{
    // The own lists may lag behind what the decider has done.
    if (q->row->reply == &kt_desc_Relationship && r->shard->place < q->outcome.place) {
        reactor_park(r, q);
        return;
    }
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    struct view view = {r->server->store, r->shard, q->actor};
    fb_ref root = 0;
    if (q->row->reply == &kt_desc_Post)
        root = build_post(&b, &view, q->outcome.id);
    else if (q->row->reply == &kt_desc_Comment)
        root = build_comment(&b, &view, q->outcome.id);
    else if (q->row->reply == &kt_desc_Relationship)
        root = build_relationship(&b, &view, q->outcome.id);
    else
        root = build_user(&b, &view, q->outcome.id);
    if (root == 0 && b.err == FB_OK)
        root = build_gone(&b, q);
    answer_built(r, q, &b, root);
}

// A new comment, as its author sees it, wherever his lists are.
static bool answer_new_comment(struct reactor *r, struct request *q)
{
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    fb_ref root = build_new_comment(&b, r->server->store, q->outcome.id);
    if (root != 0)
        answer_built(r, q, &b, root);
    return root != 0;
}

static void answer_object(struct reactor *r, struct request *q)
{
    if (q->row->number == OP_comment_create && answer_new_comment(r, q))
        return;
    uint64_t key = request_key(q);
    // Its own new post or comment is named by the outcome, what it changed by the request.
    if (q->row->number != OP_comment_create && key != 0)
        q->outcome.id = key;
    if (q->row->number == OP_user_update && q->actor == 0)
        q->actor = key;
    unsigned core = q->actor != 0 ? reactor_core_of(r, q->actor) : r->core;
    reactor_move(r, q, core, run_object);
}

// A document as it is now; where it is gone again, its id.
static void answer_doc(struct reactor *r, struct request *q, const struct doc_shown *what)
{
    struct doc_shown shown = *what;
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    shown.d = store_doc(r->server->store, what->id, what->row->kind);
    if (shown.d != NULL)
        shown.owner = shown.d->owner;
    answer_built(r, q, &b, build_doc(&b, r->server->store, shown));
}

// On the core where the document lies that has a new item, which knows the count.
static void run_linked(struct reactor *r, struct request *q)
{
    bool late = clock_mono_ns() > q->deadline_ns;
    if (!late && r->seen < q->outcome.place) {
        reactor_park(r, q);
        return;
    }
    uint64_t id = request_id_field(q, q->row->from);
    const struct doc_row *row = doc_row(edge_row(q->row->link)->from);
    answer_doc(r, q, &(struct doc_shown){.row = row, .id = id, .owner = q->actor});
}

// A refused edge may stand at its other end until it is undone there; who was told of the refusal
// must not see it.
static void run_refused(struct reactor *r, struct request *q)
{
    bool late = clock_mono_ns() > q->deadline_ns;
    if (!late && !reactor_settled(r, q->outcome.place)) {
        reactor_park(r, q);
        return;
    }
    q->place = wal_released_place(r->server->wal);
    if (q->outcome.error != KITH_ok)
        answer_error(r, q, (enum kith_error)q->outcome.error);
    else
        answer_import(r, q);
}

static void run_outcome(struct reactor *r, struct request *q)
{
    bool ends = q->row->also == ALSO_ACTOR || q->row->number == OP_import_edges;
    q->place = q->outcome.place;
    if (ends && (q->outcome.error != KITH_ok || q->outcome.count3 > 0)) {
        q->run = run_refused;
        q->deadline_ns = clock_mono_ns() + (uint64_t)READ_WAIT_MS * 1000000;
        run_refused(r, q);
        return;
    }
    if (q->outcome.error != KITH_ok) {
        answer_error(r, q, (enum kith_error)q->outcome.error);
        return;
    }
    if (q->row->number == OP_user_update && q->account != NULL)
        ticket_tell(r, q, kt_UserUpdate_email(request_table(q)));
    if (q->row->number == OP_device_put)
        push_moved(r, q->outcome.id);
    if (q->row->doc != DOC_none && q->row->status != 204) {
        uint64_t owner = doc_call_of(q->row, q->actor, request_table(q)).owner;
        struct doc_shown shown = {doc_row(q->row->doc), NULL, owner, q->outcome.id};
        answer_doc(r, q, &shown);
        return;
    }
    if (q->row->from != NULL && q->row->status != 204) {
        q->deadline_ns = clock_mono_ns() + (uint64_t)READ_WAIT_MS * 1000000;
        reactor_move(r, q, reactor_core_of(r, request_id_field(q, q->row->from)), run_linked);
        return;
    }
    switch (q->row->number) {
    case OP_follow:
    case OP_unfollow:
    case OP_request_approve:
    case OP_follower_remove:
        answer_follow(r, q);
        return;
    case OP_like:
    case OP_unlike:
        answer_like(r, q, q->row->number == OP_like);
        return;
    case OP_import_edges:
    case OP_import_posts:
        answer_import(r, q);
        return;
    default:
        if (engage_answer(r, q))
            return;
        break;
    }
    if (notes_answer(r, q))
        return;
    if (q->row->reply == &kt_desc_Empty || q->row->status == 204)
        answer_empty(r, q);
    else
        answer_object(r, q);
}

// ---- in ----------------------------------------------------------------------------------------

static void refuse(struct reactor *r, struct request *q, enum kith_error error)
{
    if (error == KITH_invalid_field && q->fault.pointer[0] != '\0')
        answer_fault(r, q, error);
    else
        answer_error(r, q, error);
}

static void enter(struct reactor *r, struct request *q)
{
    change_head(r, q, ingest_op(r, q));
    enum kith_error error = ingest(r, q);
    if (error != KITH_ok) {
        refuse(r, q, error);
        return;
    }
    q->run = run_outcome;
    switch (change_log(r, q, &error)) {
    case CHANGE_LOGGED:
        return;
    case CHANGE_WAITS:
        q->run = enter;
        reactor_park(r, q);
        return;
    case CHANGE_REFUSED:
        refuse(r, q, error);
    }
}

// Who wrote a comment lives elsewhere than it, where it is decided who may like it: whether the two
// block each other is known to the acting user's core. So is who may see what is reported.
static void look_first(struct reactor *r, struct request *q)
{
    if (may_wait(r, q)) {
        reactor_park(r, q);
        return;
    }
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    if (q->row->number == OP_report_add ? reports_sees(r, q)
                                        : sees_comment_id(&eye, request_key(q)) != NULL)
        reactor_move(r, q, q->core, enter);
    else
        answer_error(r, q, KITH_not_found);
}

// Said too often already: only to those who follow who says it, which his own core knows.
static void look_at_reached(struct reactor *r, struct request *q)
{
    if (may_wait(r, q))
        reactor_park(r, q);
    else if (repeats_known(r, q))
        reactor_move(r, q, q->core, enter);
    else
        answer_error(r, q, KITH_rate_limited);
}

void changes_begin(struct reactor *r, struct request *q)
{
    bool looks = q->row->number == OP_comment_like || q->row->number == OP_comment_unlike ||
                 reports_names(q);
    if (accounts_take(q->row))
        accounts_begin(r, q);
    else if (looks && q->actor != 0)
        reactor_move(r, q, reactor_core_of(r, q->actor), look_first);
    else if (repeats_over(r, q))
        reactor_move(r, q, reactor_core_of(r, q->actor), look_at_reached);
    else
        enter(r, q);
}

// Records that the answer to a change will show.
static uint32_t shown_of(const struct request *q, uint64_t id[2])
{
    bool made = q->run == run_outcome && q->row->number == OP_comment_create;
    if (q->run != run_object && !made)
        return 0;
    id[0] = q->outcome.id;
    id[1] = q->actor;
    return 2;
}

void changes_ahead(const struct reactor *r, struct request *const *q, uint32_t n)
{
    const struct store *store = r->server->store;
    uint64_t id[READ_AHEAD_MAX] = {0}, shown[2 * READ_AHEAD_MAX];
    const struct object *found[2 * READ_AHEAD_MAX];
    uint32_t ids = 0, shows = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool asks = q[i]->run == changes_begin || (q[i]->run == run_outcome && q[i]->row->unlink);
        id[ids] = asks ? request_key(q[i]) : 0;
        ids += id[ids] != 0;
        shows += shown_of(q[i], shown + shows);
    }
    ahead_records(store, id, ids);
    if (shows > 2)
        records_find(store, (struct record_wish){shown, shows, USER_LINES}, found);
}
