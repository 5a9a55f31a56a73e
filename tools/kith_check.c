#include "tools/kith_check.h"

#include <stdio.h>
#include <string.h>

#include "tools/kith_cli.h"
#include "tools/kith_data.h"
#include "tools/kith_string.h"

struct findings {
    bool json;
    uint64_t n;
    struct string list;          // of JSON strings
};

static void say(void *ctx, const char *line)
{
    struct findings *f = ctx;
    f->n++;
    if (!f->json) {
        printf("found: %s\n", line);
        return;
    }
    string_adds(&f->list, f->n > 1 ? "," : "");
    string_json(&f->list, line, strlen(line));
}

struct result {
    struct store_audit audit;
    struct store_digest kept;
};

static void compare(struct data *d, struct result *r, struct findings *f)
{
    char line[320];
    const struct load_report *report = &d->report;
    if (report->snapshot_wrong || report->older_snapshot)
        say(f, report->line);
    if (report->digests_wrong > 0) {
        snprintf(
            line, sizeof line,
            "%llu of %llu digests in the log differ from the replay's, the first at place %llu",
            (unsigned long long)report->digests_wrong, (unsigned long long)report->digests,
            (unsigned long long)report->digest_wrong_place);
        say(f, line);
    }
    store_verify(d->store, &r->audit, say, f);
    load_digest(d->store, &r->kept);
    if (memcmp(&r->kept, &r->audit.anew, sizeof r->kept) != 0)
        say(f, "the digest kept while applying differs from the one computed anew");
}

static void print_json(const struct data *d, const struct result *r, const struct findings *f)
{
    const struct store_counts *n = &r->audit.counts;
    const struct load_report *p = &d->report;
    printf("{\"clean\":%s,\"objects\":\"%s\",\"edges\":\"%s\"", f->n == 0 ? "true" : "false",
           digest_hex(r->audit.anew.objects).s, digest_hex(r->audit.anew.edges).s);
    struct { const char *name; uint64_t value; } rows[] = {
        {"users", n->users},       {"posts", n->posts}, {"comments", n->comments},
        {"sessions", n->sessions}, {"follows", n->follows}, {"likes", n->likes},
        {"names", n->names},       {"owed", n->owed},   {"keys", n->keys},
        {"gone", n->gone},         {"documents", n->documents},
        {"notifications", n->notes}, {"binned", n->binned}, {"feeds", n->feeds},
    };
    printf(",\"counts\":{");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("%s\"%s\":%llu", i > 0 ? "," : "", rows[i].name, (unsigned long long)rows[i].value);
    printf("},\"place\":%llu,\"entries\":%llu,\"snapshot_place\":%llu,\"decision\":\"D%d\"",
           (unsigned long long)p->at.next_place - 1, (unsigned long long)p->entries,
           (unsigned long long)(p->have_snapshot ? p->snapshot.place : 0),
           (int)p->recover.decision);
    printf(",\"torn_bytes\":%llu,\"partitions\":%u,\"digests_compared\":%llu,\"findings\":[%s]}\n",
           (unsigned long long)p->recover.bytes_dropped, d->root.partitions,
           (unsigned long long)p->digests, f->list.n > 0 ? f->list.s : "");
}

static void print_text(const struct data *d, const struct result *r, const struct findings *f)
{
    const struct store_counts *n = &r->audit.counts;
    const struct load_report *p = &d->report;
    if (p->have_snapshot)
        printf("snapshot  place %llu, whole\n", (unsigned long long)p->snapshot.place);
    printf("log       %llu entries up to place %llu%s%s\n", (unsigned long long)p->entries,
           (unsigned long long)p->at.next_place - 1, p->recover.line[0] != '\0' ? "; " : "",
           p->recover.line);
    printf("digests   %llu in the log compared with the replay\n", (unsigned long long)p->digests);
    printf("objects   %s: %llu users, %llu posts, %llu comments, %llu sessions, "
           "%llu documents\n",
           digest_hex(r->audit.anew.objects).s, (unsigned long long)n->users,
           (unsigned long long)n->posts, (unsigned long long)n->comments,
           (unsigned long long)n->sessions, (unsigned long long)n->documents);
    printf("edges     %s: %llu follows, %llu likes\n", digest_hex(r->audit.anew.edges).s,
           (unsigned long long)n->follows, (unsigned long long)n->likes);
    printf("beside    %llu names, %llu owed, %llu idempotency keys, %llu being deleted, "
           "%llu posts that can be restored\n",
           (unsigned long long)n->names, (unsigned long long)n->owed, (unsigned long long)n->keys,
           (unsigned long long)n->gone, (unsigned long long)n->binned);
    printf("feeds     %llu compared with their definition\n", (unsigned long long)n->feeds);
    printf(f->n == 0 ? "clean\n" : "%llu findings\n", (unsigned long long)f->n);
}

int kith_check(int argc, char **argv)
{
    bool json = false, progress = false;
    uint64_t cores = 0;
    const struct option options[] = {
        {"json", 0, OPTION_FLAG, NULL, NULL, "one JSON object", &json},
        {"cores", 0, OPTION_NUMBER, "N", "of this machine", "threads for the replay", &cores},
        {"progress", 0, OPTION_FLAG, NULL, "on a terminal", "show how far it is", &progress},
        {0},
    };
    const struct command command = {
        .name = "check",
        .operand = "data directory",
        .purpose = "Compares everything in a data directory with everything; changes nothing.",
        .usage = "DIR [options]",
        .examples = "  kith check /var/lib/kith\n  kith check data --json | jq .counts\n",
        .options = options,
        .more = "Checksums of root, snapshot and log; the digests in the log with those of the "
                "replay;\nedges with their mirrors and counters; names both ways; feeds with\n"
                "their definition; the digest computed anew.\n"
                "Exit code 0: clean, 3: damaged (a server would refuse to start), 5: findings.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (cores > CORES_MAX)
        return usage_error(&command, "--cores is at most %d", CORES_MAX);
    struct data d;
    code = data_open(&d, rest.word[0], true);
    if (code != EXIT_OK)
        return code;
    struct findings f = {.json = json};
    code = data_load(&d, &(struct data_load){.cores = (unsigned)cores, .progress = progress});
    if (code == EXIT_OK) {
        struct result r = {0};
        compare(&d, &r, &f);
        if (json)
            print_json(&d, &r, &f);
        else
            print_text(&d, &r, &f);
        code = f.n > 0 ? EXIT_FINDINGS : EXIT_OK;
    }
    string_free(&f.list);
    data_close(&d);
    return code;
}
