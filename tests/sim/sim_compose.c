// Requests as JSON. People come and go; posts and comments of lately are asked for most.
#include "tests/sim/sim_compose.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/totp.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/graph.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_compose_doc.h"

enum { LATELY = 30, ACCOUNTS = 64, CHUNKS = 40 };
#define BORN_MS UINT64_C(1500000000000)

// The member: an account that it made, and the secrets that it was given.
static struct {
    struct { char name[24], password[32]; } account[ACCOUNTS];
    unsigned accounts;
    unsigned trying;             // the account of the login under way
    uint64_t user;               // 0 = nobody
    uint64_t session;            // one of its own
    char totp[40];               // the authenticator's key, base32; "" = none
    char recovery[24];           // a code to be rid of it; "" = it is not on
    char token[SIM_JSON - 32], refresh[128];
    bool anew;
} member;

void sim_compose_reset(void) { memset(&member, 0, sizeof member); }

// ---- drawing -----------------------------------------------------------------------------------

static const struct { uint16_t op; unsigned weight; } mix[] = {
    {OP_import_users, 9},   {OP_import_edges, 4},    {OP_import_posts, 3},   {OP_follow, 36},
    {OP_unfollow, 14},      {OP_post_create, 36},    {OP_like, 34},          {OP_unlike, 12},
    {OP_comment_create, 28}, {OP_comment_update, 8}, {OP_comment_delete, 12}, {OP_post_update, 12},
    {OP_post_delete, 7},    {OP_media_add, 8},       {OP_media_remove, 6},   {OP_user_update, 12},
    {OP_user_delete, 2},    {OP_feed, 16},           {OP_post_get, 8},       {OP_post_list, 4},
    {OP_user_posts, 4},     {OP_user_get, 6},        {OP_user_by_name, 4},   {OP_followers, 4},
    {OP_following, 4},      {OP_likes, 4},           {OP_like_count, 4},     {OP_comment_list, 6},
    {OP_comment_replies, 4}, {OP_ping, 2},           {OP_bookmark, 14},      {OP_unbookmark, 6},
    {OP_explain, 2},        {OP_media_ticket, 2},
    {OP_bookmarks, 3},      {OP_comment_like, 18},   {OP_comment_unlike, 6}, {OP_comment_likes, 3},
    {OP_share, 12},         {OP_unshare, 5},         {OP_shares, 3},         {OP_react, 24},
    {OP_unreact, 7},        {OP_post_replies, 3},    {OP_post_stats, 3},     {OP_user_comments, 3},
    {OP_user_export, 2},    {OP_contacts_put, 6},    {OP_contacts, 3},       {OP_contacts_clear, 2},
    {OP_user_archive, 2},   {OP_post_restore, 8},    {OP_post_remove, 4},    {OP_post_reinstate, 3},
    {OP_comment_remove, 6}, {OP_comment_reinstate, 5},
    {OP_block, 6},          {OP_unblock, 6},
    {OP_mute, 4},           {OP_unmute, 3},          {OP_close_friend, 4},   {OP_blocks, 1},
    {OP_request_approve, 12}, {OP_request_refuse, 4}, {OP_follower_remove, 4},
    {OP_close_friend_end, 3}, {OP_mutes, 1},         {OP_close_friends, 1},
    {OP_follow_requests, 2}, {OP_follow_requests_sent, 1}, {OP_relationships, 2},
    {OP_mutuals, 2},        {OP_suggestions, 2},     {OP_suggestion_dismiss, 2},
    {OP_outbox_list, 6},    {OP_audit_list, 2},      {OP_role_set, 1},       {OP_verified_set, 2},
    {OP_user_deactivate, 1}, {OP_forgot_password, 2}, {OP_login_code, 1},    {OP_verify_email, 3},
    {OP_reset_password, 1},
    {OP_search_posts, 4},   {OP_search_users, 3},
    {OP_search_comments, 2}, {OP_search_tags, 2},    {OP_search_locations, 1}, {OP_tag_list, 2},
    {OP_tag_posts, 2},      {OP_location_posts, 1},  {OP_trending_hashtags, 2},
    {OP_trending_posts, 2},
    {OP_user_stats, 3},     {OP_address_add, 10},    {OP_address_change, 8}, {OP_address_remove, 4},
    {OP_addresses, 3},
    {OP_preference_put, 10}, {OP_preference_remove, 4}, {OP_preferences, 3}, {OP_settings, 3},
    {OP_settings_change, 6}, {OP_search_add, 8},     {OP_search_change, 4},  {OP_search_remove, 3},
    {OP_search_clear, 1},   {OP_search_history, 3},  {OP_collection_add, 8}, {OP_collections, 3},
    {OP_collection_get, 4}, {OP_collection_change, 6}, {OP_collection_remove, 3}, {OP_collect, 24},
    {OP_uncollect, 8},      {OP_collection_posts, 4}, {OP_user_collections, 3},
    {OP_device_put, 8},     {OP_devices, 2},         {OP_device_remove, 2},  {OP_push_jobs, 2},
    {OP_notifications, 12},
    {OP_notification_count, 2}, {OP_notification_read, 8}, {OP_notifications_read, 2},
    {OP_notification_delete, 4}, {OP_notification_events, 2}, {OP_subscribe, 1},
    {OP_notification_preferences, 1}, {OP_notification_preference_set, 4}, {OP_activities, 3},
    {OP_report_add, 8},     {OP_reports, 3},         {OP_report_resolve, 6}, {OP_report_count, 1},
};

