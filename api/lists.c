// A round asks for exactly what is still missing, so the key of the last round is the cursor.
#include "api/lists.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/audit.h"
#include "api/sessions.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/fb_copy.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/audit.h"
#include "store/doc.h"
#include "store/read_report.h"
#include "store/store.h"

enum { ROUNDS_MAX = 256 };     // of dead items passed over before a page is given as short as it is

void lists_free(struct request *q)
{
    struct reading *g = q->reading;
    if (g == NULL)
        return;
    free(g->asked);
    free(g->author);
    finds_free(g->tops);
    free(g);
    q->reading = NULL;
}

// ---- what is asked -----------------------------------------------------------------------------

// One row for each list of ops.def.
struct list_row {
    uint16_t op;
    bool mine;                 // the owner is the acting user
    enum list_source source;
    enum entity item, owner;
    enum list_kind list;
};

static const struct list_row rows[] = {
    {OP_followers, false, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_followers},
    {OP_following, false, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_following},
    {OP_likes, false, SOURCE_EDGES, ENTITY_user, ENTITY_post, LIST_likers},
    {OP_user_posts, false, SOURCE_SEQ, ENTITY_post, ENTITY_user, LIST_posts},
    {OP_comment_list, false, SOURCE_SEQ, ENTITY_comment, ENTITY_post, LIST_comments},
    {OP_comment_replies, false, SOURCE_SEQ, ENTITY_comment, ENTITY_comment, LIST_replies},
    {OP_post_list, false, SOURCE_ALL_POSTS, ENTITY_post, ENTITY_none, LIST_none},
    {OP_blocks, true, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_blocking},
    {OP_mutes, true, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_muting},
    {OP_close_friends, true, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_close_friends},
    {OP_follow_requests, true, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_requests},
    {OP_follow_requests_sent, true, SOURCE_EDGES, ENTITY_user, ENTITY_user, LIST_requested},
    {OP_session_list, true, SOURCE_SEQ, ENTITY_session, ENTITY_none, LIST_sessions},
    {OP_audit_list, false, SOURCE_AUDITS, ENTITY_audit, ENTITY_none, LIST_audits},
    {OP_collection_posts, false, SOURCE_EDGES, ENTITY_post, (enum entity)ENTITY_collection,
     LIST_collected},
    {OP_bookmarks, true, SOURCE_EDGES, ENTITY_post, ENTITY_user, LIST_bookmarks},
    {OP_comment_likes, false, SOURCE_EDGES, ENTITY_user, ENTITY_comment, LIST_comment_likers},
    {OP_shares, false, SOURCE_EDGES, ENTITY_user, ENTITY_post, LIST_sharers},
    {OP_post_replies, false, SOURCE_EDGES, ENTITY_post, ENTITY_post, LIST_post_replies},
    {OP_user_comments, false, SOURCE_EDGES, ENTITY_comment, ENTITY_user, LIST_written},
    {OP_user_archive, false, SOURCE_SEQ, ENTITY_post, ENTITY_user, LIST_archived},
    {OP_feed, false, SOURCE_FEED, ENTITY_post, ENTITY_none, LIST_none},
    {OP_search_users, false, SOURCE_FIND, ENTITY_user, ENTITY_none, LIST_none},
    {OP_search_posts, false, SOURCE_FIND, ENTITY_post, ENTITY_none, LIST_none},
    {OP_search_comments, false, SOURCE_FIND, ENTITY_comment, ENTITY_none, LIST_none},
    {OP_search_tags, false, SOURCE_FIND, ENTITY_none, ENTITY_none, LIST_none},
    {OP_search_locations, false, SOURCE_FIND, ENTITY_none, ENTITY_none, LIST_none},
    {OP_tag_list, false, SOURCE_FIND, ENTITY_none, ENTITY_none, LIST_none},
    {OP_tag_posts, false, SOURCE_FIND, ENTITY_post, ENTITY_none, LIST_none},
    {OP_location_posts, false, SOURCE_FIND, ENTITY_post, ENTITY_none, LIST_none},
    {OP_trending_hashtags, false, SOURCE_FIND, ENTITY_none, ENTITY_none, LIST_none},
    {OP_trending_posts, false, SOURCE_FIND, ENTITY_post, ENTITY_none, LIST_none},
    {OP_reports, false, SOURCE_QUEUE, (enum entity)ENTITY_report, ENTITY_none, LIST_none},
};

