// What reads and changes cost where there are n rows: run under callgrind for two n by
// tests/bench/test_flat.py, which says how far they may differ. Everything goes through a whole
// server (support_crowd.h). Every operation whose request has a limit is a list, and has to be
// among the cases here: none can be made that nobody has looked at in two sizes (PERF-19).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/limits.h"
#include "kith_fb.h"
#include "tests/api/support_crowd.h"
#include "tests/bench/cost.h"

enum { TARGET = 1024, CURSOR = 512, WANT = 20 };

typedef unsigned long long ull;

// ---- one request -------------------------------------------------------------------------------

// Elements of the first array of the answer, which is an object; or its lines, if it is made of
// them.
static unsigned items(void)
{
    const char *at = strstr(crowd_text, "\r\n\r\n");
    ASSERT(at != NULL);
    unsigned n = 0, depth = 0;
    if (strstr(crowd_text, "application/x-ndjson") != NULL) {
        for (at += 4; (at = strchr(at, '\n')) != NULL; at++) n++;
        return n;
    }
    for (at = strchr(at, '['); at != NULL && *at != '\0'; at++) {
        if (*at == '"')
            for (at++; *at != '"'; at++)
                at += *at == '\\';
        else if (*at == '[' || *at == '{')
            n += ++depth == 2;
        else if ((*at == ']' || *at == '}') && --depth == 0)
            break;
    }
    return n;
}

static bool cursor_take(char out[CURSOR])
{
    static const char key[] = "\"next_cursor\":\"";
    const char *at = strstr(crowd_text, key);
    out[0] = '\0';
    if (at == NULL)
        return false;
    at += sizeof key - 1;
    return snprintf(out, CURSOR, "%.*s", (int)strcspn(at, "\""), at) > 0;
}

struct ask { uint64_t viewer; const char *method, *target, *body; unsigned status; };

static void ask(struct ask what)
{
    unsigned status = crowd_call(what.viewer, what.method, what.target, what.body);
    if (status != what.status)
        crowd_fail("%s %s: %u\n%s", what.method, what.target, status, crowd_text);
}

static void cost(const char *path, struct ask what)
{
    cost_begin();
    ask(what);
    cost_end(path, 1);
}

// The same with all that follows from it.
static void cost_settled(const char *path, struct ask what)
{
    cost_begin();
    ask(what);
    crowd_settle();
    cost_end(path, 1);
}

// ---- lists -------------------------------------------------------------------------------------

// few: items that there are at most, 0 = n. deep: also a page from behind so many hundredths of n.
struct list_case {
    uint16_t op;
    const uint64_t *viewer, *owner;
    const char *query;
    uint8_t few;
    uint8_t deep;
    char from[CURSOR];          // of that page
};

#define HUB .viewer = &crowd.hub, .owner = &crowd.hub
#define FAN .viewer = &crowd.fan, .owner = &crowd.fan
#define RING .viewer = &crowd.ring
#define ASKED .viewer = &crowd.fan, .owner = &crowd.asked

