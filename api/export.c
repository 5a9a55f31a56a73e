// Section after section, each from its newest item on. The cursor has the section, of a list of a
// collection's also the collection, and where in the list it goes on.
#include "api/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/cursor.h"
#include "api/notes.h"
#include "api/sessions.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/fb_json_print.h"
#include "core/id.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "store/acts.h"
#include "store/doc.h"
#include "store/edges.h"
#include "store/note_read.h"
#include "store/read.h"
#include "store/seq.h"
#include "store/shares.h"
#include "store/store.h"
#include "store/stream.h"

enum {
    LINE_BYTES = 1 << 20,      // more than any record can print as
    PAGE_BYTES = 256 << 10,    // of lines at which a page ends
    LOOKS = 1024,              // at items, of which some are gone, in one page
    SECTION_SHIFT = 56,        // of the cursor's second word; below it the collection's stamp
};

enum how { PROFILE, SINGLE, PREFERENCES, POSTS, DOCS, SESSIONS, EDGES, COLLECTED, NOTES,
           ACTIVITIES };

struct section {
    const char *kind;
    enum how how;
    uint8_t list;              // enum list_kind
    uint8_t entity;            // of documents; of what an edge leads to
};

static const struct section sections[] = {
    {"profile", PROFILE, LIST_none, ENTITY_user},
    {"settings", SINGLE, LIST_settings, ENTITY_settings},
    {"contacts", SINGLE, LIST_contact_books, ENTITY_contact_book},
    {"notification_preferences", PREFERENCES, LIST_note_preferences, ENTITY_none},
    {"preference", DOCS, LIST_preferences, ENTITY_preference},
    {"address", DOCS, LIST_addresses, ENTITY_address},
    {"collection", DOCS, LIST_collections, ENTITY_collection},
    {"collection_item", COLLECTED, LIST_collected, ENTITY_post},
    {"post", POSTS, LIST_posts, ENTITY_post},
    {"archived_post", POSTS, LIST_archived, ENTITY_post},
    {"deleted_post", POSTS, LIST_binned, ENTITY_post},
    {"comment", EDGES, LIST_written, ENTITY_comment},
    {"like", EDGES, LIST_liked, ENTITY_post},
    {"comment_like", EDGES, LIST_liked_comments, ENTITY_comment},
    {"bookmark", EDGES, LIST_bookmarks, ENTITY_post},
    {"share", EDGES, LIST_shared, ENTITY_post},
    {"reaction", EDGES, LIST_reacted, ENTITY_post},
    {"follow", EDGES, LIST_following, ENTITY_user},
    {"follower", EDGES, LIST_followers, ENTITY_user},
    {"follow_request_sent", EDGES, LIST_requested, ENTITY_user},
    {"follow_request", EDGES, LIST_requests, ENTITY_user},
    {"block", EDGES, LIST_blocking, ENTITY_user},
    {"mute", EDGES, LIST_muting, ENTITY_user},
    {"close_friend", EDGES, LIST_close_friends, ENTITY_user},
    {"suggestion_dismissed", EDGES, LIST_dismissed, ENTITY_user},
    {"search", DOCS, LIST_searches, ENTITY_search},
    {"report", DOCS, LIST_reports, ENTITY_report},
    {"device", DOCS, LIST_devices, ENTITY_device},
    {"notification", NOTES, LIST_notifications, ENTITY_none},
    {"activity", ACTIVITIES, LIST_none, ENTITY_none},
    {"session", SESSIONS, LIST_sessions, ENTITY_session},
};
enum { SECTIONS = sizeof sections / sizeof sections[0] };

struct export {
    struct reactor *r;
    const struct section *section;
    struct view view;          // of the user
    const struct part *part;
    fb_builder *b;
    char *text;
    uint32_t at[PAGE_MAX + 1]; // where each line begins, and the end of the last
    uint32_t n, want, looks;
    unsigned number;           // of the section
    uint64_t collection;       // of COLLECTED: the list's, 0 = the newest
    uint64_t before;           // items below it are to come; 0 = from the newest
};

// ---- lines -------------------------------------------------------------------------------------

