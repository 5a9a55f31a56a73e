#include "tools/kith_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/fb_json_print.h"
#include "core/limits.h"
#include "kith_fb.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"

static int say_unknown(const char *name, const char *near)
{
    if (near == NULL)
        return failed(EXIT_USAGE, "no operation \"%s\"; see: kith call --list", name);
    return failed(EXIT_USAGE, "no operation \"%s\" (did you mean %s?)", name, near);
}

int call_help(const char *name)
{
    const char *near;
    if (name == NULL) {
        for (unsigned i = 0; i < OP_LIMIT; i++) {
            const struct op_row *row = op_row(i);
            if (row == NULL || row->kind == OPK_INTERNAL)
                continue;
            printf("  %-18s %s\n", row->name, row->http != NULL ? row->http : "(binary only)");
        }
        return EXIT_OK;
    }
    const struct op_row *row = op_by_name(name, &near);
    if (row == NULL)
        return say_unknown(name, near);
    printf("%s: %s\nfields of the request:\n", row->name,
           row->http != NULL ? row->http : "binary only");
    type_help(row->request);
    printf("fields of the reply (%s):\n", row->reply->name);
    type_help(row->reply);
    return EXIT_OK;
}

static int print_answer(const struct call *how, const struct answer *a)
{
    const struct op_row *row = op_row(a->head.op);
    bool refused = a->head.status != 0;
    const void *table = refused ? a->problem : a->table;
    const fb_type *type = refused ? &kt_desc_Problem : row->reply;
    if (how->show_place)
        fprintf(stderr, "place %llu\n", (unsigned long long)a->head.place);
    if (table != NULL && type->n_fields > 0) {
        if (how->table) {
            table_print(table, type);
        } else {
            struct string t = {0};
            table_json(&t, table, type, FB_JSON_FULL);
            printf("%s\n", t.s);
            string_free(&t);
        }
    }
    return refused ? EXIT_FAILED : EXIT_OK;
}

int call_run(struct client *c, const struct call *how, struct body_words words,
             const struct string *json)
{
    const char *near;
    const struct op_row *row = op_by_name(words.word[0], &near);
    if (row == NULL)
        return say_unknown(words.word[0], near);
    char why[256];
    struct string made = {0};
    words.word++;
    words.n--;
    if (json == NULL && !body_json(&made, row, words, why)) {
        string_free(&made);
        return failed(EXIT_USAGE, "%s", why);
    }
    struct body body = {.cap = FRAME_MAX};
    body.buf = malloc(body.cap);
    ASSERT(body.buf != NULL);
    int code = EXIT_OK;
    if (!body_pack(&body, row->request, json != NULL ? json : &made, why)) {
        code = failed(EXIT_USAGE, "%s", why);
    } else {
        struct client_request r = {
            .op = row->number, .actor = how->viewer, .place = how->place, .key = how->key,
            .body = body.data, .body_n = body.n,
        };
        struct answer a;
        if (client_call(c, &r, &a) != 0)
            code = failed(EXIT_CONNECT, "%s", c->why);
        else
            code = print_answer(how, &a);
    }
    free(body.buf);
    string_free(&made);
    return code;
}

// ---- the command -------------------------------------------------------------------------------

struct options {
    struct connect_options connect;
    struct call call;
    const char *output;
    bool list, describe;
};

static int run(const struct command *command, struct options *o, struct words rest)
{
    if (o->list)
        return call_help(NULL);
    if (rest.n == 0)
        return usage_error(command, "which operation? (kith call --list shows them)");
    if (o->describe)
        return call_help(rest.word[0]);
    if (o->output != NULL && strcmp(o->output, "json") != 0 && strcmp(o->output, "table") != 0)
        return usage_error(command, "-o takes json or table, not \"%s\"", o->output);
    o->call.table = o->output != NULL && o->output[0] == 't';
    o->call.viewer = o->connect.viewer;
    struct string json = {0};
    bool from_stdin = rest.n == 2 && strcmp(rest.word[1], "-") == 0;
    if (from_stdin && !string_read(&json, STDIN_FILENO))
        return failed(EXIT_FAILED, "standard input cannot be read");
    // A wrong name should not need a server to be told.
    const char *near;
    if (op_by_name(rest.word[0], &near) == NULL)
        return say_unknown(rest.word[0], near);
    struct client c;
    int code = connect_server(&c, &o->connect);
    if (code == EXIT_OK) {
        struct body_words words = {rest.n, rest.word};
        code = call_run(&c, &o->call, words, from_stdin ? &json : NULL);
        client_close(&c);
    }
    string_free(&json);
    return code;
}

int kith_call(int argc, char **argv)
{
    struct options o = {0};
    const struct option options[] = {
        CONNECT_OPTIONS(o.connect),
        {"output", 'o', OPTION_TEXT, "FORM", "json", "json or table", &o.output},
        {"key", 0, OPTION_TEXT, "KEY", NULL, "idempotency key of a change", &o.call.key},
        {"place", 0, OPTION_NUMBER, "N", NULL, "a read not older than this place", &o.call.place},
        {"show-place", 0, OPTION_FLAG, NULL, NULL, "the answer's place on standard error",
         &o.call.show_place},
        {"list", 0, OPTION_FLAG, NULL, NULL, "the operations", &o.list},
        {"describe", 0, OPTION_FLAG, NULL, NULL, "the fields of OP and of its reply", &o.describe},
        {0},
    };
    const struct command command = {
        .name = "call",
        .operands = true,
        .purpose = "Calls one operation and prints its reply.",
        .usage = "OP [FIELD=VALUE | FIELD:=JSON]... | OP -",
        .examples =
            "  kith call user_by_name username=ada\n"
            "  kith call feed limit=5 --token \"$TOKEN\" -o table\n"
            "  kith call follow user_id=123 --service-key-file key --viewer 456\n"
            "  echo '{\"caption\":\"Hello\"}' | kith call post_create - --token \"$TOKEN\"\n",
        .options = options,
        .more =
            "FIELD=VALUE is text, a number or a comma-separated list, as the field's type asks;\n"
            "FIELD:=JSON is taken as it stands; \"-\" reads the whole request as JSON.\n"
            "Exit code 0: done, 1: refused (the problem is printed), 2: usage, 4: no server.\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    return code != CLI_GO_ON ? code : run(&command, &o, rest);
}
