// A whole server in one thread, step by step, over a real directory and real sockets: what the
// simulator does with its own. And what must outlive a stop, a snapshot and a crash.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/reactor.h"
#include "api/server.h"
#include "core/clock.h"
#include "core/entry.h"
#include "core/id.h"
#include "kith_fb.h"
#include "persist/wal.h"
#include "store/store.h"

enum { STEPS_MAX = 200000, TEXT = 64 << 10 };

// The server's clocks, which a test may set wrong.
static int64_t wall_skew_ms;
static uint64_t mono_skew_ns;

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    assert_int_equal(clock_gettime(id, &t), 0);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000 + (uint64_t)wall_skew_ms;
}

uint64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC) + mono_skew_ns;
}

uint64_t clock_coarse_ns(void)
{
    return read_ns(CLOCK_MONOTONIC_COARSE) + mono_skew_ns;
}

static char dir[64];
static struct server *server;
static char text[TEXT];        // of the last answer, headers and body
static unsigned paused;        // this core takes no steps
static const char *challenges; // --captcha-verifier-file of the next start

enum { NO_CORE = 99 };

static void start(unsigned cores)
{
    paused = NO_CORE;
    struct server_options opt;
    char why[SERVER_WHY];
    server_options_defaults(&opt);
    opt.dir = dir;
    opt.cores = cores;
    opt.listen[0] = "127.0.0.1:0";
    opt.listen_count = 1;
    opt.admin = "127.0.0.1:0";
    opt.partitions = 8;
    opt.segment_bytes = 4 << 20;
    opt.captcha_file = challenges;
    if (server_new(&opt, &server, why) != SERVER_DONE || server_load(server, why) != SERVER_DONE)
        fail_msg("%s", why);
}

static void step(void)
{
    server_step_writer(server);
    for (unsigned c = 0; c < server_cores(server); c++)
        if (c != paused)
            server_step_core(server, c);
    server_step_helper(server);
    server_step_snapshot(server);
    server_step_control(server);
}

static int dial(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

// Whether text[n] holds a whole answer.
static bool is_whole(size_t n)
{
    text[n] = '\0';
    const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
    if (end == NULL)
        return false;
    size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return n >= (size_t)(end - text) + 4 + body;
}

// Sends one request, unless it is NULL, and steps until its answer is there; gives its status,
// 0 = it has not come.
static unsigned ask_on(int fd, const char *request, unsigned steps)
{
    size_t n = 0;
    if (request != NULL)
        assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    for (unsigned i = 0; i < steps; i++) {
        step();
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN)
            break;
        n += got > 0 ? (size_t)got : 0;
        if (is_whole(n) || got == 0)
            break;
    }
    return is_whole(n) ? (unsigned)strtoul(text + 9, NULL, 10) : 0;
}

static unsigned ask(unsigned port, const char *request)
{
    int fd = dial(port);
    unsigned status = ask_on(fd, request, STEPS_MAX);
    close(fd);
    assert_int_not_equal(status, 0);
    return status;
}

// The request of call(), in a buffer of its own.
static const char *request_of(const char *method, const char *path, const char *token,
                              const char *body)
{
    static char request[4096];
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: x\r\n%s%s%sContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             method, path, token[0] ? "Authorization: Bearer " : "", token, token[0] ? "\r\n" : "",
             strlen(body), body);
    return request;
}

static unsigned call(const char *method, const char *path, const char *token, const char *body)
{
    return ask(server_port(server, 0), request_of(method, path, token, body));
}

static unsigned admin(const char *method, const char *path)
{
    char request[256];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
             method, path);
    return ask(server_admin_port(server), request);
}

// The string after "name":" in the last answer.
static void take(const char *name, char *out, size_t cap)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    snprintf(out, cap, "%.*s", (int)strcspn(at, "\""), at);
}

struct person { char id[32], token[600], refresh[64]; };

