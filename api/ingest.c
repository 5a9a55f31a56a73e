// Most requests are their entry's body as they are.
#include "api/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/changes.h"
#include "api/contacts.h"
#include "api/media.h"
#include "api/reports.h"
#include "api/tickets.h"
#include "api/validate.h"
#include "api/words.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/fb_copy.h"
#include "core/fb_verify.h"
#include "core/language.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "store/bin.h"
#include "store/doc.h"
#include "store/store.h"

enum kith_error ingest_fault(struct request *q, const char *pointer, const char *code,
                             uint32_t max)
{
    snprintf(q->fault.pointer, sizeof q->fault.pointer, "%s", pointer);
    q->fault.code = code;
    q->fault.max = max;
    return KITH_invalid_field;
}

// ---- copies ------------------------------------------------------------------------------------

static fb_ref copy_vector(fb_builder *b, const fb_field *f, fb_vec v)
{
    if (fb_is_scalar(f->elem))
        return fb_vector(b, v.p, v.n, f->elem_size);
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < v.n; i++) {
        if (f->elem == FB_STRING) {
            fb_str s = fb_vec_str(v, i);
            fb_push(b, fb_string(b, s.s, s.n));
        } else {
            fb_push(b, fb_copy(b, f->type, fb_vec_sub(v, i)));
        }
    }
    return fb_refs(b, mark);
}

static fb_ref copy_ref(fb_builder *b, const fb_field *f, const void *table)
{
    if (f->base == FB_STRING) {
        fb_str s = fb_sub_str(table, f->slot);
        return fb_string(b, s.s, s.n);
    }
    if (f->base == FB_VECTOR)
        return copy_vector(b, f, fb_sub_vec(table, f->slot));
    ASSERT(f->base == FB_OBJECT); // no request has unions or structs
    return fb_copy(b, f->type, fb_sub(table, f->slot));
}

void ingest_stage(fb_builder *b, struct fields from, void *staged)
{
    const fb_type *t = from.type;
    uint8_t *to = staged;
    uint64_t set = fb_u64(to);
    for (unsigned i = 0; i < t->n_fields; i++) {
        const fb_field *f = &t->fields[i];
        uint32_t at = fb_at(from.table, f->slot);
        if (at == 0 || !((from.mask & t->all) >> f->id & 1))
            continue;
        fb_ref ref = 0;
        if (fb_is_scalar(f->base))
            memcpy(to + f->at, (const uint8_t *)from.table + at, f->size);
        else if ((ref = copy_ref(b, f, from.table)) != 0)
            memcpy(to + f->at, &ref, sizeof ref);
        else
            continue; // the builder remembers why
        set |= UINT64_C(1) << f->id;
    }
    memcpy(to, &set, sizeof set);
}

// ---- users -------------------------------------------------------------------------------------

enum { FULL_NAME = 6, NAME_POINTS_MAX = 100 }; // id of UserUpdate's field; of first and last name

bool ingest_names(fb_str full, fb_str *first, fb_str *last)
{
    struct word a, b;
    uint32_t points_a, points_b;
    split_name((struct word){full.s, full.n}, &a, &b);
    *first = (fb_str){a.s, a.n};
    *last = (fb_str){b.s, b.n};
    return fb_utf8(a.s, a.n, &points_a) && fb_utf8(b.s, b.n, &points_b) &&
           points_a <= NAME_POINTS_MAX && points_b <= NAME_POINTS_MAX;
}

// A new address is to be proven: the token's hash goes with it.
static enum kith_error new_address(struct reactor *r, struct request *q, fb_builder *b,
                                   kt_new_UserUpdate *w)
{
    fb_str email = kt_UserUpdate_email(request_table(q));
    const struct user *user = store_account(r->server->store, request_key(q));
    uint32_t n = 0;
    const char *old = user != NULL ? user_string(user, USER_email, &n) : "";
    if (email.n == 0 || (email.n == n && memcmp(email.s, old, n) == 0))
        return KITH_ok;
    if (q->account == NULL)
        q->account = calloc(1, sizeof *q->account);
    if (q->account == NULL)
        return KITH_overloaded;
    q->account->user = request_key(q);
    ticket_draw(r, q, kt_TicketKind_verify_email);
    kt_put_UserUpdate_verify_hash(w, fb_cstring(b, q->account->ticket.hash));
    kt_put_UserUpdate_verify_expires(w, q->account->ticket.expires_ms);
    return KITH_ok;
}

