#include "tests/api/support_crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/server.h"
#include "core/assert.h"
#include "core/entry.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/names.h"
#include "store/read.h"
#include "store/store.h"

#define KEY "a-service-key-for-tests-0123456789"
#define BEFORE_MS UINT64_C(1700000000000)

enum { BODY_BYTES = 1 << 18, TEXT_BYTES = 4 << 20, STEPS_MAX = 200000, IDLE_STEPS = 30,
       STRANGERS = 40, LEADING_TAGS = 40, DISK_US = 500 };

struct crowd crowd;
char crowd_text[TEXT_BYTES];

static struct server *server;
static char dir[64];
static int connection;
static _Alignas(8) uint8_t body_bytes[BODY_BYTES], entry_bytes[sizeof(struct entry) + BODY_BYTES];
static fb_builder b;

void crowd_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

// ---- steps -------------------------------------------------------------------------------------

static void step(void)
{
    server_step_writer(server);
    server_step_core(server, 0);
    server_step_helper(server);
}

// Whether all that was handed to the log is written and applied.
static bool is_through(void)
{
    struct wal_stats w;
    wal_stats(server_wal(server), &w);
    uint64_t released = wal_released_place(server_wal(server));
    return w.queue_bytes == 0 && w.in_flight == 0 &&
           server_store(server)->shard[0].place == released;
}

void crowd_settle(void)
{
    uint64_t place = 0;
    for (unsigned idle = 0; idle < IDLE_STEPS; idle++) {
        step();
        uint64_t now = wal_released_place(server_wal(server));
        bool through = is_through();
        if (now != place || !through)
            idle = 0;
        // How often it is looked whether the disk is done would be counted.
        if (!through)
            usleep(DISK_US);
        place = now;
    }
}

// ---- entries -----------------------------------------------------------------------------------

static fb_builder *body(void)
{
    fb_init(&b, body_bytes, sizeof body_bytes);
    return &b;
}

static void say(enum op op, uint64_t actor, fb_ref root)
{
    struct entry *e = (struct entry *)(void *)entry_bytes;
    size_t n = fb_finish(&b, root);
    ASSERT(n > 0 && n <= BODY_BYTES);
    *e = (struct entry){.op = (uint16_t)op, .actor = actor};
    e->length = (uint32_t)(sizeof *e + n);
    memcpy(e + 1, fb_data(&b), n);
    ASSERT(store_route(server_store(server), e) == 0);
    struct ring *queue = wal_queue(server_wal(server), server_cores(server));
    while (!ring_push(queue, e, e->length, 0))
        step();
}

// Users by these names, with numbers from `from`.
static void say_users(const char *name, uint32_t from, uint32_t n)
{
    body();
    char text[3][64];
    kt_new_ImportUsers all = {0};
    uint32_t mark = fb_mark(&b);
    for (uint32_t i = from; i < from + n; i++) {
        snprintf(text[0], 64, "%s%u", name, i);
        snprintf(text[1], 64, "%s%u@example.org", name, i);
        snprintf(text[2], 64, "+1555%08u", i);
        kt_new_ImportUser u = {0};
        kt_put_ImportUser_username(&u, fb_cstring(&b, text[0]));
        kt_put_ImportUser_email(&u, fb_cstring(&b, text[1]));
        if (strcmp(name, "person") == 0)
            kt_put_ImportUser_phone_number(&u, fb_cstring(&b, text[2]));
        kt_put_ImportUser_first_name(&u, fb_cstring(&b, "Robin"));
        kt_put_ImportUser_bio(&u, fb_cstring(&b, "grows gardens"));
        kt_put_ImportUser_created_at(&u, BEFORE_MS + i);
        fb_push(&b, kt_end_ImportUser(&b, &u));
    }
    kt_put_ImportUsers_users(&all, fb_refs(&b, mark));
    say(OP_import_users, 0, kt_end_ImportUsers(&b, &all));
}