static void join(const char *name, struct person *out)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"username\":\"%s\",\"email\":\"%s@x.org\",\"password\":\"correct horse\"}", name,
             name);
    assert_int_equal(call("POST", "/api/register", "", body), 201);
    take("user_id", out->id, sizeof out->id);
    take("token", out->token, sizeof out->token);
    take("refresh_token", out->refresh, sizeof out->refresh);
}

static int setup(void **state)
{
    (void)state;
    wall_skew_ms = 0;
    snprintf(dir, sizeof dir, "/tmp/kith-test-%d-XXXXXX", (int)getpid());
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    if (server != NULL)
        server_abandon(server);
    server = NULL;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void digest(char out[256])
{
    assert_int_equal(admin("GET", "/digest"), 200);
    const char *at = strstr(text, "\"objects\"");
    assert_non_null(at);
    snprintf(out, 256, "%s", at);
}

static void a_post_reaches_a_feed(void **state)
{
    (void)state;
    struct person jane, joe;
    char path[128], post[32];
    start(2);
    assert_int_equal(admin("GET", "/readyz"), 200);
    join("jane", &jane);
    join("joe", &joe);
    snprintf(path, sizeof path, "/api/user/follow/%s", jane.id);
    assert_int_equal(call("POST", path, joe.token, ""), 200);
    assert_int_equal(call("GET", "/api/feed", joe.token, ""), 200);
    assert_non_null(strstr(text, "\"posts\":[]"));
    assert_int_equal(call("POST", "/api/posts", jane.token, "{\"caption\":\"hello @joe #x\"}"),
                     201);
    take("post_id", post, sizeof post);
    assert_int_equal(call("GET", "/api/feed", joe.token, ""), 200);
    assert_non_null(strstr(text, post));
    assert_non_null(strstr(text, "\"mentions\":[\"joe\"]"));
    assert_non_null(strstr(text, "\"hashtags\":[\"x\"]"));
    assert_non_null(strstr(text, "\"following\":true"));
    assert_int_equal(server_stop(server), SERVER_DONE);
    server = NULL;
}

static void what_was_answered_outlives(void **state)
{
    (void)state;
    struct person jane;
    char before[256], after[256], body[128];
    start(2);
    join("jane", &jane);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(call("POST", "/api/posts", jane.token, "{\"caption\":\"again\"}"), 201);
    digest(before);
    assert_int_equal(admin("POST", "/snapshot"), 200);
    assert_int_equal(call("POST", "/api/logout", jane.token, ""), 204);
    digest(before);
    server_abandon(server); // as after a crash

    start(1);
    digest(after);
    assert_string_equal(before, after);
    assert_int_equal(call("GET", "/api/feed", jane.token, ""), 401);
    assert_int_equal(call("POST", "/api/login", "",
                          "{\"username\":\"JANE\",\"password\":\"correct horse\"}"), 200);
    assert_int_equal(call("POST", "/api/login", "",
                          "{\"username\":\"jane\",\"password\":\"incorrect\"}"), 401);
    take("code", body, sizeof body);
    assert_string_equal(body, "wrong_credentials");
    assert_int_equal(admin("POST", "/snapshot"), 200);
    digest(before);
    assert_int_equal(server_stop(server), SERVER_DONE);

    start(4);
    digest(after);
    assert_string_equal(before, after);
    assert_int_equal(call("GET", "/api/posts?limit=100", "", ""), 200);
    unsigned posts = 0;
    for (const char *at = text; (at = strstr(at, "\"post_id\"")) != NULL; at++)
        posts++;
    assert_int_equal(posts, 30);
}

static void tokens_are_rotated(void **state)
{
    (void)state;
    struct person jane;
    char body[128], token[600];
    start(1);
    join("jane", &jane);
    snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", jane.refresh);
    assert_int_equal(call("POST", "/api/token/refresh", "", body), 200);
    take("token", token, sizeof token);
    assert_int_equal(call("GET", "/api/feed", token, ""), 200);
    // A spent one ends the session.
    assert_int_equal(call("POST", "/api/token/refresh", "", body), 401);
    assert_int_equal(call("GET", "/api/feed", token, ""), 401);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct server_options opt;
    struct server *none;
    char why[SERVER_WHY];
    server_options_defaults(&opt);
    assert_int_equal(server_new(&opt, &none, why), SERVER_CONFIG);
    opt.dir = dir;
    opt.partitions = 3;
    assert_int_equal(server_new(&opt, &none, why), SERVER_CONFIG);
    opt.partitions = 8;
    opt.service_key_file = "/nonexistent";
    assert_int_equal(server_new(&opt, &none, why), SERVER_CONFIG);
    opt.service_key_file = "/etc/passwd";
    assert_int_equal(server_new(&opt, &none, why), SERVER_CONFIG);
    assert_non_null(strstr(why, "chmod"));
    opt.service_key_file = NULL;
    opt.admin = "nowhere:at:all";
    assert_int_equal(server_new(&opt, &none, why), SERVER_CONFIG);
}

static void one_directory_has_one_server(void **state)
{
    (void)state;
    struct server_options opt;
    struct server *other;
    char why[SERVER_WHY];
    start(1);
    server_options_defaults(&opt);
    opt.dir = dir;
    assert_int_equal(server_new(&opt, &other, why), SERVER_CONFIG);
    assert_null(other);
    assert_non_null(strstr(why, "another process"));
}

// The partition follows from the lowest bits of an id, and the core from the partition.
static unsigned core_of(const struct person *p)
{
    return (unsigned)(strtoull(p->id, NULL, 10) & 1);
}

// A connection that the other core has: there a request is answered while one is paused.
static int dial_awake(const char *request)
{
    for (unsigned i = 0; i < 200; i++) {
        int fd = dial(server_port(server, 0));
        if (ask_on(fd, request, 300) == 200)
            return fd;
        close(fd);
    }
    fail_msg("every connection goes to the paused core");
    return -1;
}

// Two who live on different cores.
static void join_both(struct person *jane, struct person *joe)
{
    char name[16];
    join("jane", jane);
    for (unsigned i = 0; i == 0 || core_of(joe) == core_of(jane); i++) {
        snprintf(name, sizeof name, "joe%u", i);
        join(name, joe);
    }
}

// An edge is answered by the core of its one end while the other end's has not applied it. Whoever
// reads then, on whatever core, has to wait for that.
static void a_read_waits_for_every_core(void **state)
{
    (void)state;
    struct person jane, joe;
    char path[128];
    start(2);
    join_both(&jane, &joe);
    paused = core_of(&joe);
    snprintf(path, sizeof path, "/api/user/follow/%s", jane.id);
    int fd = dial_awake(request_of("POST", path, joe.token, ""));
    assert_non_null(strstr(text, "\"following\":true"));
    snprintf(path, sizeof path, "/api/user/%s", joe.id);
    unsigned status = ask_on(fd, request_of("GET", path, jane.token, ""), 50);
    paused = NO_CORE;
    if (status == 0)
        status = ask_on(fd, NULL, STEPS_MAX);
    // Too late is an answer as well: a busy machine may take that long.
    if (status != 503) {
        assert_int_equal(status, 200);
        assert_non_null(strstr(text, "\"following_count\":1"));
    }
    close(fd);
    assert_int_equal(server_stop(server), SERVER_DONE);
    server = NULL;
}

// After a start each core makes its index while it answers; one that is long about it does not make
// who searches wait for ever.
static void a_search_waits_for_the_index_so_long(void **state)
{
    (void)state;
    struct person jane, joe;
    const char *search = "/api/search/users?query=jane";
    char path[128];
    start(2);
    join_both(&jane, &joe);
    assert_int_equal(server_stop(server), SERVER_DONE);
    start(2);
    paused = core_of(&joe);
    snprintf(path, sizeof path, "/api/user/%s", jane.id);
    int fd = dial_awake(request_of("GET", path, jane.token, ""));
    unsigned status = ask_on(fd, request_of("GET", search, jane.token, ""), 50);
    assert_int_equal(status, 0);
    for (time_t end = time(NULL) + 60; status == 0 && time(NULL) < end;)
        status = ask_on(fd, NULL, 50);
    close(fd);
    assert_int_equal(status, 503);
    assert_non_null(strstr(text, "\"index_incomplete\""));
    assert_non_null(strstr(text, "Retry-After: "));
    paused = NO_CORE;
    assert_int_equal(call("GET", search, jane.token, ""), 200);
    assert_non_null(strstr(text, jane.id));
}

// ---- tokens of telephones ----------------------------------------------------------------------

static const char telephone[] = "{\"token\":\"of a telephone\"}";

// Steps until only the second of them has the telephone's token.
static void expect_owner(const struct person *before, const struct person *now)
{
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(call("GET", "/api/devices", before->token, ""), 200);
        if (strstr(text, "\"devices\":[]") != NULL)
            break;
    }
    assert_non_null(strstr(text, "\"devices\":[]"));
    assert_int_equal(call("GET", "/api/devices", now->token, ""), 200);
    assert_non_null(strstr(text, "of a telephone"));
}