// A full name is kept as first and last, split at its last space.
static enum kith_error ingest_user_update(struct reactor *r, struct request *q)
{
    const kt_UserUpdate *u = request_table(q);
    kt_new_UserUpdate w = {0};
    fb_builder b;
    fb_str full = kt_UserUpdate_full_name(u);
    uint64_t names = UINT64_C(1) << FULL_NAME;
    if (kt_has_UserUpdate_full_name(u) && (kt_has_UserUpdate_first_name(u) ||
                                           kt_has_UserUpdate_last_name(u)))
        return KITH_conflicting_aliases;
    fb_init(&b, r->build, BUILD_BYTES);
    ingest_stage(&b, (struct fields){&kt_desc_UserUpdate, u, ~names}, &w);
    if (kt_has_UserUpdate_full_name(u)) {
        fb_str first, last;
        if (!ingest_names(full, &first, &last))
            return ingest_fault(q, "/full_name", "too_long", NAME_POINTS_MAX);
        kt_put_UserUpdate_first_name(&w, fb_string(&b, first.s, first.n));
        kt_put_UserUpdate_last_name(&w, fb_string(&b, last.s, last.n));
    }
    enum kith_error error = new_address(r, q, &b, &w);
    return error == KITH_ok ? change_take(r, &b, kt_end_UserUpdate(&b, &w)) : error;
}

// A reaction of type like is a like.
static bool reacts_with_like(const struct request *q)
{
    return kt_React_reaction_type(request_table(q)) == kt_Reaction_like;
}

// Names are decided by the accounts slot, which passes the other fields on.
static bool changes_names(const kt_UserUpdate *u)
{
    return kt_has_UserUpdate_username(u) || kt_has_UserUpdate_email(u) ||
           kt_has_UserUpdate_phone_number(u);
}

static bool is_private(const struct store *s, uint64_t user)
{
    const struct user *u = store_account(s, user);
    return u != NULL && u->o.rules & RULE_PRIVATE;
}

unsigned ingest_op(const struct reactor *r, const struct request *q)
{
    if (q->row->number == OP_user_update && changes_names(request_table(q)))
        return OP_user_rename;
    if (q->row->number == OP_follow && is_private(r->server->store, request_key(q)))
        return OP_follow_request;
    if (q->row->number == OP_react && reacts_with_like(q))
        return OP_like;
    return q->row->number;
}

// ---- the rest ----------------------------------------------------------------------------------

enum kith_error ingest_as_is(struct reactor *r, const struct request *q)
{
    struct entry *e = (struct entry *)(void *)r->entry;
    if (q->body_n > change_room(r))
        return KITH_too_large;
    memcpy(change_body(r), q->body, q->body_n);
    e->length = entry_head_size(e) + q->body_n;
    return KITH_ok;
}

static enum kith_error ingest_comment(struct reactor *r, struct request *q)
{
    const kt_CommentCreate *c = request_table(q);
    fb_str content = kt_CommentCreate_content(c);
    if (!has_content(content.s, content.n))
        return KITH_empty_comment;
    uint64_t author = kt_CommentCreate_user_id(c), named[MENTIONS_MAX];
    if (author != 0 && author != q->actor)
        return KITH_forbidden;
    unsigned n = ingest_named(r, content, named);
    // Only what lies in the author's slot knows what he writes; a comment lies in the post's.
    const struct user *writer = store_account(r->server->store, q->actor);
    unsigned language = writer != NULL ? writer->o.language : LANGUAGE_english;
    if (n == 0 && language == LANGUAGE_english)
        return ingest_as_is(r, q);
    fb_builder b;
    kt_new_CommentCreate w = {0};
    fb_init(&b, r->build, BUILD_BYTES);
    ingest_stage(&b, (struct fields){&kt_desc_CommentCreate, c, ~UINT64_C(0)}, &w);
    if (n > 0)
        kt_put_CommentCreate_mention_ids(&w, fb_vector(&b, named, n, sizeof named[0]));
    if (language != LANGUAGE_english)
        kt_put_CommentCreate_language(&w, (uint8_t)language);
    return change_take(r, &b, kt_end_CommentCreate(&b, &w));
}

static enum kith_error ingest_settings(struct reactor *r, struct request *q)
{
    fb_str tag = kt_SettingsChange_language(request_table(q));
    enum language writes = language_of((struct language_text){tag.s, tag.n});
    if (writes == LANGUAGE_english)
        return ingest_as_is(r, q);
    fb_builder b;
    kt_new_SettingsChange w = {0};
    fb_init(&b, r->build, BUILD_BYTES);
    ingest_stage(&b, (struct fields){&kt_desc_SettingsChange, request_table(q), ~UINT64_C(0)}, &w);
    kt_put_SettingsChange_writes(&w, (uint8_t)writes);
    return change_take(r, &b, kt_end_SettingsChange(&b, &w));
}

static enum kith_error ingest_preference(struct reactor *r, struct request *q)
{
    fb_str name = kt_PreferenceSet_notification_type(request_table(q));
    if (note_named(name.s, name.n) == NOTE_none)
        return ingest_fault(q, "/notification_type", "unknown", 0);
    return ingest_as_is(r, q);
}

