// Single answers, field by field; and lists whose items are compared as a set.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fb_copy.h"
#include "core/notes.h"
#include "kith_fb.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_reads.h"

static uint64_t number(const struct sim_read *r, const char *field)
{
    return fb_number_of(r->row->request, r->asked, field);
}

static uint64_t said(const struct sim_read *r, const void *answer, const char *field)
{
    return fb_number_of(r->row->reply, answer, field);
}

static bool has(uint64_t a, enum list_kind list, uint64_t b)
{
    return model_between(model, a, list, b);
}

static unsigned count(uint64_t id, enum list_kind list) { return model_count(model, id, list); }

static bool same_text(fb_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}

// ---- people ------------------------------------------------------------------------------------

static bool same_user(const struct sim_read *r, const kt_User *u, const struct model_object *o)
{
    uint64_t me = r->viewer;
    bool own = me == o->id;
    const char *email = own ? o->name[1] : "", *phone = own ? o->name[2] : "";
    return kt_User_user_id(u) == o->id && same_text(kt_User_username(u), o->name[0]) &&
           same_text(kt_User_bio(u), o->text) && kt_User_is_private(u) == o->is_private &&
           kt_User_is_verified(u) == o->badge && same_text(kt_User_email(u), email) &&
           same_text(kt_User_phone_number(u), phone) &&
           kt_User_followers_count(u) == count(o->id, LIST_followers) &&
           kt_User_following_count(u) == count(o->id, LIST_following) &&
           kt_User_posts_count(u) == count(o->id, LIST_posts) &&
           kt_User_following(u) == has(me, LIST_following, o->id) &&
           kt_User_requested(u) == has(me, LIST_requested, o->id) &&
           kt_User_followed_by(u) == has(me, LIST_followers, o->id);
}

static const struct model_object *user_meant(const struct sim_read *r)
{
    if (r->op != OP_user_by_name)
        return model_user(model, number(r, "user_id"));
    fb_str name = fb_text_of(r->row->request, r->asked, "username");
    for (unsigned i = 0; i < model->names; i++)
        if (model->name[i].kind == 0 && same_text(name, model->name[i].text))
            return model_user(model, model->name[i].id);
    return NULL;
}

static bool same_stats(const struct sim_read *r, const void *a, uint64_t user)
{
    return said(r, a, "post_count") == count(user, LIST_posts) &&
           said(r, a, "follower_count") == count(user, LIST_followers) &&
           said(r, a, "following_count") == count(user, LIST_following) &&
           said(r, a, "total_likes_received") == model_received(model, user);
}

static bool person(const struct sim_read *r, const void *answer, bool *there)
{
    const struct model_object *o = user_meant(r);
    *there = o != NULL && sim_sees(r->viewer, o->id);
    if (!*there || answer == NULL)
        return !*there;
    return r->op == OP_user_stats ? same_stats(r, answer, o->id) : same_user(r, answer, o);
}

static bool same_bonds(const kt_Relationship *b, uint64_t me)
{
    uint64_t id = kt_Relationship_user_id(b);
    return kt_Relationship_following(b) == has(me, LIST_following, id) &&
           kt_Relationship_followed_by(b) == has(me, LIST_followers, id) &&
           kt_Relationship_requested(b) == has(me, LIST_requested, id) &&
           kt_Relationship_requested_by(b) == has(me, LIST_requests, id) &&
           kt_Relationship_blocked(b) == has(me, LIST_blocking, id) &&
           kt_Relationship_muted(b) == has(me, LIST_muting, id) &&
           kt_Relationship_close_friend(b) == has(me, LIST_close_friends, id);
}

static bool relationships(const struct sim_read *r, const kt_Relationships *a)
{
    fb_vec asked = kt_RelationshipList_user_ids(r->asked), all = kt_Relationships_relationships(a);
    uint32_t at = 0;
    for (uint32_t i = 0; i < asked.n; i++) {
        if (!sim_sees(r->viewer, fb_vec_u64(asked, i)))
            continue;
        const kt_Relationship *b = at < all.n ? kt_at_Relationship(all, at++) : NULL;
        if (b == NULL || kt_Relationship_user_id(b) != fb_vec_u64(asked, i) ||
            !same_bonds(b, r->viewer))
            return false;
    }
    return at == all.n;
}

// Of a search for people, whose order is another test's: who is found is there for the viewer.
static bool people(const struct sim_read *r, const kt_Users *a)
{
    fb_vec all = kt_Users_users(a);
    for (uint32_t i = 0; i < all.n; i++)
        if (!sim_sees(r->viewer, kt_Person_user_id(kt_at_Person(all, i))))
            return false;
    return true;
}

