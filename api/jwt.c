// The JSON is judged whole by core's parser first; what walks through it here may then trust it.
#include "api/jwt.h"

#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <sodium/utils.h>
#include <string.h>

#include "api/base64.h"
#include "core/fb_json_parse.h"

enum { ES256_HALF = 32, DER_MAX = 80, HS256_BYTES = 32 };

// ---- taken apart -------------------------------------------------------------------------------

// Decodes one part behind what stands in t->bytes already.
static bool take_part(struct jwt *t, size_t *used, fb_str part, fb_str *out)
{
    size_t n = (size_t)part.n * 3 / 4;
    if (n > sizeof t->bytes - *used || !base64_read(t->bytes + *used, n, part.s, part.n))
        return false;
    *out = (fb_str){(const char *)t->bytes + *used, (uint32_t)n};
    *used += n;
    return true;
}

static bool is_object(fb_str s)
{
    return s.n > 0 && s.s[0] == '{' && fb_json_valid(s.s, s.n);
}

bool jwt_open(struct jwt *out, fb_str token)
{
    const char *end = token.s + token.n;
    const char *first = memchr(token.s, '.', token.n);
    const char *second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (token.n > JWT_MAX || second == NULL)
        return false;
    size_t used = 0;
    out->covered = (fb_str){token.s, (uint32_t)(second - token.s)};
    return take_part(out, &used, (fb_str){token.s, (uint32_t)(first - token.s)}, &out->header) &&
           take_part(out, &used, (fb_str){first + 1, (uint32_t)(second - first - 1)},
                     &out->claims) &&
           take_part(out, &used, (fb_str){second + 1, (uint32_t)(end - second - 1)},
                     &out->signature) &&
           is_object(out->header) && is_object(out->claims);
}

// ---- members -----------------------------------------------------------------------------------

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && memchr(" \t\r\n", *p, 4) != NULL)
        p++;
    return p;
}

// p is at the opening quote; gives what follows the closing one.
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
    unsigned depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth == 0)
                return p;
            depth--;
            p++;
        } else if (*p == ',' && depth == 0) {
            return p;
        } else {
            p++;
        }
    }
    return end;
}

// The member's value without space around it, n = 0: it is not there, or there twice.
static fb_str find(fb_str json, const char *name)
{
    const char *p = skip_space(json.s, json.s + json.n), *end = json.s + json.n;
    fb_str found = {NULL, 0};
    unsigned times = 0;
    for (p = skip_space(p + 1, end); p < end && *p == '"'; p = skip_space(p + 1, end)) {
        const char *key = p + 1, *after = skip_string(p, end);
        size_t key_n = (size_t)(after - key - 1);
        const char *value = skip_space(skip_space(after, end) + 1, end);
        p = skip_value(value, end);
        const char *last = p;
        while (last > value && memchr(" \t\r\n", last[-1], 4) != NULL)
            last--;
        if (key_n == strlen(name) && memcmp(key, name, key_n) == 0) {
            found = (fb_str){value, (uint32_t)(last - value)};
            times++;
        }
        if (p >= end || *p != ',')
            break;
    }
    return times == 1 ? found : (fb_str){NULL, 0};
}

// Of all escapes only that of the slash is known, which some write; who needs others is refused.
static bool plain_text(fb_str quoted, char out[JWT_TEXT])
{
    size_t n = 0;
    if (quoted.n < 2 || quoted.s[0] != '"')
        return false;
    for (uint32_t i = 1; i + 1 < quoted.n; i++) {
        if (quoted.s[i] == '\\' && quoted.s[++i] != '/')
            return false;
        if (n == JWT_TEXT - 1)
            return false;
        out[n++] = quoted.s[i];
    }
    out[n] = '\0';
    return true;
}

bool jwt_string(fb_str json, const char *name, char out[JWT_TEXT])
{
    return plain_text(find(json, name), out);
}