static uint16_t draw(void)
{
    unsigned all = 0;
    for (size_t i = 0; i < sizeof mix / sizeof mix[0]; i++)
        all += mix[i].weight;
    unsigned k = sim_below(&sim.schedule, all);
    size_t i = 0;
    while (k >= mix[i].weight)
        k -= mix[i++].weight;
    return mix[i].op;
}

struct sim_crowd sim_crowd = {.users_min = 4, .users_few = 20, .users_max = 40};

// What is told of accounts and tokens is learned where it is asked; other reads may be asked apart.
static bool apart(unsigned op)
{
    return op_row(op)->kind == OPK_READ && op != OP_outbox_list && op != OP_push_jobs &&
           op != OP_session_list &&
           op != OP_subscribe;
}

// Such that the crowd stays what it is.
static uint16_t fitting(void)
{
    uint16_t op = draw();
    while (sim_crowd.reads_apart && apart(op))
        op = draw();
    unsigned users = history.user.n;
    bool fewer = op == OP_user_delete || op == OP_user_deactivate;
    bool post = op == OP_post_create || op == OP_import_posts;
    if ((op == OP_import_users && users >= sim_crowd.users_max) ||
        (fewer && users < sim_crowd.users_few))
        return sim_crowd.reads_apart ? OP_like : op == OP_import_users ? OP_feed : OP_post_list;
    return post && sim_crowd.posts_many ? OP_post_delete : op;
}

static bool chance(uint32_t of_1000) { return sim_chance(&sim.schedule, of_1000); }

static uint64_t some(const struct sim_ids *ids)
{
    if (ids->n == 0)
        return 1;
    bool lately = ids->n > LATELY && chance(800);
    unsigned from = lately ? ids->n - LATELY : 0;
    return ids->id[from + sim_below(&sim.schedule, ids->n - from)];
}

static uint64_t anybody(void)
{
    const struct sim_ids *users = &history.user;
    return users->n > 0 ? users->id[sim_below(&sim.schedule, users->n)] : 0;
}

void sim_ids_halve(struct sim_ids *ids)
{
    ids->n = SIM_IDS / 2;
    memmove(ids->id, ids->id + SIM_IDS / 2, SIM_IDS / 2 * sizeof ids->id[0]);
    memmove(ids->owner, ids->owner + SIM_IDS / 2, SIM_IDS / 2 * sizeof ids->owner[0]);
}

static void know(struct sim_ids *ids, uint64_t id, uint64_t owner)
{
    if (id == 0)
        return;
    if (ids->n == SIM_IDS)
        sim_ids_halve(ids);
    ids->owner[ids->n] = owner;
    ids->id[ids->n++] = id;
}

// The owner of one of ours, who then acts, unless it is the member who asks.
static void by_owner(struct sim_op *o, const struct sim_ids *ids, uint64_t id)
{
    for (unsigned i = ids->n; i-- > 0 && o->client != SIM_MEMBER && chance(950);)
        if (ids->id[i] == id) {
            o->actor = ids->owner[i];
            return;
        }
}

static void forget(struct sim_ids *ids, uint64_t id)
{
    for (unsigned i = 0; i < ids->n; i++)
        if (ids->id[i] == id) {
            ids->id[i] = ids->id[--ids->n]; // order is not asked for where ids are forgotten
            return;
        }
}

// ---- what is asked -----------------------------------------------------------------------------

static void with_key(struct sim_op *o, unsigned nr) { snprintf(o->key, sizeof o->key, "k%u", nr); }

static void import_users(struct sim_op *o, unsigned nr)
{
    unsigned old = sim_below(&sim.schedule, nr + 1);
    unsigned first = chance(100) ? old : nr;
    o->actor = 0;
    snprintf(o->json, sizeof o->json,
             "{\"users\":[{\"username\":\"u%u\",\"created_at\":%" PRIu64 "},{\"username\":\"v%u\","
             "\"created_at\":%" PRIu64 ",\"bio\":\"bio %u\"}]}",
             first, BORN_MS + first * UINT64_C(300), nr, BORN_MS + nr * UINT64_C(300) + 1, nr);
}

static void import_edges(struct sim_op *o)
{
    bool follow = chance(600);
    size_t cap = sizeof o->json, n = 0;
    unsigned rows = 1 + sim_below(&sim.schedule, 5);
    char to[200] = "";
    o->actor = 0;
    n += (size_t)snprintf(o->json, cap, "{\"kind\":\"%s\",\"from\":[", follow ? "follow" : "like");
    for (unsigned i = 0, at = 0; i < rows; i++) {
        n += (size_t)snprintf(o->json + n, cap - n, "%s\"%" PRIu64 "\"", i > 0 ? "," : "",
                              anybody());
        at += (unsigned)snprintf(to + at, sizeof to - at, "%s\"%" PRIu64 "\"", i > 0 ? "," : "",
                                 follow ? anybody() : some(&history.post));
    }
    snprintf(o->json + n, cap - n, "],\"to\":[%s]}", to);
}

