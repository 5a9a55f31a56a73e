// A read waits for marks on the core that answers it, since the pushes it must see are in that
// core's mailboxes.
#include "api/reads.h"

#include "api/answer.h"
#include "api/audit.h"
#include "api/changes.h"
#include "api/contacts.h"
#include "api/engage.h"
#include "api/export.h"
#include "api/lists.h"
#include "api/notes.h"
#include "api/outbox.h"
#include "api/people.h"
#include "api/push.h"
#include "api/reports.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/id.h"
#include "core/logger.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "store/doc.h"
#include "store/names.h"
#include "store/read.h"
#include "store/store.h"

static void answer_found(struct reactor *r, struct request *q, fb_builder *b, fb_ref root)
{
    if (root == 0 && b->err == FB_OK)
        answer_error(r, q, KITH_not_found);
    else
        answer_built(r, q, b, root);
}

static void read_like_count(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[128];
    fb_builder b;
    uint64_t id = request_key(q);
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    const struct post *post = sees_post_id(&eye, id);
    fb_init(&b, buf, sizeof buf);
    fb_ref root = 0;
    if (post != NULL) {
        kt_new_LikeCount w = {0};
        kt_put_LikeCount_post_id(&w, id);
        kt_put_LikeCount_like_count(&w, likes_shown(post, q->actor) ? post->likes : 0);
        root = kt_end_LikeCount(&b, &w);
    }
    answer_found(r, q, &b, root);
}

// Of those that are there for the acting user, in the order asked for.
static void read_relationships(struct reactor *r, struct request *q)
{
    struct view view = {r->server->store, r->shard, q->actor};
    struct eye eye;
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    eye_open(&eye, &view);
    fb_vec ids = kt_RelationshipList_user_ids(request_table(q));
    uint32_t mark = fb_mark(&b);
    for (uint32_t i = 0; i < ids.n; i++)
        if (sees_user_id(&eye, fb_vec_u64(ids, i)) != NULL)
            fb_push(&b, build_relationship(&b, &view, fb_vec_u64(ids, i)));
    kt_new_Relationships w = {0};
    kt_put_Relationships_relationships(&w, fb_refs(&b, mark));
    answer_built(r, q, &b, kt_end_Relationships(&b, &w));
}

