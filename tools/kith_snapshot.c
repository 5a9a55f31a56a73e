#include "tools/kith_snapshot.h"

#include <stdio.h>

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
        .operand = "data directory",
        .purpose = "Lists the snapshots of a data directory, newest first.",
        .usage = "DIR",
        .examples = "  kith snapshot ls data\n",
        .options = options,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
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
    static const struct subcommand of[] = {
        {"now", snapshot_now, "have a running server take one"},
        {"ls", snapshot_ls, "list those of a data directory"},
    };
    static const struct family snapshot = {
        .name = "snapshot",
        .purpose = "Takes and lists snapshots.",
        .examples = "  kith snapshot now --admin 127.0.0.1:5485\n  kith snapshot ls data\n",
        .of = of,
        .n = sizeof of / sizeof *of,
    };
    return family_run(&snapshot, (struct words){argc, argv});
}
