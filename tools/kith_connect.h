// Where a command finds its server and who it says it is: --to, --token, --service-key-file,
// --viewer.
#ifndef KITH_TOOLS_KITH_CONNECT_H
#define KITH_TOOLS_KITH_CONNECT_H

#include <stdint.h>

#include "api/client.h"
#include "tools/kith_cli.h"

#define KITH_DEFAULT_ADDRESS "127.0.0.1:5484"
#define KITH_DEFAULT_ADMIN "127.0.0.1:5485"

struct connect_options {
    const char *to;            // NULL = $KITH_TO or the default
    const char *token;         // NULL = $KITH_TOKEN
    const char *key_file;      // NULL = $KITH_SERVICE_KEY_FILE
    uint64_t viewer;
};

// The rows of these options for a command's table; four rows.
#define CONNECT_OPTIONS(o)                                                                         \
    {"to", 0, OPTION_TEXT, "ADDR", "127.0.0.1:5484 or $KITH_TO", "server: HOST:PORT or unix:PATH", \
     &(o).to},                                                                                     \
    {"token", 0, OPTION_TEXT, "TOKEN", "$KITH_TOKEN", "a user's token", &(o).token},               \
    {"service-key-file", 0, OPTION_TEXT, "FILE", "$KITH_SERVICE_KEY_FILE",                         \
     "file with a service key", &(o).key_file},                                                    \
    {"viewer", 0, OPTION_NUMBER, "ID", NULL, "with a service key: the user acted for", &(o).viewer}

// Connects and says hello. EXIT_OK, or an exit code after a message on standard error.
int connect_server(struct client *c, const struct connect_options *o);

// First line of a file with a secret, without its line end. 0 or errno.
int read_secret(const char *path, char *out, size_t cap);

#endif
