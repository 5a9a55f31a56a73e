// torture.c - the FlatBuffers runtime on torture.fbs: builder, readers, verifier, JSON both ways.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"
#include "torture_fb.h"

static uint64_t memory[8192];

static fb_builder *fresh(void)
{
    static fb_builder b;
    memset(memory, 0xa5, sizeof memory);
    fb_init(&b, memory, sizeof memory);
    return &b;
}

// What the text becomes when it is read as a type and printed again; "code pointer" when refused.
static const char *round_trip(const fb_type *type, const char *text, unsigned flags)
{
    static char out[65536];
    fb_json_error err;
    fb_builder *b = fresh();
    fb_ref root = fb_json_parse(b, text, strlen(text), type, &err);
    if (root == 0) {
        snprintf(out, sizeof out, "%s %s", fb_json_code_name(err.code), err.pointer);
        return out;
    }
    size_t n = fb_finish(b, root);
    assert_int_not_equal(n, 0);
    assert_int_equal(n % 8, 0);
    assert_int_equal(fb_verify(fb_data(b), n, type, &(fb_limits){.strict = true}), FB_OK);
    size_t bytes = fb_json_print(out, sizeof out - 1, fb_root(fb_data(b)), type, flags);
    assert_int_not_equal(bytes, 0);
    out[bytes] = 0;
    return out;
}

static void expect(const fb_type *type, const char *text, const char *wanted)
{
    assert_string_equal(round_trip(type, text, 0), wanted);
}

static void same(const char *text)
{
    expect(&to_desc_All, text, text);
}

// ---- builder and readers -----------------------------------------------------------------------

static fb_ref build_all(fb_builder *b)
{
    to_new_All w = {0};
    to_put_All_b(&w, true);
    to_put_All_i8(&w, -128);
    to_put_All_u8(&w, 255);
    to_put_All_i16(&w, -32768);
    to_put_All_u16(&w, 65535);
    to_put_All_i32(&w, INT32_MIN);
    to_put_All_u32(&w, UINT32_MAX);
    to_put_All_i64(&w, INT64_MIN);
    to_put_All_u64(&w, 0);
    to_put_All_s(&w, fb_cstring(b, "text"));
    to_put_All_color(&w, to_Color_red);
    to_put_All_big(&w, to_Big_high);
    to_put_All_rights(&w, to_Rights_root | to_Rights_read);
    to_put_All_small(&w, to_Small_minus);
    to_put_All_point(&w, &(to_Point){.x = 1, .y = -2});
    to_put_All_span(&w, &(to_Span){.open = 1, .from = {3, 4}, .weight = 5, .rank = -6});
    to_new_Leaf leaf = {0};
    to_put_Leaf_name(&leaf, fb_string(b, "leaf", 4));
    fb_ref shared = to_end_Leaf(b, &leaf);
    to_put_All_leaf(&w, shared);
    to_new_Photo photo = {0};
    to_put_Photo_url(&photo, fb_cstring(b, "u"));
    to_put_All_body(&w, to_Body_Photo, to_end_Photo(b, &photo));
    uint64_t ids[] = {1, UINT64_MAX};
    to_put_All_vu64(&w, fb_vector(b, ids, 2, 8));
    uint8_t bytes[] = {1, 2, 3};
    to_put_All_vu8(&w, fb_vector(b, bytes, 3, 1));
    uint32_t mark = fb_mark(b);
    fb_push(b, shared);
    uint32_t inner = fb_mark(b);
    fb_push(b, fb_cstring(b, ""));
    fb_push(b, fb_cstring(b, "two"));
    to_put_All_vs(&w, fb_refs(b, inner));
    fb_push(b, shared);
    to_put_All_vleaf(&w, fb_refs(b, mark));
    to_Span spans[] = {{.rank = 1}, {.rank = 2}};
    to_put_All_vspan(&w, fb_vector(b, spans, 2, sizeof *spans));
    return to_end_All(b, &w);
}

static void test_build_and_read(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    size_t n = fb_finish(b, build_all(b));
    assert_int_equal(fb_verify(fb_data(b), n, &to_desc_All, NULL), FB_OK);
    assert_ptr_equal((const uint8_t *)fb_data(b) + n, (uint8_t *)memory + sizeof memory);
    const to_All *a = to_root_All(fb_data(b));
    assert_true(to_All_b(a));
    assert_int_equal(to_All_i8(a), -128);
    assert_int_equal(to_All_u8(a), 255);
    assert_int_equal(to_All_i16(a), -32768);
    assert_int_equal(to_All_u16(a), 65535);
    assert_int_equal(to_All_i32(a), INT32_MIN);
    assert_int_equal(to_All_u32(a), UINT32_MAX);
    assert_true(to_All_i64(a) == INT64_MIN);
    assert_true(to_All_u64(a) == 0 && to_has_All_u64(a));
    assert_string_equal(to_All_s(a).s, "text");
    assert_int_equal(to_All_color(a), to_Color_red);
    assert_true(to_All_big(a) == to_Big_high);
    assert_true(to_All_rights(a) == (to_Rights_root | to_Rights_read));
    assert_int_equal(to_All_small(a), to_Small_minus);
    to_Point point;
    to_Span span;
    assert_true(to_All_point(a, &point) && point.x == 1 && point.y == -2);
    assert_true(to_All_span(a, &span) && span.from.y == 4 && span.weight == 5 && span.rank == -6);
    assert_string_equal(to_Leaf_name(to_All_leaf(a)).s, "leaf");
    assert_int_equal(to_All_body_type(a), to_Body_Photo);
    assert_string_equal(to_Photo_url(to_All_body_as_Photo(a)).s, "u");
    assert_null(to_All_body_as_Poll(a));
    assert_true(fb_vec_u64(to_All_vu64(a), 1) == UINT64_MAX);
    assert_int_equal(to_All_vu8(a).p[2], 3);
    assert_int_equal(to_All_vs(a).n, 2);
    assert_string_equal(fb_vec_str(to_All_vs(a), 1).s, "two");
    assert_ptr_equal(to_at_Leaf(to_All_vleaf(a), 1), to_All_leaf(a));
    assert_int_equal(to_at_Span(to_All_vspan(a), 1).rank, 2);
    // Absent fields: defaults, empties, nothing.
    assert_false(to_has_All_key(a));
    assert_int_equal(to_All_title(a).n, 0);
    assert_string_equal(to_All_title(a).s, "");
    assert_null(to_All_tree(a));
    assert_int_equal(to_All_vi16(a).n, 0);
    assert_string_equal(to_name_Color(7), "blue");
    assert_string_equal(to_name_Color(3), "");
    assert_int_equal(to_count_Color, 3);
}