static bool full(const struct export *x)
{
    return x->n == x->want || x->looks >= LOOKS || x->at[x->n] >= PAGE_BYTES;
}

// flags: of fb_json_print.
static void print(struct export *x, const void *table, const struct fb_type *type, unsigned flags)
{
    char *to = x->text + x->at[x->n];
    size_t room = PAGE_BYTES + LINE_BYTES - x->at[x->n];
    int head = snprintf(to, room, "{\"kind\":\"%s\",\"data\":", x->section->kind);
    size_t body = fb_json_print(to + head, room - (size_t)head - 1, table, type, flags);
    ASSERT(body > 0);
    to[(size_t)head + body] = '}';
    x->at[x->n + 1] = x->at[x->n] + (uint32_t)((size_t)head + body + 1);
    x->n++;
}

static const void *finished(struct export *x, fb_ref root)
{
    size_t n = root != 0 ? fb_finish(x->b, root) : 0;
    ASSERT(n > 0);
    return fb_root(fb_data(x->b));
}

static void put(struct export *x, fb_ref root, const struct fb_type *type, unsigned flags)
{
    print(x, finished(x, root), type, flags);
}

static fb_builder *begin(struct export *x)
{
    fb_restart(x->b);
    return x->b;
}

// The one element of a page that was built for it.
static void put_only(struct export *x, fb_ref root, const struct fb_type *type)
{
    fb_vec all = fb_sub_vec(finished(x, root), type->fields[0].slot);
    if (all.n > 0) // else a session whose time is up
        print(x, fb_vec_sub(all, 0), type->fields[0].type, FB_JSON_FULL);
}

// ---- records -----------------------------------------------------------------------------------

static void put_record(struct export *x, const struct object *o)
{
    const struct user *user = store_account(x->view.store, x->view.viewer);
    struct page page = {.n = 1, .item = {{o->id, 0}}};
    struct sight sight = {o, user};
    struct shown shown = {.page = &page, .sight = &sight};
    fb_builder *b = begin(x);
    const struct doc_row *row = doc_row(o->kind);
    if (row != NULL) {
        struct doc_shown doc = {row, (const struct doc *)o, x->view.viewer, o->id};
        put(x, build_doc(b, x->view.store, doc), row->content, FB_JSON_FULL);
    } else if (o->kind == ENTITY_post) {
        put_only(x, build_posts(b, &x->view, &shown), &kt_desc_Posts);
    } else if (o->kind == ENTITY_comment) {
        put_only(x, build_comments(b, &x->view, &shown), &kt_desc_Comments);
    } else {
        struct sessions_view now = {0, clock_wall_ms()};
        put_only(x, sessions_build(b, &shown, now), &kt_desc_Sessions);
    }
}

// false: the list is at its end.
static bool seq_item(struct export *x)
{
    uint64_t id;
    struct edge_at list = {x->view.viewer, (enum list_kind)x->section->list};
    if (seq_below(seqs_find(x->part, list), x->before, &id, 1) == 0)
        return false;
    const struct object *o = store_find(x->view.store, id);
    if (o != NULL && !(o->flags & OBJECT_GONE))
        put_record(x, o);
    x->before = id;
    return true;
}

// ---- edges -------------------------------------------------------------------------------------

static void put_edge(struct export *x, const struct edge *e, uint64_t collection)
{
    const struct store *s = x->view.store;
    fb_builder *b = begin(x);
    kt_new_ExportedEdge w = {0};
    const struct share_text *text = NULL;
    if (x->section->list == LIST_shared)
        text = share_text_find(s, e->other, e->stamp);
    if (text != NULL)
        kt_put_ExportedEdge_content(&w, fb_string(b, text->data, text->o.text_n));
    if (x->section->entity == ENTITY_user)
        kt_put_ExportedEdge_user_id(&w, e->other);
    else if (x->section->entity == ENTITY_post)
        kt_put_ExportedEdge_post_id(&w, e->other);
    else
        kt_put_ExportedEdge_comment_id(&w, e->other);
    if (collection != 0)
        kt_put_ExportedEdge_collection_id(&w, collection);
    if (x->section->list == LIST_reacted)
        kt_put_ExportedEdge_reaction_type(
            &w, (kt_Reaction)(kt_Reaction_like + (e->stamp & TYPE_MASK)));
    kt_put_ExportedEdge_created_at(&w, stamp_ms(e->stamp));
    put(x, kt_end_ExportedEdge(b, &w), &kt_desc_ExportedEdge, 0);
}

