// Tokens that other services signed (RFC 7519, in the compact form of RFC 7515): taken apart, the
// signature checked by the one algorithm that the key is for, members of the JSON found.
#ifndef KITH_API_JWT_H
#define KITH_API_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fb.h"

enum { JWT_MAX = 8192, JWT_SECRET_MAX = 512, JWT_TEXT = 256 };
enum jwt_alg { JWT_RS256, JWT_ES256, JWT_HS256, JWT_ALGS };

// Header and claims as JSON that is known to be sound; they lie in `bytes`.
struct jwt {
    fb_str header, claims;
    fb_str signature;            // bytes
    fb_str covered;              // of the token: what is signed
    uint8_t bytes[JWT_MAX];
};

// A key and what it is for.
struct jwt_key {
    enum jwt_alg alg;
    struct evp_pkey_st *public;  // RS256, ES256: OpenSSL's EVP_PKEY
    uint8_t secret[JWT_SECRET_MAX]; // HS256
    size_t secret_n;
};

// false: not three parts of base64url, two of them JSON objects.
bool jwt_open(struct jwt *out, fb_str token);
// Whether the header names the key's algorithm and no extension, and the signature is by that key.
bool jwt_signed(const struct jwt *t, const struct jwt_key *key);
enum jwt_alg jwt_alg_of(const char *name, size_t n); // JWT_ALGS: none of ours

// Members of an object by name; a name that is there twice is not there.
bool jwt_string(fb_str json, const char *name, char out[JWT_TEXT]); // false: no string of that size
bool jwt_number(fb_str json, const char *name, uint64_t *out);      // whole seconds
bool jwt_true(fb_str json, const char *name);
// Whether the member is this string, or an array that has it.
bool jwt_has(fb_str json, const char *name, const char *text);

#endif
