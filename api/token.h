// Access tokens: JWT with HS256, in the one form that we emit ourselves. Nothing of a header is
// parsed, so none of what can be said in one (another algorithm, another key) can be said to us.
//
//   base64url({"alg":"HS256","typ":"JWT"}) . base64url({"iss":"kith",…}) . base64url(HMAC-SHA256)
#ifndef KITH_API_TOKEN_H
#define KITH_API_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fb.h"

enum {
    TOKEN_KEY = 32,        // bytes
    TOKEN_MAX = 2048,      // characters that are looked at
    TOKEN_CHARS = 512,     // that ours never exceed
    TOKEN_LEEWAY_S = 60,   // between clocks
};

// The key that signs, and the one before it, which is still believed.
struct token_keys {
    uint8_t current[TOKEN_KEY];
    uint8_t previous[TOKEN_KEY];
    bool have_previous;
};

struct token_claims {
    uint64_t user, session;
    uint64_t issued_s, expires_s; // since 1970
};

// Writes the token and a NUL into out[TOKEN_CHARS]; gives its length.
size_t token_make(const struct token_keys *keys, const struct token_claims *claims, char *out);
// Whether the characters are a token of ours that holds at now_s. Says nothing of its session.
bool token_read(const struct token_keys *keys, fb_str text, uint64_t now_s,
                struct token_claims *out);

#endif