static uint64_t user_by(const char *name, uint32_t number)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%s%u", name, number);
    uint64_t id = names_find(server_store(server),
                             (struct name){NAME_username, text, (uint32_t)n});
    ASSERT(id != 0);
    return id;
}

static uint64_t make_user(const char *name)
{
    say_users(name, 0, 1);
    crowd_settle();
    return user_by(name, 0);
}

// One id, or as many as there are edges.
struct ends { const uint64_t *id; bool one; };

static void say_edges(unsigned kind, struct ends from, struct ends to, uint32_t n)
{
    for (uint32_t done = 0, some; done < n; done += some) {
        uint64_t end[2][IMPORT_EDGES_MAX];
        some = n - done < IMPORT_EDGES_MAX ? n - done : IMPORT_EDGES_MAX;
        for (uint32_t i = 0; i < some; i++) {
            end[0][i] = from.id[from.one ? 0 : done + i];
            end[1][i] = to.id[to.one ? 0 : done + i];
        }
        body();
        kt_new_ImportEdges w = {0};
        kt_put_ImportEdges_kind(&w, (kt_EdgeKind)kind);
        kt_put_ImportEdges_from(&w, fb_vector(&b, end[0], some, 8));
        kt_put_ImportEdges_to(&w, fb_vector(&b, end[1], some, 8));
        // Only a collection's owner adds to it.
        say(OP_import_edges, kind == EDGE_collect ? crowd.author : 0,
            kt_end_ImportEdges(&b, &w));
    }
}

struct writing { uint64_t author, reply_to; bool for_followers; const char *tag, *place; };

static void say_post(struct writing what, uint32_t number)
{
    char text[80], tag[32], leading[32], place[32];
    body();
    // Searches pass over what the viewer may not see: what is for few has a word of its own.
    if (what.tag != NULL)
        snprintf(text, sizeof text, "words of common interest, number%u of many", number);
    else
        snprintf(text, sizeof text, "note");
    // One that nobody else uses, as most are, and one of a few that lead the ranking.
    snprintf(tag, sizeof tag, "tag%u", number);
    snprintf(leading, sizeof leading, "lead%u", number % LEADING_TAGS);
    snprintf(place, sizeof place, "place %u", number);
    kt_new_PostCreate w = {0};
    kt_put_PostCreate_caption(&w, fb_cstring(&b, text));
    if (what.tag != NULL) {
        uint32_t mark = fb_mark(&b);
        fb_push(&b, fb_cstring(&b, what.tag));
        fb_push(&b, fb_cstring(&b, tag));
        fb_push(&b, fb_cstring(&b, leading));
        kt_put_PostCreate_hashtags(&w, fb_refs(&b, mark));
    }
    if (what.place != NULL) {
        kt_new_Location at = {0};
        kt_put_Location_name(&at, fb_cstring(&b, number % 2 ? place : what.place));
        kt_put_PostCreate_location(&w, kt_end_Location(&b, &at));
    }
    kt_put_PostCreate_reply_to_post_id(&w, what.reply_to);
    if (what.for_followers)
        kt_put_PostCreate_audience(&w, kt_Audience_followers);
    say(OP_post_create, what.author, kt_end_PostCreate(&b, &w));
}

static void say_comment(uint64_t post, uint64_t parent, uint32_t number)
{
    char text[80] = "so";
    body();
    if (parent == 0)
        snprintf(text, sizeof text, "a remark with number%u", number);
    kt_new_CommentCreate w = {0};
    kt_put_CommentCreate_post_id(&w, post);
    kt_put_CommentCreate_parent_id(&w, parent);
    kt_put_CommentCreate_content(&w, fb_cstring(&b, text));
    say(OP_comment_create, crowd.writer, kt_end_CommentCreate(&b, &w));
}

static void say_audit(uint64_t user)
{
    body();
    kt_new_AuditAdd w = {0};
    kt_put_AuditAdd_user_id(&w, user);
    kt_put_AuditAdd_act(&w, OP_login);
    kt_put_AuditAdd_decider(&w, (uint16_t)id_slot(user));
    say(OP_audit_add, 0, kt_end_AuditAdd(&b, &w));
}