// ---- posts -------------------------------------------------------------------------------------

static unsigned own_reaction(uint64_t me, uint64_t post)
{
    if (has(me, LIST_liked, post))
        return kt_Reaction_like;
    uint64_t stamp = model_stamp(model, me, LIST_reacted, post);
    return stamp != 0 ? (unsigned)kt_Reaction_like + (unsigned)(stamp % 8) : 0;
}

static unsigned reactions(const struct model_object *o)
{
    return count(o->id, LIST_likers) + count(o->id, LIST_reactors);
}

static bool same_rules(const kt_Post *p, const struct model_rules *m)
{
    return kt_Post_audience(p) == m->audience &&
           kt_Post_is_public(p) == (m->audience == kt_Audience_public) &&
           kt_Post_is_pinned(p) == m->pinned && kt_Post_is_archived(p) == m->archived &&
           kt_Post_comments_disabled(p) == m->no_comments &&
           kt_Post_likes_disabled(p) == m->no_likes;
}

// What it answers is named while that is there for the viewer.
static uint64_t parent_shown(uint64_t viewer, uint64_t post)
{
    uint64_t parent = 0;
    if (model_list(model, post, LIST_reply_to, &parent) == 0 || !sim_sees(viewer, parent))
        return 0;
    return parent;
}

static bool same_post(const struct sim_read *r, const kt_Post *p, const struct model_object *o)
{
    uint64_t me = r->viewer;
    bool likes = !o->rules.no_likes || me == o->author;
    return kt_Post_post_id(p) == o->id && kt_Post_user_id(p) == o->author &&
           same_text(kt_Post_caption(p), o->text) && kt_Post_media(p).n == o->media &&
           kt_Post_like_count(p) == (likes ? count(o->id, LIST_likers) : 0) &&
           kt_Post_reaction_count(p) == (likes ? reactions(o) : 0) &&
           kt_Post_comment_count(p) == model_comments(model, o->id) &&
           kt_Post_share_count(p) == count(o->id, LIST_sharers) &&
           kt_Post_save_count(p) == count(o->id, LIST_bookmarkers) &&
           kt_Post_reply_count(p) == count(o->id, LIST_post_replies) &&
           kt_Post_liked(p) == has(me, LIST_liked, o->id) &&
           kt_Post_reaction(p) == own_reaction(me, o->id) &&
           kt_Post_saved(p) == has(me, LIST_bookmarks, o->id) &&
           kt_Post_shared(p) == has(me, LIST_shared, o->id) &&
           kt_Post_following(p) == has(me, LIST_following, o->author) &&
           kt_Post_reply_to_post_id(p) == parent_shown(me, o->id) && same_rules(p, &o->rules);
}

static bool post(const struct sim_read *r, const void *answer, bool *there)
{
    const struct model_object *o = model_post(model, number(r, "post_id"));
    *there = o != NULL && sim_sees(r->viewer, o->id);
    if (!*there || answer == NULL)
        return !*there;
    bool likes = !o->rules.no_likes || r->viewer == o->author;
    if (r->op == OP_post_get)
        return same_post(r, answer, o);
    if (said(r, answer, "like_count") != (likes ? count(o->id, LIST_likers) : 0))
        return false;
    return r->op == OP_like_count ||
           (said(r, answer, "comment_count") == model_comments(model, o->id) &&
            said(r, answer, "share_count") == count(o->id, LIST_sharers) &&
            said(r, answer, "save_count") == count(o->id, LIST_bookmarkers) &&
            said(r, answer, "reaction_count") == (likes ? reactions(o) : 0) &&
            said(r, answer, "reply_count") == count(o->id, LIST_post_replies));
}

// ---- items of lists ----------------------------------------------------------------------------

static bool same_person(const kt_Person *p)
{
    const struct model_object *o = model_user(model, kt_Person_user_id(p));
    return o != NULL && same_text(kt_Person_username(p), o->name[0]) &&
           kt_Person_is_verified(p) == o->badge;
}

// Of a placeholder, or one by somebody who is not there, only its place is shown.
static bool same_comment(const struct sim_read *r, const kt_Comment *c)
{
    const struct model_object *o = model_find(model, kt_Comment_comment_id(c));
    bool by = o->author != 0 && !o->removed && model_shown(model, o->author);
    return kt_Comment_post_id(c) == o->post && kt_Comment_parent_id(c) == o->parent &&
           kt_Comment_is_deleted(c) == !by && kt_Comment_user_id(c) == (by ? o->author : 0) &&
           same_text(kt_Comment_content(c), by ? o->text : "") &&
           kt_Comment_like_count(c) == (by ? count(o->id, LIST_comment_likers) : 0) &&
           kt_Comment_liked(c) == (by && has(r->viewer, LIST_liked_comments, o->id)) &&
           kt_Comment_reply_count(c) == count(o->id, LIST_replies);
}