static uint32_t count_of(const _Atomic uint32_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void read_stats(struct reactor *r, struct request *q)
{
    _Alignas(8) uint8_t buf[256];
    fb_builder b;
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    const struct user *u = sees_user_id(&eye, request_key(q));
    fb_init(&b, buf, sizeof buf);
    fb_ref root = 0;
    if (u != NULL) {
        uint64_t moved = atomic_load_explicit(&u->counted_ms, memory_order_relaxed);
        kt_new_UserStats w = {0};
        kt_put_UserStats_user_id(&w, u->o.id);
        kt_put_UserStats_post_count(&w, count_of(&u->posts));
        kt_put_UserStats_follower_count(&w, count_of(&u->followers));
        kt_put_UserStats_following_count(&w, count_of(&u->following));
        kt_put_UserStats_total_likes_received(&w, count_of(&u->received));
        kt_put_UserStats_updated_at(&w, moved != 0 ? moved : id_ms(u->o.id));
        root = kt_end_UserStats(&b, &w);
    }
    answer_found(r, q, &b, root);
}

static void read_object(struct reactor *r, struct request *q)
{
    struct view view = {r->server->store, r->shard, q->actor};
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    fb_ref root = 0;
    if (q->row->number == OP_user_by_name) {
        fb_str s = kt_UserByName_username(request_table(q));
        uint64_t id = names_find(r->server->store, (struct name){NAME_username, s.s, s.n});
        root = id != 0 ? build_user(&b, &view, id) : 0;
    } else if (q->row->number == OP_user_get) {
        root = build_user(&b, &view, request_key(q));
    } else {
        root = build_post(&b, &view, request_key(q));
    }
    answer_found(r, q, &b, root);
}

static void read_doc(struct reactor *r, struct request *q)
{
    const struct store *s = r->server->store;
    struct doc_call c = doc_call_of(q->row, q->actor, request_table(q));
    struct doc_shown shown = {.row = c.row, .owner = c.owner};
    fb_builder b;
    fb_ref root = 0;
    struct eye eye;
    fb_init(&b, r->build, BUILD_BYTES);
    eye_open(&eye, &(struct view){s, r->shard, q->actor});
    bool found = false;
    if (c.row->single) {
        found = store_user(s, c.owner) != NULL;
        shown.d = doc_single(store_part(s, id_slot(c.owner)), c.owner, c.row->kind);
    } else if ((shown.d = store_doc(s, c.id, c.row->kind)) != NULL) {
        found = sees_doc(&eye, shown.d);
        shown.owner = shown.d->owner;
    }
    if (found)
        root = build_doc(&b, s, shown);
    answer_found(r, q, &b, root);
}

// A core that is behind what was answered long ago is in trouble; a client may ask for what never
// was.
static void answer_late(struct reactor *r, struct request *q)
{
    const struct server *s = r->server;
    if (q->demand <= wal_released_place(s->wal))
        log_event(LOG_WARN, "a core is late", log_u64("request", q->number),
                  log_u64("demand", q->demand), log_u64("seen", r->seen), log_u64("core", r->core));
    answer_error(r, q, KITH_place_timeout);
}

static void run_read(struct reactor *r, struct request *q)
{
    trace_end(r, q, TRACE_ROUTE);
    if (lists_waits(r, q)) {
        if (clock_mono_ns() < q->began_ns + (uint64_t)SEARCH_WAIT_MS * 1000000)
            reactor_park(r, q);
        else
            answer_error(r, q, KITH_index_incomplete);
        return;
    }
    if (!reactor_fresh(r, q)) {
        if (clock_mono_ns() < q->deadline_ns)
            reactor_park(r, q);
        else
            answer_late(r, q);
        return;
    }
    trace_end(r, q, TRACE_WAIT);
    q->place = r->seen;
    if (notes_reads(q)) {
        notes_read(r, q);
        return;
    }
    if (q->row->act == DOC_GET) {
        read_doc(r, q);
        return;
    }
    switch (q->row->number) {
    case OP_user_get:
    case OP_user_by_name:
    case OP_post_get:
        read_object(r, q);
        return;
    case OP_like_count:
        read_like_count(r, q);
        return;
    case OP_mutuals:
        people_mutuals(r, q);
        return;
    case OP_suggestions:
        people_suggest(r, q);
        return;
    case OP_relationships:
        read_relationships(r, q);
        return;
    case OP_outbox_list:
        outbox_answer(r, q);
        return;
    case OP_push_jobs:
        push_answer(r, q);
        return;
    case OP_report_count:
        reports_count(r, q);
        return;
    case OP_user_stats:
        read_stats(r, q);
        return;
    case OP_post_stats:
        engage_stats(r, q);
        return;
    case OP_user_export:
        export_read(r, q);
        return;
    case OP_contacts:
        contacts_read(r, q);
        return;
    default:
        lists_begin(r, q);
    }
}

// What is asked for by its id, on the core where that is looked at.
static bool reads_here(const struct reactor *r, const struct request *q)
{
    if (q->run != run_read && q->run != reads_begin)
        return false;
    return q->row->key != NULL && (q->run == run_read || lists_core(r, q) == r->core);
}

void reads_ahead(struct reactor *r, struct request *const *q, uint32_t n)
{
    uint64_t viewer[READ_AHEAD_MAX], id[2 * READ_AHEAD_MAX] = {0};
    uint32_t viewers = 0, ids = 0;
    ASSERT(n <= READ_AHEAD_MAX);
    for (uint32_t i = 0; i < n; i++) {
        bool feed = q[i]->row != NULL && q[i]->row->number == OP_feed;
        if (feed && reactor_core_of(r, q[i]->actor) == r->core) {
            viewer[viewers++] = q[i]->actor;
        } else if (reads_here(r, q[i])) {
            id[ids++] = request_key(q[i]);
            id[ids++] = q[i]->actor;
        }
    }
    read_ahead(r->shard, (struct id_list){viewer, viewers});
    ahead_records(r->server->store, id, ids);
}

// The entry is on its way before the answer, which does not wait for it: a disk that stalls or is
// full stops changes, not reads.
static void audit_read(struct reactor *r, struct request *q)
{
    enum kith_error error = audit_take(r, q, true);
    ((struct entry *)(void *)r->entry)->ticket = 0;
    if (error != KITH_ok || change_log(r, q, &error) != CHANGE_LOGGED)
        log_event(LOG_WARN, "a read is not in the audit log", log_u64("request", q->number),
                  log_str("op", q->row->name), log_u64("user", q->actor),
                  log_str("code", error_row(error)->name));
    q->outcomes_due = 0;
}

void reads_begin(struct reactor *r, struct request *q)
{
    if (audit_read_due(r, q))
        audit_read(r, q);
    // What is a user's alone is read as that user; the gate has let a service do so.
    if (q->actor == 0 && q->row->auth == AUTH_SELF)
        q->actor = request_key(q);
    if (q->row->number == OP_user_export) {
        reactor_move(r, q, reactor_core_of(r, request_key(q)), run_read);
        return;
    }
    unsigned core = notes_reads(q) ? notes_core(r, q) : lists_core(r, q);
    reactor_move(r, q, core, run_read);
}
