// Every field that the model knows, every list page by page.
#include "tests/sim/sim_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/load.h"
#include "api/server.h"
#include "core/fb_copy.h"
#include "core/ops.h"
#include "core/pool.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/post_tags.h"
#include "store/store.h"
#include "store/user_record.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_judge.h"

struct sim_compared sim_compared;

// ---- the state ---------------------------------------------------------------------------------

static bool same_account(const struct user *u, const struct model_object *m)
{
    struct user_state s;
    unsigned tickets = 0;
    user_state(u, &s);
    for (unsigned k = 1; k < 4; k++)
        tickets += m->secrets.ticket[k].kind != 0;
    return ((s.flags & OBJECT_INACTIVE) != 0) == m->hidden &&
           ((s.flags & OBJECT_VERIFIED) != 0) == m->badge && s.role == m->role &&
           s.two_factor == m->secrets.two_factor && s.secrets.tickets == tickets &&
           s.secrets.totp_step == m->secrets.step &&
           s.secrets.recoveries == m->secrets.recoveries;
}

static bool same_user(const struct user *u, const struct model_object *m)
{
    static const enum user_string which[3] = {USER_username, USER_email, USER_phone};
    uint32_t n;
    for (unsigned k = 0; k < 3; k++)
        if (strcmp(user_string(u, which[k], &n), m->name[k]) != 0)
            return false;
    const void *cold = user_cold(u);
    fb_str bio = {"", 0};
    if (cold != NULL)
        bio = kt_User_bio(kt_root_User(cold));
    bool is_private = (u->o.rules & RULE_PRIVATE) != 0;
    return m->is_private == is_private && same_account(u, m) && u->o.language == m->language &&
           bio.n == strlen(m->text) && memcmp(bio.s, m->text, bio.n) == 0 &&
           u->followers == model_count(model, m->id, LIST_followers) &&
           u->following == model_count(model, m->id, LIST_following) &&
           u->posts == model_count(model, m->id, LIST_posts) &&
           u->received == model_received(model, m->id);
}

static bool same_media(fb_vec media, const struct model_object *m)
{
    if (media.n != m->media)
        return false;
    for (uint32_t i = 0; i < media.n; i++)
        if (kt_Media_media_id(kt_at_Media(media, i)) != m->medium[i].id)
            return false;
    return true;
}

static bool same_reactions(const struct post *p)
{
    for (unsigned i = 0; i < REACTIONS; i++)
        if (post_rare(p)->reacted[i] != model_reactions(model, p->o.id, i + 1))
            return false;
    return true;
}

static bool same_rules(const struct object *o, const struct model_rules *m)
{
    unsigned audience = o->rules & RULE_CLOSE_FRIENDS ? (unsigned)kt_Audience_close_friends
                        : o->rules & RULE_FOLLOWERS   ? (unsigned)kt_Audience_followers
                                                      : (unsigned)kt_Audience_public;
    return audience == m->audience && ((o->rules & RULE_ARCHIVED) != 0) == m->archived &&
           ((o->rules & RULE_PINNED) != 0) == m->pinned &&
           ((o->rules & RULE_NO_COMMENTS) != 0) == m->no_comments &&
           ((o->rules & RULE_NO_LIKES) != 0) == m->no_likes;
}

static bool same_post(const struct post *p, const struct model_object *m)
{
    const struct post_rare *rare = post_rare(p);
    const void *cold = post_cold(p);
    fb_vec media = {0}, mentions = {0};
    if (cold != NULL) {
        const kt_PostCreate *c = kt_root_PostCreate(cold);
        media = kt_PostCreate_media(c);
        mentions = kt_PostCreate_mentions(c);
    }
    return p->author == m->author && strcmp(post_caption(p), m->text) == 0 &&
           p->o.language == m->language &&
           p->likes == model_count(model, m->id, LIST_likers) &&
           rare->saves == model_count(model, m->id, LIST_bookmarkers) &&
           rare->shares == model_count(model, m->id, LIST_sharers) &&
           rare->replies == model_count(model, m->id, LIST_post_replies) && same_reactions(p) &&
           p->comments == model_comments(model, m->id) && same_media(media, m) &&
           same_rules(&p->o, &m->rules) &&
           post_tags(p).n == m->tags && mentions.n == m->mentions;
}