static struct list_case cases[] = {
    {OP_followers, HUB, .deep = 10},
    {OP_following, HUB, .deep = 10},
    {OP_blocks, .viewer = &crowd.wall, .deep = 10},
    {OP_mutes, RING},
    {OP_close_friends, RING},
    {OP_follow_requests, RING},
    {OP_follow_requests_sent, RING},
    // How many mutuals there are is said exactly: work for each of those whom the viewer follows,
    // here three, whatever the other has.
    {OP_mutuals, .viewer = &crowd.fan, .owner = &crowd.author, .few = 1},
    {OP_suggestions, HUB},
    {OP_post_list, .viewer = &crowd.fan},
    {OP_user_posts, .viewer = &crowd.fan, .owner = &crowd.author, .deep = 10},
    {OP_likes, ASKED, .deep = 10},
    {OP_comment_list, ASKED, .deep = 95},
    {OP_comment_replies, .viewer = &crowd.fan, .owner = &crowd.comment, .deep = 10},
    {OP_feed, FAN},
    {OP_session_list, FAN},
    {OP_audit_list, .viewer = NULL, .owner = &crowd.fan, .query = "user_id="},
    {OP_outbox_list, .viewer = NULL},
    {OP_search_users, FAN, .query = "query=person"},
    {OP_search_posts, FAN, .query = "query=common+words"},
    {OP_search_comments, FAN, .query = "query=remark"},
    {OP_search_tags, FAN, .query = "query=tag"},
    {OP_search_locations, FAN, .query = "query=place"},
    {OP_tag_list, FAN},
    {OP_tag_posts, FAN, .query = "common"},
    {OP_location_posts, FAN, .query = "here"},
    {OP_trending_hashtags, FAN},
    {OP_trending_posts, FAN},
    {OP_notifications, HUB, .deep = 10},
    {OP_notification_events, HUB, .query = "after=1"},
    {OP_activities, .viewer = &crowd.writer, .owner = &crowd.writer, .deep = 10},
    {OP_addresses, FAN},
    {OP_preferences, FAN},
    {OP_search_history, FAN},
    {OP_devices, FAN},
    {OP_push_jobs, .viewer = NULL, .query = "after=1"},
    {OP_collections, .viewer = &crowd.author},
    {OP_collection_posts, .viewer = &crowd.fan, .owner = &crowd.collection, .deep = 10},
    {OP_user_collections, .viewer = &crowd.fan, .owner = &crowd.author},
    {OP_bookmarks, RING, .deep = 10},
    {OP_comment_likes, .viewer = &crowd.fan, .owner = &crowd.comment, .deep = 10},
    {OP_shares, ASKED, .deep = 10},
    {OP_post_replies, ASKED, .deep = 10},
    {OP_user_comments, .viewer = &crowd.writer, .owner = &crowd.writer, .deep = 10},
    {OP_contacts, FAN},
    {OP_user_export, .viewer = &crowd.author, .owner = &crowd.author},
    {OP_reports, .viewer = NULL, .deep = 10},
    {OP_user_archive, .viewer = &crowd.keeper, .owner = &crowd.keeper, .deep = 10},
};
enum { CASES = sizeof cases / sizeof *cases };

// Of the case, a page of `limit` from the cursor, "" = the first.
static struct ask page_of(const struct list_case *c, unsigned limit, const char *cursor)
{
    static char target[TARGET];
    const struct op_row *row = op_row(c->op);
    const char *path = strchr(row->http, '/');
    size_t n = 0;
    bool named = false;
    for (const char *at = path; *at != '\0' && *at != ' '; at++) {
        if (*at != '{') {
            target[n++] = *at;
            continue;
        }
        named = c->owner == NULL || strncmp(at, "{tag_name}", 10) == 0 ||
                strncmp(at, "{name}", 6) == 0;
        n += (size_t)(named ? snprintf(target + n, TARGET - n, "%s", c->query)
                            : snprintf(target + n, TARGET - n, "%llu", (ull)*c->owner));
        at += strcspn(at, "}");
    }
    n += (size_t)snprintf(target + n, TARGET - n, "?limit=%u", limit);
    if (c->query != NULL && !named)
        n += (size_t)snprintf(target + n, TARGET - n, "&%s", c->query);
    if (c->op == OP_audit_list)
        n += (size_t)snprintf(target + n, TARGET - n, "%llu", (ull)*c->owner);
    if (cursor[0] != '\0')
        snprintf(target + n, TARGET - n, "&cursor=%s", cursor);
    return (struct ask){c->viewer != NULL ? *c->viewer : 0, "GET", target, NULL, 200};
}

static const struct list_case *case_of(unsigned op)
{
    for (unsigned i = 0; i < CASES; i++)
        if (cases[i].op == op)
            return &cases[i];
    return NULL;
}

static bool is_list(const struct op_row *row)
{
    for (unsigned i = 0; i < row->request->n_fields; i++)
        if (strcmp(row->request->fields[i].name, "limit") == 0)
            return row->kind == OPK_READ;
    return false;
}

static void every_list_is_here(void)
{
    unsigned lists = 0;
    for (unsigned op = 1; op < OP_LIMIT; op++) {
        const struct op_row *row = op_row(op);
        if (row == NULL || !is_list(row))
            continue;
        lists++;
        if (case_of(op) == NULL)
            crowd_fail("the list %s is in no case of flat_cost.c: what it costs is not known",
                     row->name);
    }
    ASSERT(lists == CASES);
}

