// Every text stands for one string of bytes only: so that nobody can write a token in two ways.
#include "api/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_write(char *out, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    size_t at = 0;
    uint32_t bits = 0, have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 6; have -= 6)
            out[at++] = alphabet[bits >> (have - 6) & 63];
    }
    if (have > 0)
        out[at++] = alphabet[bits << (6 - have) & 63];
    return at;
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64_read(void *out, size_t n, const char *s, size_t chars)
{
    if (chars != BASE64_CHARS(n))
        return false;
    uint8_t *p = out;
    uint32_t bits = 0, have = 0;
    size_t at = 0;
    for (size_t i = 0; i < chars; i++) {
        int d = digit(s[i]);
        if (d < 0)
            return false;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            p[at++] = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0;
}