static bool same_comment(const struct comment *c, const struct model_object *m)
{
    bool placeholder = (c->o.flags & OBJECT_TOMBSTONE) != 0;
    return c->author == m->author && comment_post(c) == m->post &&
           c->o.language == m->language &&
           comment_parent(c) == m->parent &&
           placeholder == m->tombstone && c->o.text_n == strlen(m->text) &&
           memcmp(c->data, m->text, c->o.text_n) == 0 &&
           c->replies == model_count(model, m->id, LIST_replies) &&
           c->likes == model_count(model, m->id, LIST_comment_likers);
}

static bool same_session(const struct session *s, const struct model_object *m)
{
    return s->user == m->author && memcmp(s->refresh_hash, m->text, strlen(m->text)) == 0;
}

static bool same_doc(const struct doc *d, const struct model_object *m)
{
    const struct doc_row *row = doc_row(m->kind);
    const void *content = doc_content(d);
    fb_str text = fb_text_of(row->content, content, model_doc_text(m->kind));
    bool chosen = row->sole != NULL && fb_number_of(row->content, content, row->sole) != 0;
    uint64_t queue = row->queue != NULL ? fb_number_of(row->content, content, row->queue) : 0;
    return d->owner == m->author && queue == m->queue && text.n == strlen(m->text) &&
           memcmp(text.s, m->text, text.n) == 0 && chosen == m->chosen &&
           d->count == model_count(model, m->id, LIST_collected);
}