static void import_posts(struct sim_op *o, unsigned nr)
{
    unsigned chunk = nr / 2000 * CHUNKS / 2 + sim_below(&sim.schedule, CHUNKS);
    uint64_t one = anybody(), other = anybody(), born = UINT64_C(1400000000000) + chunk % 3;
    o->actor = 0;
    snprintf(o->json, sizeof o->json,
             "{\"source_hi\":\"7\",\"source_lo\":\"9\",\"chunk\":%u,\"posts\":["
             "{\"user_id\":\"%" PRIu64 "\",\"created_at\":%" PRIu64 ",\"caption\":\"old %u\"},"
             "{\"user_id\":\"%" PRIu64 "\",\"created_at\":%" PRIu64 ",\"caption\":\"old %u\"}]}",
             chunk, one, born, nr, other, born, nr);
}

static void post_create(struct sim_op *o, unsigned nr)
{
    static const char pictures[] =
        ",\"media\":[{\"media_url\":\"https://a.example/4\",\"display_order\":3},"
        "{\"media_url\":\"https://a.example/5\",\"media_type\":\"video\",\"display_order\":1}]";
    static const char urls[] = ",\"media_urls\":[\"https://a.example/1\",\"https://a.example/2\"]";
    const char *const more[] = {"", urls, pictures, ",\"image_url\":\"https://a.example/3\"",
                                ",\"hashtags\":[\"given\"],\"location\":\"here\""};
    static const char *const set[] = {",\"audience\":\"followers\"",
                                      ",\"audience\":\"close_friends\"", ",\"is_public\":false",
                                      ",\"comments_disabled\":true", ",\"likes_disabled\":true",
                                      ",\"is_pinned\":true", "", "", "", "", "", ""};
    unsigned whom = (unsigned)some(&history.born);
    char parent[56] = "";
    if (chance(250))
        snprintf(parent, sizeof parent, ",\"reply_to_post_id\":\"%" PRIu64 "\"",
                 some(&history.post));
    snprintf(o->json, sizeof o->json, "{\"caption\":\"post %u #tag%u @v%u\"%s%s%s}", nr, nr % 7,
             whom, more[sim_below(&sim.schedule, 5)], set[sim_below(&sim.schedule, 12)], parent);
    with_key(o, nr);
}

static void post_update(struct sim_op *o, unsigned nr)
{
    static const char *const more[] = {"", ",\"image_url\":\"\"", ",\"media\":[]",
                                       ",\"image_url\":\"https://a.example/6\""};
    static const char *const set[] = {
        ",\"audience\":\"public\"", ",\"audience\":\"followers\"",
        ",\"audience\":\"close_friends\"", ",\"is_archived\":true", ",\"is_archived\":false",
        ",\"is_archived\":false", ",\"is_pinned\":true", ",\"is_pinned\":true",
        ",\"is_pinned\":false", ",\"comments_disabled\":true", ",\"comments_disabled\":false",
        ",\"likes_disabled\":true", ",\"likes_disabled\":false", "", "", ""};
    uint64_t post = some(&history.post);
    by_owner(o, &history.post, post);
    snprintf(o->json, sizeof o->json, "{\"post_id\":\"%" PRIu64 "\",\"caption\":\"edit %u\"%s%s}",
             post, nr, more[sim_below(&sim.schedule, 4)], set[sim_below(&sim.schedule, 16)]);
}

static void media(struct sim_op *o, unsigned nr)
{
    struct sim_medium m = {some(&history.post), 1};
    if (history.media > 0 && chance(700))
        m = history.medium[sim_below(&sim.schedule, history.media)];
    if (o->op == OP_media_add)
        m.post = some(&history.post);
    by_owner(o, &history.post, m.post);
    if (o->op == OP_media_remove) {
        snprintf(o->json, sizeof o->json,
                 "{\"post_id\":\"%" PRIu64 "\",\"media_id\":\"%" PRIu64 "\"}", m.post, m.medium);
        return;
    }
    snprintf(o->json, sizeof o->json,
             "{\"post_id\":\"%" PRIu64 "\",\"media_url\":\"https://a.example/m%u\","
             "\"display_order\":%u}", m.post, nr, nr % 4);
    with_key(o, nr);
}

static void comment_create(struct sim_op *o, unsigned nr)
{
    char parent[48] = "";
    char named[32] = "";
    uint64_t post = some(&history.post);
    if (chance(200))
        snprintf(named, sizeof named, " @v%u", (unsigned)some(&history.born));
    if (history.comment.n > 0 && chance(500)) {
        unsigned from = history.comment.n > LATELY ? history.comment.n - LATELY : 0;
        unsigned i = from + sim_below(&sim.schedule, history.comment.n - from);
        snprintf(parent, sizeof parent, ",\"parent_id\":\"%" PRIu64 "\"", history.comment.id[i]);
        if (chance(950))
            post = history.post_of[i];
    }
    snprintf(o->json, sizeof o->json,
             "{\"post_id\":\"%" PRIu64 "\",\"content\":\"comment %u%s\"%s}", post, nr, named,
             parent);
    with_key(o, nr);
}

