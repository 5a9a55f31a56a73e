// Secrets: the server's own, kept in keys/ of the data directory, and the service keys that the
// operator gives in a file.
#ifndef KITH_API_KEYS_H
#define KITH_API_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/cursor.h"
#include "api/token.h"
#include "core/file.h"

struct keys {
    struct token_keys token;   // keys/token.key and, if there is one, keys/token.prev
    uint8_t cursor[CURSOR_KEY]; // keys/cursor.key
};

// Reads the keys, making those that are not there. 0 or errno; the file's name in *which.
int keys_open(struct file_dir dir, struct keys *out, const char **which);

enum { SERVICE_KEYS_MAX = 64, SERVICE_KEY_MIN = 16, SERVICE_KEY_MAX = 256, SERVICE_HASH = 32 };

// Only the keys' BLAKE2b hashes stay in memory.
struct service_keys {
    unsigned n;
    uint8_t hash[SERVICE_KEYS_MAX][SERVICE_HASH];
};

// One key a line; empty lines and those that begin with # are passed over. false with a sentence in
// why[256]: not there, readable by others than the owner, a key that is too short or too long.
bool service_keys_open(const char *path, struct service_keys *out, char *why);
// Which of the keys the n bytes are, from 1 on, in a time that does not depend on which; 0 = none.
unsigned service_keys_match(const struct service_keys *keys, const char *s, size_t n);

#endif