// A server of so many cores and two users, of whom the first has the telephone's token.
static void start_with_telephone(unsigned cores, struct person *jane, struct person *joe)
{
    start(cores);
    join("jane", jane);
    join("joe", joe);
    assert_int_equal(call("POST", "/api/devices", jane->token, telephone), 200);
}

// That who had it before has it no more is an entry behind the one that was answered.
static void a_token_has_one_owner_after_a_crash(void **state)
{
    (void)state;
    struct person jane, joe;
    start_with_telephone(2, &jane, &joe);
    assert_int_equal(call("POST", "/api/devices", joe.token, telephone), 200);
    server_abandon(server);
    start(2);
    expect_owner(&jane, &joe);
}

enum { ENTRY_BYTES = 512 };

// An entry of that user as the core puts it into its queue.
static struct entry *entry_of(enum op op, const struct person *who, fb_builder *b, fb_ref root)
{
    static _Alignas(8) uint8_t bytes[ENTRY_BYTES];
    struct entry *e = (struct entry *)(void *)bytes;
    size_t n = fb_finish(b, root);
    assert_in_range(n, 1, sizeof bytes - sizeof *e);
    *e = (struct entry){.op = (uint16_t)op, .actor = strtoull(who->id, NULL, 10)};
    e->length = (uint32_t)(sizeof *e + n);
    memcpy(e + 1, fb_data(b), n);
    assert_int_equal(store_route(server_store(server), e), 0);
    return e;
}

