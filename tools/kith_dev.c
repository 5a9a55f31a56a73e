#include "tools/kith_dev.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/client.h"
#include "api/outbox.h"
#include "bench/world.h"
#include "core/clock.h"
#include "core/fb_build.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tools/kith_connect.h"
#include "tools/kith_serve.h"
#include "tools/kith_temp.h"

enum { DEMO_FOLLOWS = 80, DEMO_FOLLOWERS = 25 };
#define DAY_MS UINT64_C(86400000)

struct dev {
    struct serve_words words;
    uint64_t port, users, seed;
    struct server *server;
    struct temp temp;
    char address[128], admin[128]; // as bound
    struct client client;
    struct world world;
    uint64_t demo_id, told;        // told: number of the last outbox event that was printed
    char token[1024], password[24];
    double seconds;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    if (ended)
        _exit(EXIT_FAILED);
    ended = 1;
}

// ---- the server --------------------------------------------------------------------------------

// The address with the port that was bound, where 0 was asked for.
static void bound_address(char out[128], const char *asked, unsigned port)
{
    const char *colon = strrchr(asked, ':');
    if (strncmp(asked, "unix:", 5) == 0 || colon == NULL)
        snprintf(out, 128, "%.120s", asked);
    else
        snprintf(out, 128, "%.*s:%u", (int)(colon - asked < 100 ? colon - asked : 100), asked,
                 port);
}

static int start(struct dev *d, const struct command *c, bool any_port)
{
    struct server_options opt;
    server_options_defaults(&opt);
    char listen[64], why[SERVER_WHY] = "";
    int code = serve_words_apply(c, &d->words, &opt);
    if (code != CLI_GO_ON)
        return code;
    if (d->words.listen.n == 0) {
        snprintf(listen, sizeof listen, "127.0.0.1:%u", any_port ? 0 : (unsigned)d->port);
        opt.listen[0] = listen;
    }
    opt.dir = d->temp.data;
    opt.service_key_file = d->temp.key_file;
    opt.quiet = true;
    enum server_exit exit = server_start(&opt, &d->server, why);
    if (exit != SERVER_DONE)
        return failed(EXIT_FAILED, "%s", why[0] != '\0' ? why : "the server does not start");
    bound_address(d->address, opt.listen[0], server_port(d->server, 0));
    if (opt.admin != NULL)
        bound_address(d->admin, opt.admin, server_admin_port(d->server));
    return EXIT_OK;
}

// Whether something listens there already: then a first run takes any free port instead of failing.
static bool in_use(const char *address)
{
    char why[CLIENT_WHY];
    int fd;
    if (client_connect(address, &fd, why) != 0)
        return false;
    close(fd);
    return true;
}

// ---- the community -----------------------------------------------------------------------------

static bool register_demo(struct dev *d)
{
    uint8_t buf[2048];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    snprintf(d->password, sizeof d->password, "%.16s", d->temp.key);
    kt_new_Register w = {0};
    kt_put_Register_username(&w, fb_cstring(&b, "demo"));
    kt_put_Register_email(&w, fb_cstring(&b, "demo@example.org"));
    kt_put_Register_password(&w, fb_cstring(&b, d->password));
    kt_put_Register_first_name(&w, fb_cstring(&b, "Demo"));
    kt_put_Register_last_name(&w, fb_cstring(&b, "Reader"));
    struct client_request r = {.op = OP_register};
    r.body_n = fb_finish(&b, kt_end_Register(&b, &w));
    r.body = fb_data(&b);
    struct answer a;
    if (client_call(&d->client, &r, &a) != 0) {
        snprintf(d->world.why, sizeof d->world.why, "%.200s", d->client.why);
        return false;
    }
    if (a.head.status != 0) {
        client_problem(&a, d->world.why, sizeof d->world.why);
        return false;
    }
    d->demo_id = kt_Session_user_id(a.table);
    snprintf(d->token, sizeof d->token, "%s", kt_Session_token(a.table).s);
    return true;
}

// The demo reader follows some of everyone, and is followed by a few.
static bool befriend_demo(struct dev *d)
{
    uint64_t from[DEMO_FOLLOWS + DEMO_FOLLOWERS], to[DEMO_FOLLOWS + DEMO_FOLLOWERS], applied = 0;
    size_t n = 0;
    for (uint64_t i = 0; i < DEMO_FOLLOWS; i++, n++) {
        uint64_t random = (i * 2 + 1) * (UINT64_MAX / (2 * DEMO_FOLLOWS));
        from[n] = d->demo_id;
        to[n] = d->world.user[community_popular(&d->world.community, random)];
    }
    for (uint32_t i = 0; i < DEMO_FOLLOWERS; i++, n++) {
        from[n] = d->world.user[(i * 37) % d->world.community.users];
        to[n] = d->demo_id;
    }
    return world_edges(&d->world, &(struct world_edges){.from = from, .to = to, .n = n,
                                                       .applied = &applied});
}

static int populate(struct dev *d)
{
    uint64_t begin = clock_mono_ns();
    if (client_open(&d->client, d->address) != 0)
        return failed(EXIT_CONNECT, "%s", d->client.why);
    struct client_identity who = {.service_key = d->temp.key};
    if (client_hello(&d->client, &who) != 0)
        return failed(EXIT_CONNECT, "%s", d->client.why);
    struct world *w = &d->world;
    w->client = &d->client;
    w->named = w->want_posts = true;
    w->when = (struct time_span){clock_wall_ms(), 30 * DAY_MS};
    w->community = (struct community){.seed = d->seed, .users = (uint32_t)d->users,
                                      .edges = d->users * 24, .posts = d->users * 5};
    if (w->community.edges > d->users * (d->users - 1) / 2)
        w->community.edges = d->users * (d->users - 1) / 2;
    w->likes = w->community.posts * 4;
    w->comments = w->community.posts / 4;
    community_init(&w->community);
    if (!world_make(w) || !register_demo(d) || !befriend_demo(d))
        return failed(EXIT_FAILED, "the community cannot be made: %s", w->why);
    d->seconds = (double)(clock_mono_ns() - begin) / 1e9;
    return EXIT_OK;
}

