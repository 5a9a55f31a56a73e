// What every subcommand of `kith` shares: exit codes, options, help, the nearest name to a mistyped
// one.
#ifndef KITH_TOOLS_KITH_CLI_H
#define KITH_TOOLS_KITH_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,     // the operation was refused or went wrong
    EXIT_USAGE = 2,
    EXIT_DAMAGED = 3,    // data on disk cannot be read
    EXIT_CONNECT = 4,
    EXIT_FINDINGS = 5,   // check found problems
};
enum { CLI_GO_ON = -1 }; // options_parse: run the command

enum option_kind {
    OPTION_FLAG,         // bool *
    OPTION_TEXT,         // const char **
    OPTION_NUMBER,       // uint64_t *
    OPTION_BYTES,        // uint64_t *, with a suffix KiB, MiB, GiB
    OPTION_LIST,         // struct option_list *, may be given again
};

enum { OPTION_LIST_MAX = 32 };
struct option_list { const char *item[OPTION_LIST_MAX]; unsigned n; };

struct option {
    const char *name;    // without "--"
    char letter;         // "-o", 0 = none
    enum option_kind kind;
    const char *value;   // how the value is called in the help, NULL for a flag
    const char *usual;   // what holds without it, as text for the help, NULL = nothing
    const char *help;
    void *to;
};

struct command {
    const char *name;    // "wal cat"
    const char *operand; // what its one word beside the options is; NULL: it takes none
    bool operands;       // any number of them, which it looks at itself
    const char *purpose; // one line
    const char *usage;   // after "kith NAME "
    const char *examples;// whole lines
    const struct option *options; // ended by a row without a name
    const char *more;    // further text of the help, whole lines, or NULL
};

// Options may stand anywhere; "--" ends them. What is left goes to rest, in order, as many as the
// command takes. CLI_GO_ON, or the exit code: after --help, or after a mistake that has been
// explained.
struct words { int n; char **word; };
int options_parse(const struct command *c, struct words args, struct words *rest);
void command_help(const struct command *c);

// Commands below one name, and the one among them that the first word names.
struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv); // of the words behind the name
    const char *purpose;
};
struct family {
    const char *name;    // "wal", NULL for kith itself
    const char *purpose, *examples, *more; // as a command's
    const struct subcommand *of;
    unsigned n;
};
// --help, help and no word at all print what there is. Returns the exit code.
int family_run(const struct family *f, struct words args);

// Says "kith NAME: …" on standard error and returns EXIT_USAGE.
int usage_error(const struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// The same for a failure; returns `code`.
int failed(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Changes that lead from one word to another.
unsigned edit_distance(const char *a, const char *b);
// The nearest of n names to a mistyped word, NULL when none is near. next(ctx, i) gives name i.
const char *nearest_name(const char *word, unsigned n, const char *(*next)(void *ctx, unsigned i),
                         void *ctx);

bool parse_u64(const char *s, uint64_t *out);

#endif