// Entries that come to nothing, as many as clients may have in the queue.
static void fill_queue(const struct person *who)
{
    _Alignas(8) uint8_t body[ENTRY_BYTES];
    struct ring *queue = wal_queue(server_wal(server), 0);
    fb_builder b;
    fb_init(&b, body, sizeof body);
    kt_new_DeviceRemove w = {0};
    kt_put_DeviceRemove_device_id(&w, id_make(1, id_slot(strtoull(who->id, NULL, 10))));
    const struct entry *e = entry_of(OP_device_remove, who, &b, kt_end_DeviceRemove(&b, &w));
    while (ring_used(queue) <= QUEUE_BYTES / 8 * 7)
        assert_true(ring_push(queue, e, e->length, 0));
}

// Sends the request and steps until it is in the log, but not applied.
static void log_only(int fd, const char *request)
{
    uint64_t place = wal_released_place(server_wal(server));
    ask_on(fd, request, 0);
    while (wal_released_place(server_wal(server)) == place) {
        server_step_core(server, 0);
        server_step_writer(server);
    }
}

static void a_token_has_one_owner_where_the_queue_is_full(void **state)
{
    (void)state;
    struct person jane, joe;
    start_with_telephone(1, &jane, &joe);
    int fd = dial(server_port(server, 0));
    log_only(fd, request_of("POST", "/api/devices", joe.token, telephone));
    fill_queue(&jane);
    server_step_core(server, 0);
    assert_int_equal(ask_on(fd, NULL, STEPS_MAX), 200);
    close(fd);
    expect_owner(&jane, &joe);
}