// Those of documents, by kind.
static const struct list_row doc_rows[ENTITY_COUNT] = {
#define DOC(number, name, list, ...)                                                               \
    [number] = {0, false, SOURCE_SEQ, (enum entity)(number), ENTITY_user, LIST_##list},
#include "core/graph.def"
};

static const struct list_row *row_of(const struct request *q)
{
    if (q->row->act == DOC_LIST)
        return &doc_rows[q->row->doc];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == q->row->number)
            return &rows[i];
    return NULL;
}

unsigned lists_core(const struct reactor *r, const struct request *q)
{
    const struct list_row *row = row_of(q);
    if (q->actor != 0)
        return reactor_core_of(r, q->actor);
    bool owned = row != NULL && row->owner != ENTITY_none;
    return owned ? reactor_core_of(r, request_key(q)) : r->core;
}

static bool owner_is_there(struct eye *e, const struct list_row *row, uint64_t id)
{
    if (doc_row(row->owner) != NULL) {
        const struct doc *d = store_doc(e->view.store, id, row->owner);
        return d != NULL && sees_doc(e, d);
    }
    switch (row->owner) {
    case ENTITY_user:
        return sees_user_id(e, id) != NULL;
    case ENTITY_post:
        return sees_post_id(e, id) != NULL;
    case ENTITY_comment:
        return sees_comment_id(e, id) != NULL;
    case ENTITY_none:
        return true;
    case ENTITY_session:
    case ENTITY_audit:
    case ENTITY_share_text:
    case ENTITY_COUNT:
        break;
    }
    return false;
}

static fb_str cursor_of(const struct request *q, uint32_t *limit, bool *ascending)
{
    const void *t = request_table(q);
    *ascending = false;
    switch (q->row->number) {
    case OP_post_list:
        *limit = kt_PostList_limit(t);
        return kt_PostList_cursor(t);
    case OP_blocks:
    case OP_mutes:
    case OP_close_friends:
    case OP_follow_requests:
    case OP_follow_requests_sent:
        *limit = kt_Paged_limit(t);
        return kt_Paged_cursor(t);
    case OP_session_list:
        *limit = kt_SessionList_limit(t);
        return kt_SessionList_cursor(t);
    case OP_likes:
        *limit = kt_PostLikes_limit(t);
        return kt_PostLikes_cursor(t);
    case OP_comment_list:
        *limit = kt_CommentList_limit(t);
        *ascending = kt_CommentList_order(t) == kt_Order_asc;
        return kt_CommentList_cursor(t);
    case OP_comment_replies:
        *limit = kt_CommentReplies_limit(t);
        *ascending = kt_CommentReplies_order(t) == kt_Order_asc;
        return kt_CommentReplies_cursor(t);
    case OP_feed:
        *limit = kt_Feed_limit(t);
        return kt_Feed_cursor(t);
    default:
        break;
    }
    fb_str cursor;
    if (finds_page(q, limit, &cursor))
        return cursor;
    *limit = (uint32_t)fb_number_of(q->row->request, t, "limit");
    return fb_text_of(q->row->request, t, "cursor");
}

// The first id that a post of this millisecond could have: what is strictly older lies below it.
static uint64_t first_id_of(uint64_t ms)
{
    if (ms <= KITH_EPOCH_MS)
        return 1;
    uint64_t since = ms - KITH_EPOCH_MS;
    return since > STAMP_MS_MAX ? 0 : id_make(stamp_make(ms, 0), 0);
}

static enum kith_error begin_feed(const struct request *q, struct reading *g, bool have_cursor)
{
    const kt_Feed *t = request_table(q);
    bool by_id = kt_has_Feed_last_seen_post_id(t);
    bool by_time = kt_has_Feed_last_seen_post_created_at(t);
    if (have_cursor + by_id + by_time > 1)
        return KITH_bad_request;
    if (kt_Feed_offset(t) > FEED_OFFSET_MAX)
        return KITH_invalid_field;
    g->skip = kt_Feed_offset(t);
    g->what.owner = q->actor;
    g->what.include_self = kt_Feed_include_self(t);
    if (by_id)
        g->what.key = kt_Feed_last_seen_post_id(t);
    else if (by_time)
        g->what.key = first_id_of(kt_Feed_last_seen_post_created_at(t));
    return KITH_ok;
}

static struct cursor_scope scope_of(const struct request *q, const struct reading *g)
{
    uint64_t flags = (uint64_t)g->what.ascending << 1 | g->what.include_self;
    uint64_t list = g->what.source == SOURCE_FIND ? finds_scope(&g->what.find) : g->what.owner;
    return (struct cursor_scope){q->actor, list, flags << 32 | q->row->number};
}

