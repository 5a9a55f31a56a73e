// Challenges: who seems to be a program that guesses passwords or makes accounts is let in only
// with a verifier's word that a challenge was solved. The verifier is a service of the operator's
// beside whatever asks people to prove that they are some; its word is a signed token (api/jwt.h)
// that the client brings, so Kith asks nobody and waits for nobody.
//
//   login, register ─► suspect? ─► no ─► on                    claims of a token:
//                         └─► yes ─► a token that is good,       iss, aud   as in the file
//                                    and new? ─► yes ─► on       jti        never twice
//                                       └─► no ─► 403            iat, exp   CAPTCHA_LIFE_S apart
//                                                                success    true
//
// Suspect is whom the class `captcha` of core/rates.def says: an address or a name after so many
// failed logins, an address after so many registrations. A name that nobody has is asked like any.
#ifndef KITH_API_CAPTCHA_H
#define KITH_API_CAPTCHA_H

#include <stdbool.h>
#include <stdint.h>

#include "api/provider_set.h"

enum { CAPTCHA_LIFE_S = 600 };   // of a token at most; so long it is remembered when it was used

struct captcha {
    struct provider_set verifier; // path NULL: nobody is asked for anything
    uint64_t seed;               // of the hash of used tokens
    uint64_t since_s;            // older tokens may have been used before this start
};

struct reactor;
struct request;

// A file as in api/providers.h whose PROVIDER is "captcha". false with a sentence in why[256].
bool captcha_open(struct captcha *c, const char *path, char *why);
void captcha_close(struct captcha *c);

// Whether q, which is sound, may go on; a token that it needed is used up. Counts registrations.
bool captcha_pass(struct reactor *r, const struct request *q);
// q has ended: counts failed logins.
void captcha_ended(struct reactor *r, const struct request *q);

#endif