static void test_defaults(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    size_t n = fb_finish(b, to_end_All(b, &(to_new_All){0}));
    assert_int_equal(n, 16);
    const to_All *a = to_root_All(fb_data(b));
    assert_int_equal(to_All_i32(a), -7);
    assert_int_equal(to_All_u32(a), 20);
    assert_true(to_All_u64(a) == UINT64_C(9000000000000000000));
    assert_int_equal(to_All_color(a), to_Color_green);
    assert_false(to_has_All_i32(a));
}

static void test_types(void **state)
{
    (void)state;
    assert_int_equal(to_types_count, 10);
    for (int i = 0; i < to_types_count; i++)
        assert_ptr_equal(to_type_by_name(to_types[i]->name), to_types[i]);
    assert_null(to_type_by_name("Al"));
    assert_string_equal(to_desc_Tree.doc, "A tree:\nit holds trees.");
    assert_string_equal(to_desc_All.fields[9].doc, "A \"quoted\" doc.");
    assert_int_equal(to_desc_All.fields[36].max_len, 5);
}

// A header goes in front of the payload; what is too much fails and says so.
static void test_prepend(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    size_t n = fb_finish(b, build_all(b));
    const uint8_t *payload = fb_data(b);
    uint8_t *frame = fb_prepend(b, 16);
    assert_ptr_equal(frame + 16, payload);
    memset(frame, 0xff, 16);
    assert_ptr_equal(fb_data(b), payload);
    assert_int_equal(fb_verify(payload, n, &to_desc_All, NULL), FB_OK);
    assert_null(fb_prepend(b, sizeof memory));
    assert_int_equal(b->err, FB_E_SPACE);
}

static void test_required(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    assert_int_equal(to_end_Need(b, &(to_new_Need){0}), 0);
    assert_int_equal(b->err, FB_E_REQUIRED);
    assert_int_equal(fb_finish(b, 0), 0);
}

// Whatever the capacity and wherever the memory starts: a whole buffer or a clean failure.
static void test_capacities(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    size_t whole = fb_finish(b, build_all(b)), least = 0;
    for (size_t cap = 0; cap < whole + 64; cap++) {
        for (size_t odd = 0; odd < 8; odd += 3) {
            uint8_t *own = malloc(cap + odd + 1);
            fb_init(b, own + odd, cap);
            size_t n = fb_finish(b, build_all(b));
            assert_true(n == 0 || n == whole);
            assert_true((n == 0) == (b->err == FB_E_SPACE));
            if (n) assert_int_equal(fb_verify(fb_data(b), n, &to_desc_All, NULL), FB_OK);
            if (n && least == 0) least = cap;
            free(own);
        }
    }
    assert_true(least >= whole && least <= whole + 16);
}

static void test_many_shapes(void **state)
{
    (void)state;
    // More shapes of one table than vtables are remembered.
    fb_builder *b = fresh();
    uint32_t mark = fb_mark(b);
    for (uint32_t i = 0; i < 60; i++) {
        to_new_Tree w = {0};
        if (i & 1) to_put_Tree_value(&w, i);
        if (i & 2) to_put_Tree_label(&w, fb_cstring(b, "x"));
        to_new_Wide wide = {0};
        wide.set = UINT64_C(1) << i;
        to_end_Wide(b, &wide);
        fb_push(b, to_end_Tree(b, &w));
    }
    to_new_Tree root = {0};
    to_put_Tree_kids(&root, fb_refs(b, mark));
    size_t n = fb_finish(b, to_end_Tree(b, &root));
    assert_int_equal(fb_verify(fb_data(b), n, &to_desc_Tree, NULL), FB_OK);
    fb_vec kids = to_Tree_kids(to_root_Tree(fb_data(b)));
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(to_Tree_value(to_at_Tree(kids, i)), i & 1 ? i : 0);
        assert_int_equal(to_has_Tree_label(to_at_Tree(kids, i)), i >> 1 & 1);
    }
}

// ---- verifier ----------------------------------------------------------------------------------

static size_t sample(uint8_t *out)
{
    fb_builder *b = fresh();
    size_t n = fb_finish(b, build_all(b));
    memcpy(out, fb_data(b), n);
    return n;
}

static void test_truncations(void **state)
{
    (void)state;
    uint8_t whole[4096];
    size_t n = sample(whole);
    // The last bytes may be padding; nothing that is referred to can be missing.
    for (size_t cut = 1; cut <= n; cut++) {
        uint8_t *own = malloc(n - cut + 1);
        memcpy(own, whole, n - cut);
        fb_error err = fb_verify(own, n - cut, &to_desc_All, NULL);
        assert_true(cut <= 7 || err != FB_OK);
        free(own);
    }
}

