// The command `kith`: finds the subcommand that its first word names.
#include <stdio.h>
#include <string.h>

#include "api/server.h"

#include "kith_fb.h"
#include "tools/kith_bench.h"
#include "tools/kith_call.h"
#include "tools/kith_check.h"
#include "tools/kith_cli.h"
#include "tools/kith_dev.h"
#include "tools/kith_explain.h"
#include "tools/kith_export.h"
#include "tools/kith_import.h"
#include "tools/kith_serve.h"
#include "tools/kith_sh.h"
#include "tools/kith_snapshot.h"
#include "tools/kith_top.h"
#include "tools/kith_wal.h"

static int version(int argc, char **argv);
static int help(int argc, char **argv);

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv); // of the words behind the name
    const char *purpose;
} subcommands[] = {
    {"dev", kith_dev, "a server to try, with a made-up community"},
    {"serve", kith_serve, "run a server on a data directory"},
    {"init", kith_init, "make a data directory"},
    {"call", kith_call, "call one operation"},
    {"explain", kith_explain, "run one operation and tell what it touched"},
    {"sh", kith_sh, "call operations line by line"},
    {"top", kith_top, "watch a running server"},
    {"import", kith_import, "load users, follows and posts"},
    {"export", kith_export, "print users, posts or follows of a data directory"},
    {"check", kith_check, "compare everything in a data directory with everything"},
    {"wal", kith_wal, "print a log, or the digest of what it makes"},
    {"snapshot", kith_snapshot, "take a snapshot now, or list those there are"},
    {"bench", kith_bench, "measure"},
    {"version", version, "which Kith this is"},
    {"help", help, "this list, or the help of one command"},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

#ifdef __clang__
static const char compiler[] = "clang " __clang_version__;
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

static int version(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "--help") == 0) {
        printf("Prints which Kith this is.\n\nusage: kith version\n\nexamples:\n  kith version\n");
        return EXIT_OK;
    }
    printf("kith %s (%s, schema %016llx, %s)\n", KITH_VERSION, "format 1",
           (unsigned long long)kt_schema_hash, compiler);
    return EXIT_OK;
}

static const struct subcommand *find(const char *name)
{
    for (unsigned i = 0; i < SUBCOMMANDS; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

static const char *subcommand_name(void *ctx, unsigned i)
{
    (void)ctx;
    return subcommands[i].name;
}

static int unknown(const char *name)
{
    const char *near = nearest_name(name, SUBCOMMANDS, subcommand_name, NULL);
    if (near == NULL)
        return failed(EXIT_USAGE, "no command \"%s\"; see: kith help", name);
    return failed(EXIT_USAGE, "no command \"%s\" (did you mean %s?)", name, near);
}

static void list(FILE *out)
{
    fprintf(out, "Kith: a database server for social applications.\n\n"
                 "usage: kith COMMAND ...\n\nexamples:\n"
                 "  kith dev\n  kith serve data --durability group\n"
                 "  kith call user_by_name username=ada\n\ncommands:\n");
    for (unsigned i = 0; i < SUBCOMMANDS; i++)
        fprintf(out, "  %-10s %s\n", subcommands[i].name, subcommands[i].purpose);
    fprintf(out, "\nkith COMMAND --help says more. Exit codes: 0 done, 1 failed or refused, "
                 "2 usage,\n3 data damaged, 4 no connection, 5 check found something.\n");
}

static int help(int argc, char **argv)
{
    char *argument[] = {"--help", NULL};
    if (argc == 0 || argv[0][0] == '-') {
        list(stdout);
        return EXIT_OK;
    }
    const struct subcommand *s = find(argv[0]);
    return s != NULL ? s->run(1, argument) : unknown(argv[0]);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        list(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct subcommand *s = find(name);
    return s != NULL ? s->run(argc - 2, argv + 2) : unknown(name);
}
