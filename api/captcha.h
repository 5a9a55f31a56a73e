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
// What was used is known to memory alone, so in the first minute after a start no token opens.
#ifndef KITH_API_CAPTCHA_H
#define KITH_API_CAPTCHA_H

#include <stdbool.h>
#include <stdint.h>

#include "api/provider_set.h"
#include "api/spent.h"

enum { CAPTCHA_LIFE_S = 600 };   // of a token at most

struct captcha {
    struct provider_set verifier; // path NULL: nobody is asked for anything
    uint64_t seed;               // of the hash of used tokens
    struct spent spent;          // what may have been used, and is not remembered
};

struct reactor;
struct request;

// A file as in api/providers.h whose PROVIDER is "captcha". false with a sentence in why[256].
bool captcha_open(struct captcha *c, const char *path, char *why);
// Until then, since 1970, tokens may have been used that are not remembered: issued a minute later
// at most. The server's start, or the log's last entry where the clock is behind.
void captcha_since(struct captcha *c, uint64_t ms);
void captcha_close(struct captcha *c);

// Whether q, which is sound, may go on; a token that it needed is used up. Counts registrations.
bool captcha_pass(struct reactor *r, const struct request *q);
// q has ended: counts failed logins.
void captcha_ended(struct reactor *r, const struct request *q);

#endif
