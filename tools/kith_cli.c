#include "tools/kith_cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int usage_error(const struct command *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "kith %s: ", c->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\nSee: kith %s --help\n", c->name);
    va_end(args);
    return EXIT_USAGE;
}

int failed(enum exit_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "kith: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return (int)code;
}

bool parse_u64(const char *s, uint64_t *out)
{
    if (s[0] < '0' || s[0] > '9')
        return false;
    char *end;
    *out = strtoull(s, &end, 10);
    return *end == '\0';
}

static bool parse_bytes(const char *s, uint64_t *out)
{
    static const struct { const char *suffix; unsigned shift; } units[] = {
        {"", 0},     {"B", 0},    {"K", 10},  {"KiB", 10}, {"M", 20},
        {"MiB", 20}, {"G", 30},   {"GiB", 30}, {"T", 40},  {"TiB", 40},
    };
    if (s[0] < '0' || s[0] > '9')
        return false;
    char *end;
    uint64_t n = strtoull(s, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            *out = n << units[i].shift;
            return true;
        }
    }
    return false;
}

// ---- names -------------------------------------------------------------------------------------

enum { NAME_MAX_SHOWN = 48 };

unsigned edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > NAME_MAX_SHOWN || m > NAME_MAX_SHOWN)
        return NAME_MAX_SHOWN;
    unsigned row[NAME_MAX_SHOWN + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *nearest_name(const char *word, unsigned n, const char *(*next)(void *ctx, unsigned i),
                         void *ctx)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)strlen(word) / 2 + 2;
    for (unsigned i = 0; i < n; i++) {
        const char *name = next(ctx, i);
        if (name == NULL)
            continue;
        unsigned d = edit_distance(word, name);
        if (d < best_distance) {
            best = name;
            best_distance = d;
        }
    }
    return best;
}

static const char *option_name(void *ctx, unsigned i)
{
    const struct option *options = ctx;
    return options[i].name;
}

// ---- options -----------------------------------------------------------------------------------

static unsigned options_count(const struct command *c)
{
    unsigned n = 0;
    while (c->options != NULL && c->options[n].name != NULL)
        n++;
    return n;
}

void command_help(const struct command *c)
{
    printf("%s\n\nusage: kith %s %s\n", c->purpose, c->name, c->usage);
    if (c->examples != NULL)
        printf("\nexamples:\n%s", c->examples);
    unsigned n = options_count(c);
    printf("\noptions:\n");
    for (unsigned i = 0; i < n; i++) {
        const struct option *o = &c->options[i];
        char left[64];
        char letter[8] = "";
        if (o->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        printf("  %-28s %s%s%s%s\n", left, o->help, o->usual != NULL ? " (default: " : "",
               o->usual != NULL ? o->usual : "", o->usual != NULL ? ")" : "");
    }
    printf("  %-28s %s\n", "--help", "this text");
    if (c->more != NULL)
        printf("\n%s", c->more);
}

static const struct option *find_option(const struct command *c, const char *word, size_t n)
{
    unsigned count = options_count(c);
    for (unsigned i = 0; i < count; i++) {
        const struct option *o = &c->options[i];
        if (word[1] == '-' ? strlen(o->name) == n - 2 && strncmp(o->name, word + 2, n - 2) == 0
                           : n == 2 && o->letter != 0 && o->letter == word[1])
            return o;
    }
    return NULL;
}

static int unknown_option(const struct command *c, const char *word, size_t n)
{
    char name[NAME_MAX_SHOWN + 1];
    snprintf(name, sizeof name, "%.*s", (int)(n > 2 ? n - 2 : 0), n > 2 ? word + 2 : "");
    const char *near =
        nearest_name(name, options_count(c), option_name, (void *)(uintptr_t)c->options);
    if (near == NULL)
        return usage_error(c, "unknown option %.*s", (int)n, word);
    return usage_error(c, "unknown option %.*s (did you mean --%s?)", (int)n, word, near);
}

static int take_value(const struct command *c, const struct option *o, const char *value)
{
    switch (o->kind) {
    case OPTION_FLAG:
        break;
    case OPTION_TEXT:
        *(const char **)o->to = value;
        break;
    case OPTION_NUMBER:
        if (!parse_u64(value, o->to))
            return usage_error(c, "--%s takes a number, not \"%s\"", o->name, value);
        break;
    case OPTION_BYTES:
        if (!parse_bytes(value, o->to))
            return usage_error(c, "--%s takes a size such as 512MiB, not \"%s\"", o->name, value);
        break;
    case OPTION_LIST: {
        struct option_list *list = o->to;
        if (list->n == OPTION_LIST_MAX)
            return usage_error(c, "--%s can be given at most %d times", o->name, OPTION_LIST_MAX);
        list->item[list->n++] = value;
        break;
    }
    }
    return CLI_GO_ON;
}

// Takes the option at args.word[*at] with its value.
static int take_option(const struct command *c, struct words args, int *at)
{
    const char *word = args.word[*at];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        command_help(c);
        return EXIT_OK;
    }
    const struct option *o = find_option(c, word, n);
    if (o == NULL)
        return unknown_option(c, word, n);
    if (o->kind == OPTION_FLAG) {
        if (equals != NULL)
            return usage_error(c, "--%s takes no value", o->name);
        *(bool *)o->to = true;
        return CLI_GO_ON;
    }
    if (equals == NULL && *at + 1 == args.n)
        return usage_error(c, "--%s needs a value: %s", o->name, o->value);
    return take_value(c, o, equals != NULL ? equals + 1 : args.word[++*at]);
}

