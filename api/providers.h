// The services whose word for somebody is taken: from a file of the operator's, a line for each
// key:
//
//   PROVIDER ISSUER AUDIENCE RS256|ES256|HS256 KEYFILE [KID]
//
// PROVIDER is the name in the route. KEYFILE is a public key in PEM, or the bytes of an HS256
// secret. KID is how tokens name the key; a token that names another is not judged by it.
#ifndef KITH_API_PROVIDERS_H
#define KITH_API_PROVIDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/jwt.h"

enum { PROVIDER_KEYS_MAX = 32, PROVIDER_NAME = 33, PROVIDER_FILE = 512 };

struct provider_key {
    char provider[PROVIDER_NAME], issuer[JWT_TEXT], audience[JWT_TEXT];
    char file[PROVIDER_FILE], kid[JWT_TEXT]; // kid: "" where the line has none
    struct jwt_key key;
};
struct providers { unsigned n; struct provider_key *key; };

// What a token says of somebody.
struct claims {
    char subject[JWT_TEXT];
    char email[JWT_TEXT];        // "" where it is not given or the provider does not vouch for it
};

// false with a sentence in why[256].
bool providers_open(const char *path, struct providers *out, char *why);
void providers_close(struct providers *p);
bool providers_have(const struct providers *p, fb_str provider);
enum { PROVIDER_LEEWAY_S = 60 };  // by which clocks may differ
// Whether one of the provider's keys signed this token for us, and it holds at now_s: taken apart.
struct id_token { fb_str provider, text; uint64_t now_s; };
bool providers_signed(const struct providers *p, struct id_token token, struct jwt *out);
// The same, and what it says of somebody.
bool providers_judge(const struct providers *p, struct id_token token, struct claims *out);

#endif