static bool edge_item(struct export *x, uint64_t owner, uint64_t collection)
{
    struct edge e;
    struct edge_at list = {owner, (enum list_kind)x->section->list};
    if (edges_page(x->part, list, x->before, (struct edge_room){&e, 1}) == 0)
        return false;
    x->before = e.stamp;
    if (x->section->list != LIST_written) {
        put_edge(x, &e, collection);
        return true;
    }
    const struct object *o = store_find(x->view.store, e.other);
    bool own = o != NULL && o->kind == ENTITY_comment && !(o->flags & OBJECT_GONE) &&
               ((const struct comment *)o)->author == x->view.viewer;
    if (own)
        put_record(x, o);
    return true;
}

// From the newest collection to the oldest.
static bool collected_item(struct export *x)
{
    struct edge_at all = {x->view.viewer, LIST_collections};
    for (;;) {
        if (x->collection != 0 && edge_item(x, x->collection, x->collection))
            return true;
        x->before = 0;
        if (seq_below(seqs_find(x->part, all), x->collection, &x->collection, 1) == 0)
            return false;
    }
}

// ---- notifications and acts --------------------------------------------------------------------

static fb_ref entity_text(fb_builder *b, uint32_t entity)
{
    const char *name = entity == ENTITY_user      ? "user"
                       : entity == ENTITY_post    ? "post"
                       : entity == ENTITY_comment ? "comment"
                                                  : "none";
    return fb_cstring(b, name);
}

static void put_note(struct export *x, const struct stream_item *item)
{
    const struct note_row *row = note_row(item->type);
    fb_builder *b = begin(x);
    kt_new_ExportedNote w = {0};
    if (row == NULL)
        return;
    kt_put_ExportedNote_type(&w, fb_cstring(b, row->name));
    kt_put_ExportedNote_entity_type(&w, entity_text(b, item->data));
    kt_put_ExportedNote_notification_id(&w, id_make(item->number, id_slot(x->view.viewer)));
    kt_put_ExportedNote_actor_id(&w, item->actor);
    kt_put_ExportedNote_entity_id(&w, item->entity);
    kt_put_ExportedNote_is_read(&w, item->flags & STREAM_READ);
    kt_put_ExportedNote_created_at(&w, stamp_ms(item->number));
    put(x, kt_end_ExportedNote(b, &w), &kt_desc_ExportedNote, FB_JSON_FULL);
}

static bool note_item(struct export *x)
{
    struct stream_item item;
    struct edge_at list = {x->view.viewer, (enum list_kind)x->section->list};
    const struct stream *t = streams_find(x->part, list);
    if (stream_below(t, x->before, (struct stream_room){&item, 1, false}) == 0)
        return false;
    x->before = item.number;
    put_note(x, &item);
    return true;
}

static bool act_item(struct export *x)
{
    struct stream_item act;
    struct acts_read one = {x->view.viewer, x->before, activities_since(x->r->server), 1};
    if (acts_below(x->part, one, &act) == 0)
        return false;
    x->before = act_key(&act);
    struct noted what = {.owner = x->view.viewer, .item = &act, .n = 1};
    put_only(x, build_activities(begin(x), x->view.store, &what), &kt_desc_Activities);
    return true;
}

// ---- what there is one of ----------------------------------------------------------------------

