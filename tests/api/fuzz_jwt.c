// fuzz_jwt.c - any bytes as a token of another service, and any JSON as its claims: never read out
// of bounds, and nothing is found in JSON that is none.
#include "api/base64.h"
#include "api/jwt.h"
#include "core/fb_json_parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look(fb_str json)
{
    static const char *const names[] = {"iss", "aud", "sub", "exp", "alg", "email_verified", ""};
    char out[JWT_TEXT];
    uint64_t v;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (jwt_string(json, names[i], out) && !jwt_has(json, names[i], out)) abort();
        if (jwt_number(json, names[i], &v) && jwt_true(json, names[i])) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct jwt t;
    static const struct jwt_key key = {.alg = JWT_HS256, .secret_n = 32};
    static char token[JWT_MAX + 64];
    if (n > JWT_MAX / 2) return 0;
    // As it is, in memory of its own so that a byte too far is seen.
    char *copy = malloc(n + 1);
    if (copy == NULL) return 0;
    memcpy(copy, data, n);
    if (jwt_open(&t, (fb_str){copy, (uint32_t)n})) {
        look(t.header);
        look(t.claims);
        if (jwt_signed(&t, &key)) abort();
    }
    free(copy);
    // As the claims of a token that is otherwise good.
    size_t at = 4;
    memcpy(token, "e30.", 4);
    at += base64_write(token + at, data, n);
    token[at++] = '.';
    bool object = n > 0 && data[0] == '{' && fb_json_valid((const char *)data, n);
    bool open = jwt_open(&t, (fb_str){token, (uint32_t)at});
    if (open != object) abort();
    if (open) look(t.claims);
    return 0;
}
