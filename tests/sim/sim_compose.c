// Requests as JSON. People come and go; posts and comments of lately are asked for most.
#include "tests/sim/sim_compose.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/graph.h"
#include "kith_fb.h"
#include "tests/sim/sim.h"

enum { LATELY = 30, ACCOUNTS = 64, BORN_MS = 1500000, CHUNKS = 40 };

// The member: an account that it made, and the secrets that it was given.
static struct {
    struct { char name[24], password[32]; } account[ACCOUNTS];
    unsigned accounts;
    unsigned trying;             // the account of the login under way
    uint64_t user;               // 0 = nobody
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
    {OP_bookmarks, 3},      {OP_comment_like, 18},   {OP_comment_unlike, 6}, {OP_comment_likes, 3},
    {OP_share, 12},         {OP_unshare, 5},         {OP_shares, 3},         {OP_react, 24},
    {OP_unreact, 7},        {OP_post_replies, 3},    {OP_post_stats, 3},     {OP_user_comments, 3},
    {OP_user_archive, 2},   {OP_post_restore, 8},
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

static void know(struct sim_ids *ids, uint64_t id, uint64_t owner)
{
    if (id == 0 || ids->n == SIM_IDS)
        return;
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
             first, (uint64_t)(BORN_MS + first) * 1000000, nr,
             (uint64_t)(BORN_MS + nr) * 1000000 + 1, nr);
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
    unsigned chunk = sim_below(&sim.schedule, CHUNKS);
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
    unsigned whom = (unsigned)some(&history.born);
    char parent[56] = "";
    if (chance(250))
        snprintf(parent, sizeof parent, ",\"reply_to_post_id\":\"%" PRIu64 "\"",
                 some(&history.post));
    snprintf(o->json, sizeof o->json, "{\"caption\":\"post %u #tag%u @v%u\"%s%s}", nr, nr % 7,
             whom, more[sim_below(&sim.schedule, 5)], parent);
    with_key(o, nr);
}

static void post_update(struct sim_op *o, unsigned nr)
{
    static const char *const more[] = {"", ",\"image_url\":\"\"", ",\"media\":[]",
                                       ",\"image_url\":\"https://a.example/6\""};
    uint64_t post = some(&history.post);
    by_owner(o, &history.post, post);
    snprintf(o->json, sizeof o->json, "{\"post_id\":\"%" PRIu64 "\",\"caption\":\"edit %u\"%s}",
             post, nr, more[sim_below(&sim.schedule, 4)]);
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
    uint64_t post = some(&history.post);
    if (history.comment.n > 0 && chance(500)) {
        unsigned from = history.comment.n > LATELY ? history.comment.n - LATELY : 0;
        unsigned i = from + sim_below(&sim.schedule, history.comment.n - from);
        snprintf(parent, sizeof parent, ",\"parent_id\":\"%" PRIu64 "\"", history.comment.id[i]);
        if (chance(950))
            post = history.post_of[i];
    }
    snprintf(o->json, sizeof o->json,
             "{\"post_id\":\"%" PRIu64 "\",\"content\":\"comment %u\"%s}", post, nr, parent);
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
    snprintf(o->json, sizeof o->json, "{\"user_id\":\"%" PRIu64 "\",\"bio\":\"bio %u\"%s}",
             o->actor, nr, more);
    if (chance(300))
        with_key(o, nr);
}

static void of_id(struct sim_op *o, const char *field, uint64_t id, const char *more)
{
    snprintf(o->json, sizeof o->json, "{\"%s\":\"%" PRIu64 "\"%s}", field, id, more);
}

static void of_user(struct sim_op *o, unsigned nr)
{
    bool self = o->op == OP_user_delete || o->op == OP_user_comments || o->op == OP_user_archive;
    uint64_t id = self ? o->actor : anybody();
    of_id(o, "user_id", id, "");
    if ((o->op == OP_follow || o->op == OP_unfollow) && chance(300))
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
    if (o->op == OP_comment_update || o->op == OP_comment_delete)
        by_owner(o, &history.comment, comment);
    of_id(o, "comment_id", comment, content);
    if ((o->op == OP_comment_like || o->op == OP_comment_unlike) && chance(300))
        with_key(o, nr);
}