// Of the object, which is not looked for.
static void say_report(uint64_t by, uint64_t object)
{
    body();
    kt_new_ReportAdd w = {0};
    kt_put_ReportAdd_object_id(&w, object);
    kt_put_ReportAdd_object_type(&w, kt_ReportedType_post);
    kt_put_ReportAdd_reason(&w, kt_ReportReason_spam);
    say(OP_report_add, by, kt_end_ReportAdd(&b, &w));
}

static void say_session(uint64_t user, uint32_t number)
{
    char hash[65];
    body();
    snprintf(hash, sizeof hash, "%064u", number);
    kt_new_SessionCreate w = {0};
    kt_put_SessionCreate_user_id(&w, user);
    kt_put_SessionCreate_refresh_hash(&w, fb_cstring(&b, hash));
    kt_put_SessionCreate_expires_at(&w, UINT64_C(4000000000000));
    say(OP_session_create, 0, kt_end_SessionCreate(&b, &w));
}

// ---- who and what ------------------------------------------------------------------------------

// The newest ids of a sequence, as many as there is room for.
static uint32_t ids_of(uint64_t owner, enum list_kind list, uint64_t *out, uint32_t room)
{
    struct page page = {.want = PAGE_MAX};
    uint32_t n = 0;
    do {
        page.want = room - n < PAGE_MAX ? room - n : PAGE_MAX;
        read_seq(&server_store(server)->shard[0],
                 (struct seq_read){owner, page.next, list, false}, &page);
        for (uint32_t i = 0; i < page.n; i++)
            out[n++] = page.item[i].id;
    } while (page.next != 0 && n < room);
    return n;
}

static uint64_t newest_of(uint64_t owner, enum list_kind list)
{
    uint64_t id = 0;
    crowd_settle();
    ASSERT(ids_of(owner, list, &id, 1) == 1);
    return id;
}

