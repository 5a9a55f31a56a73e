// The three steps that are tried make up for clocks that differ and for the time it takes to type.
#include "api/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/assert.h"

enum { SHA1_BYTES = 20, CODES = 1000000 };

uint32_t totp_code(const uint8_t key[TOTP_KEY], uint64_t step)
{
    uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    for (unsigned i = 0; i < 8; i++)
        counter[i] = (uint8_t)(step >> (56 - 8 * i));
    const uint8_t *made = HMAC(EVP_sha1(), key, TOTP_KEY, counter, sizeof counter, mac, &n);
    ASSERT(made != NULL && n == SHA1_BYTES);
    unsigned at = mac[SHA1_BYTES - 1] & 15u;
    uint32_t v = (uint32_t)(mac[at] & 0x7fu) << 24 | (uint32_t)mac[at + 1] << 16 |
                 (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    return v % CODES;
}

uint64_t totp_match(const uint8_t key[TOTP_KEY], const char *code, size_t n, uint64_t now_s)
{
    uint64_t now = now_s / TOTP_STEP_S, found = 0;
    uint32_t given = 0;
    if (n != TOTP_DIGITS || now == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (code[i] < '0' || code[i] > '9')
            return 0;
        given = given * 10 + (uint32_t)(code[i] - '0');
    }
    for (uint64_t step = now - 1; step <= now + 1; step++)
        found = totp_code(key, step) == given ? step : found;
    return found;
}

void totp_base32(char *out, const uint8_t *bytes, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    ASSERT(n % 5 == 0);
    for (size_t i = 0; i < n; i += 5) {
        uint64_t v = 0;
        for (unsigned k = 0; k < 5; k++)
            v = v << 8 | bytes[i + k];
        for (unsigned k = 0; k < 8; k++)
            *out++ = alphabet[v >> (35 - 5 * k) & 31];
    }
    *out = '\0';
}