static bool single(struct export *x)
{
    uint64_t user = x->view.viewer;
    fb_builder *b = begin(x);
    if (x->before != 0)
        return false;
    x->before = 1;
    if (x->section->how == PROFILE) {
        put(x, build_user(b, &x->view, user), &kt_desc_User, FB_JSON_FULL);
    } else if (x->section->how == PREFERENCES) {
        put(x, build_preferences(b, x->r->shard, user), &kt_desc_NotificationPreferences,
            FB_JSON_FULL);
    } else {
        const struct doc_row *row = doc_row(x->section->entity);
        struct doc_shown doc = {.row = row, .owner = user};
        doc.d = doc_single(x->part, user, row->kind);
        put(x, build_doc(b, x->view.store, doc), row->content, FB_JSON_FULL);
    }
    return true;
}

static bool item(struct export *x)
{
    switch (x->section->how) {
    case PROFILE:
    case SINGLE:
    case PREFERENCES:
        return single(x);
    case POSTS:
    case DOCS:
    case SESSIONS:
        return seq_item(x);
    case EDGES:
        return edge_item(x, x->view.viewer, 0);
    case COLLECTED:
        return collected_item(x);
    case NOTES:
        return note_item(x);
    case ACTIVITIES:
        return act_item(x);
    }
    return false;
}

// ---- pages -------------------------------------------------------------------------------------

// Whether there is more.
static bool fill(struct export *x)
{
    while (x->number < SECTIONS) {
        x->section = &sections[x->number];
        if (full(x))
            return true;
        x->looks++;
        if (item(x))
            continue;
        x->number++;
        x->before = x->collection = 0;
    }
    return false;
}

static struct cursor_scope scope_of(const struct request *q)
{
    return (struct cursor_scope){q->actor, request_key(q), OP_user_export};
}

static void answer_page(struct export *x, struct request *q, bool more)
{
    struct reactor *r = x->r;
    char cursor[CURSOR_CHARS_MAX + 1];
    fb_builder *b = begin(x);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < x->n; i++)
        fb_push(b, fb_string(b, x->text + x->at[i], x->at[i + 1] - x->at[i]));
    kt_new_ExportPage w = {0};
    kt_put_ExportPage_lines(&w, fb_refs(b, mark));
    if (more) {
        struct cursor_scope scope = scope_of(q);
        uint64_t list = id_stamp(x->collection) | (uint64_t)(x->number + 1) << SECTION_SHIFT;
        cursor_write_at(cursor, r->server->keys.cursor, &scope,
                        (struct cursor_at){x->before, list});
        kt_put_ExportPage_next_cursor(&w, fb_cstring(b, cursor));
    }
    answer_built(r, q, b, kt_end_ExportPage(b, &w));
}

static bool go_on(struct export *x, const struct request *q, fb_str cursor)
{
    struct cursor_scope scope = scope_of(q);
    struct cursor_at at;
    if (cursor.n == 0)
        return true;
    if (!cursor_read_at(cursor, x->r->server->keys.cursor, &scope, &at))
        return false;
    uint64_t stamp = at.stamp & ((UINT64_C(1) << SECTION_SHIFT) - 1);
    x->number = (unsigned)(at.stamp >> SECTION_SHIFT) - 1;
    x->before = at.key;
    x->collection = stamp != 0 ? id_make(stamp, id_slot(x->view.viewer)) : 0;
    return true;
}

void export_read(struct reactor *r, struct request *q)
{
    const struct store *s = r->server->store;
    const kt_UserList *t = request_table(q);
    uint64_t user = request_key(q);
    struct export *x = store_user(s, user) != NULL ? calloc(1, sizeof *x) : NULL;
    if (x == NULL) {
        answer_error(r, q, store_user(s, user) != NULL ? KITH_overloaded : KITH_not_found);
        return;
    }
    x->r = r;
    x->view = (struct view){s, r->shard, user};
    x->part = store_part(s, id_slot(user));
    x->b = &r->pages;
    x->want = kt_UserList_limit(t);
    x->text = malloc(PAGE_BYTES + LINE_BYTES);
    ASSERT(x->part->shard == r->shard);
    if (x->text == NULL)
        answer_error(r, q, KITH_overloaded);
    else if (!go_on(x, q, kt_UserList_cursor(t)))
        answer_error(r, q, KITH_invalid_cursor);
    else
        answer_page(x, q, fill(x));
    free(x->text);
    free(x);
}