// The bytes of the buffer up to here, in a block of just that size, for the sanitizers.
static fb_error verify_until(const fb_builder *b, const uint8_t *end, const fb_type *type)
{
    size_t n = (size_t)(end - (const uint8_t *)fb_data(b));
    uint8_t *own = malloc(n);
    memcpy(own, fb_data(b), n);
    fb_error err = fb_verify(own, n, type, NULL);
    free(own);
    return err;
}

// What is built first lies last: its last byte may end the buffer, and must be there.
static void test_ends(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    to_new_Leaf leaf = {0};
    to_put_Leaf_name(&leaf, fb_cstring(b, "abcdef"));
    assert_int_not_equal(fb_finish(b, to_end_Leaf(b, &leaf)), 0);
    const uint8_t *end = (const uint8_t *)to_Leaf_name(to_root_Leaf(fb_data(b))).s + 7;
    assert_int_equal(verify_until(b, end, &to_desc_Leaf), FB_OK);
    assert_int_equal(verify_until(b, end - 1, &to_desc_Leaf), FB_E_STRING);
    assert_int_equal(verify_until(b, end - 2, &to_desc_Leaf), FB_E_STRING);

    b = fresh();
    to_new_All all = {0};
    to_put_All_vu8(&all, fb_vector(b, "abcde", 5, 1));
    assert_int_not_equal(fb_finish(b, to_end_All(b, &all)), 0);
    end = to_All_vu8(to_root_All(fb_data(b))).p + 5;
    assert_int_equal(verify_until(b, end, &to_desc_All), FB_OK);
    assert_int_equal(verify_until(b, end - 1, &to_desc_All), FB_E_VECTOR);
}

// A table that says it has fewer bytes than its fields need.
static void test_short_table(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    to_new_Leaf leaf = {0};
    to_put_Leaf_n(&leaf, 4711);
    size_t n = fb_finish(b, to_end_Leaf(b, &leaf));
    uint8_t *p = (uint8_t *)(uintptr_t)fb_data(b);
    uint32_t table = fb_u32(p), vtable = table - fb_u32(p + table);
    uint16_t place = fb_u16(p + vtable + 6), bytes = (uint16_t)(place + 2);
    memcpy(p + vtable + 2, &bytes, sizeof bytes);
    assert_int_equal(fb_verify(p, n, &to_desc_Leaf, NULL), FB_OK);
    bytes--;
    memcpy(p + vtable + 2, &bytes, sizeof bytes);
    assert_int_equal(fb_verify(p, n, &to_desc_Leaf, NULL), FB_E_FIELD);
}

// Every single byte changed in every way: refused, or safe to print (the sanitizers watch).
static void test_changed_bytes(void **state)
{
    (void)state;
    static char text[1 << 20];
    uint8_t whole[4096];
    size_t n = sample(whole), accepted = 0;
    uint8_t *own = malloc(n);
    for (size_t i = 0; i < n; i++)
        for (unsigned v = 1; v < 256; v += 1 + v / 3) {
            memcpy(own, whole, n);
            own[i] = (uint8_t)(own[i] ^ v);
            if (fb_verify(own, n, &to_desc_All, NULL) != FB_OK) continue;
            accepted++;
            assert_true(fb_json_print(text, sizeof text, fb_root(own), &to_desc_All, 0) > 0);
        }
    free(own);
    assert_true(accepted > 100);
}

static fb_error verify_one(fb_builder *b, fb_ref root, const fb_limits *lim)
{
    size_t n = fb_finish(b, root);
    assert_int_not_equal(n, 0);
    return fb_verify(fb_data(b), n, &to_desc_All, lim);
}

static fb_error verify_string(const char *s, size_t n)
{
    fb_builder *b = fresh();
    to_new_All w = {0};
    to_put_All_s(&w, fb_string(b, s, n));
    return verify_one(b, to_end_All(b, &w), NULL);
}