static bool same_note(const struct sim_read *r, const kt_Notification *w)
{
    const struct model_note *n = model_note(model, r->viewer, kt_Notification_notification_id(w));
    return n != NULL && kt_Notification_actor_id(w) == n->actor &&
           kt_Notification_entity_id(w) == n->entity &&
           same_text(kt_Notification_type(w), note_row(n->type)->name) &&
           (n->silent || kt_Notification_is_read(w) == n->read);
}

static bool same_report(const kt_ReportCase *c)
{
    const kt_Report *t = kt_ReportCase_report(c);
    const struct model_object *o = model_doc(model, kt_ReportCase_report_id(c), ENTITY_report);
    return o != NULL && kt_Report_report_id(t) == o->id && kt_Report_user_id(t) == o->author &&
           kt_Person_user_id(kt_ReportCase_reporter(c)) == o->author &&
           same_text(kt_Report_text(t), o->text) && kt_Report_status(t) == o->queue;
}

bool sim_read_item(const struct sim_read *r, const fb_type *type, const void *item)
{
    if (type == &kt_desc_ReportCase)
        return same_report(item);
    if (type == &kt_desc_Post)
        return same_post(r, item, model_find(model, kt_Post_post_id(item)));
    if (type == &kt_desc_Person)
        return same_person(item);
    if (type == &kt_desc_Comment)
        return same_comment(r, item);
    return type != &kt_desc_Notification || same_note(r, item);
}

// ---- tags and places ---------------------------------------------------------------------------

static unsigned tagged(const char *tag)
{
    unsigned n = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_post, o)) != NULL;)
        n += model_post(model, o->id) == o && !o->rules.archived && sim_has_tag(o, tag);
    return n;
}

// Each tag that begins so and is on some post, with its count; the most used first where ranked.
static bool tags(const struct sim_read *r, const kt_Tags *a)
{
    static const char *const names[] = {"tag0", "tag1", "tag2", "tag3",
                                        "tag4", "tag5", "tag6", "given"};
    fb_str prefix = {"", 0};
    fb_vec all = kt_Tags_tags(a);
    bool ranked = r->op != OP_search_tags;
    unsigned wanted = 0;
    if (!ranked)
        prefix = fb_text_of(r->row->request, r->asked, "query");
    if (prefix.n > 0 && prefix.s[0] == '#')
        prefix = (fb_str){prefix.s + 1, prefix.n - 1};
    for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++) {
        bool fits = prefix.n <= strlen(names[k]) && memcmp(prefix.s, names[k], prefix.n) == 0;
        unsigned n = fits ? tagged(names[k]) : 0, shown = 0;
        wanted += n > 0;
        for (uint32_t i = 0; i < all.n; i++)
            if (same_text(kt_Tag_tag_name(kt_at_Tag(all, i)), names[k]))
                shown = kt_Tag_post_count(kt_at_Tag(all, i));
        if (n != shown)
            return false;
    }
    for (uint32_t i = 1; ranked && i < all.n; i++)
        if (kt_Tag_post_count(kt_at_Tag(all, i)) > kt_Tag_post_count(kt_at_Tag(all, i - 1)))
            return false;
    return all.n == wanted;
}

static bool places(const struct sim_read *r, const kt_Places *a)
{
    fb_vec all = kt_Places_locations(a);
    fb_str query = fb_text_of(r->row->request, r->asked, "query");
    unsigned n = 0;
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_post, o)) != NULL;)
        n += model_post(model, o->id) == o && !o->rules.archived && o->placed;
    if (!same_text(query, "here") || n == 0)
        return all.n == 0;
    return all.n == 1 && kt_Place_post_count(kt_at_Place(all, 0)) == n;
}

// ---- of one's own ------------------------------------------------------------------------------

static bool unread(const struct sim_read *r, const void *answer)
{
    static uint64_t id[MODEL_NOTES];
    unsigned n;
    model_notes(model, r->viewer, id, &n);
    return said(r, answer, "unread_count") == n;
}

