#include "tools/kith_wal.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/fb_json_print.h"
#include "core/id.h"
#include "core/ops.h"
#include "persist/recover.h"
#include "tools/kith_body.h"
#include "tools/kith_cli.h"
#include "tools/kith_data.h"

// ---- cat ---------------------------------------------------------------------------------------

struct cat {
    uint64_t from, until;
    uint64_t invalid;          // entries whose body does not verify
    struct string line;
};

static void add_slots(struct string *t, const struct entry *e)
{
    if ((e->flags & ENTRY_ALL) != 0) {
        string_format(t, ",\"slots\":\"all\",\"stamps\":%u", entry_stamps(e));
        return;
    }
    string_adds(t, ",\"slots\":[");
    for (unsigned i = 0; i < e->slot_count; i++)
        string_format(t, "%s%u", i > 0 ? "," : "", e->slots[i]);
    string_adds(t, "]");
}

static void add_tail(struct string *t, const struct entry *e)
{
    const struct entry_key *key = entry_key(e);
    const struct entry_parent *parent = entry_parent(e);
    if (key != NULL)
        string_format(t, ",\"key\":\"%016llx%016llx\"", (unsigned long long)key->key_hi,
                    (unsigned long long)key->key_lo);
    if (parent != NULL)
        string_format(t, ",\"parent\":{\"place\":%llu,\"ordinal\":%u,\"decider\":%u}",
                    (unsigned long long)parent->place, parent->ordinal, parent->decider);
}

static void print_entry(struct cat *c, const struct entry *e)
{
    const struct op_row *row = op_row(e->op);
    struct string *t = &c->line;
    char time[FB_TIME_TEXT + 1] = "";
    string_clear(t);
    if (fb_print_time(time, stamp_ms(e->stamp)) == 0)
        time[0] = '\0';
    string_format(t, "{\"place\":%llu,\"time\":\"%.24s\",\"stamp\":\"%llu\",\"op\":\"%s\"",
                (unsigned long long)e->place, time, (unsigned long long)e->stamp,
                row != NULL ? row->name : "unknown");
    if (e->actor != 0)
        string_format(t, ",\"actor\":\"%llu\"", (unsigned long long)e->actor);
    add_slots(t, e);
    string_format(t, ",\"flags\":%u", e->flags);
    add_tail(t, e);
    if (row == NULL || !store_entry_valid(e)) {
        c->invalid++;
        string_format(t, ",\"invalid\":true,\"number\":%u,\"bytes\":%u}", e->op,
                      entry_body_size(e));
    } else {
        string_adds(t, ",\"body\":");
        table_json(t, fb_root(entry_body(e)), op_entry_type(row), FB_JSON_REDACT);
        string_adds(t, "}");
    }
    fwrite(t->s, 1, t->n, stdout);
    fputc('\n', stdout);
}

static bool cat_batch(void *ctx, const struct batch *b)
{
    struct cat *c = ctx;
    for (uint32_t at = 0; at < b->bytes;) {
        const struct entry *e = batch_entry(b, at);
        at += e->length;
        if (e->place >= c->from && (c->until == 0 || e->place <= c->until))
            print_entry(c, e);
    }
    return true;
}

static int cat(struct data *d, struct cat *c)
{
    struct recover_options options = {
        .from_place = c->from, .read_only = true, .batch = cat_batch, .ctx = c,
    };
    struct wal_position at;
    struct recover_report report = {0};
    int err = recover_log(d->dir, &d->root, &options, &at, &report);
    string_free(&c->line);
    fflush(stdout);
    if (err != 0)
        return failed(EXIT_FAILED, "%s: %s", d->path, strerror(err));
    if (report.refused)
        return failed(EXIT_DAMAGED, "%s: %s", d->path, report.line);
    if (c->invalid > 0)
        return failed(EXIT_DAMAGED, "%llu entries cannot be read", (unsigned long long)c->invalid);
    return EXIT_OK;
}