bool jwt_number(fb_str json, const char *name, uint64_t *out)
{
    fb_str s = find(json, name);
    uint64_t v = 0;
    uint32_t i = 0;
    for (; i < s.n && s.s[i] >= '0' && s.s[i] <= '9' && v < UINT64_MAX / 100; i++)
        v = v * 10 + (uint64_t)(s.s[i] - '0');
    *out = v;
    // A fraction of a second does not matter.
    return i > 0 && (i == s.n || s.s[i] == '.') && memchr(s.s, 'e', s.n) == NULL &&
           memchr(s.s, 'E', s.n) == NULL;
}

bool jwt_true(fb_str json, const char *name)
{
    fb_str s = find(json, name);
    return (s.n == 4 && memcmp(s.s, "true", 4) == 0) ||
           (s.n == 6 && memcmp(s.s, "\"true\"", 6) == 0);
}

bool jwt_has(fb_str json, const char *name, const char *text)
{
    char one[JWT_TEXT];
    fb_str s = find(json, name);
    if (s.n == 0 || s.s[0] != '[')
        return plain_text(s, one) && strcmp(one, text) == 0;
    const char *end = s.s + s.n, *p = skip_space(s.s + 1, end);
    while (p < end && *p != ']') {
        const char *after = *p == '"' ? skip_string(p, end) : skip_value(p, end);
        if (plain_text((fb_str){p, (uint32_t)(after - p)}, one) && strcmp(one, text) == 0)
            return true;
        p = skip_space(after, end);
        if (p < end && *p == ',')
            p = skip_space(p + 1, end);
    }
    return false;
}

// ---- signatures --------------------------------------------------------------------------------

static const char *const alg_names[JWT_ALGS] = {"RS256", "ES256", "HS256"};

enum jwt_alg jwt_alg_of(const char *name, size_t n)
{
    unsigned i = 0;
    while (i < JWT_ALGS && (strlen(alg_names[i]) != n || memcmp(alg_names[i], name, n) != 0))
        i++;
    return (enum jwt_alg)i;
}

static bool hmac_right(const struct jwt *t, const struct jwt_key *key)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (HMAC(EVP_sha256(), key->secret, (int)key->secret_n, (const uint8_t *)t->covered.s,
             t->covered.n, mac, &n) == NULL)
        return false;
    return n == HS256_BYTES && t->signature.n == n &&
           sodium_memcmp(mac, t->signature.s, n) == 0;
}

// RFC 7518's two numbers side by side, as OpenSSL wants them. 0: they are none.
static size_t der_of(fb_str signature, uint8_t out[DER_MAX])
{
    if (signature.n != 2 * ES256_HALF)
        return 0;
    const uint8_t *p = (const uint8_t *)signature.s;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, ES256_HALF, NULL), *s = BN_bin2bn(p + ES256_HALF, ES256_HALF, NULL);
    int n = 0;
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; // they are the signature's now
        n = i2d_ECDSA_SIG(sig, NULL);
        if (n > 0 && n <= DER_MAX)
            n = i2d_ECDSA_SIG(sig, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n > 0 && n <= DER_MAX ? (size_t)n : 0;
}

static bool public_right(const struct jwt *t, const struct jwt_key *key)
{
    uint8_t der[DER_MAX];
    const uint8_t *sig = (const uint8_t *)t->signature.s;
    size_t n = t->signature.n;
    if (key->alg == JWT_ES256) {
        n = der_of(t->signature, der);
        sig = der;
    }
    EVP_MD_CTX *ctx = n > 0 ? EVP_MD_CTX_new() : NULL;
    bool right = ctx != NULL &&
                 EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->public) == 1 &&
                 EVP_DigestVerify(ctx, sig, n, (const uint8_t *)t->covered.s,
                                  t->covered.n) == 1;
    EVP_MD_CTX_free(ctx);
    return right;
}

bool jwt_signed(const struct jwt *t, const struct jwt_key *key)
{
    char alg[JWT_TEXT];
    // An extension that must be understood is one that we do not understand.
    if (!jwt_string(t->header, "alg", alg) || strcmp(alg, alg_names[key->alg]) != 0 ||
        find(t->header, "crit").n > 0)
        return false;
    return key->alg == JWT_HS256 ? hmac_right(t, key) : public_right(t, key);
}
