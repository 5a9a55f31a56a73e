// Codes of an authenticator: the vectors of RFC 6238 and RFC 4648, and which steps are taken.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/totp.h"

static const uint8_t *rfc_key(void) { return (const uint8_t *)"12345678901234567890"; }

// Appendix B has eight digits; ours are the last six.
static void codes_of_the_rfc(void **state)
{
    (void)state;
    static const struct { uint64_t at; uint32_t code; } rows[] = {
        {59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
        {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(totp_code(rfc_key(), rows[i].at / TOTP_STEP_S), rows[i].code % 1000000);
}

static void neighbours_are_taken_and_nobody_else(void **state)
{
    (void)state;
    const uint64_t now = 1234567890, step = now / TOTP_STEP_S;
    for (int d = -3; d <= 3; d++) {
        char code[8];
        uint64_t at = step + (uint64_t)(int64_t)d;
        snprintf(code, sizeof code, "%06u", totp_code(rfc_key(), at));
        uint64_t found = totp_match(rfc_key(), code, 6, now);
        assert_int_equal(found, d >= -1 && d <= 1 ? at : 0);
        assert_int_equal(totp_match(rfc_key(), code, 5, now), 0);
        code[2] = 'x';
        assert_int_equal(totp_match(rfc_key(), code, 6, now), 0);
    }
    assert_int_equal(totp_match(rfc_key(), "000000", 6, 0), 0);
}

static void base32_of_the_rfc(void **state)
{
    (void)state;
    char out[TOTP_KEY_CHARS + 1];
    totp_base32(out, (const uint8_t *)"fooba", 5);
    assert_string_equal(out, "MZXW6YTB");
    totp_base32(out, rfc_key(), TOTP_KEY);
    assert_string_equal(out, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_the_rfc),
        cmocka_unit_test(neighbours_are_taken_and_nobody_else),
        cmocka_unit_test(base32_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