// Her registration anew is in the log before the removal of what she had when he registered.
static void who_registers_anew_keeps_the_token(void **state)
{
    (void)state;
    struct person jane, joe;
    _Alignas(8) uint8_t body[ENTRY_BYTES];
    start_with_telephone(1, &jane, &joe);
    int fd = dial(server_port(server, 0));
    log_only(fd, request_of("POST", "/api/devices", joe.token, telephone));
    fb_builder b;
    fb_init(&b, body, sizeof body);
    kt_new_DevicePut w = {0};
    kt_put_DevicePut_token(&w, fb_cstring(&b, "of a telephone"));
    const struct entry *e = entry_of(OP_device_put, &jane, &b, kt_end_DevicePut(&b, &w));
    usleep(2000); // within one millisecond it would be neither's turn
    assert_true(ring_push(wal_queue(server_wal(server), 0), e, e->length, 0));
    server_step_core(server, 0);
    assert_int_equal(ask_on(fd, NULL, STEPS_MAX), 200);
    close(fd);
    // Nobody waited for that entry, so who else has the token is looked for at the next start.
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(call("GET", "/api/devices", jane.token, ""), 200);
        assert_non_null(strstr(text, "of a telephone"));
    }
    assert_int_equal(server_stop(server), SERVER_DONE);
    start(2);
    expect_owner(&joe, &jane);
}

// As while they are still found, user by user, and there is room for no more.
static void fill_pushes(struct pushes *p)
{
    for (uint32_t i = 0; i < PUSHES_MAX; i++)
        p->note[i] = (struct push_note){.number = PUSHES_MAX - i, .user = 1};
    p->n = p->room = PUSHES_MAX;
    p->built = false;
    p->at = 0;
}

// Then the oldest of all go, and up to which they went is known.
static void the_oldest_pushes_go(void **state)
{
    (void)state;
    struct person jane, joe;
    char path[128];
    start_with_telephone(1, &jane, &joe);
    struct pushes *p = &server->reactor[0]->pushes;
    free(p->note);
    p->note = calloc(PUSHES_MAX, sizeof *p->note);
    assert_non_null(p->note);
    snprintf(path, sizeof path, "/api/user/follow/%s", jane.id);
    int fd = dial(server_port(server, 0));
    ask_on(fd, request_of("POST", path, joe.token, ""), 0);
    for (unsigned i = 0; p->lost == 0 && i < STEPS_MAX; i++) {
        fill_pushes(p);
        step();
    }
    assert_true(p->lost > 0 && p->built);
    close(fd);
    assert_int_equal(p->lost, PUSHES_MAX / 4);
    assert_int_equal(p->n, PUSHES_MAX - PUSHES_MAX / 4 + 1);
    for (uint32_t i = 0; i + 1 < p->n; i++)
        assert_int_equal(p->note[i].number, p->lost + 1 + i);
    assert_int_equal(p->note[p->n - 1].user, strtoull(jane.id, NULL, 10));
}

// ---- guards ------------------------------------------------------------------------------------