static void test_verify_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "plain ascii, long enough for the fast path",
                                       "h\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80",
                                       "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbf"};
    static const char *const bad[] = {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
                                      "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82",
                                      "\xf0\x90\x80", "12345678\xc3", "\xe2\x28\xa1", "a\xe2\x82z"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(verify_string(good[i], strlen(good[i])), FB_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(verify_string(bad[i], strlen(bad[i])), FB_E_UTF8);
    assert_int_equal(verify_string("a\0b", 3), FB_OK);
}

static void test_verify_limits(void **state)
{
    (void)state;
    const fb_field *fault;
    fb_limits lim = {.at_fault = &fault};
    fb_builder *b = fresh();
    to_new_All w = {0};
    to_put_All_title(&w, fb_cstring(b, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"));
    assert_int_equal(verify_one(b, to_end_All(b, &w), &lim), FB_OK);
    b = fresh();
    to_put_All_title(&w, fb_cstring(b, "123456"));
    assert_int_equal(verify_one(b, to_end_All(b, &w), &lim), FB_E_LENGTH);
    assert_string_equal(fault->name, "title");
    b = fresh();
    w = (to_new_All){0};
    to_put_All_vu8(&w, fb_vector(b, memory, 33, 1));
    assert_int_equal(verify_one(b, to_end_All(b, &w), &lim), FB_E_LENGTH);
    b = fresh();
    w = (to_new_All){0};
    to_put_All_raw(&w, fb_cstring(b, "{\"a\":}"));
    assert_int_equal(verify_one(b, to_end_All(b, &w), &lim), FB_E_JSON);
    b = fresh();
    w = (to_new_All){0};
    to_put_All_color(&w, (to_Color)3);
    fb_ref root = to_end_All(b, &w);
    assert_int_equal(verify_one(b, root, &lim), FB_OK);
    lim.strict = true;
    assert_int_equal(fb_verify(fb_data(b), b->payload, &to_desc_All, &lim), FB_E_ENUM);
    assert_int_equal(fb_verify(fb_data(b), b->payload, &to_desc_Nothing, &lim), FB_E_UNKNOWN);
    lim.strict = false;
    assert_int_equal(fb_verify(fb_data(b), b->payload, &to_desc_Nothing, &lim), FB_OK);
    assert_int_equal(fb_verify(fb_data(b), b->payload, &to_desc_Need, &lim), FB_E_REQUIRED);
}

static void test_verify_unions(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    to_new_All w = {0};
    to_put_All_body_type(&w, to_Body_Photo);
    assert_int_equal(verify_one(b, to_end_All(b, &w), NULL), FB_E_UNION);
    b = fresh();
    w = (to_new_All){0};
    to_put_All_body(&w, (to_Body)9, to_end_Nothing(b, &(to_new_Nothing){0}));
    assert_int_equal(verify_one(b, to_end_All(b, &w), NULL), FB_E_UNION);
    b = fresh();
    w = (to_new_All){0};
    to_put_All_body(&w, to_Body_NONE, to_end_Nothing(b, &(to_new_Nothing){0}));
    assert_int_equal(verify_one(b, to_end_All(b, &w), NULL), FB_E_UNION);
    b = fresh();
    w = (to_new_All){0};
    to_put_All_body(&w, to_Body_Tree, to_end_Nothing(b, &(to_new_Nothing){0}));
    assert_int_equal(verify_one(b, to_end_All(b, &w), NULL), FB_OK);
}

static void test_verify_depth(void **state)
{
    (void)state;
    for (uint32_t depth = 1; depth < 40; depth++) {
        fb_builder *b = fresh();
        fb_ref ref = 0;
        for (uint32_t i = 0; i < depth; i++) {
            to_new_Tree w = {0};
            uint32_t mark = fb_mark(b);
            if (ref) fb_push(b, ref);
            to_put_Tree_kids(&w, fb_refs(b, mark));
            ref = to_end_Tree(b, &w);
        }
        size_t n = fb_finish(b, ref);
        fb_error err = fb_verify(fb_data(b), n, &to_desc_Tree, NULL);
        assert_int_equal(err, depth <= 32 ? FB_OK : FB_E_DEPTH);
        fb_limits tables = {.tables = 5};
        err = fb_verify(fb_data(b), n, &to_desc_Tree, &tables);
        assert_int_equal(err, depth <= 5 ? FB_OK : FB_E_TABLES);
    }
}

// A few references to one big part, each level doubling: small to send, huge to print.
static void test_verify_amplification(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    static char big[16384];
    memset(big, 'x', sizeof big);
    to_new_Tree w = {0};
    to_put_Tree_label(&w, fb_string(b, big, sizeof big));
    fb_ref ref = to_end_Tree(b, &w);
    for (int i = 0; i < 20; i++) {
        w = (to_new_Tree){0};
        uint32_t mark = fb_mark(b);
        fb_push(b, ref);
        fb_push(b, ref);
        to_put_Tree_kids(&w, fb_refs(b, mark));
        ref = to_end_Tree(b, &w);
    }
    size_t n = fb_finish(b, ref);
    assert_int_equal(fb_verify(fb_data(b), n, &to_desc_Tree, NULL), FB_E_BYTES);
}

// ---- printing ----------------------------------------------------------------------------------

static void test_print_full(void **state)
{
    (void)state;
    assert_string_equal(
        round_trip(&to_desc_All, "{}", FB_JSON_FULL),
        "{\"b\":false,\"i8\":0,\"u8\":0,\"i16\":0,\"u16\":0,\"i32\":-7,\"u32\":20,\"i64\":0,"
        "\"u64\":9000000000000000000,\"s\":null,\"color\":\"green\",\"big\":\"none\",\"rights\":0,"
        "\"small\":\"zero\",\"point\":null,\"span\":null,\"leaf\":null,\"body_type\":null,"
        "\"body\":null,\"vb\":[],\"vi8\":[],\"vu8\":[],\"vi16\":[],\"vu16\":[],\"vi32\":[],"
        "\"vu32\":[],\"vi64\":[],\"vu64\":[],\"vs\":[],\"vcolor\":[],\"vpoint\":[],\"vspan\":[],"
        "\"vleaf\":[],\"key\":null,\"when\":null,\"title\":null,\"raw\":null,\"secret\":null,"
        "\"tree\":null,\"signed_id\":\"0\"}");
    assert_string_equal(round_trip(&to_desc_All, "{}", 0), "{}");
    assert_string_equal(round_trip(&to_desc_Nothing, "{}", FB_JSON_FULL), "{}");
    assert_string_equal(round_trip(&to_desc_All, "{\"secret\":\"x\",\"s\":\"y\"}", FB_JSON_REDACT),
                        "{\"s\":\"y\",\"secret\":\"***\"}");
    assert_string_equal(round_trip(&to_desc_Leaf, "{\"n\":0}", 0), "{\"n\":0}");
    assert_string_equal(round_trip(&to_desc_Leaf, "{\"n\":0}", FB_JSON_FULL),
                        "{\"name\":null,\"n\":0}");
}

// The hidden field is written in binary and seen in no JSON.
static void test_print_hidden(void **state)
{
    (void)state;
    char out[4096];
    fb_builder *b = fresh();
    to_new_All w = {0};
    to_put_All_internal(&w, 42);
    to_put_All_count(&w, 0);
    fb_finish(b, to_end_All(b, &w));
    const to_All *a = to_root_All(fb_data(b));
    assert_int_equal(to_All_internal(a), 42);
    size_t n = fb_json_print(out, sizeof out, a, &to_desc_All, 0);
    assert_int_equal(n, 11);
    assert_memory_equal(out, "{\"count\":0}", 11);
}

static void test_print_capacities(void **state)
{
    (void)state;
    fb_builder *b = fresh();
    fb_finish(b, build_all(b));
    char text[8192];
    const void *root = fb_root(fb_data(b));
    size_t whole = fb_json_print(text, sizeof text, root, &to_desc_All, FB_JSON_FULL);
    for (size_t cap = 0; cap <= whole + FB_JSON_SLACK; cap++) {
        char *own = malloc(cap + 1);
        size_t n = fb_json_print(own, cap, root, &to_desc_All, FB_JSON_FULL);
        assert_true(n == whole || (n == 0 && cap < whole + FB_JSON_SLACK));
        if (n) assert_memory_equal(own, text, whole);
        free(own);
    }
}

static void test_print_escapes(void **state)
{
    (void)state;
    // Every byte at every place of the eight that are looked at together.
    for (unsigned c = 1; c < 128; c++)
        for (unsigned at = 0; at < 20; at++) {
            char plain[32], out[512];
            memset(plain, 'a', sizeof plain);
            plain[at] = (char)c;
            fb_builder *b = fresh();
            to_new_All w = {0};
            to_put_All_s(&w, fb_string(b, plain, 20));
            fb_finish(b, to_end_All(b, &w));
            size_t n = fb_json_print(out, sizeof out, fb_root(fb_data(b)), &to_desc_All, 0);
            fb_json_error err;
            fb_init(b, memory, sizeof memory / 2);
            fb_ref root = fb_json_parse(b, out, n, &to_desc_All, &err);
            assert_int_not_equal(root, 0);
            fb_finish(b, root);
            fb_str s = to_All_s(to_root_All(fb_data(b)));
            assert_int_equal(s.n, 20);
            assert_memory_equal(s.s, plain, 20);
        }
    same("{\"s\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"}");
}

static void test_print_numbers(void **state)
{
    (void)state;
    char out[32], wanted[32];
    uint64_t v = 1;
    for (int i = 0; i < 64; i++, v *= 2)
        for (uint64_t w = v - 2; w != v + 2; w++) {
            out[fb_print_u64(out, w)] = 0;
            snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)w);
            assert_string_equal(out, wanted);
        }
    for (v = 1; v < UINT64_MAX / 10; v *= 10)
        for (uint64_t w = v - 1; w != v + 2; w++) {
            out[fb_print_u64(out, w)] = 0;
            snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)w);
            assert_string_equal(out, wanted);
        }
}

