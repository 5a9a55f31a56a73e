#include "tools/kith_snapshot.h"

#include <stdio.h>
#include <string.h>

#include "tools/kith_cli.h"
#include "tools/kith_connect.h"
#include "tools/kith_data.h"
#include "tools/kith_http.h"

enum { LISTED_MAX = 64 };

static int snapshot_now(int argc, char **argv)
{
    const char *admin = KITH_DEFAULT_ADMIN;
    const struct option options[] = {
        {"admin", 0, OPTION_TEXT, "ADDR", KITH_DEFAULT_ADMIN, "the server's admin port", &admin},
        {0},
    };
    const struct command command = {
        .name = "snapshot now",
        .purpose = "Makes a running server take a snapshot, and says how it went.",
        .usage = "[options]",
        .examples = "  kith snapshot now --admin 127.0.0.1:5485\n",
        .options = options,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (rest.n > 0)
        return usage_error(&command, "unexpected \"%s\"", rest.word[0]);
    struct string body = {0};
    char why[256] = "";
    struct http_call call = {admin, "POST", "/snapshot"};
    int status = http_exchange(&call, &body, why);
    if (status < 0)
        return failed(EXIT_CONNECT, "%s", why);
    while (body.n > 0 && body.s[body.n - 1] == '\n')
        body.s[--body.n] = '\0';
    if (status / 100 == 2)
        printf("%s\n", body.n > 0 ? body.s : "done");
    else
        failed(EXIT_FAILED, "status %d: %s", status, body.n > 0 ? body.s : "");
    string_free(&body);
    return status / 100 == 2 ? EXIT_OK : EXIT_FAILED;
}

static void print_list(const struct snapshot_info *list, unsigned n)
{
    printf("%-12s %12s %12s  %s\n", "place", "bytes", "on disk", "objects");
    for (unsigned i = 0; i < n; i++) {
        struct digest objects = {list[i].objects[0], list[i].objects[1]};
        printf("%-12llu %12llu %12llu  %s\n", (unsigned long long)list[i].place,
               (unsigned long long)list[i].bytes_raw, (unsigned long long)list[i].bytes_disk,
               digest_hex(objects).s);
    }
}

static int snapshot_ls(int argc, char **argv)
{
    const struct option options[] = {{0}};
    const struct command command = {
        .name = "snapshot ls",
        .purpose = "Lists the snapshots of a data directory, newest first.",
        .usage = "DIR",
        .examples = "  kith snapshot ls data\n",
        .options = options,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (rest.n != 1)
        return usage_error(&command, "one data directory, please");
    struct data d;
    code = data_open(&d, rest.word[0], false);
    if (code != EXIT_OK)
        return code;
    struct snapshot_info list[LISTED_MAX];
    print_list(list, snapshot_list(d.dir, list, LISTED_MAX));
    data_close(&d);
    return EXIT_OK;
}

int kith_snapshot(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "now") == 0)
        return snapshot_now(argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "ls") == 0)
        return snapshot_ls(argc - 1, argv + 1);
    bool help = argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
    fprintf(help ? stdout : stderr,
            "Takes and lists snapshots.\n\nusage: kith snapshot now | kith snapshot ls DIR\n\n"
            "examples:\n  kith snapshot now --admin 127.0.0.1:5485\n  kith snapshot ls data\n\n"
            "options: see kith snapshot now --help\n");
    return help ? EXIT_OK : EXIT_USAGE;
}