static void user_update(struct sim_op *o, unsigned nr)
{
    char more[64] = "";
    uint32_t what = sim_below(&sim.schedule, 10);
    if (what < 2)
        snprintf(more, sizeof more, ",\"username\":\"n%u\"", nr);
    else if (what < 3)
        snprintf(more, sizeof more, ",\"username\":\"n%u\"", nr / 40 * 40);
    else if (what < 5)
        snprintf(more, sizeof more, ",\"email\":\"e%u@a.example\"", nr / 20 * 20);
    else if (what < 6)
        snprintf(more, sizeof more, ",\"phone_number\":\"+49%u\"", 1000 + nr);
    else if (what < 7)
        snprintf(more, sizeof more, ",\"email\":\"\"");
    else if (what < 9)
        snprintf(more, sizeof more, ",\"is_private\":%s", chance(500) ? "true" : "false");
    snprintf(o->json, sizeof o->json, "{\"user_id\":\"%" PRIu64 "\",\"bio\":\"bio %u\"%s}",
             o->actor, nr, more);
    if (chance(300))
        with_key(o, nr);
}

static void notification(struct sim_op *o)
{
    static const char *const types[] = {"like", "follow", "comment", "mention"};
    uint64_t id = some(&history.note);
    bool all = chance(100);
    switch (o->op) {
    case OP_notification_read:
    case OP_notification_delete:
        by_owner(o, &history.note, id);
        snprintf(o->json, sizeof o->json, "{\"notification_id\":\"%" PRIu64 "\"}", id);
        return;
    case OP_notification_preference_set:
        snprintf(o->json, sizeof o->json,
                 "{\"notification_type\":\"%s\",\"in_app_enabled\":%s%s}",
                 types[sim_below(&sim.schedule, 4)], !all && chance(700) ? "true" : "false",
                 all ? ",\"email_enabled\":false,\"push_enabled\":false" : "");
        return;
    case OP_notification_events:
        snprintf(o->json, sizeof o->json, "{\"after\":\"%" PRIu64 "\",\"wait\":%u}",
                 chance(500) ? id : 0,
                 sim_crowd.reads_apart ? 0 : sim_below(&sim.schedule, 2));
        return;
    }
    snprintf(o->json, sizeof o->json, "{}");
}

static void of_id(struct sim_op *o, const char *field, uint64_t id, const char *more)
{
    snprintf(o->json, sizeof o->json, "{\"%s\":\"%" PRIu64 "\"%s}", field, id, more);
}

static void of_user(struct sim_op *o, unsigned nr)
{
    bool self = o->op == OP_user_delete || o->op == OP_user_comments || o->op == OP_user_archive ||
                o->op == OP_user_export;
    uint64_t id = self ? o->actor : anybody();
    bool answers = o->op == OP_request_approve || o->op == OP_request_refuse;
    if (answers && o->client != SIM_MEMBER && history.request.n > 0 && chance(800)) {
        unsigned n = history.request.n, i = n - 1 - sim_below(&sim.schedule, n < 8 ? n : 8);
        o->actor = history.request.id[i];
        id = history.request.owner[i];
    }
    of_id(o, "user_id", id, "");
    const struct op_row *row = op_row(o->op);
    if ((row->link | row->unlink) != EDGE_none && chance(300))
        with_key(o, nr);
}

static void of_post(struct sim_op *o, unsigned nr)
{
    uint64_t post = some(&history.post);
    if (o->op == OP_post_delete || o->op == OP_post_restore)
        by_owner(o, &history.post, post);
    static const char *const types[] = {"like", "love", "haha", "wow", "sad", "angry"};
    char more[64] = "";
    if (o->op == OP_react)
        snprintf(more, sizeof more, ",\"reaction_type\":\"%s\"",
                 types[sim_below(&sim.schedule, 6)]);
    else if (o->op == OP_share && chance(500))
        snprintf(more, sizeof more, ",\"content\":\"share %u\"", nr);
    else if (o->op == OP_post_remove)
        snprintf(more, sizeof more, ",\"reason\":\"rule %u\"", nr);
    if (op_row(o->op)->auth == AUTH_ROLE)
        o->actor = 0;
    of_id(o, "post_id", post, more);
    const struct op_row *row = op_row(o->op);
    bool react = o->op == OP_react || o->op == OP_unreact;
    if ((react || row->link != EDGE_none || row->unlink != EDGE_none) && chance(300))
        with_key(o, nr);
}

static void of_comment(struct sim_op *o, unsigned nr)
{
    uint64_t comment = some(&history.comment);
    char content[48] = "";
    if (o->op == OP_comment_update)
        snprintf(content, sizeof content, ",\"content\":\"edit %u\"", nr);
    if (o->op == OP_comment_remove)
        snprintf(content, sizeof content, ",\"reason\":\"rule %u\"", nr);
    if (o->op == OP_comment_update || o->op == OP_comment_delete)
        by_owner(o, &history.comment, comment);
    if (op_row(o->op)->auth == AUTH_ROLE)
        o->actor = 0;
    of_id(o, "comment_id", comment, content);
    if ((o->op == OP_comment_like || o->op == OP_comment_unlike) && chance(300))
        with_key(o, nr);
}

