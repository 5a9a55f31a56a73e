// S13: a cursor holds for its operation, viewer and list; one changed bit, and it is none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "api/base64.h"
#include "api/cursor.h"

static const uint8_t secret[CURSOR_KEY] = "sixteen bytes ok";
static const struct cursor_scope scope = {11, 22, 33};

static int setup(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

static bool reads(const char *s, size_t n, const struct cursor_scope *in, uint64_t *key)
{
    return cursor_read((fb_str){s, (uint32_t)n}, secret, in, key);
}

static void it_comes_back(void **state)
{
    (void)state;
    static const uint64_t keys[] = {0, 1, 1234567890123456789, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        char text[CURSOR_CHARS + 1];
        uint64_t key = ~keys[i];
        cursor_write(text, secret, &scope, keys[i]);
        assert_int_equal(strlen(text), CURSOR_CHARS);
        assert_true(reads(text, CURSOR_CHARS, &scope, &key));
        assert_true(key == keys[i]);
    }
}

static void it_is_bound(void **state)
{
    (void)state;
    char text[CURSOR_CHARS + 1];
    uint64_t key;
    const struct cursor_scope others[] = {{12, 22, 33}, {11, 23, 33}, {11, 22, 34}, {0, 22, 33},
                                          {22, 11, 33}};
    cursor_write(text, secret, &scope, 5);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(reads(text, CURSOR_CHARS, &others[i], &key));
    const uint8_t another[CURSOR_KEY] = {1};
    assert_false(cursor_read((fb_str){text, CURSOR_CHARS}, another, &scope, &key));
}

static void one_bit_is_enough(void **state)
{
    (void)state;
    char text[CURSOR_CHARS + 1];
    uint8_t raw[16];
    uint64_t key;
    cursor_write(text, secret, &scope, 987654321);
    assert_true(base64_read(raw, sizeof raw, text, CURSOR_CHARS));
    for (unsigned bit = 0; bit < 128; bit++) {
        char changed[CURSOR_CHARS + 1];
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
        base64_write(changed, raw, sizeof raw);
        assert_false(reads(changed, CURSOR_CHARS, &scope, &key));
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < CURSOR_CHARS; n++)
        assert_false(reads(text, n, &scope, &key));
    assert_false(reads("!!!!!!!!!!!!!!!!!!!!!!", CURSOR_CHARS, &scope, &key));
}

static void base64_is_strict(void **state)
{
    (void)state;
    uint8_t out[4];
    assert_true(base64_read(out, 1, "_w", 2) && out[0] == 0xff);
    assert_false(base64_read(out, 1, "_x", 2)); // bits beyond the byte
    assert_false(base64_read(out, 1, "/w", 2));
    assert_false(base64_read(out, 1, "_w=", 3));
    assert_true(base64_read(out, 0, "", 0));
    assert_true(base64_read(out, 3, "AAEC", 4) && out[2] == 2);
}

static void one_with_a_stamp_comes_back(void **state)
{
    (void)state;
    static const struct cursor_at at = {77, 88}, other = {77, 0};
    char text[CURSOR_CHARS_MAX + 1];
    struct cursor_at read;
    uint64_t key;
    cursor_write_at(text, secret, &scope, at);
    assert_int_equal(strlen(text), CURSOR_CHARS_MAX);
    assert_true(cursor_read_at((fb_str){text, CURSOR_CHARS_MAX}, secret, &scope, &read));
    assert_true(read.key == 77 && read.stamp == 88);
    assert_false(reads(text, CURSOR_CHARS_MAX, &scope, &key)); // for a list without stamps
    for (unsigned i = 0; i < CURSOR_CHARS_MAX; i++) {
        text[i] ^= 1;
        assert_false(cursor_read_at((fb_str){text, CURSOR_CHARS_MAX}, secret, &scope, &read));
        text[i] ^= 1;
    }
    cursor_write_at(text, secret, &scope, other);
    assert_int_equal(strlen(text), CURSOR_CHARS);
    assert_true(cursor_read_at((fb_str){text, CURSOR_CHARS}, secret, &scope, &read));
    assert_true(read.key == 77 && read.stamp == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_with_a_stamp_comes_back),
        cmocka_unit_test(it_comes_back),
        cmocka_unit_test(it_is_bound),
        cmocka_unit_test(one_bit_is_enough),
        cmocka_unit_test(base64_is_strict),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