static enum kith_error ingest_reaction(struct reactor *r, struct request *q)
{
    if (kt_React_reaction_type(request_table(q)) == kt_Reaction_none)
        return ingest_fault(q, "/reaction_type", "missing", 0);
    if (!reacts_with_like(q))
        return ingest_as_is(r, q);
    fb_builder b;
    fb_init(&b, r->build, BUILD_BYTES);
    kt_new_Like w = {0};
    kt_put_Like_post_id(&w, request_key(q));
    return change_take(r, &b, kt_end_Like(&b, &w));
}

// Past its time it is as good as erased.
static enum kith_error ingest_restore(struct reactor *r, struct request *q)
{
    const struct object *o = store_find(r->server->store, request_key(q));
    uint64_t window_ms = (uint64_t)r->server->opt.restore_s * 1000;
    uint64_t deleted_ms = o != NULL ? bin_deleted_ms(o) : 0;
    if (deleted_ms != 0 && deleted_ms + window_ms <= clock_wall_ms())
        return KITH_not_found;
    return ingest_as_is(r, q);
}

static enum kith_error ingest_comment_update(struct reactor *r, struct request *q)
{
    fb_str content = kt_CommentUpdate_content(request_table(q));
    return has_content(content.s, content.n) ? ingest_as_is(r, q) : KITH_empty_comment;
}

static enum kith_error ingest_edges(struct reactor *r, struct request *q)
{
    const kt_ImportEdges *t = request_table(q);
    fb_vec from = kt_ImportEdges_from(t), to = kt_ImportEdges_to(t);
    if (kt_ImportEdges_kind(t) == kt_EdgeKind_none)
        return ingest_fault(q, "/kind", "missing", 0);
    if (from.n != to.n)
        return ingest_fault(q, "/to", "wrong_length", from.n);
    return from.n > 0 ? ingest_as_is(r, q) : ingest_fault(q, "/from", "missing", 0);
}

static enum kith_error ingest_flag(struct reactor *r, struct request *q)
{
    const void *t = request_table(q);
    bool role = q->row->number == OP_role_set;
    if (role ? !kt_has_RoleSet_role(t) : !kt_has_VerifiedSet_is_verified(t))
        return ingest_fault(q, role ? "/role" : "/is_verified", "missing", 0);
    return ingest_as_is(r, q);
}

static enum kith_error ingest_posts(struct reactor *r, struct request *q)
{
    const kt_ImportPosts *t = request_table(q);
    if (kt_ImportPosts_posts(t).n == 0)
        return ingest_fault(q, "/posts", "missing", 0);
    return ingest_as_is(r, q);
}

static enum kith_error ingest_medium(struct reactor *r, struct request *q)
{
    enum kith_error error = media_own(r, q);
    return error == KITH_ok ? ingest_as_is(r, q) : error;
}

// Only what is the actor's own can be an edge's beginning. This is judged here for good, before any
// key: who a document belongs to never changes, and where it does not lie nobody knows it.
static enum kith_error ingest_link(struct reactor *r, const struct request *q)
{
    unsigned edge = q->row->link != EDGE_none ? q->row->link : q->row->unlink;
    uint64_t from = request_id_field(q, q->row->from);
    enum kith_error error = (enum kith_error)check_doc_owner(r->server->store, q->actor, from,
                                                             edge_row(edge)->from);
    return error == KITH_ok ? ingest_as_is(r, q) : error;
}

enum kith_error ingest(struct reactor *r, struct request *q)
{
    if (q->row->from != NULL)
        return ingest_link(r, q);
    switch (q->row->number) {
    case OP_user_update:
        return ingest_user_update(r, q);
    case OP_post_create:
    case OP_post_update:
        return ingest_post(r, q);
    case OP_media_add:
        return ingest_medium(r, q);
    case OP_comment_create:
        return ingest_comment(r, q);
    case OP_comment_update:
        return ingest_comment_update(r, q);
    case OP_settings_change:
        return ingest_settings(r, q);
    case OP_notification_preference_set:
        return ingest_preference(r, q);
    case OP_react:
        return ingest_reaction(r, q);
    case OP_post_restore:
    case OP_post_reinstate:
    case OP_comment_reinstate:
        return ingest_restore(r, q);
    case OP_import_edges:
        return ingest_edges(r, q);
    case OP_import_posts:
        return ingest_posts(r, q);
    case OP_role_set:
    case OP_verified_set:
        return ingest_flag(r, q);
    case OP_contacts_put:
        return contacts_ingest(r, q);
    case OP_report_add:
    case OP_report_resolve:
        return reports_ingest(r, q);
    default:
        return ingest_as_is(r, q);
    }
}