static bool same(const struct object *o, const struct model_object *m)
{
    if (doc_row(m->kind) != NULL)
        return same_doc((const struct doc *)o, m);
    switch ((enum entity)m->kind) {
    case ENTITY_user: return same_user((const struct user *)o, m);
    case ENTITY_post: return same_post((const struct post *)o, m);
    case ENTITY_comment: return same_comment((const struct comment *)o, m);
    case ENTITY_session: return same_session((const struct session *)o, m);
    case ENTITY_audit: return ((const struct audit *)o)->user == m->author;
    case ENTITY_share_text: return true;
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return false;
}

void compare_state(struct server *server)
{
    const struct store *s = server_store(server);
    sim_compared.states++;
    for (unsigned i = 0; i < model->objects; i++) {
        const struct model_object *m = &model->object[i];
        const struct object *o = store_find(s, m->id);
        if (model_find(model, m->id) != m && model_find(model, m->id) != NULL)
            continue; // one id, erased and made again
        if ((o != NULL) != m->there || (o != NULL && o->kind != m->kind)) {
            sim_finding("an object is there or gone against the model", m->id);
            fprintf(stderr, "  %s %s: kind %u, in the model %s, owner %" PRIu64 "\n", m->made,
                    m->text, m->kind, m->there ? "there" : "gone", m->author);
        } else if (o != NULL && !same(o, m))
            sim_finding("an object differs from the model", m->id);
    }
}

// ---- lists -------------------------------------------------------------------------------------

struct list {
    uint16_t op;
    const char *field;
    uint64_t id, viewer;
    const char *text;              // of the field, in the place of an id
};

static uint64_t page_id(uint16_t op, const void *page, uint32_t i)
{
    const fb_type *reply = op_row(op)->reply;
    const struct doc_row *doc = doc_row(op_row(op)->doc);
    if (doc != NULL) {
        const void *one = fb_vec_sub(fb_sub_vec(page, reply->fields[0].slot), i);
        return fb_number_of(doc->content, one, doc->id_name);
    }
    if (reply == &kt_desc_Posts)
        return kt_Post_post_id(kt_at_Post(kt_Posts_posts(page), i));
    if (reply == &kt_desc_Notifications)
        return kt_Notification_notification_id(
            kt_at_Notification(kt_Notifications_notifications(page), i));
    if (reply == &kt_desc_Comments)
        return kt_Comment_comment_id(kt_at_Comment(kt_Comments_comments(page), i));
    if (op_row(op)->reply == &kt_desc_Shares)
        return kt_Share_user_id(kt_at_Share(kt_Shares_shares(page), i));
    return kt_Person_user_id(kt_at_Person(kt_Users_users(page), i));
}

static uint32_t page_n(uint16_t op, const void *page, fb_str *cursor)
{
    const fb_type *reply = op_row(op)->reply;
    if (op_row(op)->doc != DOC_none) {
        *cursor = fb_text_of(reply, page, "next_cursor");
        return fb_sub_vec(page, reply->fields[0].slot).n;
    }
    if (reply == &kt_desc_Posts) {
        *cursor = kt_Posts_next_cursor(page);
        return kt_Posts_posts(page).n;
    }
    if (reply == &kt_desc_Notifications) {
        *cursor = kt_Notifications_next_cursor(page);
        return kt_Notifications_notifications(page).n;
    }
    if (reply == &kt_desc_Comments) {
        *cursor = kt_Comments_next_cursor(page);
        return kt_Comments_comments(page).n;
    }
    if (reply == &kt_desc_Shares) {
        *cursor = kt_Shares_next_cursor(page);
        return kt_Shares_shares(page).n;
    }
    *cursor = kt_Users_next_cursor(page);
    return kt_Users_users(page).n;
}

static void compare_list(struct list l, const uint64_t *want, unsigned n)
{
    char cursor[256] = "", json[SIM_JSON], of[64] = "";
    unsigned seen = 0, limit = 5 + sim_below(&sim.schedule, 40);
    if (l.text != NULL)
        snprintf(of, sizeof of, "\"%s\":\"%s\",", l.field, l.text);
    else if (l.field != NULL)
        snprintf(of, sizeof of, "\"%s\":\"%" PRIu64 "\",", l.field, l.id);
    do {
        unsigned status;
        snprintf(json, sizeof json, "{%s\"limit\":%u%s%s%s}", of, limit,
                 cursor[0] != 0 ? ",\"cursor\":\"" : "", cursor, cursor[0] != 0 ? "\"" : "");
        const void *page = fb_root(sim_ask(l.op, l.viewer, json, &status));
        if (status != 200) {
            sim_finding("a list is refused", l.id);
            return;
        }
        fb_str next;
        uint32_t items = page_n(l.op, page, &next);
        sim_compared.pages++;
        for (uint32_t i = 0; i < items; i++, seen++)
            if (seen >= n || page_id(l.op, page, i) != want[seen]) {
                sim_finding(op_row(l.op)->name, l.id);
                return;
            }
        snprintf(cursor, sizeof cursor, "%.*s", (int)next.n, next.n > 0 ? next.s : "");
    } while (cursor[0] != 0);
    if (seen != n)
        sim_finding("a list ends too early", l.id);
}

static uint64_t item[MODEL_OBJECTS];

// A user's posts, the pinned ones first.
static unsigned posts_of(uint64_t user, uint64_t *out)
{
    static uint64_t all[MODEL_OBJECTS];
    unsigned n = model_list(model, user, LIST_posts, all);
    unsigned at = model_list(model, user, LIST_pinned, out);
    for (unsigned i = 0; i < n; i++)
        if (!model_find(model, all[i])->rules.pinned)
            out[at++] = all[i];
    return at;
}

// As its owner sees it.
static void compare_of(uint16_t op, const char *field, const struct model_object *m,
                       enum list_kind kind)
{
    uint64_t viewer = m->kind == ENTITY_user ? m->id : m->author;
    unsigned n = kind == LIST_posts ? posts_of(m->id, item)
                                    : model_list(model, m->id, kind, item);
    unsigned shown = 0;
    for (unsigned i = 0; i < n; i++)
        if (model_lists(model, viewer, item[i]))
            item[shown++] = item[i];
    compare_list((struct list){op, field, m->id, viewer, NULL}, item, shown);
}

// Documents, as their owner sees them.
static void compare_own(uint64_t user)
{
    static const struct { uint16_t op; uint8_t list; const char *field; } lists[] = {
        {OP_addresses, LIST_addresses, "user_id"},
        {OP_preferences, LIST_preferences, "user_id"},
        {OP_search_history, LIST_searches, NULL},
        {OP_collections, LIST_collections, NULL},
        {OP_devices, LIST_devices, NULL},
        {OP_user_collections, LIST_collections, "user_id"},
    };
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        unsigned n = model_list(model, user, (enum list_kind)lists[i].list, item);
        compare_list((struct list){lists[i].op, lists[i].field, user, user, NULL}, item, n);
    }
}