static void make_people(void)
{
    static const struct { const char *name; size_t at; } some[] = {
        {"hub", offsetof(struct crowd, hub)},
        {"author", offsetof(struct crowd, author)},
        {"writer", offsetof(struct crowd, writer)},
        {"ring", offsetof(struct crowd, ring)},
        {"wall", offsetof(struct crowd, wall)},
        {"keeper", offsetof(struct crowd, keeper)},
        {"shy", offsetof(struct crowd, shy)},
        {"popular", offsetof(struct crowd, popular)},
        {"fan", offsetof(struct crowd, fan)},
        {"leaver", offsetof(struct crowd, leaver)},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        *(uint64_t *)(void *)((char *)&crowd + some[i].at) = make_user(some[i].name);
    for (uint32_t i = 0; i < crowd.n; i += IMPORT_USERS_MAX)
        say_users("person", i, crowd.n - i < IMPORT_USERS_MAX ? crowd.n - i : IMPORT_USERS_MAX);
    crowd_settle();
    for (uint32_t i = 0; i < crowd.n; i++)
        crowd.person[i] = user_by("person", i);
}

static void make_posts(void)
{
    uint32_t n = crowd.n;
    say_post((struct writing){.author = crowd.hub}, 0);
    crowd.asked = newest_of(crowd.hub, LIST_posts);
    say_comment(crowd.asked, 0, 0);
    crowd.comment = newest_of(crowd.asked, LIST_comments);
    for (uint32_t i = 0; i < n + ALIVE_POSTS; i++)
        say_post((struct writing){.author = crowd.keeper}, i);
    for (uint32_t i = 0; i < n; i++)
        say_post((struct writing){crowd.author, crowd.asked, false, "common", "here"}, i);
    for (uint32_t i = 0; i < POPULAR_POSTS; i++)
        say_post((struct writing){.author = crowd.popular}, i);
    for (uint32_t i = 0; i < n; i++)
        say_post((struct writing){.author = crowd.shy, .for_followers = true}, i);
    crowd_settle();
    ASSERT(ids_of(crowd.author, LIST_posts, crowd.post, n) == n);
    for (uint32_t i = 0; i < n; i++)
        say_comment(crowd.asked, 0, i);
    for (uint32_t i = 0; i < n; i++)
        say_comment(crowd.asked, crowd.comment, i);
}

static void pin(uint64_t post)
{
    body();
    kt_new_PostUpdate w = {0};
    kt_put_PostUpdate_post_id(&w, post);
    kt_put_PostUpdate_is_pinned(&w, true);
    say(OP_post_update, crowd.author, kt_end_PostUpdate(&b, &w));
}

// The keeper archives all but the newest.
static void archive(void)
{
    uint32_t n = crowd.n + ALIVE_POSTS;
    uint64_t *id = malloc(n * sizeof *id);
    ASSERT(id != NULL);
    ASSERT(ids_of(crowd.keeper, LIST_posts, id, n) == n);
    for (uint32_t i = ALIVE_POSTS; i < n; i++) {
        body();
        kt_new_PostUpdate w = {0};
        kt_put_PostUpdate_post_id(&w, id[i]);
        kt_put_PostUpdate_is_archived(&w, true);
        say(OP_post_update, crowd.keeper, kt_end_PostUpdate(&b, &w));
    }
    free(id);
}

// Whom the hub does not know, though all whom it follows do.
static void make_strangers(void)
{
    uint64_t *to = malloc(crowd.n * sizeof *to);
    ASSERT(to != NULL);
    say_users("stranger", 0, STRANGERS);
    crowd_settle();
    for (uint32_t i = 0; i < crowd.n; i++)
        to[i] = user_by("stranger", i % STRANGERS);
    say_edges(EDGE_follow, (struct ends){crowd.person, false}, (struct ends){to, false}, crowd.n);
    free(to);
}

static void make_edges(void)
{
    struct ends persons = {crowd.person, false}, posts = {crowd.post, false};
    struct ends hub = {&crowd.hub, true}, ring = {&crowd.ring, true}, wall = {&crowd.wall, true};
    struct ends asked = {&crowd.asked, true}, comment = {&crowd.comment, true};
    struct ends fan = {&crowd.fan, true}, popular = {&crowd.popular, true};
    struct ends author = {&crowd.author, true}, collection = {&crowd.collection, true};
    uint32_t n = crowd.n;
    say_edges(EDGE_follow, persons, hub, n);
    say_edges(EDGE_follow, hub, persons, n);
    say_edges(EDGE_follow, persons, author, n / 2);
    say_edges(EDGE_follow, hub, author, 1);
    say_edges(EDGE_request, persons, ring, n);
    say_edges(EDGE_request, ring, persons, n);
    say_edges(EDGE_block, wall, persons, n);
    say_edges(EDGE_mute, ring, persons, n);
    say_edges(EDGE_close_friend, ring, persons, n);
    say_edges(EDGE_like, persons, asked, n);
    say_edges(EDGE_like, ring, posts, n);
    say_edges(EDGE_bookmark, persons, asked, n);
    say_edges(EDGE_bookmark, ring, posts, n);
    say_edges(EDGE_comment_like, persons, comment, n);
    say_edges(EDGE_share, persons, asked, n);
    say_edges(EDGE_collect, collection, posts, n);
    say_edges(EDGE_follow, fan, hub, 1);
    say_edges(EDGE_follow, fan, popular, 1);
    say_edges(EDGE_follow, fan, author, 1);
    say_edges(EDGE_follow, wall, popular, 1);
    say_edges(EDGE_bookmark, fan, posts, ALIVE_POSTS);
    uint64_t liked[POPULAR_POSTS];
    ASSERT(ids_of(crowd.popular, LIST_posts, liked, POPULAR_POSTS) == POPULAR_POSTS);
    for (uint32_t i = 0; i < POPULAR_POSTS; i++)
        say_edges(EDGE_like, persons, (struct ends){&liked[i], true}, n / 10);
}

// What goes when its account goes: three of each.
static void make_leaver(void)
{
    struct ends leaver = {&crowd.leaver, true}, posts = {crowd.post, false};
    say_edges(EDGE_follow, leaver, (struct ends){&crowd.hub, true}, 1);
    say_edges(EDGE_follow, leaver, (struct ends){&crowd.author, true}, 1);
    say_edges(EDGE_follow, leaver, (struct ends){&crowd.popular, true}, 1);
    say_edges(EDGE_like, leaver, (struct ends){&crowd.asked, true}, 1);
    say_edges(EDGE_like, leaver, posts, 2);
    say_edges(EDGE_bookmark, leaver, posts, 3);
    for (uint32_t i = 0; i < 3; i++)
        say_post((struct writing){.author = crowd.leaver}, i);
}

// Kinds of which nobody may have many.
// The first 45 may be found by their addresses, which somebody has.
static void make_contacts(void)
{
    char target[64], text[2048] = "{\"contacts\":[";
    size_t n = strlen(text);
    for (unsigned i = 0; i < 45; i++) {
        snprintf(target, sizeof target, "/api/user/%llu", (unsigned long long)crowd.person[i]);
        ASSERT(crowd_call(crowd.person[i], "PUT", target, "{\"is_findable\":true}") == 200);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"person%u@example.org\"",
                              i > 0 ? "," : "", i);
    }
    snprintf(text + n, sizeof text - n, "]}");
    ASSERT(crowd_call(crowd.fan, "PUT", "/api/contacts", text) == 204);
}