static int wal_cat(int argc, char **argv)
{
    struct cat c = {0};
    const struct option options[] = {
        {"from", 0, OPTION_NUMBER, "PLACE", "the oldest there is", "first place", &c.from},
        {"until", 0, OPTION_NUMBER, "PLACE", "the newest", "last place", &c.until},
        {0},
    };
    const struct command command = {
        .name = "wal cat",
        .operand = "data directory",
        .purpose = "Prints every entry of a log as one line of JSON.",
        .usage = "DIR [options]",
        .examples = "  kith wal cat data | jq -c 'select(.op == \"follow\")'\n"
                    "  kith wal cat data --from 1000 --until 1010\n",
        .options = options,
        .more = "Secrets in bodies are shown as \"***\". What a snapshot has made needless may be "
                "gone.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    struct data d;
    code = data_open(&d, rest.word[0], false);
    if (code != EXIT_OK)
        return code;
    code = cat(&d, &c);
    data_close(&d);
    return code;
}

// ---- digest ------------------------------------------------------------------------------------

// From the first entry on, or, where that is gone, from the newest snapshot.
static int load_whole(struct data *d, struct data_load *how)
{
    struct snapshot_info newest;
    struct recover_report report = {0};
    struct wal_position at;
    struct recover_options look = {.from_place = 1, .read_only = true};
    how->log_only = true;
    if (snapshot_list(d->dir, &newest, 1) > 0 &&
        recover_log(d->dir, &d->root, &look, &at, &report) == 0 && report.refused) {
        fprintf(stderr, "kith: the log's begin is gone; the replay begins with a snapshot\n");
        how->log_only = false;
    }
    return data_load(d, how);
}

static int wal_digest(int argc, char **argv)
{
    struct data_load how = {0};
    uint64_t cores = 0, until = 0;
    const struct option options[] = {
        {"cores", 0, OPTION_NUMBER, "N", "of this machine", "threads for the replay", &cores},
        {"until", 0, OPTION_NUMBER, "PLACE", "the newest", "last place", &until},
        {"progress", 0, OPTION_FLAG, NULL, "on a terminal", "show how far it is", &how.progress},
        {0},
    };
    const struct command command = {
        .name = "wal digest",
        .operand = "data directory",
        .purpose = "Replays a log and prints the digest of the state that it makes.",
        .usage = "DIR [options]",
        .examples = "  kith wal digest data --cores 1\n  kith wal digest data --cores 8\n",
        .options = options,
        .more = "The digest is the same for every number of threads, on every machine.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (cores > CORES_MAX)
        return usage_error(&command, "--cores is at most %d", CORES_MAX);
    how.cores = (unsigned)cores;
    how.until = until;
    struct data d;
    code = data_open(&d, rest.word[0], false);
    if (code != EXIT_OK)
        return code;
    uint64_t begin = clock_mono_ns();
    code = load_whole(&d, &how);
    if (code == EXIT_OK) {
        struct store_digest sum;
        load_digest(d.store, &sum);
        uint64_t last = d.report.at.next_place - 1;
        printf("place   %llu\nobjects %s\nedges   %s\n",
               (unsigned long long)(until != 0 && until < last ? until : last),
               digest_hex(sum.objects).s, digest_hex(sum.edges).s);
        fprintf(stderr, "%llu entries in %.3f s by %u threads\n",
                (unsigned long long)d.report.entries, (double)(clock_mono_ns() - begin) / 1e9,
                d.store->cores);
        if (d.report.digests_wrong > 0)
            code = failed(EXIT_FINDINGS, "the log's own digest at place %llu is another",
                          (unsigned long long)d.report.digest_wrong_place);
    }
    data_close(&d);
    return code;
}

int kith_wal(int argc, char **argv)
{
    static const struct subcommand of[] = {
        {"cat", wal_cat, "print every entry as a line of JSON"},
        {"digest", wal_digest, "replay it and print the digest of what it makes"},
    };
    static const struct family wal = {
        .name = "wal",
        .purpose = "Looks into a log.",
        .examples = "  kith wal cat data | tail -n 3\n  kith wal digest data --cores 2\n",
        .of = of,
        .n = sizeof of / sizeof *of,
    };
    return family_run(&wal, (struct words){argc, argv});
}
