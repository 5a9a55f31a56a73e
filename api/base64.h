// base64url without padding (RFC 4648 section 5), as tokens and cursors use it.
#ifndef KITH_API_BASE64_H
#define KITH_API_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Characters for n bytes.
#define BASE64_CHARS(n) (((n) * 4 + 2) / 3)

// Writes BASE64_CHARS(n) characters, no NUL; gives their number.
size_t base64_write(char *out, const void *bytes, size_t n);
// Reads exactly n bytes from exactly BASE64_CHARS(n) characters. false: another length, another
// character, or bits beyond the last byte that are not zero.
bool base64_read(void *out, size_t n, const char *s, size_t chars);

#endif