static void compose(struct sim_op *o, unsigned nr)
{
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
    case OP_comment_like:
    case OP_comment_unlike:
    case OP_comment_likes:
    case OP_comment_replies: of_comment(o, nr); return;
    case OP_user_update: user_update(o, nr); return;
    case OP_follow:
    case OP_unfollow:
    case OP_user_get:
    case OP_user_delete:
    case OP_user_posts:
    case OP_user_comments:
    case OP_user_archive:
    case OP_followers:
    case OP_following: of_user(o, nr); return;
    case OP_user_by_name:
        snprintf(o->json, sizeof o->json, "{\"username\":\"v%u\"}",
                 (unsigned)some(&history.born));
        return;
    case OP_feed:
        snprintf(o->json, sizeof o->json, "{\"include_self\":%s}", chance(500) ? "true" : "false");
        return;
    case OP_post_list:
    case OP_bookmarks:
    case OP_ping: snprintf(o->json, sizeof o->json, "{}"); return;
    }
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
    snprintf(o->json, sizeof o->json, "{\"username\":\"%s\",\"password\":\"%s%s\"}",
             member.account[i].name, member.account[i].password, wrong ? "?" : "");
}

static bool compose_member(struct sim_op *o, unsigned nr)
{
    o->actor = 0;
    if (member.user == 0) {
        bool more = member.accounts < 4 || chance(200);
        if (more && history.user.n < SIM_USERS_MAX && member.accounts < ACCOUNTS)
            sign_up(o, nr);
        else if (member.accounts > 0)
            log_in(o);
        else
            return false;
        return true;
    }
    uint32_t what = sim_below(&sim.schedule, 100);
    if (what >= 16)
        return false;
    o->op = what < 8 ? OP_token_refresh : OP_logout;
    snprintf(o->json, sizeof o->json, o->op == OP_logout ? "{}" : "{\"refresh_token\":\"%s\"}",
             member.refresh);
    return true;
}

void sim_compose(struct sim_op *o, unsigned client, unsigned nr)
{
    if (client == SIM_MEMBER && compose_member(o, nr))
        return;
    bool few = history.user.n < SIM_USERS_MIN, many = history.user.n >= SIM_USERS_MAX;
    o->op = few && client != SIM_MEMBER ? OP_import_users : draw();
    if (o->op == OP_import_users && many)
        o->op = OP_feed;
    if (o->op == OP_user_delete && history.user.n < SIM_USERS_MAX / 2)
        o->op = OP_post_list;
    o->actor = anybody();
    if (client == SIM_MEMBER) {
        bool service = op_row(o->op)->auth == AUTH_SERVICE;
        o->actor = member.user;
        if (service || member.user == 0)
            o->op = OP_post_list;
    }
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
    if (all.n > 0 && history.media < SIM_IDS)
        history.medium[history.media++] = (struct sim_medium){
            o->id, kt_Media_media_id(kt_at_Media(all, all.n - 1))};
}

static void learn_users(struct sim_op *o, fb_vec ids)
{
    know(&history.born, (uint64_t)(o - history.op), 0);
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
    if (history.comment.n == SIM_IDS)
        return;
    history.post_of[history.comment.n] = asked_id(o);
    know(&history.comment, o->id, o->actor);
}

void sim_learn(struct sim_op *o, const void *answer)
{
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
    case OP_post_delete:
    case OP_post_restore:
    case OP_media_remove:
    case OP_comment_delete: o->id = asked_id(o); return;
    case OP_comment_create: learn_comment(o, answer); return;
    case OP_comment_update: o->id = kt_Comment_comment_id(kt_root_Comment(answer)); return;
    case OP_follow:
    case OP_unfollow:
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