// One notification for 45 devices, old enough to be pushed.
static void make_pushes(void)
{
    char target[128], text[64];
    for (unsigned i = 0; i < 45; i++) {
        snprintf(text, sizeof text, "{\"token\":\"token %u\"}", i);
        ASSERT(crowd_call(crowd.fan, "POST", "/api/devices", text) == 200);
    }
    ASSERT(crowd_call(crowd.fan, "POST", "/api/posts", "{\"caption\":\"like it\"}") == 201);
    snprintf(target, sizeof target, "/api/posts/%llu/like",
             (unsigned long long)newest_of(crowd.fan, LIST_posts));
    ASSERT(crowd_call(crowd.author, "POST", target, NULL) == 200);
    nanosleep(&(struct timespec){.tv_nsec = 2 * PUSH_DELAY_MS * 1000000L - 1}, NULL);
}

static void make_documents(void)
{
    char target[128], text[256];
    for (unsigned i = 0; i < 45; i++) {
        snprintf(target, sizeof target, "/api/user/%llu/addresses", (unsigned long long)crowd.fan);
        snprintf(text, sizeof text,
                 "{\"first_name\":\"A\",\"last_name\":\"B\",\"address_line_1\":\"Street %u\","
                 "\"city\":\"C\",\"state\":\"S\",\"country\":\"D\",\"postal_code\":\"1\"}", i);
        ASSERT(crowd_call(crowd.fan, "POST", target, text) == 201);
        snprintf(target, sizeof target, "/api/user/%llu/preferences/key%u",
                 (unsigned long long)crowd.fan, i);
        ASSERT(crowd_call(crowd.fan, "PUT", target, "{\"preference_value\":\"x\"}") == 200);
        snprintf(text, sizeof text, "{\"search_term\":\"term %u\"}", i);
        ASSERT(crowd_call(crowd.fan, "POST", "/api/search/history", text) == 201);
        snprintf(text, sizeof text, "{\"name\":\"collection %u\",\"is_public\":true}", i);
        ASSERT(crowd_call(crowd.author, "POST", "/api/collections", text) == 201);
        snprintf(text, sizeof text, "{\"email\":\"person%u@example.org\"}", i);
        ASSERT(crowd_call(0, "POST", "/api/forgot-password", text) == 202);
        say_session(crowd.fan, i);
    }
    crowd.collection = newest_of(crowd.author, LIST_collections);
    make_contacts();
    make_pushes();
}

