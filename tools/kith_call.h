// `kith call`: one operation with its fields as words; and the same for each line of `kith sh`.
#ifndef KITH_TOOLS_KITH_CALL_H
#define KITH_TOOLS_KITH_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "api/client.h"
#include "tools/kith_body.h"

int kith_call(int argc, char **argv);

struct call {
    uint64_t viewer;       // user acted for, 0 = the connection's own
    uint64_t place;        // not older than this
    const char *key;       // idempotency key or NULL
    bool table;            // print for eyes, not as JSON
    bool show_place;       // print the answer's place on standard error
};

// The operation word[0] with the fields of the words behind it, or of `json` where it is not NULL.
// EXIT_OK, EXIT_FAILED (refused), EXIT_USAGE, EXIT_CONNECT; what was wrong is said on standard
// error.
int call_run(struct client *c, const struct call *how, struct body_words words,
             const struct string *json);

// The operations, a line each; with a name the fields of one. EXIT_OK or EXIT_USAGE.
int call_help(const char *name);

#endif