// ---- accounts ----------------------------------------------------------------------------------

static void of_address(struct sim_op *o)
{
    unsigned who = member.accounts > 0 ? sim_below(&sim.schedule, member.accounts) : 0;
    o->actor = 0;
    if (o->op == OP_login_code)
        snprintf(o->json, sizeof o->json, "{\"phone_number\":\"+49%u\"}",
                 1000 + sim_below(&sim.schedule, 500));
    else if (member.accounts > 0 && chance(800))
        snprintf(o->json, sizeof o->json, "{\"email\":\"%s@a.example\"}",
                 member.account[who].name);
    else
        snprintf(o->json, sizeof o->json, "{\"email\":\"nobody@a.example\"}");
}

// Back with a token of this kind; the password stays what its owner knows.
static void of_token(struct sim_op *o)
{
    unsigned kind = o->op == OP_verify_email ? kt_TicketKind_verify_email
                                             : kt_TicketKind_reset_password;
    struct sim_token t = {kind, "none of yours", "nobody@"};
    for (unsigned i = 0; i < history.tokens; i++) {
        if (history.token[i].kind != kind)
            continue;
        t = history.token[i];
        history.token[i] = history.token[--history.tokens];
        break;
    }
    o->actor = 0;
    if (o->op == OP_verify_email)
        snprintf(o->json, sizeof o->json, "{\"token\":\"%s\"}", t.token);
    else
        snprintf(o->json, sizeof o->json, "{\"token\":\"%s\",\"password\":\"secret of %.*s\"}",
                 t.token, (int)strcspn(t.to, "@"), t.to);
}

static void of_admin(struct sim_op *o)
{
    static const char *const roles[] = {"user", "moderator"};
    uint64_t id = o->op == OP_user_deactivate ? o->actor : anybody();
    char more[48] = "";
    if (o->op == OP_role_set)
        snprintf(more, sizeof more, ",\"role\":\"%s\"", roles[chance(500)]);
    if (o->op == OP_verified_set)
        snprintf(more, sizeof more, ",\"is_verified\":%s", chance(500) ? "true" : "false");
    if (o->op != OP_user_deactivate)
        o->actor = 0;
    of_id(o, "user_id", id, more);
}

// Some word of what is written here, or a tag, or the begin of a name.
static void search(struct sim_op *o, unsigned nr)
{
    static const char *const words[] = {"post", "old", "edit", "post 1", "comment", "v1",
                                        "tag", "#tag3", "Re", "nowhere", "posting",
                                        "edits", "commented", "the"};
    const char *word = words[nr % (sizeof words / sizeof words[0])];
    const char *field = "query";
    if (o->op == OP_tag_posts)
        field = "tag_name";
    else if (o->op == OP_location_posts)
        field = "name";
    bool place = o->op == OP_location_posts || o->op == OP_search_locations;
    if (place && nr % 2 == 0)
        word = "here";
    snprintf(o->json, sizeof o->json, "{\"%s\":\"%s\"}", field,
             o->op == OP_tag_posts ? "tag2" : word);
}

// Of accounts. false: another operation.
static bool compose_account(struct sim_op *o, unsigned nr)
{
    static const char *const status[] = {"open", "resolved", "dismissed"};
    switch (o->op) {
    case OP_reports:
        o->actor = 0;
        snprintf(o->json, sizeof o->json, "{\"status\":\"%s\"}", status[nr % 3]);
        return true;
    case OP_forgot_password:
    case OP_login_code: of_address(o); return true;
    case OP_verify_email:
    case OP_reset_password: of_token(o); return true;
    case OP_role_set:
    case OP_verified_set:
    case OP_audit_list:
    case OP_user_deactivate: of_admin(o); return true;
    case OP_user_update: user_update(o, nr); return true;
    case OP_outbox_list:
        o->actor = 0;
        snprintf(o->json, sizeof o->json, "{\"after\":\"%" PRIu64 "\",\"limit\":4}",
                 history.outbox);
        return true;
    case OP_report_count:
        o->actor = 0;
        snprintf(o->json, sizeof o->json, "{}");
        return true;
    case OP_push_jobs:
        o->actor = 0;
        snprintf(o->json, sizeof o->json, "{\"after\":\"1\",\"limit\":100}");
        return true;
    }
    return false;
}

// Of notifications. false: another operation.
static bool compose_note(struct sim_op *o)
{
    switch (o->op) {
    case OP_notifications:
    case OP_notification_count:
    case OP_notification_read:
    case OP_notifications_read:
    case OP_notification_delete:
    case OP_notification_events:
    case OP_notification_preferences:
    case OP_notification_preference_set:
    case OP_subscribe: notification(o); return true;
    case OP_activities: of_id(o, "user_id", o->actor, ""); return true;
    }
    return false;
}