static void print_welcome(const struct dev *d)
{
    const struct world *w = &d->world;
    printf("kith %s on %s (binary and HTTP), admin %s\n", KITH_VERSION, d->address,
           d->admin[0] != '\0' ? d->admin : "none");
    printf("%u people, %llu follows, %llu posts, %llu likes, %llu comments, made in %.1f s; "
           "gone when this ends\n\n",
           w->community.users, (unsigned long long)w->edges_applied,
           (unsigned long long)w->posts_applied, (unsigned long long)w->likes_applied,
           (unsigned long long)w->comments_applied, d->seconds);
    printf("You are demo (password %s). Your home feed:\n\n", d->password);
    if (strncmp(d->address, "unix:", 5) == 0)
        printf("  curl -s --unix-socket %s -H 'Authorization: Bearer %s' "
               "'http://kith/api/feed?limit=3'\n\n",
               d->address + 5, d->token);
    else
        printf("  curl -s -H 'Authorization: Bearer %s' 'http://%s/api/feed?limit=3'\n\n", d->token,
               d->address);
    printf("More to try:\n"
           "  kith sh --to %s --service-key-file %s --viewer %llu\n",
           d->address, d->temp.key_file, (unsigned long long)d->demo_id);
    if (d->admin[0] != '\0')
        printf("  kith top --admin %s\n", d->admin);
    printf("\nCtrl-C ends it.\n");
    fflush(stdout);
}

// ---- the command -------------------------------------------------------------------------------

// A line for each mail and text message that a sender would send.
static void print_outbox(struct dev *d)
{
    static const char *const kinds[] = {"", "verify_email", "reset_password", "login_code"};
    struct outbox_event e;
    while (outbox_read(server_outbox(d->server), d->told, &e, 1) == 1) {
        d->told = e.number;
        printf("%s to %s: %s %s\n", e.sms ? "sms" : "mail", e.to,
               kinds[e.kind < sizeof kinds / sizeof kinds[0] ? e.kind : 0], e.token);
        fflush(stdout);
    }
}

static int serve_until_signal(struct dev *d)
{
    enum server_exit state = SERVER_DONE;
    while (!ended && state == SERVER_DONE) {
        print_outbox(d);
        state = server_wait(d->server, 100);
    }
    return (int)state;
}

static int run(struct dev *d, const struct command *c)
{
    // Its own address is taken: a port of the system's choice will do as well.
    bool any_port = d->words.listen.n == 0 && d->port == 5484 && in_use(KITH_DEFAULT_ADDRESS);
    if (strcmp(d->words.admin, KITH_DEFAULT_ADMIN) == 0 && (any_port || in_use(KITH_DEFAULT_ADMIN)))
        d->words.admin = "127.0.0.1:0";
    if (!temp_make(&d->temp, "dev"))
        return EXIT_FAILED;
    struct sigaction on = {.sa_handler = on_signal};
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    signal(SIGPIPE, SIG_IGN);
    d->client.fd = -1;
    int code = start(d, c, any_port);
    if (code == EXIT_OK)
        code = populate(d);
    if (code == EXIT_OK) {
        print_welcome(d);
        code = serve_until_signal(d);
    }
    client_close(&d->client);
    world_free(&d->world);
    if (d->server != NULL) {
        int stopped = (int)server_stop(d->server);
        code = code == EXIT_OK ? stopped : code;
    }
    temp_remove(&d->temp);
    return code;
}

int kith_dev(int argc, char **argv)
{
    static struct dev d = {.port = 5484, .users = 2000, .seed = 1};
    serve_words_defaults(&d.words);
    d.words.durability = "group";
    const struct option options[] = {
        {"port", 0, OPTION_NUMBER, "P", "5484, or a free one", "port on 127.0.0.1", &d.port},
        {"listen", 0, OPTION_LIST, "ADDR", NULL, "instead of --port; port 0 = a free one",
         &d.words.listen},
        {"admin", 0, OPTION_TEXT, "ADDR", KITH_DEFAULT_ADMIN, "admin port, or none",
         &d.words.admin},
        {"plaintext-beyond-this-machine", 0, OPTION_FLAG, NULL, NULL,
         "listen where other machines can", &d.words.plaintext},
        {"users", 0, OPTION_NUMBER, "N", "2000", "people", &d.users},
        {"seed", 0, OPTION_NUMBER, "S", "1", "which community", &d.seed},
        {"cores", 0, OPTION_NUMBER, "N", "of this machine", "reactor threads", &d.words.cores},
        {"io", 0, OPTION_TEXT, "HOW", "auto", "auto, uring or epoll", &d.words.io},
        {"durability", 0, OPTION_TEXT, "MODE", "group", "strict, group or none",
         &d.words.durability},
        {0},
    };
    const struct command command = {
        .name = "dev",
        .purpose = "Starts a server to try, with a made-up community and a login.",
        .usage = "[options]",
        .examples = "  kith dev\n  kith dev --port 7000 --users 10000\n",
        .options = options,
        .more = "All data is temporary: it goes when the server ends.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (d.users < 10 || d.users > 1000000)
        return usage_error(&command, "--users is from 10 to 1000000");
    if (d.port > 65535)
        return usage_error(&command, "--port is at most 65535");
    return run(&d, &command);
}