static int judge_operands(const struct command *c, struct words rest)
{
    if (c->operands) return CLI_GO_ON;
    if (c->operand != NULL)
        return rest.n == 1 ? CLI_GO_ON : usage_error(c, "one %s, please", c->operand);
    return rest.n == 0 ? CLI_GO_ON : usage_error(c, "unexpected \"%s\"", rest.word[0]);
}

int options_parse(const struct command *c, struct words args, struct words *rest)
{
    rest->word = args.word; // what is left is moved to the front: never past what is read
    rest->n = 0;
    int i = 0;
    for (; i < args.n; i++) {
        char *word = args.word[i];
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        if (word[0] != '-' || word[1] == '\0') {
            rest->word[rest->n++] = word;
            continue;
        }
        int code = take_option(c, args, &i);
        if (code != CLI_GO_ON)
            return code;
    }
    for (; i < args.n; i++)
        rest->word[rest->n++] = args.word[i];
    return judge_operands(c, *rest);
}

// ---- families ----------------------------------------------------------------------------------

static const struct subcommand *find_subcommand(const struct family *f, const char *name)
{
    for (unsigned i = 0; i < f->n; i++)
        if (strcmp(f->of[i].name, name) == 0) return &f->of[i];
    return NULL;
}

static const char *subcommand_name(void *ctx, unsigned i)
{
    const struct family *f = ctx;
    return f->of[i].name;
}

static void family_help(const struct family *f, FILE *out)
{
    const char *gap = f->name != NULL ? " " : "", *name = f->name != NULL ? f->name : "";
    fprintf(out, "%s\n\nusage: kith%s%s COMMAND ...\n\nexamples:\n%s\ncommands:\n", f->purpose, gap,
            name, f->examples);
    for (unsigned i = 0; i < f->n; i++)
        fprintf(out, "  %-10s %s\n", f->of[i].name, f->of[i].purpose);
    fprintf(out, "\nkith%s%s COMMAND --help says more.%s\n", gap, name,
            f->more != NULL ? f->more : "");
}

static int unknown_subcommand(const struct family *f, const char *name)
{
    const char *near = nearest_name(name, f->n, subcommand_name, (void *)(uintptr_t)f);
    const char *gap = f->name != NULL ? " " : "", *of = f->name != NULL ? f->name : "";
    if (near == NULL)
        return failed(EXIT_USAGE, "no command \"%s%s%s\"; see: kith%s%s --help", of, gap, name, gap,
                      of);
    return failed(EXIT_USAGE, "no command \"%s%s%s\" (did you mean %s?)", of, gap, name, near);
}

// "help wal digest" is "wal digest --help": what follows the family's word is said to it.
static int help_of(const struct subcommand *s, struct words args)
{
    static char ask[] = "--help";
    for (int i = 1; i + 1 < args.n; i++) args.word[i] = args.word[i + 1];
    args.word[args.n - 1] = ask;
    return s->run(args.n - 1, args.word + 1);
}

int family_run(const struct family *f, struct words args)
{
    const char *name = args.n > 0 ? args.word[0] : "";
    bool help = strcmp(name, "help") == 0, own = strcmp(name, "--help") == 0;
    if (args.n == 0 || (help && args.n == 1) || own || strcmp(name, "-h") == 0) {
        family_help(f, args.n > 0 ? stdout : stderr);
        return args.n > 0 ? EXIT_OK : EXIT_USAGE;
    }
    name = args.word[help];
    const struct subcommand *s = find_subcommand(f, name);
    if (s == NULL) return unknown_subcommand(f, name);
    return help ? help_of(s, args) : s->run(args.n - 1, args.word + 1);
}