// Each act has told whom it had to tell, once, whatever happened in between.
static void compare_notes(const struct model_object *m)
{
    static uint64_t id[MODEL_NOTES];
    unsigned status, unread, n = model_notes(model, m->id, id, &unread);
    compare_list((struct list){OP_notifications, NULL, m->id, m->id, NULL}, id, n);
    const kt_UnreadCount *c =
        kt_root_UnreadCount(sim_ask(OP_notification_count, m->id, "{}", &status));
    if (status != 200 || kt_UnreadCount_unread_count(c) != unread)
        sim_finding("notifications are shown with another count", m->id);
    sim_compared.notes += n;
}

static void compare_user(const struct model_object *m)
{
    char json[SIM_JSON];
    unsigned status;
    snprintf(json, sizeof json, "{\"username\":\"%s\"}", m->name[0]);
    const kt_User *u = kt_root_User(sim_ask(OP_user_by_name, m->id, json, &status));
    if (status != 200 || kt_User_user_id(u) != m->id)
        sim_finding("a name leads to somebody else", m->id);
    else if (kt_User_followers_count(u) != model_count(model, m->id, LIST_followers))
        sim_finding("a user is shown with another count", m->id);
    compare_of(OP_followers, "user_id", m, LIST_followers);
    compare_of(OP_following, "user_id", m, LIST_following);
    compare_of(OP_user_posts, "user_id", m, LIST_posts);
    compare_of(OP_user_archive, "user_id", m, LIST_archived);
    compare_of(OP_mutes, NULL, m, LIST_muting);
    compare_of(OP_close_friends, NULL, m, LIST_close_friends);
    compare_of(OP_follow_requests, NULL, m, LIST_requests);
    compare_of(OP_follow_requests_sent, NULL, m, LIST_requested);
    compare_of(OP_bookmarks, NULL, m, LIST_bookmarks);
    compare_of(OP_user_comments, "user_id", m, LIST_written);
    compare_own(m->id);
    unsigned n = model_feed(model, m->id, item, MODEL_OBJECTS);
    compare_list((struct list){OP_feed, NULL, m->id, m->id, NULL}, item, n);
    compare_notes(m);
}

static void compare_post(const struct model_object *m)
{
    char json[SIM_JSON];
    unsigned status;
    snprintf(json, sizeof json, "{\"post_id\":\"%" PRIu64 "\"}", m->id);
    const kt_LikeCount *c = kt_root_LikeCount(sim_ask(OP_like_count, m->author, json, &status));
    if (status != 200 || kt_LikeCount_like_count(c) != model_count(model, m->id, LIST_likers))
        sim_finding("likes are shown with another count", m->id);
    compare_of(OP_likes, "post_id", m, LIST_likers);
    compare_of(OP_comment_list, "post_id", m, LIST_comments);
    compare_of(OP_shares, "post_id", m, LIST_sharers);
    compare_of(OP_post_replies, "post_id", m, LIST_post_replies);
}