// Whoever follows an author reads what he says anyway; to others he says the same some times.
static void the_same_text_too_often(void **state)
{
    (void)state;
    struct person jane, joe, host;
    char path[128], post[32], body[128];
    start(1);
    join("jane", &jane);
    join("joe", &joe);
    join("host", &host);
    assert_int_equal(call("POST", "/api/posts", host.token, "{\"caption\":\"hello\"}"), 201);
    take("post_id", post, sizeof post);
    snprintf(path, sizeof path, "/api/posts/%s/comments", post);
    for (unsigned i = 0; i < 21; i++) {
        snprintf(body, sizeof body, "{\"content\":\"@host%u %s%s\"}", i, i % 2 ? "Buy, " : "BUY",
                 i % 3 ? "this!" : " th.is");
        assert_int_equal(call("POST", path, jane.token, body), i < 20 ? 201 : 429);
    }
    // Another text, another's same text, and who hears it anyway.
    assert_int_equal(call("POST", path, jane.token, "{\"content\":\"buy that\"}"), 201);
    assert_int_equal(call("POST", path, joe.token, "{\"content\":\"buy this\"}"), 201);
    char follow[128];
    snprintf(follow, sizeof follow, "/api/user/follow/%s", jane.id);
    assert_int_equal(call("POST", path, jane.token, "{\"content\":\"buy this\"}"), 429);
    assert_int_equal(call("POST", follow, host.token, ""), 200);
    assert_int_equal(call("POST", path, jane.token, "{\"content\":\"buy this\"}"), 201);
}

// Asks until the server has noticed what memory it has, and answers so.
static void expect_soon(unsigned status, const char *path, const struct person *who)
{
    unsigned got = 0;
    for (time_t end = time(NULL) + 60; got != status && time(NULL) < end;)
        got = call("POST", path, who->token, "{\"content\":\"is there room?\"}");
    assert_int_equal(got, status);
}

// What there was no room for was said to nobody, however often it was tried.
static void the_same_text_without_room(void **state)
{
    (void)state;
    struct person jane, host;
    char path[128], post[32];
    start(1);
    join("jane", &jane);
    join("host", &host);
    assert_int_equal(call("POST", "/api/posts", host.token, "{\"caption\":\"hello\"}"), 201);
    take("post_id", post, sizeof post);
    snprintf(path, sizeof path, "/api/posts/%s/comments", post);
    server->opt.memory_limit = 1;
    expect_soon(503, path, &host);
    for (unsigned i = 0; i < 25; i++)
        assert_int_equal(call("POST", path, jane.token, "{\"content\":\"buy this\"}"), 503);
    server->opt.memory_limit = 0;
    expect_soon(201, path, &host);
    for (unsigned i = 0; i < 21; i++)
        assert_int_equal(call("POST", path, jane.token, "{\"content\":\"buy this\"}"),
                         i < 20 ? 201 : 429);
}