static enum kith_error begin(const struct reactor *r, struct request *q, struct reading *g)
{
    const struct list_row *row = row_of(q);
    ASSERT(row != NULL);
    fb_str cursor = cursor_of(q, &g->limit, &g->what.ascending);
    g->kind = row->item;
    g->what.request = q;
    g->what.home = r->core;
    g->what.source = row->source;
    g->what.list = row->list;
    g->what.owner = row->mine || q->row->key == NULL ? q->actor : request_key(q);
    if (row->source == SOURCE_FEED) {
        enum kith_error error = begin_feed(q, g, cursor.n > 0);
        if (error != KITH_ok)
            return error;
    }
    if (row->source == SOURCE_FIND)
        finds_begin(q, &g->what.find);
    if (row->source == SOURCE_QUEUE)
        g->what.owner = kt_ReportList_status(request_table(q));
    struct cursor_scope scope = scope_of(q, g);
    struct cursor_at at = {g->what.key, 0};
    if (cursor.n > 0 && !cursor_read_at(cursor, r->server->keys.cursor, &scope, &at))
        return KITH_invalid_cursor;
    if (row->source == SOURCE_FIND && !finds_from(r->server->store, &g->what.find, at.key))
        return KITH_invalid_cursor;
    g->what.key = at.key;
    g->what.key_stamp = at.stamp;
    struct eye eye;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    return owner_is_there(&eye, row, g->what.owner) ? KITH_ok : KITH_not_found;
}

// ---- asking ------------------------------------------------------------------------------------

static void look_up(struct reactor *r, struct question *w)
{
    struct page *page = &w->page;
    if (w->source == SOURCE_FIND) {
        finds_look_up(r->shard, w);
        return;
    }
    page->n = 0;
    page->next = 0;
    switch (w->source) {
    case SOURCE_EDGES:
        read_edges(r->shard, (struct edges_read){w->owner, w->key, w->list}, page);
        return;
    case SOURCE_SEQ:
        if (w->list == LIST_posts) {
            read_user_posts(r->shard, w->owner, w->key, page);
            return;
        }
        read_seq(r->shard, (struct seq_read){w->owner, w->key, w->list, w->ascending}, page);
        return;
    case SOURCE_ALL_POSTS:
        read_all_posts(r->shard, w->key, page);
        return;
    case SOURCE_AUTHORS:
        read_authors(r->shard, (struct id_list){w->author, w->authors}, w->key, page);
        return;
    case SOURCE_AUDITS:
        read_audits(r->shard, (struct audits_read){w->owner, w->key}, page);
        return;
    case SOURCE_QUEUE:
        read_queue(r->shard, w->owner, w->key, page);
        return;
    case SOURCE_FEED:
    case SOURCE_FIND:
        break;
    }
    ASSERT(false); // a feed is read by its own core alone
}

void lists_answer(struct reactor *r, struct question *w)
{
    look_up(r, w);
    mail_send(r, w->home, MAIL_TOLD, &w);
}

static void round_done(struct reactor *r, struct request *q);


void lists_told(struct reactor *r, struct question *w)
{
    struct request *q = w->request;
    ASSERT(q->reading->due > 0);
    if (--q->reading->due > 0)
        return;
    q->run = round_done;
    reactor_ready(r, q);
}

static void ask_one(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    struct question *w = &g->what;
    unsigned core = reactor_core_of(r, w->owner);
    if (core == r->core) {
        look_up(r, w);
        round_done(r, q);
        return;
    }
    g->due = 1;
    q->trace.asked++;
    mail_send(r, core, MAIL_ASK, &w);
}

void lists_ask_all(struct reactor *r, struct request *q, bool again)
{
    struct reading *g = q->reading;
    unsigned cores = r->server->cores;
    if (cores == 1) {
        look_up(r, &g->what);
        round_done(r, q);
        return;
    }
    if (g->asked == NULL)
        g->asked = malloc(cores * sizeof *g->asked);
    if (g->asked == NULL) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    g->due = cores - 1;
    q->trace.asked = (uint16_t)(q->trace.asked + g->due);
    for (unsigned c = 0; c < cores; c++) {
        struct question *w = &g->asked[c];
        if (!again)
            *w = g->what;
        if (c != r->core)
            mail_send(r, c, MAIL_ASK, &w);
    }
    look_up(r, &g->asked[r->core]);
}