// As the post's author sees them, to whom the comment is shown unless there is a block.
static void compare_comment(const struct model_object *m)
{
    struct model_object of = *m;
    of.author = model_find(model, m->post)->author;
    if (m->author != 0 && !model_lists(model, of.author, m->author))
        return;
    if (m->removed && !model_lists(model, of.author, m->id))
        return;
    compare_of(OP_comment_replies, "comment_id", &of, LIST_replies);
    if (!m->tombstone)
        compare_of(OP_comment_likes, "comment_id", &of, LIST_comment_likers);
}

// Texts begin with a word that says where they are from.
static void compare_searches(void)
{
    static const char *const words[] = {"post", "old", "edit"};
    unsigned all = model_all_posts(model, 0, item, MODEL_OBJECTS);
    for (unsigned w = 0; w < sizeof words / sizeof words[0]; w++) {
        static uint64_t found[MODEL_OBJECTS];
        unsigned n = 0;
        for (unsigned i = 0; i < all; i++) {
            const struct model_object *m = model_post(model, item[i]);
            if (m != NULL && strncmp(m->text, words[w], strlen(words[w])) == 0)
                found[n++] = item[i];
        }
        compare_list((struct list){OP_search_posts, "query", 0, 0, words[w]}, found, n);
    }
}

static void compare_collection(const struct model_object *m)
{
    compare_of(OP_collection_posts, "collection_id", m, LIST_collected);
}

void compare_reads(void)
{
    unsigned n = model_all_posts(model, 0, item, MODEL_OBJECTS);
    compare_list((struct list){OP_post_list, NULL, 0, 0, NULL}, item, n);
    compare_searches();
    unsigned users = 0, posts = 0, comments = 0;
    for (unsigned i = 0; i < model->objects; i++) {
        const struct model_object *m = &model->object[i];
        if (!model_shown(model, m->id))
            continue;
        if (model_user(model, m->id) == m && users++ % 4 == 0)
            compare_user(m);
        else if (model_post(model, m->id) == m && posts++ % 16 == 0)
            compare_post(m);
        else if (model_doc(model, m->id, ENTITY_collection) == m)
            compare_collection(m);
        else if (model_comment(model, m->id) == m && comments++ % 16 == 0)
            compare_comment(m);
    }
}

// ---- once more ---------------------------------------------------------------------------------

static void say_finding(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "verify: %s\n", line);
    sim_finding("the state contradicts itself", 0);
}

void compare_replay(struct server *server)
{
    struct file_dir dir;
    struct root root;
    if (!sim_open_data(&dir, &root)) {
        sim_finding("the directory cannot be read", 0);
        return;
    }
    struct store_digest live, again;
    load_digest(server_store(server), &live);
    struct store_options so = {.cores = 3 - server_cores(server),
                               .partitions = root.partitions,
                               .hash_key = {root.hash_key[0], root.hash_key[1]},
                               .fanout_max = 5,
                               .timelines_max = 4,
                               .map = pool_map_pages,
                               .unmap = pool_unmap_pages};
    struct store *s = store_new(&so);
    struct load_options lo = {.read_only = true};
    struct load_report report;
    if (load_state(dir, &root, s, &lo, &report) != 0 || report.recover.refused)
        sim_finding("the state cannot be loaded again", 0);
    load_digest(s, &again);
    if (memcmp(&live, &again, sizeof live) != 0)
        sim_finding("two replays differ", judge_next_place());
    struct store_audit audit;
    store_verify(s, &audit, say_finding, NULL);
    if (memcmp(&again, &audit.anew, sizeof again) != 0)
        sim_finding("the digest kept is not the digest computed", judge_next_place());
    sim_compared.replays++;
    sim_compared.snapshots_loaded += report.have_snapshot;
    sim_compared.decisions[report.recover.decision]++;
    store_free(s);
    file_dir_close(&dir);
}