static void check_page(const struct list_case *c)
{
    unsigned least = c->few > 0 ? c->few : WANT, n = items();
    if (n < least)
        crowd_fail("%s: %u items, not %u\n%s", op_row(c->op)->name, n, least, crowd_text);
}

// What comes with the first request of its kind, and the way into the depth.
static void lists_prepare(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        struct list_case *c = &cases[i];
        ask(page_of(c, WANT, ""));
        check_page(c);
        for (uint32_t n = 0; n < crowd.n / 100 * c->deep; n += PAGE_MAX) {
            ask(page_of(c, PAGE_MAX, c->from));
            ASSERT(cursor_take(c->from));
        }
    }
}

static void lists_cost(void)
{
    char path[64];
    for (unsigned i = 0; i < CASES; i++) {
        const struct list_case *c = &cases[i];
        const char *name = op_row(c->op)->name;
        snprintf(path, sizeof path, "list:%s", name);
        cost(path, page_of(c, WANT, ""));
        if (c->deep == 0)
            continue;
        snprintf(path, sizeof path, "deep:%s", name);
        cost(path, page_of(c, WANT, c->from));
        check_page(c);
    }
}

// ---- other reads -------------------------------------------------------------------------------

// format: the target, with the id or without.
struct read_case {
    const char *path;
    const uint64_t *viewer;
    const char *format;
    const uint64_t *id;
};

static const struct read_case reads[] = {
    {"user_by_name", &crowd.fan, "/api/users/person777", NULL},
    {"user_followed", &crowd.fan, "/api/user/%llu", &crowd.hub},
    {"user_by_hub", &crowd.hub, "/api/user/%llu", &crowd.author},
    {"post_liked", &crowd.ring, "/api/posts/%llu", &crowd.asked},
    {"page_by_liker", &crowd.ring, "/api/user/%llu/posts", &crowd.author},
    {"page_by_fan", &crowd.fan, "/api/bookmarks", NULL},
    {"feed_blocks", &crowd.wall, "/api/feed", NULL},
    {"comments_blocks", &crowd.wall, "/api/posts/%llu/comments", &crowd.asked},
    {"comments_oldest", &crowd.fan, "/api/posts/%llu/comments?order=asc", &crowd.asked},
    {"posts_alive", &crowd.fan, "/api/user/%llu/posts", &crowd.keeper},
    {"unread", &crowd.hub, "/api/notifications?unread=true", NULL},
    {"unread_count", &crowd.hub, "/api/notifications/unread_count", NULL},
    {"user_stats", &crowd.fan, "/api/user/%llu/stats", &crowd.hub},
    {"author_stats", &crowd.fan, "/api/user/%llu/stats", &crowd.author},
    {"post_stats", &crowd.fan, "/api/posts/%llu/stats", &crowd.asked},
    {"like_count", &crowd.fan, "/api/posts/%llu/like_count", &crowd.asked},
    {"text_one", &crowd.fan, "/api/search/posts?query=number777", NULL},
    {"text_common", &crowd.fan, "/api/search/posts?query=interest", NULL},
    {"text_both", &crowd.fan, "/api/search/posts?query=common+number777", NULL},
    {"text_none", &crowd.fan, "/api/search/posts?query=nonsense", NULL},
    {"text_comment", &crowd.fan, "/api/search/comments?query=number777", NULL},
    {"text_bio", &crowd.fan, "/api/search/users?query=gardens", NULL},
    {"name_prefix", &crowd.fan, "/api/search/users?query=person7", NULL},
    {"name_word", &crowd.fan, "/api/search/users?query=robin", NULL},
    {"name_rare", &crowd.fan, "/api/search/users?query=popul", NULL},
    {"suggest_by_hub", &crowd.fan, "/api/suggestions", NULL},
};

static void reads_cost(void)
{
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        const struct read_case *c = &reads[i];
        char target[TARGET];
        if (c->id != NULL)
            snprintf(target, sizeof target, c->format, (ull)*c->id);
        else
            snprintf(target, sizeof target, "%s", c->format);
        struct ask what = {*c->viewer, "GET", target, NULL, 200};
        ask(what);
        cost(c->path, what);
    }
}

// ---- changes -----------------------------------------------------------------------------------