// ---- reading -----------------------------------------------------------------------------------

static void test_parse_good(void **state)
{
    (void)state;
    same("{\"b\":true,\"i8\":-128,\"u8\":255,\"i16\":-32768,\"u16\":65535,\"i32\":-2147483648,"
         "\"u32\":4294967295,\"i64\":-9223372036854775808,\"u64\":18446744073709551615}");
    same("{\"color\":\"blue\",\"big\":\"low\",\"rights\":\"read admin root\",\"small\":\"minus\"}");
    same("{\"point\":{\"x\":1,\"y\":-2},\"span\":{\"open\":true,\"from\":{\"x\":3,\"y\":4},"
         "\"weight\":5,\"color\":\"green\",\"rank\":-1}}");
    same("{\"body_type\":\"Poll\",\"body\":{\"question\":\"q\",\"options\":[\"a\",\"b\"]}}");
    same("{\"vb\":[true,false],\"vi8\":[-1,1],\"vu8\":[0,255],\"vi16\":[-300],\"vu16\":[60000],"
         "\"vi32\":[-70000],\"vu32\":[4000000000],\"vi64\":[-5000000000],\"vu64\":[\"1\",\"2\"],"
         "\"vs\":[\"a\",\"\"],\"vcolor\":[\"red\",\"blue\"],\"vpoint\":[{\"x\":1,\"y\":2}],"
         "\"vleaf\":[{\"name\":\"l\",\"n\":3},{}]}");
    same("{\"tree\":{\"label\":\"a\",\"kids\":[{\"label\":\"b\",\"kids\":[{}]},{\"value\":-3}]}}");
    same("{\"key\":\"18446744073709551615\",\"signed_id\":\"-9223372036854775808\"}");
    same("{\"raw\":{ \"any\" : [1e5,-0.5,\"\\u00e9\\ud83d\\ude00\",null,true,{}] }}");
    expect(&to_desc_All, " { \"s\"\t:\r\n\"x\" , \"b\" : true } ", "{\"b\":true,\"s\":\"x\"}");
    expect(&to_desc_All, "{\"s\":\"\\u0041\\u00e9\\u20ac\\uD83D\\uDE00\\/\"}",
           "{\"s\":\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\"}");
    expect(&to_desc_All, "{\"\\u0073\":\"x\"}", "{\"s\":\"x\"}");
    expect(&to_desc_All, "{\"s\":null,\"b\":null,\"vs\":null,\"leaf\":null,\"raw\":null}", "{}");
    expect(&to_desc_All, "{\"key\":17,\"vu64\":[1,\"2\"]}",
           "{\"vu64\":[\"1\",\"2\"],\"key\":\"17\"}");
    expect(&to_desc_All, "{\"color\":7,\"rights\":3}",
           "{\"color\":\"blue\",\"rights\":\"read write\"}");
    expect(&to_desc_All, "{\"leaf\":\"x\",\"vleaf\":[\"y\",{\"n\":1}]}",
           "{\"leaf\":{\"name\":\"x\"},\"vleaf\":[{\"name\":\"y\"},{\"n\":1}]}");
    expect(&to_desc_All, "{\"i8\":-0}", "{\"i8\":0}");
    expect(&to_desc_All, "{\"body\":{\"url\":\"u\"},\"s\":\"x\",\"body_type\":\"Photo\"}",
           "{\"s\":\"x\",\"body_type\":\"Photo\",\"body\":{\"url\":\"u\"}}");
    expect(&to_desc_All, "{\"body_type\":\"NONE\"}", "{}");
    expect(&to_desc_All, "{\"vs\":[],\"vu8\":[]}", "{\"vu8\":[],\"vs\":[]}");
}

