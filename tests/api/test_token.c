// S4: a token of ours holds; forty that are not do not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "api/base64.h"
#include "api/token.h"

enum { NOW = 1800000000 };

static struct token_keys keys;
static struct token_claims claims = {1234567890123456789, 987654321987654321, NOW, NOW + 900};
static char good[TOKEN_CHARS];
static size_t good_n;

static int setup(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    memset(&keys, 0, sizeof keys);
    memset(keys.current, 7, TOKEN_KEY);
    good_n = token_make(&keys, &claims, good);
    return 0;
}

static bool reads_at(const char *s, size_t n, uint64_t now)
{
    struct token_claims out;
    return token_read(&keys, (fb_str){s, (uint32_t)n}, now, &out);
}

static bool reads(const char *s)
{
    return reads_at(s, strlen(s), NOW);
}

static void a_good_one_holds(void **state)
{
    (void)state;
    struct token_claims out;
    assert_int_equal(good_n, strlen(good));
    assert_true(token_read(&keys, (fb_str){good, (uint32_t)good_n}, NOW, &out));
    assert_true(out.user == claims.user && out.session == claims.session);
    assert_true(out.issued_s == NOW && out.expires_s == NOW + 900);
}

static void time_is_looked_at(void **state)
{
    (void)state;
    assert_true(reads_at(good, good_n, NOW + 900 + TOKEN_LEEWAY_S - 1));
    assert_false(reads_at(good, good_n, NOW + 900 + TOKEN_LEEWAY_S));
    assert_true(reads_at(good, good_n, NOW - TOKEN_LEEWAY_S));
    assert_false(reads_at(good, good_n, NOW - TOKEN_LEEWAY_S - 1));
    assert_false(reads_at(good, good_n, 0));
}

static void the_previous_key_is_believed(void **state)
{
    (void)state;
    struct token_keys after = keys;
    struct token_claims out;
    memcpy(after.previous, keys.current, TOKEN_KEY);
    memset(after.current, 9, TOKEN_KEY);
    fb_str text = {good, (uint32_t)good_n};
    assert_false(token_read(&after, text, NOW, &out));
    after.have_previous = true;
    assert_true(token_read(&after, text, NOW, &out));
    memset(after.previous, 0, TOKEN_KEY);
    assert_false(token_read(&after, text, NOW, &out));
}

// A token put together from any header and claims, signed with the key (or not at all).
static void forge(char out[2048], const char *head, const char *body, const uint8_t *key)
{
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    size_t n = base64_write(out, head, strlen(head));
    out[n++] = '.';
    n += base64_write(out + n, body, strlen(body));
    if (key != NULL)
        crypto_auth_hmacsha256(mac, (const uint8_t *)out, n, key);
    out[n++] = '.';
    if (key != NULL)
        n += base64_write(out + n, mac, sizeof mac);
    out[n] = '\0';
}

#define HEAD "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define BODY(iss, aud, sub, sid, iat, nbf, exp)                                                    \
    "{\"iss\":\"" iss "\",\"aud\":\"" aud "\",\"sub\":\"" sub "\",\"sid\":\"" sid                  \
    "\",\"iat\":" iat ",\"nbf\":" nbf ",\"exp\":" exp "}"
#define FINE BODY("kith", "kith", "1", "2", "1800000000", "1800000000", "1800000900")

static void other_headers_are_not_ours(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\",\"typ\":\"JWT\"}",
        "{\"alg\":\"\"}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
        "{\"alg\": \"HS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"../../dev/null\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jku\":\"https://evil.org\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"b64\"]}",
        "",
    };
    char text[2048];
    forge(text, HEAD, FINE, keys.current);
    assert_true(reads(text)); // what is forged below is wrong in its header alone
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        forge(text, heads[i], FINE, keys.current);
        assert_false(reads(text));
        forge(text, heads[i], FINE, NULL);
        assert_false(reads(text));
    }
    forge(text, HEAD, FINE, NULL);
    assert_false(reads(text));
    uint8_t other[TOKEN_KEY] = {1};
    forge(text, HEAD, FINE, other);
    assert_false(reads(text));
}

static void other_claims_are_not_ours(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        BODY("other", "kith", "1", "2", "1800000000", "1800000000", "1800000900"),
        BODY("kith", "other", "1", "2", "1800000000", "1800000000", "1800000900"),
        BODY("kith", "kith", "01", "2", "1800000000", "1800000000", "1800000900"),
        BODY("kith", "kith", "-1", "2", "1800000000", "1800000000", "1800000900"),
        BODY("kith", "kith", "1", "", "1800000000", "1800000000", "1800000900"),
        BODY("kith", "kith", "1", "2", "1800000000", "1700000000", "1800000900"),
        BODY("kith", "kith", "1", "2", "1800001000", "1800001000", "1800009000"),
        BODY("kith", "kith", "1", "2", "1799990000", "1799990000", "1799990900"),
        BODY("kith", "kith", "1", "2", "1800000000", "1800000000", "1.9e9"),
        BODY("kith", "kith", "99999999999999999999", "2", "1800000000", "1800000000", "1800000900"),
        "{\"iss\":\"kith\",\"iss\":\"kith\",\"aud\":\"kith\",\"sub\":\"1\",\"sid\":\"2\",\"iat\":"
        "1800000000,\"nbf\":1800000000,\"exp\":1800000900}",
        " " FINE,
        FINE " ",
        "{}",
        "",
        "[]",
    };
    char text[2048];
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        forge(text, HEAD, bodies[i], keys.current);
        assert_false(reads(text));
    }
}

static void other_characters_are_not_ours(void **state)
{
    (void)state;
    char text[TOKEN_CHARS + 8];
    for (size_t i = 0; i < good_n; i++) {
        memcpy(text, good, good_n + 1);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_false(reads(text));
        text[i] = '=';
        assert_false(reads(text));
        text[i] = ' ';
        assert_false(reads(text));
        text[i] = '+';
        assert_false(reads(text));
        assert_false(reads_at(good, i, NOW));
    }
    snprintf(text, sizeof text, "%s=", good);
    assert_false(reads(text));
    snprintf(text, sizeof text, " %s", good);
    assert_false(reads(text));
    snprintf(text, sizeof text, "%s.x", good);
    assert_false(reads(text));
    static char huge[64 << 10];
    memset(huge, 'A', sizeof huge);
    assert_false(reads_at(huge, sizeof huge, NOW));
    assert_false(reads_at("", 0, NOW));
    assert_false(reads(".."));
}

static void trailing_bits_are_looked_at(void **state)
{
    (void)state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[TOKEN_CHARS];
    // The last character of 43 carries four bits of the MAC: one of its four neighbours is right.
    unsigned right = 0;
    memcpy(text, good, good_n + 1);
    for (unsigned i = 0; i < 64; i++) {
        text[good_n - 1] = digits[i];
        right += reads(text);
    }
    assert_int_equal(right, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_holds),
        cmocka_unit_test(time_is_looked_at),
        cmocka_unit_test(the_previous_key_is_believed),
        cmocka_unit_test(other_headers_are_not_ours),
        cmocka_unit_test(other_claims_are_not_ours),
        cmocka_unit_test(other_characters_are_not_ours),
        cmocka_unit_test(trailing_bits_are_looked_at),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