static bool report_counts(const struct sim_read *r, const void *answer)
{
    uint64_t n[DOC_QUEUES] = {0};
    for (const struct model_object *o = NULL; (o = model_next(model, ENTITY_report, o)) != NULL;)
        if (model_doc(model, o->id, ENTITY_report) == o)
            n[o->queue]++;
    return said(r, answer, "open") == n[kt_ReportStatus_open] &&
           said(r, answer, "resolved") == n[kt_ReportStatus_resolved] &&
           said(r, answer, "dismissed") == n[kt_ReportStatus_dismissed];
}

static bool channels(const struct sim_read *r, const kt_NotificationPreferences *a)
{
    fb_vec all = kt_NotificationPreferences_preferences(a);
    for (uint32_t i = 0; i < all.n; i++) {
        const kt_NotificationPreference *p = kt_at_NotificationPreference(all, i);
        fb_str name = kt_NotificationPreference_notification_type(p);
        unsigned bits = model_channels(model, r->viewer, note_named(name.s, name.n));
        if (kt_NotificationPreference_in_app_enabled(p) != !!(bits & CHANNEL_IN_APP) ||
            kt_NotificationPreference_email_enabled(p) != !!(bits & CHANNEL_EMAIL) ||
            kt_NotificationPreference_push_enabled(p) != !!(bits & CHANNEL_PUSH))
            return false;
    }
    return all.n > 0;
}

static bool settings(const struct sim_read *r, const kt_Settings *a)
{
    uint64_t id = 0, me = number(r, "user_id");
    unsigned n = model_list(model, me, LIST_settings, &id);
    const struct model_object *o = n > 0 ? model_find(model, id) : NULL;
    const char *language = o != NULL && o->text[0] != 0 ? o->text : "en";
    bool open = kt_Settings_privacy_level(a) == kt_PrivacyLevel_public;
    return same_text(kt_Settings_language(a), language) &&
           open != model_user(model, me)->is_private;
}

static bool collection(const struct sim_read *r, const void *answer, bool *there)
{
    uint64_t id = number(r, "collection_id");
    const struct model_object *o = model_doc(model, id, ENTITY_collection);
    *there = o != NULL && sim_sees(r->viewer, id);
    if (!*there || answer == NULL)
        return !*there;
    return same_text(fb_text_of(r->row->reply, answer, "name"), o->text) &&
           said(r, answer, "posts_count") == count(id, LIST_collected);
}

// Its own act comes while it is asked: those that are known, newest first, behind what is newer.
static bool audits(const struct sim_read *r, const kt_Audits *a)
{
    fb_vec all = kt_Audits_audits(a);
    uint64_t last = UINT64_MAX;
    for (uint32_t i = 0; i < all.n; i++) {
        uint64_t id = kt_AuditAct_audit_id(kt_at_AuditAct(all, i));
        const struct model_object *o = model_find(model, id);
        if (id >= last || (o != NULL && o->author != number(r, "user_id")))
            return false;
        last = id;
    }
    return true;
}

// What it has is compared in tests/e2e: here, that it begins with who asks.
static bool exported(const struct sim_read *r, const kt_ExportPage *a)
{
    char me[64];
    fb_vec lines = kt_ExportPage_lines(a);
    fb_str first = lines.n > 0 ? fb_vec_str(lines, 0) : (fb_str){"", 0};
    int n = snprintf(me, sizeof me, "{\"kind\":\"profile\",\"data\":{\"user_id\":\"%llu\"",
                     (unsigned long long)r->viewer);
    return first.n > (uint32_t)n && memcmp(first.s, me, (size_t)n) == 0;
}

bool sim_read_one(const struct sim_read *r, const void *answer, bool *there)
{
    *there = true;
    switch (r->op) {
    case OP_user_get:
    case OP_user_by_name:
    case OP_user_stats: return person(r, answer, there);
    case OP_post_get:
    case OP_like_count:
    case OP_post_stats: return post(r, answer, there);
    case OP_collection_get: return collection(r, answer, there);
    }
    if (answer == NULL)
        return false;
    switch (r->op) {
    case OP_relationships: return relationships(r, answer);
    case OP_search_users: return people(r, answer);
    case OP_search_tags:
    case OP_tag_list:
    case OP_trending_hashtags: return tags(r, answer);
    case OP_search_locations: return places(r, answer);
    case OP_notification_count: return unread(r, answer);
    case OP_report_count: return report_counts(r, answer);
    case OP_notification_preferences: return channels(r, answer);
    case OP_settings: return settings(r, answer);
    case OP_audit_list: return audits(r, answer);
    case OP_user_export: return exported(r, answer);
    case OP_contacts: return kt_Users_users(answer).n == 0; // nobody lets himself be found
    }
    return false; // a read without a row here
}