static void test_parse_alias(void **state)
{
    (void)state;
    expect(&to_desc_All, "{\"name\":\"x\"}", "{\"title\":\"x\"}");
    expect(&to_desc_All, "{\"name\":\"x\",\"heading\":\"\\u0078\",\"title\":\"x\"}",
           "{\"title\":\"x\"}");
    expect(&to_desc_All, "{\"name\":\"x\",\"heading\":\"y\"}", "conflict /heading");
    expect(&to_desc_All, "{\"name\":\"x\",\"name\":\"x\"}", "duplicate /name");
    expect(&to_desc_All, "{\"name\":null,\"title\":\"y\"}", "{\"title\":\"y\"}");
    expect(&to_desc_All, "{\"key\":1,\"id\":\"1\",\"key_id\":1}", "{\"key\":\"1\"}");
    expect(&to_desc_All, "{\"key\":1,\"id\":2}", "conflict /id");
    expect(&to_desc_All, "{\"vs\":[\"a\"],\"strings\":[\"a\"]}", "{\"vs\":[\"a\"]}");
    expect(&to_desc_All, "{\"vs\":[\"a\"],\"strings\":[\"b\"]}", "conflict /strings");
    expect(&to_desc_All, "{\"vs\":[\"a\"],\"strings\":[\"a\",\"a\"]}", "conflict /strings");
    expect(&to_desc_All, "{\"leaf\":\"a\",\"blatt\":\"a\"}", "{\"leaf\":{\"name\":\"a\"}}");
}

static void test_parse_bad(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "syntax "}, {"{", "syntax "}, {"[]", "wrong_type "}, {"null", "wrong_type "},
        {"{}x", "syntax "}, {"{}{}", "syntax "}, {"{,}", "syntax "}, {"{\"b\"}", "syntax "},
        {"{\"b\":}", "syntax /b"}, {"{\"b\":true,}", "syntax "}, {"{'b':true}", "syntax "},
        {"{\"b\":true \"s\":\"\"}", "syntax "}, {"{\"b\":tru}", "syntax /b"},
        {"{\"b\":True}", "syntax /b"}, {"{\"b\":1}", "wrong_type /b"}, {"{\"b\":nul}", "syntax /b"},
        {"{\"b\":\"true\"}", "wrong_type /b"}, {"{\"nope\":1}", "unknown_field /nope"},
        {"{\"internal\":1}", "unknown_field /internal"}, {"{\"gone\":\"\"}", "unknown_field /gone"},
        {"{\"a/b~c\":1}", "unknown_field /a~1b~0c"}, {"{\"\":1}", "unknown_field /"},
        {"{\"s\":\"a\",\"s\":\"a\"}", "duplicate /s"}, {"{\"s\":null,\"s\":\"\"}", "duplicate /s"},
        {"{\"i8\":128}", "out_of_range /i8"}, {"{\"i8\":-129}", "out_of_range /i8"},
        {"{\"u8\":256}", "out_of_range /u8"}, {"{\"u8\":-1}", "out_of_range /u8"},
        {"{\"i16\":32768}", "out_of_range /i16"}, {"{\"u16\":65536}", "out_of_range /u16"},
        {"{\"i32\":2147483648}", "out_of_range /i32"},
        {"{\"u32\":4294967296}", "out_of_range /u32"},
        {"{\"i64\":9223372036854775808}", "out_of_range /i64"},
        {"{\"i64\":-9223372036854775809}", "out_of_range /i64"},
        {"{\"u64\":18446744073709551616}", "out_of_range /u64"},
        {"{\"u64\":99999999999999999999999}", "out_of_range /u64"},
        {"{\"u8\":1.0}", "wrong_type /u8"}, {"{\"u8\":1e2}", "wrong_type /u8"},
        {"{\"u8\":01}", "syntax /u8"}, {"{\"u8\":-}", "syntax /u8"}, {"{\"u8\":+1}", "syntax /u8"},
        {"{\"u8\":.5}", "syntax /u8"}, {"{\"u8\":1.}", "syntax /u8"}, {"{\"u8\":1e}", "syntax /u8"},
        {"{\"u8\":0x10}", "syntax "}, {"{\"u8\":NaN}", "syntax /u8"},
        {"{\"u8\":\"1\"}", "wrong_type /u8"}, {"{\"u8\":{}}", "wrong_type /u8"},
        {"{\"s\":1}", "wrong_type /s"}, {"{\"s\":[]}", "wrong_type /s"},
        {"{\"key\":\"\"}", "wrong_type /key"}, {"{\"key\":\" 1\"}", "wrong_type /key"},
        {"{\"key\":\"1x\"}", "wrong_type /key"}, {"{\"key\":\"x\"}", "wrong_type /key"},
        {"{\"key\":\"18446744073709551616\"}", "out_of_range /key"},
        {"{\"color\":\"pink\"}", "bad_enum /color"}, {"{\"color\":3}", "bad_enum /color"},
        {"{\"color\":300}", "out_of_range /color"}, {"{\"rights\":\"read x\"}", "bad_enum /rights"},
        {"{\"rights\":\"\"}", "bad_enum /rights"}, {"{\"rights\":4}", "bad_enum /rights"},
        {"{\"vcolor\":[\"red\",\"x\"]}", "bad_enum /vcolor/1"},
        {"{\"title\":\"123456\"}", "too_long /title"},
        {"{\"vs\":[\"\",\"\",\"\",\"\",\"\"]}", "too_long /vs"}, {"{\"raw\":[1,]}", "syntax /raw"},
        {"{\"raw\":tru}", "syntax /raw"}, {"{\"leaf\":\"123456789\"}", "too_long /leaf"},
        {"{\"leaf\":1}", "wrong_type /leaf"},
        {"{\"vleaf\":[{},{\"name\":3}]}", "wrong_type /vleaf/1/name"},
        {"{\"vleaf\":[null]}", "wrong_type /vleaf/0"}, {"{\"vleaf\":{}}", "wrong_type /vleaf"},
        {"{\"point\":{\"x\":1}}", "missing /point/y"},
        {"{\"point\":{\"x\":1,\"y\":2,\"z\":3}}", "unknown_field /point/z"},
        {"{\"body\":{}}", "missing /body_type"}, {"{\"body_type\":\"Poll\"}", "missing /body"},
        {"{\"body_type\":\"Photo\",\"body\":{}}", "missing /body/url"},
        {"{\"body_type\":\"X\",\"body\":{}}", "bad_enum /body_type"},
        {"{\"body\":{\"x\":1},\"body_type\":\"Poll\"}", "unknown_field /body/x"},
        {"{\"s\":\"\x01\"}", "syntax /s"}, {"{\"s\":\"\n\"}", "syntax /s"},
        {"{\"s\":\"\\x\"}", "syntax /s"}, {"{\"s\":\"\\u12g4\"}", "syntax /s"},
        {"{\"s\":\"\\u12\"}", "syntax /s"}, {"{\"s\":\"\\", "syntax /s"},
        {"{\"s\":\"", "syntax /s"}, {"{\"s\":\"\xff\"}", "bad_utf8 /s"},
        {"{\"s\":\"\xc3\"}", "bad_utf8 /s"}, {"{\"s\":\"\xed\xa0\x80\"}", "bad_utf8 /s"},
        {"{\"s\":\"\\ud800\"}", "bad_utf8 /s"}, {"{\"s\":\"\\udc00\\ud800\"}", "bad_utf8 /s"},
        {"{\"s\":\"\\ud800\\u0041\"}", "bad_utf8 /s"}, {"{\"raw\":\"\\ud800\"}", "bad_utf8 /raw"},
        {"{\"\xff\":1}", "bad_utf8 "}, {"{\"vb\":[true,]}", "syntax /vb/1"},
        {"{\"vb\":[,]}", "syntax /vb/0"}, {"{\"vb\":[true", "syntax /vb"},
        {"{\"s\":\"x\"\0}", "syntax "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = round_trip(&to_desc_All, rows[i][0], 0);
        if (strcmp(got, rows[i][1]) != 0) print_message("row %zu: %s\n", i, rows[i][0]);
        assert_string_equal(got, rows[i][1]);
    }
    expect(&to_desc_Need, "{}", "missing /name");
    expect(&to_desc_Need, "{\"name\":null}", "missing /name");
    expect(&to_desc_Need, "{\"name\":\"a\",\"needs\":[{\"name\":\"b\"},{}]}",
           "missing /needs/1/name");
}