// Of searches, and what asks for nothing but itself. false: another operation.
static bool compose_search(struct sim_op *o, unsigned nr)
{
    switch (o->op) {
    case OP_search_posts:
    case OP_search_users:
    case OP_search_comments:
    case OP_search_tags:
    case OP_search_locations:
    case OP_tag_posts:
    case OP_location_posts: search(o, nr); return true;
    case OP_tag_list:
    case OP_trending_hashtags:
    case OP_trending_posts:
    case OP_blocks:
    case OP_contacts:
    case OP_mutes:
    case OP_close_friends:
    case OP_follow_requests:
    case OP_follow_requests_sent:
    case OP_suggestions:
    case OP_post_list:
    case OP_bookmarks:
    case OP_ping: snprintf(o->json, sizeof o->json, "{}"); return true;
    case OP_media_ticket:
        snprintf(o->json, sizeof o->json, "{\"media_type\":\"%s\",\"file_size\":%u}",
                 chance(500) ? "image" : "video", 1 + nr % 1000);
        return true;
    case OP_explain:
        snprintf(o->json, sizeof o->json, "{\"op\":\"feed\",\"request\":{\"limit\":5}}");
        return true;
    }
    return false;
}

static void compose(struct sim_op *o, unsigned nr)
{
    if (compose_account(o, nr) || compose_search(o, nr) || compose_note(o) ||
        sim_compose_doc(o, nr, some(&history.post)))
        return;
    switch (o->op) {
    case OP_import_users: import_users(o, nr); return;
    case OP_import_edges: import_edges(o); return;
    case OP_import_posts: import_posts(o, nr); return;
    case OP_post_create: post_create(o, nr); return;
    case OP_post_update: post_update(o, nr); return;
    case OP_media_add:
    case OP_media_remove: media(o, nr); return;
    case OP_comment_create: comment_create(o, nr); return;
    case OP_comment_update:
    case OP_comment_delete:
    case OP_comment_remove:
    case OP_comment_reinstate:
    case OP_comment_like:
    case OP_comment_unlike:
    case OP_comment_likes:
    case OP_comment_replies: of_comment(o, nr); return;
    case OP_follow:
    case OP_unfollow:
    case OP_user_get:
    case OP_user_stats:
    case OP_user_delete:
    case OP_user_posts:
    case OP_user_comments:
    case OP_user_archive:
    case OP_user_export:
    case OP_followers:
    case OP_mutuals:
    case OP_following: of_user(o, nr); return;
    case OP_relationships:
        snprintf(o->json, sizeof o->json, "{\"user_ids\":[\"%" PRIu64 "\",\"%" PRIu64 "\"]}",
                 anybody(), anybody());
        return;
    case OP_user_by_name:
        snprintf(o->json, sizeof o->json, "{\"username\":\"v%u\"}",
                 (unsigned)some(&history.born));
        return;
    case OP_feed:
        snprintf(o->json, sizeof o->json, "{\"include_self\":%s}", chance(500) ? "true" : "false");
        return;
    }
    if (op_row(o->op)->request == &kt_desc_UserOnly)
        of_user(o, nr);
    else
        of_post(o, nr);
}

// ---- the member --------------------------------------------------------------------------------

static void sign_up(struct sim_op *o, unsigned nr)
{
    unsigned who = chance(100) && nr > 50 ? nr - 50 : nr; // at times a name that is taken
    o->op = OP_register;
    snprintf(o->json, sizeof o->json,
             "{\"username\":\"r%u\",\"email\":\"r%u@a.example\",\"password\":\"secret of r%u\","
             "\"full_name\":\"Re Gister\"}", who, who, who);
    with_key(o, nr);
}

static void log_in(struct sim_op *o)
{
    unsigned i = sim_below(&sim.schedule, member.accounts);
    bool wrong = chance(100);
    o->op = OP_login;
    snprintf(o->json, sizeof o->json,
             "{\"username\":\"%s\",\"password\":\"%s%s\",\"reactivate\":%s}",
             member.account[i].name, member.account[i].password, wrong ? "?" : "",
             chance(700) ? "true" : "false");
}

// The authenticator's code of now; the member's clock is the server's.
static uint32_t code_of_now(void)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t key[TOTP_KEY] = {0};
    for (unsigned bit = 0; bit < 8 * TOTP_KEY; bit++) {
        unsigned v = (unsigned)(strchr(letters, member.totp[bit / 5]) - letters);
        key[bit / 8] = (uint8_t)(key[bit / 8] * 2u | (v >> (4 - bit % 5) & 1));
    }
    return totp_code(key, clock_wall_ms() / 1000 / TOTP_STEP_S);
}

static void second_factor(struct sim_op *o)
{
    snprintf(o->json, sizeof o->json, "{}");
    if (member.recovery[0] != 0) {
        o->op = OP_totp_disable;
        snprintf(o->json, sizeof o->json, "{\"code\":\"%s\"}", member.recovery);
    } else if (member.totp[0] != 0) {
        o->op = OP_totp_confirm;
        snprintf(o->json, sizeof o->json, "{\"code\":\"%06u\"}", code_of_now());
    } else {
        o->op = OP_totp_enable;
    }
}

static bool member_account(struct sim_op *o, uint32_t what)
{
    snprintf(o->json, sizeof o->json, "{}");
    if (what < 26) {
        second_factor(o);
    } else if (what < 28) {
        o->op = OP_session_list;
    } else if (what < 29) {
        o->op = OP_session_revoke;
        snprintf(o->json, sizeof o->json, "{\"session_id\":\"%" PRIu64 "\"}", member.session);
    } else if (what < 30) {
        o->op = OP_session_revoke_all;
    } else if (what < 31) {
        o->op = OP_user_deactivate;
        snprintf(o->json, sizeof o->json, "{\"user_id\":\"%" PRIu64 "\"}", member.user);
    } else {
        o->op = OP_verify_request;
    }
    return true;
}