// Older than what is at hand: from now on this read asks the authors' cores.
static void ask_authors(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    struct feed_read feed = {g->what.owner, g->what.key, r->seen, g->what.include_self};
    uint32_t n = read_feed_authors(r->shard, feed, NULL, 0);
    g->author = malloc((n + 1) * sizeof *g->author);
    if (g->author == NULL) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    uint32_t copied = read_feed_authors(r->shard, feed, g->author, n);
    g->what.source = SOURCE_AUTHORS;
    g->what.author = g->author;
    g->what.authors = copied < n ? copied : n;
    lists_ask_all(r, q, false);
}

static void ask_feed(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    struct page *page = &g->what.page;
    struct feed_read feed = {g->what.owner, g->what.key, r->seen, g->what.include_self};
    page->n = 0;
    page->next = 0;
    const struct feed_before before = trace_feed_begin(r);
    bool whole = read_feed(r->shard, feed, page);
    trace_feed_end(r, q, &before);
    if (whole)
        round_done(r, q);
    else
        ask_authors(r, q);
}

static void ask(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    uint32_t missing = g->skip + g->limit - g->page.n;
    g->what.page.want = missing < PAGE_MAX ? missing : PAGE_MAX;
    switch (g->what.source) {
    case SOURCE_EDGES:
    case SOURCE_SEQ:
    case SOURCE_AUDITS:
        ask_one(r, q);
        return;
    case SOURCE_ALL_POSTS:
    case SOURCE_AUTHORS:
    case SOURCE_FIND:
    case SOURCE_QUEUE:
        lists_ask_all(r, q, false);
        return;
    case SOURCE_FEED:
        ask_feed(r, q);
    }
}

// ---- building ----------------------------------------------------------------------------------

// Documents can be asked for by what they say.
static void keep_agreeing(const struct request *q, struct page *page, struct sight *sight)
{
    const struct doc_call c = doc_call_of(q->row, q->actor, request_table(q));
    uint32_t n = 0;
    for (uint32_t i = 0; i < page->n; i++) {
        if (!doc_agrees(&c, (const struct doc *)sight[i].o))
            continue;
        sight[n] = sight[i];
        page->item[n++] = page->item[i];
    }
    page->n = n;
}

// followed: of a feed that was read in this turn.
static void see(struct reactor *r, struct request *q, struct page *page, bool followed,
                struct sight *sight)
{
    struct eye eye;
    bool all = q->row->number == OP_blocks || q->row->number == OP_reports;
    uint32_t found = page->n;
    eye_open(&eye, &(struct view){r->server->store, r->shard, q->actor});
    page_see(&eye, page, (struct wanted){q->reading->kind, followed, all}, sight);
    if (q->row->doc != DOC_none)
        keep_agreeing(q, page, sight);
    q->trace.records += q->reading->kind == ENTITY_user ? found : 2 * found; // and the authors
    q->trace.hidden += found - page->n;
}

// sight: of the page, NULL = not looked up yet.
static void build(struct reactor *r, struct request *q, const struct sight *sight)
{
    struct reading *g = q->reading;
    struct sight own[PAGE_MAX];
    struct view view = {r->server->store, r->shard, q->actor};
    char text[CURSOR_CHARS_MAX + 1], *cursor = NULL;
    fb_builder *b = &r->pages;
    fb_ref root = 0;
    if (g->page.next != 0) {
        struct cursor_scope scope = scope_of(q, g);
        struct cursor_at at = {g->page.next, g->page.next_stamp};
        cursor_write_at(text, r->server->keys.cursor, &scope, at);
        cursor = text;
    }
    fb_restart(b);
    if (sight == NULL && g->kind != ENTITY_none)
        see(r, q, &g->page, false, own);
    q->trace.shown = g->page.n;
    trace_end(r, q, TRACE_READ);
    // The authors of a feed that took several rounds may have been left meanwhile.
    bool followed = sight != NULL && g->what.source == SOURCE_FEED;
    struct shown shown = {&g->page, sight != NULL ? sight : own, g->what.list, cursor, followed};
    if (g->kind == ENTITY_post)
        root = build_posts(b, &view, &shown);
    else if (g->what.source == SOURCE_QUEUE)
        root = build_reports(b, &view, &shown);
    else if (doc_row(g->kind) != NULL)
        root = build_docs(b, r->server->store, q->row->reply, &shown);
    else if (g->kind == ENTITY_comment)
        root = build_comments(b, &view, &shown);
    else if (g->kind == ENTITY_session)
        root = sessions_build(b, &shown,
                              (struct sessions_view){q->session, clock_wall_ms()});
    else if (g->kind == ENTITY_audit)
        root = audit_build(b, &shown);
    else if (g->what.list == LIST_sharers)
        root = build_shares(b, &view, g->what.owner, &shown);
    else if (g->kind == ENTITY_none)
        root = finds_build(b, view.store, &g->what.find, &shown);
    else
        root = build_users(b, &shown);
    lists_free(q);
    answer_built(r, q, b, root);
}

