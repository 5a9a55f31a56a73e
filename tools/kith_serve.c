#include "tools/kith_serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/limits.h"
#include "persist/root.h"
#include "persist/snapshot.h"
#include "tools/kith_connect.h"

void serve_words_defaults(struct serve_words *w)
{
    struct server_options usual;
    server_options_defaults(&usual);
    *w = (struct serve_words){
        .io = "auto",
        .durability = "strict",
        .admin = KITH_DEFAULT_ADMIN,
        .group_ms = usual.group_ms,
        .token_ttl_s = usual.token_ttl_s,
        .restore_s = usual.restore_s,
        .memory = usual.memory_limit,
        .slow_ms = usual.slow_ms,
        .keep_notifications_s = usual.keep_notifications_s,
        .keep_activities_s = usual.keep_activities_s,
        .keep_searches_s = usual.keep_searches_s,
        .keep_audits_s = usual.keep_audits_s,
        .keep_snapshots = usual.keep_snapshots,
        .snapshot_every_s = usual.snapshot_every_s,
    };
}

static bool pick(const char *word, const char *const *names, unsigned *at)
{
    for (*at = 0; names[*at] != NULL; ++*at)
        if (strcmp(word, names[*at]) == 0)
            return true;
    return false;
}

// Of this machine alone: a Unix socket, or a loopback address.
static bool is_local(const char *address)
{
    static const char *const local[] = {"unix:", "127.", "localhost:", "[::1]:"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strncmp(address, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

// Passwords and tokens travel as they are: to be heard beyond this machine has to be asked for.
static int check_reach(const struct serve_words *w, const struct server_options *opt)
{
    const char *far = opt->admin != NULL && !is_local(opt->admin) ? opt->admin : NULL;
    for (unsigned i = 0; i < opt->listen_count; i++)
        if (!is_local(opt->listen[i]))
            far = opt->listen[i];
    if (far == NULL || w->plaintext)
        return CLI_GO_ON;
    return failed((int)SERVER_CONFIG,
                  "%s can be reached from other machines, and Kith does not encrypt: put a proxy\n"
                  "with TLS before it, or say --plaintext-beyond-this-machine", far);
}

static int apply_limits(const struct command *c, const struct serve_words *w,
                        struct limit_options *o)
{
    char why[LIMIT_WHY];
    for (unsigned i = 0; i < w->limits.n; i++)
        if (!limit_options_word(o, w->limits.item[i], why))
            return usage_error(c, "--limit %s", why);
    for (unsigned i = 0; i < w->proxies.n; i++)
        if (!limit_options_proxy(o, w->proxies.item[i]))
            return usage_error(c, "--proxy takes an address or unix, at most %d times, not \"%s\"",
                               PROXIES_MAX, w->proxies.item[i]);
    if (w->connections > UINT32_MAX)
        return usage_error(c, "--connections-per-address is below 2^32");
    o->connections = (uint32_t)w->connections;
    o->local = w->limit_local;
    return CLI_GO_ON;
}

// How long what is kept, and how much of it on the disk.
static int apply_keeps(const struct command *c, const struct serve_words *w,
                       struct server_options *opt)
{
    const struct { const char *name; uint64_t given; unsigned *to; } keeps[] = {
        {"keep-notifications", w->keep_notifications_s, &opt->keep_notifications_s},
        {"keep-activities", w->keep_activities_s, &opt->keep_activities_s},
        {"keep-searches", w->keep_searches_s, &opt->keep_searches_s},
        {"keep-audits", w->keep_audits_s, &opt->keep_audits_s},
        {"snapshot-every", w->snapshot_every_s, &opt->snapshot_every_s},
    };
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++) {
        if (keeps[i].given > UINT32_MAX)
            return usage_error(c, "--%s takes seconds, below 2^32", keeps[i].name);
        *keeps[i].to = (unsigned)keeps[i].given;
    }
    if (w->keep_snapshots == 0 || w->keep_snapshots > SNAPSHOTS_KEPT_MAX)
        return usage_error(c, "--keep-snapshots is from 1 to %d", SNAPSHOTS_KEPT_MAX);
    opt->keep_snapshots = (unsigned)w->keep_snapshots;
    return CLI_GO_ON;
}

int serve_words_apply(const struct command *c, const struct serve_words *w,
                      struct server_options *opt)
{
    static const char *const ios[] = {"auto", "uring", "epoll", NULL};
    static const char *const durabilities[] = {"strict", "group", "none", NULL};
    static const enum net_backend backends[] = {NET_AUTO, NET_URING, NET_EPOLL};
    static const enum durability modes[] = {DURABILITY_STRICT, DURABILITY_GROUP, DURABILITY_NONE};
    unsigned at;
    if (!pick(w->io, ios, &at))
        return usage_error(c, "--io is auto, uring or epoll, not \"%s\"", w->io);
    opt->io = backends[at];
    if (!pick(w->durability, durabilities, &at))
        return usage_error(c, "--durability is strict, group or none, not \"%s\"", w->durability);
    opt->durability = modes[at];
    uint64_t fanout = 0;
    if (w->fanout != NULL && (!parse_u64(w->fanout, &fanout) || fanout > UINT32_MAX))
        return usage_error(c, "--fanout-max takes a number, not \"%s\"", w->fanout);
    opt->fanout_set = w->fanout != NULL;
    opt->fanout_max = (unsigned)fanout;
    if (w->cores > CORES_MAX)
        return usage_error(c, "--cores is at most %d", CORES_MAX);
    if (w->partitions > PARTITIONS_MAX || (w->partitions & (w->partitions - 1)) != 0)
        return usage_error(c, "--partitions is a power of two, at most %d", PARTITIONS_MAX);
    if (w->group_ms == 0 || w->group_ms > 60000)
        return usage_error(c, "--group-interval is from 1 to 60000 milliseconds");
    if (w->restore_s == 0 || w->restore_s > 10u * 366 * 86400)
        return usage_error(c, "--restore-window is from one second to ten years");
    if (w->token_ttl_s == 0 || w->token_ttl_s > 10u * 366 * 86400)
        return usage_error(c, "--token-ttl is from one second to ten years");
    if (w->slow_ms > UINT32_MAX)
        return usage_error(c, "--slow-ms takes milliseconds");
    int kept = apply_keeps(c, w, opt);
    if (kept != CLI_GO_ON)
        return kept;
    opt->cores = (unsigned)w->cores;
    opt->partitions = (unsigned)w->partitions;
    opt->group_ms = (unsigned)w->group_ms;
    opt->token_ttl_s = (unsigned)w->token_ttl_s;
    opt->restore_s = (unsigned)w->restore_s;
    opt->slow_ms = (unsigned)w->slow_ms;
    opt->memory_limit = w->memory;
    opt->service_key_file = w->key_file;
    opt->provider_file = w->provider_file;
    opt->media_file = w->media_file;
    opt->captcha_file = w->captcha_file;
    opt->admin = strcmp(w->admin, "none") == 0 ? NULL : w->admin;
    int code = apply_limits(c, w, &opt->limits);
    if (code != CLI_GO_ON)
        return code;
    if (w->listen.n > SERVER_LISTEN_MAX)
        return usage_error(c, "--listen can be given at most %d times", SERVER_LISTEN_MAX);
    if (w->listen.n > 0) {
        opt->listen_count = w->listen.n;
        for (unsigned i = 0; i < w->listen.n; i++)
            opt->listen[i] = w->listen.item[i];
    } else {
        opt->listen_count = 1;
        opt->listen[0] = KITH_DEFAULT_ADDRESS;
    }
    return check_reach(w, opt);
}

static size_t help_rate(char *out, size_t cap, const char *by, struct rate r)
{
    const char *unit = r.seconds == 1 ? "s" : r.seconds == 60 ? "min" : "h";
    if (r.tokens == 0)
        return 0;
    return (size_t)snprintf(out, cap, "  %s=%u/%s:%u", by, r.tokens, unit, r.burst);
}

// What rates.def says, as --limit would.
static const char *help_more(void)
{
    enum { ROOM = 200 };             // of one class
    static char text[2048 + RATES * ROOM];
    size_t at = (size_t)snprintf(text, sizeof text,
        "DIR is kith-data unless given. SIGTERM ends it cleanly, a second one at once.\n"
        "Exit code 65: acknowledged data cannot be read; 74: the disk failed; 78: options\n"
        "or files that cannot be.\n"
        "\n"
        "The media file has a word and its value on each line, and mode 600:\n"
        "  bucket      https://s3.eu-central-1.amazonaws.com/my-media: what objects are put into\n"
        "  region      eu-central-1\n"
        "  access-key  of the store, and secret-key: may put and get objects there\n"
        "  base        begin of a medium's address, of a CDN before the bucket  [the bucket]\n"
        "  upload-ttl  seconds in which an upload may begin  [900]\n"
        "  read-ttl    seconds for which the address of a private medium is good  [3600]\n"
        "  image-max   bytes of an image, and video-max, of a video  [5 GiB]\n"
        "Let everybody read what is below public/, and nobody what is below private/.\n"
        "\n"
        "A limit says how many requests of a class come back in a second, a minute or an hour, up\n"
        "to BURST, for one user, address (an IPv6 /64), service key, or account that is named at\n"
        "a login from one address. Without --limit:\n");
    for (unsigned c = RATE_NONE + 1; c < RATES; c++) {
        const struct rate_row *row = rate_row((enum op_rate)c);
        char *line = text + at;
        size_t n = (size_t)snprintf(line, ROOM, "  %-9s", row->name), begin = n;
        n += help_rate(line + n, ROOM - n, "user", row->user);
        n += help_rate(line + n, ROOM - n, "address", row->address);
        n += help_rate(line + n, ROOM - n, "key", row->key);
        n += help_rate(line + n, ROOM - n, "account", row->account);
        n += (size_t)snprintf(line + n, ROOM - n, n > begin ? "\n" : "  none\n");
        at += n;
    }
    return text;
}

// w and quiet: what the command's options are read into.
static int run(const struct command *command, struct words given, const struct serve_words *w,
               const bool *quiet)
{
    struct words rest;
    int code = options_parse(command, given, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (rest.n > 1)
        return usage_error(command, "one data directory, please");
    struct server_options opt;
    server_options_defaults(&opt);
    code = serve_words_apply(command, w, &opt);
    if (code != CLI_GO_ON)
        return code;
    opt.dir = rest.n == 1 ? rest.word[0] : "kith-data";
    opt.quiet = *quiet;
    return (int)server_run(&opt);
}

#define SERVE_PURPOSE "Runs a server on a data directory, made if it is not there."
#define SERVE_EXAMPLES                                                                            \
    "  kith serve data\n"                                                                         \
    "  kith serve /var/lib/kith --listen 127.0.0.1:5484 --listen unix:/run/kith.sock "            \
    "--durability group\n"

int kith_serve(int argc, char **argv)
{
    struct serve_words w;
    bool quiet = false;
    serve_words_defaults(&w);
    const struct option options[] = {
        {"listen", 0, OPTION_LIST, "ADDR", KITH_DEFAULT_ADDRESS,
         "HOST:PORT or unix:PATH, repeatable", &w.listen},
        {"admin", 0, OPTION_TEXT, "ADDR", KITH_DEFAULT_ADMIN, "admin port, or none", &w.admin},
        {"cores", 0, OPTION_NUMBER, "N", "of this machine", "reactor threads", &w.cores},
        {"io", 0, OPTION_TEXT, "HOW", "auto", "auto, uring or epoll", &w.io},
        {"durability", 0, OPTION_TEXT, "MODE", "strict",
         "strict: answered when on disk; group: when written; none", &w.durability},
        {"group-interval", 0, OPTION_NUMBER, "MS", "2", "group: longest time without a sync",
         &w.group_ms},
        {"fanout-max", 0, OPTION_TEXT, "N", "10000",
         "followers above which posts are not pushed; 0 = never push", &w.fanout},
        {"service-key-file", 0, OPTION_TEXT, "FILE", NULL, "keys of backends, one a line",
         &w.key_file},
        {"login-provider-file", 0, OPTION_TEXT, "FILE", NULL,
         "logins by other services: PROVIDER ISSUER AUDIENCE RS256|ES256|HS256 KEYFILE",
         &w.provider_file},
        {"media-file", 0, OPTION_TEXT, "FILE", NULL,
         "a store for media that speaks S3, as said below", &w.media_file},
        {"captcha-verifier-file", 0, OPTION_TEXT, "FILE", NULL,
         "who vouches for solved challenges: captcha ISSUER AUDIENCE RS256|ES256|HS256 KEYFILE",
         &w.captcha_file},
        {"memory", 0, OPTION_BYTES, "SIZE", "no limit", "most memory for the state", &w.memory},
        {"token-ttl", 0, OPTION_NUMBER, "S", "900", "life of an access token", &w.token_ttl_s},
        {"keep-notifications", 0, OPTION_NUMBER, "S", "for ever", "older ones go",
         &w.keep_notifications_s},
        {"keep-activities", 0, OPTION_NUMBER, "S", "90 days",
         "older ones are not shown; 0 = all are", &w.keep_activities_s},
        {"keep-searches", 0, OPTION_NUMBER, "S", "for ever", "older ones leave the search history",
         &w.keep_searches_s},
        {"keep-audits", 0, OPTION_NUMBER, "S", "365 days",
         "older records of the audit log go; 0 = for ever", &w.keep_audits_s},
        {"keep-snapshots", 0, OPTION_NUMBER, "N", "2",
         "how many are kept, with the log from the oldest on", &w.keep_snapshots},
        {"snapshot-every", 0, OPTION_NUMBER, "S", "one day",
         "one is taken at the latest, until all kept say the same; 0 = as the log grows",
         &w.snapshot_every_s},
        {"restore-window", 0, OPTION_NUMBER, "S", "30 days", "how long deleted posts are kept",
         &w.restore_s},
        {"partitions", 0, OPTION_NUMBER, "N", "256", "of a new directory: a power of two",
         &w.partitions},
        {"limit", 0, OPTION_LIST, "LIMIT", "those below",
         "CLASS[/BY]=N[/s|/min|/h][:BURST], CLASS=none or none; repeatable", &w.limits},
        {"limit-local", 0, OPTION_FLAG, NULL, NULL,
         "limit this machine's addresses as others are", &w.limit_local},
        {"proxy", 0, OPTION_LIST, "ADDR", NULL,
         "whose X-Forwarded-For is believed, or unix; repeatable", &w.proxies},
        {"connections-per-address", 0, OPTION_NUMBER, "N", "a quarter of all",
         "connections of one address", &w.connections},
        {"plaintext-beyond-this-machine", 0, OPTION_FLAG, NULL, NULL,
         "listen where other machines can", &w.plaintext},
        {"slow-ms", 0, OPTION_NUMBER, "MS", "100", "log slower requests; 0 = none", &w.slow_ms},
        {"quiet", 0, OPTION_FLAG, NULL, NULL, "no line when it is ready", &quiet},
        {0},
    };
    return run(&(struct command){.name = "serve",
                                 .operands = true,
                                 .purpose = SERVE_PURPOSE,
                                 .usage = "[DIR] [options]",
                                 .examples = SERVE_EXAMPLES,
                                 .options = options,
                                 .more = help_more()},
               (struct words){argc, argv}, &w, &quiet);
}

int kith_init(int argc, char **argv)
{
    uint64_t partitions = PARTITIONS_DEFAULT;
    const struct option options[] = {
        {"partitions", 0, OPTION_NUMBER, "N", "256",
         "a power of two: the most cores that it can use; fixed for ever", &partitions},
        {0},
    };
    const struct command command = {
        .name = "init",
        .operand = "data directory",
        .purpose = "Makes a new data directory.",
        .usage = "DIR [options]",
        .examples = "  kith init data\n  kith init data --partitions 1024\n",
        .options = options,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (partitions == 0 || partitions > PARTITIONS_MAX || (partitions & (partitions - 1)) != 0)
        return usage_error(&command, "--partitions is a power of two, at most %d", PARTITIONS_MAX);
    struct file_dir dir;
    struct root root;
    int err = file_dir_open(&dir, rest.word[0], true);
    if (err == 0) {
        err = root_create(dir, (unsigned)partitions, &root);
        file_dir_close(&dir);
    }
    if (err == EEXIST)
        return failed(EXIT_FAILED, "%s is a data directory already", rest.word[0]);
    if (err != 0)
        return failed(EXIT_FAILED, "%s: %s", rest.word[0], strerror(err));
    printf("%s: log %016llx%016llx, %u partitions\n", rest.word[0],
           (unsigned long long)root.log_id[0], (unsigned long long)root.log_id[1],
           root.partitions);
    return EXIT_OK;
}