static void base64(char *out, size_t room, const void *data, size_t n)
{
    sodium_bin2base64(out, room, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static const char verifiers_key[] = "a key of those who vouch for solved challenges";

// A verifier's word that this challenge was solved.
static const char *solved(const char *id, long begins_s, bool yes)
{
    static char token[1024];
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char claims[256];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    long at = (long)(clock_wall_ms() / 1000) + begins_s;
    int n = snprintf(claims, sizeof claims, "{\"iss\":\"them\",\"aud\":\"us\",\"jti\":\"%s\","
                     "\"iat\":%ld,\"exp\":%ld,\"success\":%s}", id, at, at + 60,
                     yes ? "true" : "false");
    base64(token, sizeof token, head, sizeof head - 1);
    strcat(token, ".");
    base64(token + strlen(token), sizeof token / 2, claims, (size_t)n);
    crypto_auth_hmacsha256_state s;
    crypto_auth_hmacsha256_init(&s, (const uint8_t *)verifiers_key, sizeof verifiers_key - 1);
    crypto_auth_hmacsha256_update(&s, (const uint8_t *)token, strlen(token));
    crypto_auth_hmacsha256_final(&s, mac);
    strcat(token, ".");
    base64(token + strlen(token), sizeof token / 2, mac, sizeof mac);
    return token;
}

static unsigned log_in(const char *name, const char *password, const char *token)
{
    char body[2048];
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\",\"captcha\":\"%s\"}",
             name, password, token);
    return call("POST", "/api/login", "", body);
}

static void write_file(const char *name, const char *bytes)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_true(fputs(bytes, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(name, 0600), 0);
}

static void start_with_challenges(void)
{
    static char file[128];       // the server goes on looking at it
    char key[128], line[256];
    snprintf(key, sizeof key, "%s-key", dir);
    snprintf(file, sizeof file, "%s-file", dir);
    snprintf(line, sizeof line, "captcha them us HS256 %s\n", key);
    write_file(key, verifiers_key);
    write_file(file, line);
    challenges = file;
    start(1);
    challenges = NULL;
    remove(key);
    remove(file);
    wall_skew_ms += 61 * 1000;   // in the first minute tokens may have been used before
}

// Guesses until a challenge is to be solved.
static void be_suspect(void)
{
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(log_in("jane", "wrong horse", ""), 401);
}

static void a_challenge_opens_once(void **state)
{
    (void)state;
    struct person jane, joe;
    char token[1024];
    start_with_challenges();
    join("jane", &jane);
    join("joe", &joe);
    be_suspect();
    assert_int_equal(log_in("JANE", "wrong horse", ""), 403);
    assert_int_equal(log_in("jane", "correct horse", ""), 403);
    assert_int_equal(log_in("jane", "correct horse", solved("a", 2, false)), 403);
    assert_int_equal(log_in("jane", "correct horse", solved("b", -30, true)), 403);
    snprintf(token, sizeof token, "%s", solved("c", 2, true));
    assert_int_equal(log_in("jane", "correct horse", token), 200);
    assert_int_equal(log_in("jane", "correct horse", token), 403);
    snprintf(token, sizeof token, "%s", solved("d", 2, true));
    assert_int_equal(log_in("jane", "wrong horse", token), 401);
    assert_int_equal(log_in("jane", "correct horse", token), 403);
    assert_int_equal(log_in("joe", "correct horse", ""), 200);
}

// What was used is used, though the server's clock says a second time that the token is new: while
// it serves, and after a start.
static void a_challenge_opens_once_when_the_clock_goes_back(void **state)
{
    (void)state;
    const uint64_t hour_ns = UINT64_C(3600) * 1000000000;
    struct person jane;
    char token[1024];
    start_with_challenges();
    join("jane", &jane);
    be_suspect();
    snprintf(token, sizeof token, "%s", solved("a", 2, true));
    assert_int_equal(log_in("jane", "correct horse", token), 200);
    assert_int_equal(log_in("jane", "correct horse", token), 403);
    mono_skew_ns += hour_ns;     // an hour later it is as late as before
    be_suspect();
    assert_int_equal(log_in("jane", "correct horse", token), 403);
    snprintf(token, sizeof token, "%s", solved("b", 30, true)); // the verifier's clock is ahead
    assert_int_equal(log_in("jane", "correct horse", token), 200);
    assert_int_equal(server_stop(server), SERVER_DONE);
    int64_t right_ms = wall_skew_ms;
    wall_skew_ms -= 300 * 1000;  // and at the start that of the server is behind
    start_with_challenges();
    wall_skew_ms = right_ms;
    be_suspect();
    assert_int_equal(log_in("jane", "correct horse", token), 403);
    wall_skew_ms += 3720 * 1000; // later than what the log has seen
    assert_int_equal(log_in("jane", "correct horse", solved("c", 0, true)), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_post_reaches_a_feed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_waits_for_every_core, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_waits_for_the_index_so_long, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_answered_outlives, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens_are_rotated, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_options_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(one_directory_has_one_server, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_has_one_owner_after_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_has_one_owner_where_the_queue_is_full, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_registers_anew_keeps_the_token, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_pushes_go, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_text_too_often, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_text_without_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_challenge_opens_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_challenge_opens_once_when_the_clock_goes_back, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