static bool compose_member(struct sim_op *o, unsigned nr)
{
    o->actor = 0;
    if (member.user == 0) {
        bool more = member.accounts < 4 || chance(200);
        if (more && history.user.n < sim_crowd.users_max && member.accounts < ACCOUNTS)
            sign_up(o, nr);
        else if (member.accounts > 0)
            log_in(o);
        else
            return false;
        return true;
    }
    uint32_t what = sim_below(&sim.schedule, 100);
    if (what >= 16)
        return what < 32 && member_account(o, what);
    o->op = what < 8 ? OP_token_refresh : OP_logout;
    snprintf(o->json, sizeof o->json, o->op == OP_logout ? "{}" : "{\"refresh_token\":\"%s\"}",
             member.refresh);
    return true;
}

void sim_compose(struct sim_op *o, unsigned client, unsigned nr)
{
    if (client == SIM_MEMBER && compose_member(o, nr))
        return;
    bool few = history.user.n < sim_crowd.users_min;
    o->op = few && client != SIM_MEMBER ? OP_import_users : fitting();
    o->actor = anybody();
    if (client == SIM_MEMBER) {
        enum op_auth auth = op_row(o->op)->auth;
        bool service = auth == AUTH_SERVICE || auth == AUTH_ROLE;
        o->actor = member.user;
        if (service || member.user == 0)
            o->op = OP_post_list;
    }
    compose(o, nr);
}

void sim_compose_read(struct sim_op *o, unsigned nr)
{
    do
        o->op = draw();
    while (!apart(o->op));
    o->actor = anybody();
    compose(o, nr);
}

void sim_hello(unsigned client, char json[SIM_JSON])
{
    if (client != SIM_MEMBER)
        snprintf(json, SIM_JSON, "{\"service_key\":\"" SIM_SERVICE_KEY "\"}");
    else if (member.user != 0)
        snprintf(json, SIM_JSON, "{\"token\":\"%s\"}", member.token);
    else
        json[0] = 0;
}

static void become(uint64_t user)
{
    if (user != member.user)
        member.totp[0] = member.recovery[0] = 0;
    member.user = user;
    member.anew = true;
}

void sim_unwelcome(unsigned client)
{
    if (client == SIM_MEMBER && member.user != 0)
        become(0);
}
bool sim_connect_anew(unsigned client) { return client == SIM_MEMBER && member.anew; }
void sim_connected(unsigned client)
{
    if (client == SIM_MEMBER)
        member.anew = false;
}

// ---- what is learned ---------------------------------------------------------------------------

static void learn_session(const struct sim_op *o, const kt_Session *s)
{
    unsigned n = member.accounts;
    snprintf(member.token, sizeof member.token, "%s", kt_Session_token(s).s);
    snprintf(member.refresh, sizeof member.refresh, "%s", kt_Session_refresh_token(s).s);
    become(kt_Session_user_id(s));
    if (o->op != OP_register)
        return;
    know(&history.user, member.user, 0);
    snprintf(member.account[n].name, sizeof member.account[n].name, "%s",
             kt_Session_username(s).s);
    snprintf(member.account[n].password, sizeof member.account[n].password, "secret of %s",
             kt_Session_username(s).s);
    member.accounts++;
}

static void learn_post(struct sim_op *o, const kt_Post *p)
{
    o->id = kt_Post_post_id(p);
    if (o->op == OP_post_create)
        know(&history.post, o->id, o->actor);
    fb_vec all = kt_Post_media(p);
    if (history.media == SIM_IDS)
        history.media = 0;
    if (all.n > 0)
        history.medium[history.media++] = (struct sim_medium){
            o->id, kt_Media_media_id(kt_at_Media(all, all.n - 1))};
}

static void learn_users(struct sim_op *o, fb_vec ids)
{
    know(&history.born, history.before + (uint64_t)(o - history.op), 0);
    for (uint32_t i = 0; i < ids.n; i++) {
        forget(&history.user, fb_vec_u64(ids, i)); // a row may be imported twice
        know(&history.user, fb_vec_u64(ids, i), 0);
    }
}

static uint64_t asked_id(const struct sim_op *o)
{
    const char *digits = strchr(o->json, ':');
    uint64_t id = 0;
    for (digits += 2; *digits >= '0' && *digits <= '9'; digits++)
        id = id * 10 + (uint64_t)(*digits - '0');
    return id;
}

static void learn_comment(struct sim_op *o, const void *answer)
{
    o->id = kt_Comment_comment_id(kt_root_Comment(answer));
    if (history.comment.n == SIM_IDS) {
        sim_ids_halve(&history.comment);
        memmove(history.post_of, history.post_of + SIM_IDS / 2,
                SIM_IDS / 2 * sizeof history.post_of[0]);
    }
    history.post_of[history.comment.n] = asked_id(o);
    know(&history.comment, o->id, o->actor);
}