static void test_parse_deep(void **state)
{
    (void)state;
    char text[4096];
    for (int depth = 1; depth < 40; depth++) {
        size_t n = 0;
        for (int i = 0; i < depth; i++) n += (size_t)sprintf(text + n, i ? "[" : "{\"raw\":");
        for (int i = 1; i < depth; i++) text[n++] = ']';
        strcpy(text + n, depth == 1 ? "1}" : "}");
        const char *got = round_trip(&to_desc_All, text, 0);
        if (depth <= 32)
            assert_string_equal(got, text);
        else
            assert_string_equal(got, "too_deep /raw");
    }
}

static void test_parse_details(void **state)
{
    (void)state;
    fb_json_error err;
    static const char long_one[] = "{\"s\":\"x\",\"title\":\"123456\"}";
    assert_int_equal(fb_json_parse(fresh(), long_one, sizeof long_one - 1, &to_desc_All, &err), 0);
    assert_int_equal(err.offset, 17);
    assert_int_equal(err.max, 5);
    // Too many keys in JSON that is only kept.
    static char many[32768];
    size_t n = (size_t)sprintf(many, "{");
    for (int i = 0; i < 1025; i++) n += (size_t)sprintf(many + n, "%s\"%d\":1", i ? "," : "", i);
    n += (size_t)sprintf(many + n, "}");
    assert_false(fb_json_valid(many, n));
    assert_true(fb_json_valid("{\"1\":2} ", 8));
    assert_false(fb_json_valid("", 0));
    // A pointer longer than its room ends after a whole part.
    static char deep[4096];
    n = 0;
    for (int i = 0; i < 15; i++) n += (size_t)sprintf(deep + n, "{\"needs\":[{\"name\":\"a\"},");
    n += (size_t)sprintf(deep + n, "{\"%0100d\":1}", 0);
    assert_int_equal(fb_json_parse(fresh(), deep, n, &to_desc_Need, &err), 0);
    assert_int_equal(err.code, FB_JSON_UNKNOWN_FIELD);
    assert_int_equal(strlen(err.pointer), 15 * strlen("/needs/1"));
    // An escaped key longer than any name.
    n = (size_t)sprintf(deep, "{\"\\u0041%0100d\":1}", 0);
    assert_int_equal(fb_json_parse(fresh(), deep, n, &to_desc_Need, &err), 0);
    assert_int_equal(err.code, FB_JSON_UNKNOWN_FIELD);
}

