// SEC-12: forms of fields, and the pointer to the one at fault, whichever protocol brought it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/validate.h"
#include "core/fb_build.h"
#include "kith_fb.h"

static const uint64_t now_ms = UINT64_C(1740830400000); // 2025-03-01T12:00Z

static void usernames(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "jane", "J.a_9", "...", "_"};
    static const char *const bad[] = {"", "a b", "a-b", "é", "a@b",
                                      "123456789012345678901234567890123456789012345678901"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(valid_username(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid_username(bad[i], strlen(bad[i])));
    assert_false(valid_username("a\0b", 3));
}

static void emails(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b.org", "first.last+tag@sub.example.org", "x_1@a-b.co"};
    static const char *const bad[] = {"", "plain", "a@b@c", "@x.org", "x@", "a b@c.org", "a@b",
                                      ".a@b.org", "a.@b.org", "a..b@c.org", "a@-b.org", "a@b-.org",
                                      "a@b..org", "a@.org", "a@b.org.", "a@b_c.org", "a\n@b.org"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(valid_email(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid_email(bad[i], strlen(bad[i])));
}

static void phones(void **state)
{
    (void)state;
    static const char *const good[] = {"+123", "+491234567890", "+123456789012345"};
    static const char *const bad[] = {"", "+", "123456", "+0123", "+12a4", "+1234567890123456",
                                      "+12 34", "++1234"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(valid_phone(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid_phone(bad[i], strlen(bad[i])));
}

static void urls(void **state)
{
    (void)state;
    static const char *const good[] = {"https://x.org", "http://x", "HTTPS://X.org:8080/a?b=c#d",
                                       "https://x.org/%20", "https://x.org?q", "http://1.2.3.4/"};
    static const char *const bad[] = {"",
                                      "x",
                                      "javascript:x",
                                      "ftp://x.org",
                                      "https://",
                                      "http:///a",
                                      "https://x.org/a b",
                                      "https://x.org/\"",
                                      "https://a@b.org",
                                      "https://x.org:a",
                                      "https://-x.org",
                                      "//x.org",
                                      "https:x.org",
                                      "data:text/html,x",
                                      "https://x.org/<script>",
                                      "https://x..org"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(valid_url(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid_url(bad[i], strlen(bad[i])));
}

static void dates(void **state)
{
    (void)state;
    static const char *const good[] = {"1980-01-01", "2000-02-29", "2024-02-29", "2025-03-01",
                                       "0001-01-01"};
    static const char *const bad[] = {"", "2023-02-30", "2023-02-29", "1900-02-29", "2025-03-02",
                                      "2025-13-01", "2025-00-10", "2025-01-00", "2025-04-31",
                                      "25-01-01", "2025/01/01", "0000-01-01", "9999-12-31",
                                      "2025-3-01", "-025-01-01"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(valid_date(good[i], strlen(good[i]), now_ms));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid_date(bad[i], strlen(bad[i]), now_ms));
}

static enum kith_error judge_json(enum op op, const char *json, struct fault *fault)
{
    static _Alignas(8) uint8_t buf[64 << 10];
    const struct op_row *row = op_row(op);
    fb_json_error err = {FB_JSON_OK, 0, 0, ""};
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    fb_ref root = fb_json_parse(&b, json, strlen(json), row->request, &err);
    if (root == 0)
        return validate_json(&err, fault);
    assert_true(fb_finish(&b, root) > 0);
    return validate_table(row, fb_root(fb_data(&b)), now_ms, fault);
}

static void tables(void **state)
{
    (void)state;
    static const struct {
        enum op op;
        const char *json, *pointer;
        enum kith_error error;
    } rows[] = {
        {OP_register, "{\"username\":\"a b\",\"password\":\"longenough\"}", "/username",
         KITH_invalid_field},
        {OP_register, "{\"username\":\"a\",\"password\":\"short\"}", "/password",
         KITH_invalid_field},
        {OP_register, "{\"username\":\"a\"}", "/password", KITH_invalid_field},
        {OP_register, "{\"username\":\"a\",\"password\":\"longenough\",\"email\":\"x\"}", "/email",
         KITH_invalid_field},
        {OP_register, "{\"username\":\"a\",\"password\":\"longenough\",\"x\":1}", "/x",
         KITH_unknown_field},
        {OP_register, "{\"username\":\"a\",\"password\":\"longenough\",\"phone\":\"+123\"}", "",
         KITH_ok},
        {OP_user_update, "{\"external_links\":[{\"url\":\"https://a.org\"},\"ftp://x\"]}",
         "/external_links/1/url", KITH_invalid_field},
        {OP_user_update, "{\"avatar_url\":\"javascript:x\"}", "/avatar_url", KITH_invalid_field},
        {OP_user_update, "{\"profile_picture\":\"\"}", "", KITH_ok},
        {OP_user_update, "{\"gender\":\"robot\"}", "/gender", KITH_invalid_field},
        {OP_user_update, "{\"date_of_birth\":\"2023-02-30\"}", "/date_of_birth",
         KITH_invalid_field},
        {OP_post_create, "{\"media\":[{\"media_type\":\"image\"}]}", "/media/0/media_url",
         KITH_invalid_field},
        {OP_post_create, "{\"media_urls\":[\"https://a.org\",\"x\"]}", "/media_urls/1",
         KITH_invalid_field},
        {OP_post_create, "{\"mention_ids\":[1]}", "/mention_ids", KITH_unknown_field},
        {OP_post_create, "{\"caption\":5}", "/caption", KITH_invalid_field},
        {OP_post_create, "{\"caption\":\"a\",\"text\":\"b\"}", "/text", KITH_conflicting_aliases},
        {OP_post_create, "{\"location\":{\"lat\":900000001}}", "/location/lat", KITH_invalid_field},
        {OP_post_create, "[]", "", KITH_bad_request},
        {OP_post_create, "{", "", KITH_bad_request},
        {OP_feed, "{\"limit\":0}", "/limit", KITH_invalid_field},
        {OP_feed, "{\"limit\":101}", "/limit", KITH_invalid_field},
        {OP_feed, "{\"limit\":100}", "", KITH_ok},
        {OP_feed, "{}", "", KITH_ok},
        {OP_import_users, "{\"users\":[{\"username\":\"a\"},{\"username\":\"b c\"}]}",
         "/users/1/username", KITH_invalid_field},
        {OP_import_users,
         "{\"users\":[{\"username\":\"a\",\"created_at\":\"1999-12-31T00:00:00Z\"}]}",
         "/users/0/created_at", KITH_invalid_field},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault fault = {.pointer = ""};
        enum kith_error error = judge_json(rows[i].op, rows[i].json, &fault);
        if (error != rows[i].error)
            print_error("%s: %d\n", rows[i].json, error);
        assert_int_equal(error, rows[i].error);
        if (rows[i].error == KITH_invalid_field || rows[i].error == KITH_unknown_field)
            assert_string_equal(fault.pointer, rows[i].pointer);
    }
}

// A post with one medium whose alt text has n characters, as a frame would bring it.
static uint32_t build_post(uint8_t *buf, size_t cap, size_t n, const void **payload)
{
    static char text[300];
    memset(text, 'x', sizeof text);
    fb_builder b;
    fb_init(&b, buf, cap);
    kt_new_Media m = {0};
    kt_put_Media_media_url(&m, fb_cstring(&b, "https://x.org/1.jpg"));
    kt_put_Media_alt_text(&m, fb_string(&b, text, n));
    uint32_t mark = fb_mark(&b);
    fb_push(&b, kt_end_Media(&b, &m));
    kt_new_PostCreate w = {0};
    kt_put_PostCreate_media(&w, fb_refs(&b, mark));
    size_t bytes = fb_finish(&b, kt_end_PostCreate(&b, &w));
    *payload = fb_data(&b);
    return (uint32_t)bytes;
}

static void frames_have_pointers_too(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buf[4096];
    struct fault fault;
    const void *payload;
    uint32_t n = build_post(buf, sizeof buf, 255, &payload);
    assert_int_equal(validate_payload(payload, n, &kt_desc_PostCreate, &fault), KITH_ok);
    n = build_post(buf, sizeof buf, 256, &payload);
    assert_int_equal(validate_payload(payload, n, &kt_desc_PostCreate, &fault), KITH_invalid_field);
    assert_string_equal(fault.pointer, "/media/0/alt_text");
    assert_int_equal(fault.max, 255);
    assert_int_equal(validate_payload(payload, n - 8, &kt_desc_PostCreate, &fault),
                     KITH_bad_request);
    assert_int_equal(validate_payload("", 0, &kt_desc_PostCreate, &fault), KITH_bad_request);
}

static void broken_frames_break_nothing(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buf[4096], changed[4096];
    struct fault fault;
    const void *payload;
    uint32_t n = build_post(buf, sizeof buf, 200, &payload), seed = 1;
    for (unsigned round = 0; round < 200000; round++) {
        memcpy(changed, payload, n);
        for (unsigned i = 0; i < 1 + round % 4; i++) {
            seed = seed * 1664525 + 1013904223;
            changed[(seed >> 8) % n] = (uint8_t)(seed >> 24);
        }
        if (validate_payload(changed, n, &kt_desc_PostCreate, &fault) == KITH_ok)
            validate_table(op_row(OP_post_create), fb_root(changed), now_ms, &fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usernames),
        cmocka_unit_test(emails),
        cmocka_unit_test(phones),
        cmocka_unit_test(urls),
        cmocka_unit_test(dates),
        cmocka_unit_test(tables),
        cmocka_unit_test(frames_have_pointers_too),
        cmocka_unit_test(broken_frames_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
