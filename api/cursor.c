// The MAC keeps a cursor from being made up; it is no secret what is in it.
#include "api/cursor.h"

#include <sodium.h>
#include <string.h>

#include "api/base64.h"

enum { MAC = crypto_shorthash_BYTES, RAW = 8 + MAC };

_Static_assert(CURSOR_KEY == crypto_shorthash_KEYBYTES, "the secret is a SipHash key");
_Static_assert(CURSOR_CHARS == BASE64_CHARS(RAW), "both say how long a cursor is");

static void sign(uint8_t mac[MAC], const uint8_t secret[CURSOR_KEY],
                 const struct cursor_scope *scope, uint64_t key)
{
    const uint64_t text[4] = {key, scope->op, scope->viewer, scope->list};
    crypto_shorthash(mac, (const uint8_t *)text, sizeof text, secret);
}

void cursor_write(char out[CURSOR_CHARS + 1], const uint8_t secret[CURSOR_KEY],
                  const struct cursor_scope *scope, uint64_t key)
{
    uint8_t raw[RAW];
    memcpy(raw, &key, 8);
    sign(raw + 8, secret, scope, key);
    out[base64_write(out, raw, RAW)] = '\0';
}

bool cursor_read(fb_str text, const uint8_t secret[CURSOR_KEY], const struct cursor_scope *scope,
                 uint64_t *key)
{
    uint8_t raw[RAW], mac[MAC];
    if (!base64_read(raw, RAW, text.s, text.n))
        return false;
    memcpy(key, raw, 8);
    sign(mac, secret, scope, *key);
    return sodium_memcmp(mac, raw + 8, MAC) == 0;
}