void lists_build(struct reactor *r, struct request *q)
{
    q->trace.found = q->reading->page.n;
    build(r, q, NULL);
}

static struct page *merged(struct reactor *r, struct reading *g)
{
    enum list_source source = g->what.source;
    bool all = source == SOURCE_ALL_POSTS || source == SOURCE_AUTHORS || source == SOURCE_FIND ||
               source == SOURCE_QUEUE;
    if (!all || r->server->cores == 1)
        return &g->what.page;
    for (unsigned c = 1; c < r->server->cores; c++) {
        struct page *into = &g->asked[0].page;
        if (g->what.source == SOURCE_FIND)
            page_merge_in(into, &g->asked[c].page, finds_order(r->server->store, &g->what.find));
        else
            page_merge(into, &g->asked[c].page);
    }
    return &g->asked[0].page;
}

// A search that has done its work for this turn leaves the core to others first.
static void ask_again(struct reactor *r, struct request *q)
{
    if (q->reading->what.source == SOURCE_FIND) {
        q->run = ask;
        reactor_ready(r, q);
    } else {
        ask(r, q);
    }
}

static void round_done(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    struct sight sight[PAGE_MAX];
    if (g->what.source == SOURCE_FIND && finds_ranks(&g->what.find)) {
        finds_rank(r, q);
        return;
    }
    struct page *found = merged(r, g);
    q->trace.rounds++;
    q->trace.found += found->n;
    q->trace.older += g->what.source == SOURCE_AUTHORS ? found->n : 0;
    if (g->kind != ENTITY_none)
        see(r, q, found, g->what.source == SOURCE_FEED, sight);
    bool whole = g->page.n == 0 && g->skip == 0;
    uint32_t passed = found->n < g->skip ? found->n : g->skip;
    g->skip -= passed;
    q->trace.passed += passed;
    uint32_t n = found->n - passed;
    ASSERT(g->page.n + n <= PAGE_MAX);
    memcpy(g->page.item + g->page.n, found->item + passed, n * sizeof found->item[0]);
    g->page.n += n;
    g->page.next = found->next;
    g->page.next_stamp = found->next_stamp;
    g->what.key = found->next;
    g->what.key_stamp = found->next_stamp;
    if (g->page.n < g->limit && found->next != 0 && ++g->rounds < ROUNDS_MAX)
        ask_again(r, q);
    else
        build(r, q, whole ? sight : NULL);
}

// Whether the list is there, but what is in it is not for the acting user.
static bool nobody_shown(const struct reactor *r, const struct request *q)
{
    const struct store *s = r->server->store;
    uint64_t owner = q->reading->what.owner;
    if (q->row->number == OP_likes) {
        const struct post *post = store_post(s, owner);
        return post != NULL && !likes_shown(post, q->actor);
    }
    if (q->row->number != OP_comment_likes)
        return false;
    const struct comment *comment = store_comment(s, owner);
    return comment != NULL && comment->o.flags & OBJECT_TOMBSTONE;
}

// The items of the pages are not touched.
static void reading_init(struct reading *g)
{
    memset(g, 0, offsetof(struct reading, what.page));
    g->what.page.n = g->page.n = 0;
    g->what.page.next = g->page.next = 0;
    g->what.page.next_stamp = g->page.next_stamp = 0;
}

bool lists_waits(const struct reactor *r, const struct request *q)
{
    if (atomic_load_explicit(&r->server->store->unindexed, memory_order_acquire) == 0)
        return false;
    const struct list_row *row = row_of(q);
    return row != NULL && row->source == SOURCE_FIND;
}

void lists_begin(struct reactor *r, struct request *q)
{
    struct reading *g = malloc(sizeof *g);
    if (g == NULL) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    reading_init(g);
    q->reading = g;
    enum kith_error error = begin(r, q, g);
    if (error == KITH_invalid_field) {
        strcpy(q->fault.pointer, "/offset");
        q->fault.code = "out_of_range";
        q->fault.max = FEED_OFFSET_MAX;
        answer_fault(r, q, error);
    } else if (error != KITH_ok) {
        answer_error(r, q, error);
    } else if (nobody_shown(r, q)) {
        build(r, q, NULL);
    } else {
        g->page.want = g->limit;
        ask(r, q);
    }
}