// Every beginning of a good text is refused, and every capacity gives a whole buffer or no_space.
static void test_parse_cut(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"a\\u00e9b\",\"vleaf\":[{\"name\":\"x\"},\"y\"],\"body\":{\"url\":\"u\"},"
        "\"vspan\":[],\"body_type\":\"Photo\",\"raw\":[1,{\"a\":\"\\n\"}],"
        "\"when\":\"2024-12-20T10:15:30Z\"}";
    fb_json_error err;
    fb_builder b;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        char *own = malloc(n + 1);
        memcpy(own, text, n);
        assert_int_equal(fb_json_parse(fresh(), own, n, &to_desc_All, &err), 0);
        free(own);
    }
    bool once = false;
    for (size_t cap = 0; cap < 2048; cap += 8) {
        uint8_t *own = malloc(cap + 1);
        fb_init(&b, own, cap);
        fb_ref root = fb_json_parse(&b, text, sizeof text - 1, &to_desc_All, &err);
        assert_true(root || err.code == FB_JSON_NO_SPACE);
        size_t n = root ? fb_finish(&b, root) : 0;
        if (n) assert_int_equal(fb_verify(fb_data(&b), n, &to_desc_All, NULL), FB_OK);
        assert_true(n || !once);
        once |= n != 0;
        free(own);
    }
    assert_true(once);
}

// ---- time --------------------------------------------------------------------------------------

static void test_time(void **state)
{
    (void)state;
    same("{\"when\":\"2024-12-20T10:15:30.123Z\"}");
    same("{\"when\":\"1970-01-01T00:00:00.000Z\"}");
    same("{\"when\":\"9999-12-31T23:59:59.999Z\"}");
    same("{\"when\":\"2000-02-29T12:00:00.000Z\"}");
    assert_string_equal(round_trip(&to_desc_All, "{\"when\":1734689730123}", 0),
                        "{\"when\":\"2024-12-20T10:15:30.123Z\"}");
    static const char *const rows[][2] = {
        {"2024-12-20T10:15:30Z", "2024-12-20T10:15:30.000Z"},
        {"2024-12-20t10:15:30.5z", "2024-12-20T10:15:30.500Z"},
        {"2024-12-20T10:15:30.123999999Z", "2024-12-20T10:15:30.123Z"},
        {"2024-12-20T10:15:30+02:00", "2024-12-20T08:15:30.000Z"},
        {"2024-12-31T23:30:00-01:00", "2025-01-01T00:30:00.000Z"},
        {"1970-01-01T00:00:00-00:00", "1970-01-01T00:00:00.000Z"},
    };
    static const char *const bad[][2] = {
        {"2024-12-20", "wrong_type"}, {"2024-12-20T10:15Z", "wrong_type"},
        {"2024-12-20 10:15:30Z", "wrong_type"}, {"2024-12-20T10:15:30", "wrong_type"},
        {"2024-12-20T10:15:30.Z", "wrong_type"}, {"2024-12-20T10:15:30+0200", "wrong_type"},
        {"2024-12-20T10:15:30ZZ", "wrong_type"}, {"", "wrong_type"}, {"x", "wrong_type"},
        {"2024-13-20T10:15:30Z", "out_of_range"}, {"2024-02-30T10:15:30Z", "out_of_range"},
        {"2023-02-29T10:15:30Z", "out_of_range"}, {"2100-02-29T10:15:30Z", "out_of_range"},
        {"2024-12-20T24:00:00Z", "out_of_range"}, {"2024-12-20T10:60:30Z", "out_of_range"},
        {"1969-12-31T23:59:59Z", "out_of_range"}, {"0000-01-01T00:00:00Z", "out_of_range"},
        {"9999-12-31T23:59:59-01:00", "out_of_range"},
    };
    char text[128], wanted[128];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text, "{\"when\":\"%s\"}", rows[i][0]);
        snprintf(wanted, sizeof wanted, "{\"when\":\"%s\"}", rows[i][1]);
        expect(&to_desc_All, text, wanted);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\"when\":\"%s\"}", bad[i][0]);
        snprintf(wanted, sizeof wanted, "%s /when", bad[i][1]);
        expect(&to_desc_All, text, wanted);
    }
    expect(&to_desc_All, "{\"when\":253402300800000}", "out_of_range /when");
    expect(&to_desc_All, "{\"when\":-1}", "out_of_range /when");
    // Every day there is, both ways.
    for (uint64_t day = 0; day <= FB_TIME_MAX / 86400000; day++) {
        uint64_t ms = day * 86400000 + day % 86400000, back = 0;
        assert_int_equal(fb_print_time(text, ms), FB_TIME_TEXT);
        assert_int_equal(fb_parse_time(text, FB_TIME_TEXT, &back), FB_JSON_OK);
        assert_true(back == ms);
    }
    assert_int_equal(fb_print_time(text, FB_TIME_MAX + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_and_read),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_prepend),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_capacities),
        cmocka_unit_test(test_many_shapes),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_short_table),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_verify_utf8),
        cmocka_unit_test(test_verify_limits),
        cmocka_unit_test(test_verify_unions),
        cmocka_unit_test(test_verify_depth),
        cmocka_unit_test(test_verify_amplification),
        cmocka_unit_test(test_print_full),
        cmocka_unit_test(test_print_hidden),
        cmocka_unit_test(test_print_capacities),
        cmocka_unit_test(test_print_escapes),
        cmocka_unit_test(test_print_numbers),
        cmocka_unit_test(test_parse_good),
        cmocka_unit_test(test_parse_alias),
        cmocka_unit_test(test_parse_bad),
        cmocka_unit_test(test_parse_deep),
        cmocka_unit_test(test_parse_details),
        cmocka_unit_test(test_parse_cut),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