// ---- the server --------------------------------------------------------------------------------

static void clear_away(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", dir);
}

static void start(void)
{
    struct server_options opt;
    char why[SERVER_WHY], path[96];
    snprintf(dir, sizeof dir, "/tmp/kith-flat-%d-XXXXXX", (int)getpid());
    ASSERT(mkdtemp(dir) != NULL);
    ASSERT(atexit(clear_away) == 0);
    snprintf(path, sizeof path, "%s/key", dir);
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL);
    ASSERT(fputs(KEY "\n", f) >= 0);
    ASSERT(fclose(f) == 0);
    ASSERT(chmod(path, 0600) == 0);
    server_options_defaults(&opt);
    char data[96];
    snprintf(data, sizeof data, "%s/data", dir);
    opt.dir = data;
    opt.cores = 1;
    opt.io = NET_EPOLL;
    opt.durability = DURABILITY_NONE;
    opt.listen[0] = "127.0.0.1:0";
    opt.listen_count = 1;
    opt.service_key_file = path;
    opt.quiet = true;
    opt.no_recount = true; // it would come between, by the clock
    ASSERT(limit_options_word(&opt.limits, "none", why));
    if (server_new(&opt, &server, why) != SERVER_DONE || server_load(server, why) != SERVER_DONE)
        crowd_fail("%s", why);
}

static void dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port(server, 0))};
    int now = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT(connection >= 0);
    ASSERT(setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now) == 0);
    ASSERT(connect(connection, (struct sockaddr *)&to, sizeof to) == 0);
}

// Whether crowd_text[n] holds a whole answer.
static bool is_whole(size_t n)
{
    crowd_text[n] = '\0';
    const char *end = strstr(crowd_text, "\r\n\r\n");
    const char *length = strstr(crowd_text, "Content-Length: ");
    if (end == NULL)
        return false;
    size_t rest = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return n >= (size_t)(end - crowd_text) + 4 + rest;
}

unsigned crowd_call(uint64_t viewer, const char *method, const char *target, const char *text)
{
    static char request[64 << 10], who[64];
    size_t n = 0;
    who[0] = '\0';
    if (viewer != 0)
        snprintf(who, sizeof who, "Kith-Viewer: %llu\r\n", (unsigned long long)viewer);
    int size = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " KEY "\r\n%s"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        method, target, who, text != NULL ? strlen(text) : 0,
                        text != NULL ? text : "");
    ASSERT(size > 0 && (size_t)size < sizeof request);
    ASSERT(write(connection, request, (size_t)size) == size);
    for (unsigned i = 0; i < STEPS_MAX && !is_whole(n); i++) {
        step();
        ssize_t got = recv(connection, crowd_text + n, TEXT_BYTES - 1 - n, MSG_DONTWAIT);
        ASSERT(got > 0 || (got < 0 && errno == EAGAIN));
        n += got > 0 ? (size_t)got : 0;
    }
    ASSERT(is_whole(n));
    return (unsigned)strtoul(crowd_text + 9, NULL, 10);
}

void crowd_begin(uint32_t n)
{
    crowd.n = n;
    crowd.person = malloc(n * sizeof *crowd.person);
    crowd.post = malloc(n * sizeof *crowd.post);
    ASSERT(crowd.person != NULL);
    ASSERT(crowd.post != NULL);
    start();
    dial();
    make_people();
    make_documents();
    make_posts();
    archive();
    for (uint32_t i = 1; i <= PINS_MAX; i++)
        pin(crowd.post[n - i]);
    make_strangers();
    make_edges();
    make_leaver();
    for (uint32_t i = 0; i < n; i++)
        say_audit(crowd.fan);
    for (uint32_t i = 0; i < n; i++)
        say_report(crowd.person[i], crowd.asked);
    crowd_settle();
    close(connection); // it was idle for longer than the server suffers
    dial();
}

void crowd_end(void)
{
    close(connection);
    server_abandon(server);
    free(crowd.person);
    free(crowd.post);
}
