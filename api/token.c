// The claims are read back by comparing with what we would have written: whatever differs is no
// token.
#include "api/token.h"

#include <inttypes.h>
#include <sodium/crypto_auth_hmacsha256.h>
#include <stdio.h>
#include <string.h>

#include "api/base64.h"
#include "core/assert.h"

static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."; // with its dot
enum { HEADER = sizeof header - 1, MAC = crypto_auth_hmacsha256_BYTES, CLAIMS_MAX = 320 };

_Static_assert(TOKEN_KEY == crypto_auth_hmacsha256_KEYBYTES, "one key is one MAC key");
_Static_assert(HEADER + BASE64_CHARS(CLAIMS_MAX) + 1 + BASE64_CHARS(MAC) < TOKEN_CHARS + 32,
               "claims fit");

static int write_claims(char out[CLAIMS_MAX], const struct token_claims *c)
{
    return snprintf(out, CLAIMS_MAX,
                    "{\"iss\":\"kith\",\"aud\":\"kith\",\"sub\":\"%" PRIu64 "\",\"sid\":\"%" PRIu64
                    "\",\"iat\":%" PRIu64 ",\"nbf\":%" PRIu64 ",\"exp\":%" PRIu64 "}",
                    c->user, c->session, c->issued_s, c->issued_s, c->expires_s);
}

size_t token_make(const struct token_keys *keys, const struct token_claims *claims, char *out)
{
    char text[CLAIMS_MAX];
    int n = write_claims(text, claims);
    ASSERT(n > 0 && n < CLAIMS_MAX);
    memcpy(out, header, HEADER);
    size_t at = HEADER;
    at += base64_write(out + at, text, (size_t)n);
    uint8_t mac[MAC];
    crypto_auth_hmacsha256(mac, (const uint8_t *)out, at, keys->current);
    out[at++] = '.';
    at += base64_write(out + at, mac, MAC);
    ASSERT(at < TOKEN_CHARS);
    out[at] = '\0';
    return at;
}

// Both keys are tried whatever the first one says, so that time tells nothing.
static bool mac_right(const struct token_keys *keys, const char *s, size_t n,
                      const uint8_t mac[MAC])
{
    bool now = crypto_auth_hmacsha256_verify(mac, (const uint8_t *)s, n, keys->current) == 0;
    bool before = crypto_auth_hmacsha256_verify(mac, (const uint8_t *)s, n, keys->previous) == 0;
    return now || (before && keys->have_previous);
}

static bool read_claims(const char *s, size_t chars, struct token_claims *out)
{
    char text[CLAIMS_MAX], again[CLAIMS_MAX];
    size_t n = chars * 3 / 4;
    if (n >= sizeof text || !base64_read(text, n, s, chars))
        return false;
    text[n] = '\0';
    if (strlen(text) != n)
        return false;
    uint64_t from;
    if (sscanf(text,
               "{\"iss\":\"kith\",\"aud\":\"kith\",\"sub\":\"%" SCNu64 "\",\"sid\":\"%" SCNu64
               "\",\"iat\":%" SCNu64 ",\"nbf\":%" SCNu64 ",\"exp\":%" SCNu64 "}",
               &out->user, &out->session, &out->issued_s, &from, &out->expires_s) != 5)
        return false;
    int m = write_claims(again, out);
    return (size_t)m == n && memcmp(text, again, n) == 0;
}

bool token_read(const struct token_keys *keys, fb_str text, uint64_t now_s,
                struct token_claims *out)
{
    const char *s = text.s;
    size_t n = text.n;
    enum { TAIL = 1 + BASE64_CHARS(MAC) };
    uint8_t mac[MAC];
    if (n > TOKEN_MAX || n <= HEADER + TAIL || memcmp(s, header, HEADER) != 0)
        return false;
    size_t signed_n = n - TAIL;
    if (s[signed_n] != '.' || !base64_read(mac, MAC, s + signed_n + 1, TAIL - 1))
        return false;
    if (!mac_right(keys, s, signed_n, mac) || !read_claims(s + HEADER, signed_n - HEADER, out))
        return false;
    return out->issued_s <= now_s + TOKEN_LEEWAY_S && now_s < out->expires_s + TOKEN_LEEWAY_S;
}
