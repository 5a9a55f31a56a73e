#include "tools/kith_sh.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "tools/kith_call.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"

enum { WORDS_MAX = 64 };

struct shell {
    struct client client;
    struct connect_options connect;
    struct call call;
    bool open;
    bool timing;
    bool interactive;
    int worst;             // exit code of the shell: of the first line that failed
};

// Splits a line in place at spaces; '…' and "…" hold words together, \ keeps the next character.
// Words; -1 where a quote has no end.
static int split(char *line, char *word[WORDS_MAX])
{
    int n = 0;
    char *from = line, *to = line;
    while (n < WORDS_MAX) {
        while (isspace((unsigned char)*from))
            from++;
        if (*from == '\0' || *from == '#')
            return n;
        word[n++] = to;
        char quote = 0;
        for (; *from != '\0' && (quote != 0 || !isspace((unsigned char)*from)); from++) {
            if (quote == 0 && (*from == '\'' || *from == '"'))
                quote = *from;
            else if (quote != 0 && *from == quote)
                quote = 0;
            else if (*from == '\\' && quote != '\'' && from[1] != '\0')
                *to++ = *++from;
            else
                *to++ = *from;
        }
        if (quote != 0)
            return -1;
        if (*from != '\0')
            from++;
        *to++ = '\0';
    }
    return n;
}

static const char shell_help[] =
    "OP FIELD=VALUE ...    call an operation, as of `kith call`\n"
    "help [OP]             the operations, or the fields of one\n"
    "viewer ID             with a service key: act for this user (0 = nobody)\n"
    "output json|table     how replies are printed\n"
    "timing                show how long each call takes, or no longer\n"
    "quit\n";

static bool set_output(struct shell *s, const char *how)
{
    bool table = strcmp(how, "table") == 0;
    if (!table && strcmp(how, "json") != 0)
        return false;
    s->call.table = table;
    return true;
}

// A word of the shell's own. CLI_GO_ON where the line is none.
static int builtin(struct shell *s, int n, char **word)
{
    if (strcmp(word[0], "help") == 0) {
        if (n > 1)
            return call_help(word[1]);
        printf("%s\noperations:\n", shell_help);
        return call_help(NULL);
    }
    if (strcmp(word[0], "viewer") == 0)
        return n == 2 && parse_u64(word[1], &s->call.viewer)
                   ? EXIT_OK
                   : failed(EXIT_USAGE, "viewer takes a user's id");
    if (strcmp(word[0], "output") == 0)
        return n == 2 && set_output(s, word[1]) ? EXIT_OK
                                                : failed(EXIT_USAGE, "output takes json or table");
    if (strcmp(word[0], "timing") == 0) {
        s->timing = !s->timing;
        return EXIT_OK;
    }
    return CLI_GO_ON;
}

static int run_line(struct shell *s, int n, char **word)
{
    int code = builtin(s, n, word);
    if (code != CLI_GO_ON)
        return code;
    if (!s->open) {
        code = connect_server(&s->client, &s->connect);
        if (code != EXIT_OK)
            return code;
        s->open = true;
    }
    uint64_t begin = clock_mono_ns();
    struct body_words words = {n, word};
    code = call_run(&s->client, &s->call, words, NULL);
    if (s->timing)
        fprintf(stderr, "%.3f ms\n", (double)(clock_mono_ns() - begin) / 1e6);
    if (code == EXIT_CONNECT) {
        client_close(&s->client);
        s->open = false; // the next line tries again
    }
    return code;
}

static int read_lines(struct shell *s)
{
    char *line = NULL;
    size_t cap = 0;
    for (;;) {
        if (s->interactive) {
            printf("kith> ");
            fflush(stdout);
        }
        if (getline(&line, &cap, stdin) < 0)
            break;
        char *word[WORDS_MAX];
        int n = split(line, word);
        int code = EXIT_OK;
        if (n < 0)
            code = failed(EXIT_USAGE, "a quote has no end");
        else if (n > 0 && (strcmp(word[0], "quit") == 0 || strcmp(word[0], "exit") == 0))
            break;
        else if (n > 0)
            code = run_line(s, n, word);
        fflush(stdout);
        if (s->worst == EXIT_OK && !s->interactive)
            s->worst = code;
    }
    free(line);
    return s->worst;
}

int kith_sh(int argc, char **argv)
{
    struct shell s = {.interactive = isatty(STDIN_FILENO)};
    const char *output = NULL;
    const struct option options[] = {
        CONNECT_OPTIONS(s.connect),
        {"output", 'o', OPTION_TEXT, "FORM", "table on a terminal, else json", "json or table",
         &output},
        {0},
    };
    const struct command command = {
        .name = "sh",
        .purpose = "Reads operations line by line and calls them over one connection.",
        .usage = "",
        .examples = "  kith sh --service-key-file key --viewer 123\n"
                    "  echo 'user_by_name username=ada' | kith sh\n",
        .options = options,
        .more = shell_help,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    if (!set_output(&s, output != NULL ? output : s.interactive ? "table" : "json"))
        return usage_error(&command, "-o takes json or table, not \"%s\"", output);
    s.call.viewer = s.connect.viewer;
    if (s.interactive)
        printf("help shows what can be said here; quit leaves.\n");
    code = read_lines(&s);
    if (s.open)
        client_close(&s.client);
    return code;
}