static void learn_outbox(const kt_Outbox *t)
{
    fb_vec all = kt_Outbox_events(t);
    if (kt_Outbox_next(t) > history.outbox)
        history.outbox = kt_Outbox_next(t);
    for (uint32_t i = 0; i < all.n; i++) {
        const kt_OutboxEvent *e = kt_at_OutboxEvent(all, i);
        if (history.tokens == sizeof history.token / sizeof history.token[0])
            history.tokens = 0;
        struct sim_token *to = &history.token[history.tokens++];
        *to = (struct sim_token){.kind = kt_OutboxEvent_kind(e)};
        snprintf(to->token, sizeof to->token, "%s", kt_OutboxEvent_token(e).s);
        snprintf(to->to, sizeof to->to, "%.60s", kt_OutboxEvent_to(e).s);
    }
}

static bool learn_account(struct sim_op *o, const void *answer)
{
    fb_vec all;
    switch (o->op) {
    case OP_outbox_list: learn_outbox(kt_root_Outbox(answer)); return true;
    case OP_session_list:
        all = kt_Sessions_sessions(kt_root_Sessions(answer));
        if (all.n > 0)
            member.session = kt_SessionInfo_session_id(kt_at_SessionInfo(all, all.n - 1));
        return true;
    case OP_totp_enable:
        snprintf(member.totp, sizeof member.totp, "%s",
                 kt_TotpKey_secret(kt_root_TotpKey(answer)).s);
        return true;
    case OP_totp_confirm:
        all = kt_RecoveryCodes_recovery_codes(kt_root_RecoveryCodes(answer));
        snprintf(member.recovery, sizeof member.recovery, "%s", fb_vec_str(all, 0).s);
        return true;
    case OP_totp_disable: member.totp[0] = member.recovery[0] = 0; return true;
    case OP_session_revoke_all:
    case OP_user_deactivate:
        if (o->client == SIM_MEMBER)
            become(0);
        else if (o->op == OP_user_deactivate)
            forget(&history.user, asked_id(o));
        return true;
    }
    return false;
}

static void learn_notes(const struct sim_op *o, const kt_Notifications *page)
{
    fb_vec all = kt_Notifications_notifications(page);
    for (uint32_t i = 0; i < all.n && i < 2; i++) {
        uint64_t id = kt_Notification_notification_id(kt_at_Notification(all, i));
        if (history.note.n == SIM_IDS)
            history.note.n = 0;
        know(&history.note, id, o->actor);
    }
}

void sim_learn(struct sim_op *o, const void *answer)
{
    if (learn_account(o, answer) || sim_learn_doc(o, answer))
        return;
    switch (o->op) {
    case OP_register:
    case OP_login:
    case OP_token_refresh:
        learn_session(o, kt_root_Session(answer));
        o->id = member.user;
        return;
    case OP_logout: become(0); return;
    case OP_import_users:
        learn_users(o, kt_ImportedUsers_user_ids(kt_root_ImportedUsers(answer)));
        return;
    case OP_import_edges:
    case OP_import_posts:
        o->count = kt_ImportState_applied(kt_root_ImportState(answer));
        o->repeated = kt_ImportState_repeated(kt_root_ImportState(answer));
        o->refused = kt_ImportState_refused(kt_root_ImportState(answer));
        return;
    case OP_user_update: o->id = kt_User_user_id(kt_root_User(answer)); return;
    case OP_user_delete: o->id = asked_id(o); forget(&history.user, o->id); return;
    case OP_post_create:
    case OP_post_update:
    case OP_media_add: learn_post(o, kt_root_Post(answer)); return;
    case OP_notifications: learn_notes(o, kt_root_Notifications(answer)); return;
    case OP_notifications_read:
        o->count = kt_UnreadCount_unread_count(kt_root_UnreadCount(answer));
        return;
    case OP_notification_read: // what is unread besides is counted after its place
    case OP_notification_delete:
    case OP_post_delete:
    case OP_post_restore:
    case OP_post_remove:
    case OP_post_reinstate:
    case OP_comment_remove:
    case OP_comment_reinstate:
    case OP_media_remove:
    case OP_comment_delete: o->id = asked_id(o); return;
    case OP_comment_create: learn_comment(o, answer); return;
    case OP_comment_update: o->id = kt_Comment_comment_id(kt_root_Comment(answer)); return;
    case OP_follow:
    case OP_unfollow:
    case OP_request_approve:
    case OP_follower_remove:
        if (strcmp(kt_FollowState_status(kt_root_FollowState(answer)).s, "requested") == 0)
            know(&history.request, asked_id(o), o->actor);
        o->count = kt_FollowState_followers_count(kt_root_FollowState(answer));
        return;
    case OP_like:
    case OP_unlike: o->count = kt_LikeState_like_count(kt_root_LikeState(answer)); return;
    case OP_comment_like:
    case OP_comment_unlike:
        o->count = kt_CommentLikeState_like_count(kt_root_CommentLikeState(answer));
        return;
    case OP_bookmark:
    case OP_unbookmark:
        o->count = kt_BookmarkState_save_count(kt_root_BookmarkState(answer));
        return;
    case OP_share:
    case OP_unshare: o->count = kt_ShareState_share_count(kt_root_ShareState(answer)); return;
    }
}
