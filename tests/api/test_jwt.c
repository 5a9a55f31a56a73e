// Tokens of other services: the example of RFC 7515, members of JSON, and what is no token.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "api/base64.h"
#include "api/jwt.h"

// Appendix A.1: its lines end in CR LF, its key has 64 bytes.
static const char rfc[] =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char rfc_key[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
                              "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

static struct jwt_key key_of_rfc(void)
{
    struct jwt_key key = {.alg = JWT_HS256, .secret_n = 64};
    assert_true(base64_read(key.secret, 64, rfc_key, sizeof rfc_key - 1));
    return key;
}

static fb_str text(const char *s) { return (fb_str){s, (uint32_t)strlen(s)}; }

static void the_example_of_the_rfc(void **state)
{
    (void)state;
    static struct jwt t;
    char who[JWT_TEXT];
    uint64_t at;
    struct jwt_key key = key_of_rfc();
    assert_true(jwt_open(&t, text(rfc)));
    assert_true(jwt_signed(&t, &key));
    assert_true(jwt_string(t.claims, "iss", who));
    assert_string_equal(who, "joe");
    assert_true(jwt_number(t.claims, "exp", &at));
    assert_int_equal(at, 1300819380);
    assert_true(jwt_true(t.claims, "http://example.com/is_root"));
    key.alg = JWT_RS256; // the header names another
    assert_false(jwt_signed(&t, &key));
    key = key_of_rfc();
    key.secret[5] ^= 1;
    assert_false(jwt_signed(&t, &key));
}

// Signed by the key as it should be, under a header that says otherwise.
static bool holds_under(const char *header)
{
    static struct jwt t;
    static const uint8_t key[32] = {7};
    struct jwt_key k = {.alg = JWT_HS256, .secret_n = sizeof key};
    char token[512];
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    memcpy(k.secret, key, sizeof key);
    size_t at = base64_write(token, header, strlen(header));
    memcpy(token + at, ".e30", 4);
    at += 4;
    HMAC(EVP_sha256(), key, sizeof key, (const uint8_t *)token, at, mac, &n);
    token[at++] = '.';
    at += base64_write(token + at, mac, n);
    assert_true(jwt_open(&t, (fb_str){token, (uint32_t)at}));
    return jwt_signed(&t, &k);
}

static void the_key_says_the_algorithm(void **state)
{
    (void)state;
    assert_true(holds_under("{\"alg\":\"HS256\"}"));
    assert_true(holds_under("{\"typ\":\"JWT\",\"alg\" : \"HS256\",\"kid\":\"1\"}"));
    assert_false(holds_under("{\"alg\":\"none\"}"));
    assert_false(holds_under("{\"alg\":\"HS512\"}"));
    assert_false(holds_under("{\"alg\":\"HS256\",\"alg\":\"HS256\"}"));
    assert_false(holds_under("{\"alg\":[\"HS256\"]}"));
    assert_false(holds_under("{}"));
    assert_false(holds_under("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"));
}

static void every_changed_character_is_seen(void **state)
{
    (void)state;
    static struct jwt t;
    struct jwt_key key = key_of_rfc();
    for (size_t i = 0; i < sizeof rfc - 1; i++) {
        char changed[sizeof rfc];
        memcpy(changed, rfc, sizeof rfc);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_false(jwt_open(&t, text(changed)) && jwt_signed(&t, &key));
        memcpy(changed, rfc, sizeof rfc);
        changed[i] = 0;
        assert_false(jwt_open(&t, text(changed)) && jwt_signed(&t, &key));
    }
}

static void members_are_found(void **state)
{
    (void)state;
    char out[JWT_TEXT];
    uint64_t n;
    fb_str json = text("{ \"a\" : \"x\\/y\", \"b\":[ 1, {\"a\":2}, \"}\\\"\" ],\"two\":1,"
                       "\"two\":2, \"n\": 12.75 ,\"e\":1e9,\"aud\":[\"p\" , \"q\"],"
                       "\"esc\":\"\\u0041\"}");
    assert_true(jwt_string(json, "a", out));
    assert_string_equal(out, "x/y");
    assert_false(jwt_string(json, "two", out) || jwt_number(json, "two", &n));
    assert_false(jwt_string(json, "none", out) || jwt_string(json, "b", out));
    assert_false(jwt_string(json, "esc", out));
    assert_true(jwt_number(json, "n", &n) && n == 12);
    assert_false(jwt_number(json, "e", &n) || jwt_number(json, "a", &n));
    assert_true(jwt_has(json, "aud", "p") && jwt_has(json, "aud", "q"));
    assert_false(jwt_has(json, "aud", "r") || jwt_has(json, "none", "p"));
    assert_true(jwt_has(json, "a", "x/y"));
    assert_false(jwt_true(json, "n"));
    assert_false(jwt_string(text("{}"), "a", out) || jwt_has(text("{\"a\":[]}"), "a", ""));
}

static void what_is_no_token(void **state)
{
    (void)state;
    static struct jwt t;
    static const char *const bad[] = {"", ".", "..", "a.b.c", "e30.e30", "e30.e30.e30.e30",
                                      "W10.e30.", "e30.W10.", "e30.e3.AA", "e30.e30.A"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(jwt_open(&t, text(bad[i])));
    assert_true(jwt_open(&t, text("e30.e30.")));
    struct jwt_key key = {.alg = JWT_HS256, .secret_n = 32};
    assert_false(jwt_signed(&t, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc),
        cmocka_unit_test(the_key_says_the_algorithm),
        cmocka_unit_test(every_changed_character_is_seen),
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(what_is_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