// Again what was done already, by one of the n.
static void repetitions_cost(void)
{
    static const struct { const char *path, *format; const uint64_t *id; bool by_wall; } all[] = {
        {"follow_again", "/api/user/follow/%llu", &crowd.hub, false},
        {"like_again", "/api/posts/%llu/like", &crowd.asked, false},
        {"comment_like_again", "/api/comments/%llu/like", &crowd.comment, false},
        {"share_again", "/api/posts/%llu/share", &crowd.asked, false},
        {"bookmark_again", "/api/posts/%llu/bookmark", &crowd.asked, false},
    };
    char target[TARGET];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(target, sizeof target, all[i].format, (ull)*all[i].id);
        cost(all[i].path, (struct ask){crowd.person[crowd.n / 2], "POST", target, "{}", 200});
    }
    snprintf(target, sizeof target, "/api/user/block/%llu", (ull)crowd.person[crowd.n / 2]);
    cost("block_again", (struct ask){crowd.wall, "POST", target, "{}", 200});
}

static void new_edges_cost(void)
{
    char target[TARGET];
    snprintf(target, sizeof target, "/api/user/unfollow/%llu", (ull)crowd.hub);
    cost("unfollow", (struct ask){crowd.fan, "POST", target, "{}", 200});
    snprintf(target, sizeof target, "/api/user/follow/%llu", (ull)crowd.hub);
    cost("follow", (struct ask){crowd.fan, "POST", target, "{}", 200});
    snprintf(target, sizeof target, "/api/posts/%llu/like", (ull)crowd.asked);
    cost("like", (struct ask){crowd.fan, "POST", target, "{}", 200});
    snprintf(target, sizeof target, "/api/posts/%llu/unlike", (ull)crowd.asked);
    cost("unlike", (struct ask){crowd.fan, "POST", target, "{}", 200});
    snprintf(target, sizeof target, "/api/posts/%llu/comments", (ull)crowd.asked);
    cost("comment", (struct ask){crowd.fan, "POST", target, "{\"content\":\"one more\"}", 201});
}

// By what a login names; neither asks for a password's hash.
static void names_cost(void)
{
    cost("user_by_email", (struct ask){0, "POST", "/api/forgot-password",
                                       "{\"email\":\"Person777@example.org\"}", 202});
    cost("user_by_phone", (struct ask){0, "POST", "/api/login/code",
                                       "{\"phone_number\":\"+155500000777\"}", 202});
}

// 1,000 edges in a request: likes of one of the author's posts, which has none of theirs.
static void bulk_cost(void)
{
    static char text[64 << 10];
    int n = snprintf(text, sizeof text, "{\"kind\":\"like\",\"from\":[");
    for (unsigned i = 0; i < IMPORT_EDGES_MAX; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%llu", i > 0 ? "," : "",
                      (ull)crowd.person[i]);
    n += snprintf(text + n, sizeof text - (size_t)n, "],\"to\":[");
    for (unsigned i = 0; i < IMPORT_EDGES_MAX; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%llu", i > 0 ? "," : "",
                      (ull)crowd.post[crowd.n / 2]);
    snprintf(text + n, sizeof text - (size_t)n, "]}");
    cost_settled("bulk", (struct ask){0, "POST", "/api/import/edges", text, 200});
    ASSERT(strstr(crowd_text, "\"applied\":1000") != NULL);
}

// What hangs on it goes, and nothing else is looked at.
static void removals_cost(void)
{
    char target[TARGET];
    snprintf(target, sizeof target, "/api/posts/%llu", (ull)crowd.post[crowd.n / 3]);
    cost_settled("post_delete", (struct ask){crowd.author, "DELETE", target, NULL, 204});
    snprintf(target, sizeof target, "/api/user/%llu", (ull)crowd.leaver);
    cost_settled("user_delete", (struct ask){crowd.leaver, "DELETE", target, NULL, 204});
}

int main(int argc, char **argv)
{
    int n = argc == 2 ? atoi(argv[1]) : 0;
    if (n < IMPORT_EDGES_MAX) {
        fprintf(stderr, "usage: %s ROWS, 1000 at least\n", argv[0]);
        return 2;
    }
    every_list_is_here();
    crowd_begin((uint32_t)n);
    lists_prepare();
    cost_watch();
    lists_cost();
    reads_cost();
    repetitions_cost();
    new_edges_cost();
    names_cost();
    bulk_cost();
    removals_cost();
    crowd_end();
    return 0;
}
