// test_kith.c - Kith's own schema through the runtime: every table takes random documents,
// verifies, prints, reads back; and what the rest of the tree expects of the generated code.
#include "kith_fb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"
#include "tests/fb/support_random.h"

enum { TEXT_MAX = 1 << 18, DOCUMENTS = 300 };

static uint64_t memory[TEXT_MAX / 8], other[TEXT_MAX / 8];

static size_t parse(fb_builder *b, const fb_type *type, fb_str text)
{
    fb_json_error err;
    fb_ref root = fb_json_parse(b, text.s, text.n, type, &err);
    if (root == 0)
        fail_msg("%s: %s at %s: %s", type->name, fb_json_code_name(err.code), err.pointer, text.s);
    size_t n = fb_finish(b, root);
    fb_error bad = fb_verify(fb_data(b), n, type, &(fb_limits){.strict = true});
    if (bad != FB_OK) fail_msg("%s: %s", type->name, fb_error_name(bad));
    return n;
}

static void test_documents(void **state)
{
    (void)state;
    static char text[TEXT_MAX], printed[TEXT_MAX], again[TEXT_MAX];
    random_json r = {.state = 1};
    for (int i = 0; i < kt_types_count * DOCUMENTS; i++) {
        const fb_type *type = kt_types[i % kt_types_count];
        unsigned flags = i / kt_types_count % 2 ? FB_JSON_FULL : 0;
        if (type->is_struct) continue;
        size_t n = random_document(&r, type, text, sizeof text - 1);
        text[n] = 0;
        fb_builder b;
        fb_init(&b, memory, sizeof memory);
        parse(&b, type, (fb_str){text, (uint32_t)n});
        n = fb_json_print(printed, sizeof printed - 1, fb_root(fb_data(&b)), type, flags);
        assert_int_not_equal(n, 0);
        printed[n] = 0;
        fb_init(&b, other, sizeof other);
        parse(&b, type, (fb_str){printed, (uint32_t)n});
        size_t m = fb_json_print(again, sizeof again, fb_root(fb_data(&b)), type, flags);
        assert_int_equal(n, m);
        assert_memory_equal(printed, again, n);
    }
}

static void test_descriptors(void **state)
{
    (void)state;
    for (int i = 0; i < kt_types_count; i++) {
        const fb_type *t = kt_types[i];
        assert_ptr_equal(kt_type_by_name(t->name), t);
        for (uint32_t j = 0; j < t->n_fields; j++) {
            const fb_field *f = &t->fields[j];
            assert_int_equal(f->id, j);
            assert_int_equal(f->key_n, strlen(f->key));
            assert_int_equal(t->is_struct ? 0 : f->slot, t->is_struct ? 0 : 4 + 2 * j);
        }
        for (uint32_t j = 1; j < t->n_names; j++)
            assert_true(strcmp(t->names[j - 1].s, t->names[j].s) < 0);
    }
}

// A put says that the field is there, even with its default: how a partial update says "false".
static void test_presence(void **state)
{
    (void)state;
    fb_builder b;
    fb_init(&b, memory, sizeof memory);
    kt_new_UserUpdate w = {0};
    kt_put_UserUpdate_gender(&w, kt_Gender_unset);
    kt_put_UserUpdate_bio(&w, fb_string(&b, "", 0));
    kt_put_UserUpdate_website(&w, 0);
    size_t n = fb_finish(&b, kt_end_UserUpdate(&b, &w));
    assert_int_equal(fb_verify(fb_data(&b), n, &kt_desc_UserUpdate, NULL), FB_OK);
    const kt_UserUpdate *u = kt_root_UserUpdate(fb_data(&b));
    assert_true(kt_has_UserUpdate_gender(u) && kt_has_UserUpdate_bio(u));
    assert_false(kt_has_UserUpdate_website(u) || kt_has_UserUpdate_username(u));
    assert_int_equal(kt_UserUpdate_bio(u).n, 0);
    assert_string_equal(kt_name_Gender(kt_Gender_prefer_not_to_say), "prefer_not_to_say");
}

static void test_forms(void **state)
{
    (void)state;
    static const char text[] =
        "{\"content\":\"hi\",\"tags\":[\"a\"],\"location\":\"Oslo\",\"user_id\":\"12\",\"media\":[{"
        "\"url\":\"u\",\"size\":3,\"sort_order\":1}]}";
    static const char wanted[] =
        "{\"caption\":\"hi\",\"media\":[{\"media_url\":\"u\",\"file_size\":3,\"display_order\":1}],"
        "\"location\":{\"name\":\"Oslo\"},\"hashtags\":[\"a\"],\"user_id\":\"12\"}";
    char out[1024];
    fb_builder b;
    fb_json_error err;
    fb_init(&b, memory, sizeof memory);
    parse(&b, &kt_desc_PostCreate, (fb_str){text, sizeof text - 1});
    const void *root = fb_root(fb_data(&b));
    size_t n = fb_json_print(out, sizeof out, root, &kt_desc_PostCreate, 0);
    assert_int_equal(n, sizeof wanted - 1);
    assert_memory_equal(out, wanted, n);
    static const char sneaky[] = "{\"mention_ids\":[1]}";
    fb_init(&b, memory, sizeof memory);
    assert_int_equal(fb_json_parse(&b, sneaky, sizeof sneaky - 1, &kt_desc_PostCreate, &err), 0);
    assert_int_equal(err.code, FB_JSON_UNKNOWN_FIELD);
    assert_string_equal(err.pointer, "/mention_ids");
}

// A table taken over from another builder stands in the new payload as if it were written there.
static void test_adopted(void **state)
{
    (void)state;
    fb_builder b;
    fb_init(&b, other, sizeof other);
    kt_new_Person w = {0};
    kt_put_Person_user_id(&w, 42);
    kt_put_Person_username(&w, fb_cstring(&b, "jane"));
    fb_ref made = kt_end_Person(&b, &w);
    uint32_t n = (b.used + 7) & ~7u;
    const uint8_t *card = (const uint8_t *)other + sizeof other - n;
    fb_init(&b, memory, 512);
    for (uint32_t before = 0; before < 9; before++) {
        fb_restart(&b);
        kt_new_Users users = {0};
        kt_put_Users_next_cursor(&users, fb_string(&b, "12345678", before));
        uint32_t mark = fb_mark(&b);
        for (int i = 0; i < 3; i++) fb_push(&b, fb_adopt(&b, card, n, made));
        kt_put_Users_users(&users, fb_refs(&b, mark));
        size_t bytes = fb_finish(&b, kt_end_Users(&b, &users));
        assert_int_equal(fb_verify(fb_data(&b), bytes, &kt_desc_Users, NULL), FB_OK);
        fb_vec all = kt_Users_users(kt_root_Users(fb_data(&b)));
        assert_int_equal(all.n, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(kt_Person_user_id(kt_at_Person(all, i)), 42);
            assert_string_equal(kt_Person_username(kt_at_Person(all, i)).s, "jane");
        }
    }
    fb_init(&b, memory, n - 8);
    assert_int_equal(fb_adopt(&b, card, n, made), 0);
    assert_int_equal(b.err, FB_E_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
