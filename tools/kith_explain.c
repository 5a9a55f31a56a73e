#include "tools/kith_explain.h"

#include <stdio.h>
#include <string.h>

#include "tools/kith_call.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"

// {"op":NAME,"request":{...}} of the words. false, and why.
static bool compose(struct string *json, struct body_words words, char why[256])
{
    const char *near;
    const struct op_row *row = op_by_name(words.word[0], &near);
    if (row == NULL) {
        snprintf(why, 256, "no operation \"%s\"; see: kith call --list", words.word[0]);
        return false;
    }
    struct string request = {0};
    words.word++;
    words.n--;
    bool good = body_json(&request, row, words, why);
    if (good) {
        string_adds(json, "{\"op\":");
        string_json(json, row->name, strlen(row->name));
        string_adds(json, ",\"request\":");
        string_add(json, request.s, request.n);
        string_adds(json, "}");
    }
    string_free(&request);
    return good;
}

int kith_explain(int argc, char **argv)
{
    struct connect_options connect = {0};
    const char *output = NULL;
    const struct option options[] = {
        CONNECT_OPTIONS(connect),
        {"output", 'o', OPTION_TEXT, "FORM", "table", "table or json", &output},
        {0},
    };
    const struct command command = {
        .name = "explain",
        .operands = true,
        .purpose = "Runs one operation, as `kith call` does, and tells what it touched.",
        .usage = "OP [FIELD=VALUE | FIELD:=JSON]...",
        .examples = "  kith explain feed limit=20 --service-key-file key --viewer 456\n"
                    "  kith explain search_posts query=oslo --service-key-file key -o json\n",
        .options = options,
        .more =
            "Needs a service key. A change is made, as ever.\n"
            "found      ids of lists: pushed (the reader's timeline), pulled (merged now, of what\n"
            "           authors publish), older (from lists on the authors' cores)\n"
            "hidden     of them: gone, or not for this viewer; passed: skipped by offset;\n"
            "hydrated   of them: in the answer\n"
            "records    looked up; asked: questions to other cores; moves: from core to core\n"
            "steps      parse, route, wait (marks, log), read, build, send\n",
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (rest.n == 0)
        return usage_error(&command, "which operation? (kith call --list shows them)");
    bool json = output != NULL && strcmp(output, "json") == 0;
    if (output != NULL && !json && strcmp(output, "table") != 0)
        return usage_error(&command, "-o takes json or table, not \"%s\"", output);
    struct string body = {0};
    char why[256];
    struct client c;
    if (!compose(&body, (struct body_words){rest.n, rest.word}, why)) {
        code = failed(EXIT_USAGE, "%s", why);
    } else if ((code = connect_server(&c, &connect)) == EXIT_OK) {
        static char name[] = "explain";
        char *word[] = {name};
        const struct call how = {.viewer = connect.viewer, .table = !json};
        code = call_run(&c, &how, (struct body_words){1, word}, &body);
        client_close(&c);
    }
    string_free(&body);
    return code;
}
