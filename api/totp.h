// Codes of an authenticator (RFC 6238): HMAC-SHA-1, six digits, a step of 30 seconds.
#ifndef KITH_API_TOTP_H
#define KITH_API_TOTP_H

#include <stddef.h>
#include <stdint.h>

enum { TOTP_KEY = 20, TOTP_KEY_CHARS = 32, TOTP_DIGITS = 6, TOTP_STEP_S = 30 };

// The code of a time step, as a number.
uint32_t totp_code(const uint8_t key[TOTP_KEY], uint64_t step);
// The step of which the n characters are the code, of the present one and its two neighbours;
// 0 = of none. Takes the same time for every code of six digits.
uint64_t totp_match(const uint8_t key[TOTP_KEY], const char *code, size_t n, uint64_t now_s);
// RFC 4648 base32 without padding: n bytes, a multiple of 5, as n / 5 * 8 characters and a NUL.
void totp_base32(char *out, const uint8_t *bytes, size_t n);

#endif
