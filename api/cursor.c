// The MAC keeps a cursor from being made up; it is no secret what is in it.
#include "api/cursor.h"

#include <sodium/crypto_shorthash.h>
#include <sodium/utils.h>
#include <string.h>

#include "api/base64.h"

enum { MAC = crypto_shorthash_BYTES, RAW = 8 + MAC, RAW_MAX = 16 + MAC };

_Static_assert(CURSOR_KEY == crypto_shorthash_KEYBYTES, "the secret is a SipHash key");
_Static_assert(CURSOR_CHARS == BASE64_CHARS(RAW), "both say how long a cursor is");
_Static_assert(CURSOR_CHARS_MAX == BASE64_CHARS(RAW_MAX), "the same for one with a stamp");

static void sign(uint8_t mac[MAC], const uint8_t secret[CURSOR_KEY],
                 const struct cursor_scope *scope, struct cursor_at at)
{
    const uint64_t text[5] = {at.key, scope->op, scope->viewer, scope->list, at.stamp};
    size_t n = at.stamp != 0 ? sizeof text : sizeof text - sizeof text[0];
    crypto_shorthash(mac, (const uint8_t *)text, n, secret);
}

void cursor_write_at(char out[CURSOR_CHARS_MAX + 1], const uint8_t secret[CURSOR_KEY],
                     const struct cursor_scope *scope, struct cursor_at at)
{
    uint8_t raw[RAW_MAX];
    size_t n = at.stamp != 0 ? 16 : 8;
    memcpy(raw, &at, n);
    sign(raw + n, secret, scope, at);
    out[base64_write(out, raw, n + MAC)] = '\0';
}

bool cursor_read_at(fb_str text, const uint8_t secret[CURSOR_KEY], const struct cursor_scope *scope,
                    struct cursor_at *at)
{
    uint8_t raw[RAW_MAX], mac[MAC];
    size_t n = text.n == CURSOR_CHARS_MAX ? 16 : 8;
    if (!base64_read(raw, n + MAC, text.s, text.n))
        return false;
    *at = (struct cursor_at){0, 0};
    memcpy(at, raw, n);
    sign(mac, secret, scope, *at);
    // The short form is the only one of a place without a stamp.
    return (n == 8 || at->stamp != 0) && sodium_memcmp(mac, raw + n, MAC) == 0;
}

void cursor_write(char out[CURSOR_CHARS + 1], const uint8_t secret[CURSOR_KEY],
                  const struct cursor_scope *scope, uint64_t key)
{
    char text[CURSOR_CHARS_MAX + 1];
    cursor_write_at(text, secret, scope, (struct cursor_at){key, 0});
    memcpy(out, text, CURSOR_CHARS + 1);
}

bool cursor_read(fb_str text, const uint8_t secret[CURSOR_KEY], const struct cursor_scope *scope,
                 uint64_t *key)
{
    struct cursor_at at;
    if (!cursor_read_at(text, secret, scope, &at) || at.stamp != 0)
        return false;
    *key = at.key;
    return true;
}
