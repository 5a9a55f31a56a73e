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

static const struct subcommand subcommands[] = {
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
};

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

int main(int argc, char **argv)
{
    static const struct family kith = {
        .purpose = "Kith: a database server for social applications.",
        .examples = "  kith dev\n  kith serve data --durability group\n"
                    "  kith call user_by_name username=ada\n",
        .more = " Exit codes: 0 done, 1 failed or refused, 2 usage,\n"
                "3 data damaged, 4 no connection, 5 check found something.",
        .of = subcommands,
        .n = sizeof subcommands / sizeof *subcommands,
    };
    static char word[] = "version";
    if (argc > 1 && strcmp(argv[1], "--version") == 0) argv[1] = word;
    return family_run(&kith, (struct words){argc - 1, argv + 1});
}
