// From text to terms: rows of texts and what must come out, and properties of any text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "store/terms.h"
#include "store/trigrams.h"

static struct terms t;

static struct language_text text(const char *s)
{
    return (struct language_text){s, (uint32_t)strlen(s)};
}

static const char *words_of(const char *s, enum language l)
{
    static char out[4096];
    size_t n = 0;
    terms_clear(&t);
    terms_add(&t, text(s), l);
    out[0] = 0;
    for (uint32_t i = 0; i < t.n; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s@%u", i > 0 ? " " : "",
                              (int)t.term[i].n, t.term[i].s, t.term[i].at);
    return out;
}

static void texts_become_terms(void **state)
{
    (void)state;
    static const struct { const char *text, *terms; } rows[] = {
        {"", ""},
        {"the of AND", ""},
        {"Web applications", "web@0 applic@1"},
        {"John's dog, don't!", "john@0 dog@2"},
        {"a tale of two cities", "tale@1 two@3 citi@4"},
        {"https://t.co/AbC12", "https@0 co@2 abc12@3"},
        {"snake_case #WebDev, @jane", "snake@0 case@1 webdev@2 jane@3"},
        {"\xd0\x81\xd0\x9b\xd0\x9a\xd0\x90", "\xd1\x91\xd0\xbb\xd0\xba\xd0\xb0@0"},
        {"Stra\xc3\x9f" "e e\xcc\x81t\xc3\xa9", "strass@0 \xc3\xa9t\xc3\xa9@1"},
        {"\xe6\x9d\xb1\xe4\xba\xac abc", "\xe6\x9d\xb1@0 \xe4\xba\xac@1 abc@2"},
        {"\xf0\x9f\x8e\x84 7 \xe2\x80\x94 1984", "7@0 1984@1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(words_of(rows[i].text, LANGUAGE_english), rows[i].terms);
}

static void languages_have_stems(void **state)
{
    (void)state;
    assert_string_equal(words_of("Running", LANGUAGE_none), "running@0");
    assert_string_equal(words_of("continuaient", LANGUAGE_french), "continu@0");
    assert_string_equal(words_of("aufeinanderfolgenden", LANGUAGE_german),
                        "aufeinanderfolg@0");
    assert_string_equal(words_of("\xd0\xba\xd0\xbd\xd0\xb8\xd0\xb3\xd0\xb8", LANGUAGE_russian),
                        "\xd0\xba\xd0\xbd\xd0\xb8\xd0\xb3@0");
    for (unsigned l = 0; l < LANGUAGES; l++) {
        words_of("every second word", (enum language)l);
        assert_true(t.n >= 2);
    }
}

static void terms_are_unique_in_order(void **state)
{
    (void)state;
    words_of("b a c b bb a B", LANGUAGE_none);
    terms_unique(&t);
    assert_int_equal(t.n, 4);
    const char *want[] = {"a", "b", "bb", "c"};
    for (uint32_t i = 0; i < t.n; i++) {
        assert_int_equal(t.term[i].n, strlen(want[i]));
        assert_memory_equal(t.term[i].s, want[i], t.term[i].n);
    }
}

// More than there is room for is left out, and nothing beyond the room is touched.
static void bounds_hold(void **state)
{
    (void)state;
    static char long_text[200001];
    memset(long_text, 'x', sizeof long_text - 1);
    words_of(long_text, LANGUAGE_english);
    assert_int_equal(t.n, 1);
    assert_true(t.term[0].n <= TERM_MAX);
    for (size_t i = 1; i < sizeof long_text - 1; i += 2) long_text[i] = ' ';
    terms_clear(&t);
    terms_add(&t, text(long_text), LANGUAGE_none);
    assert_int_equal(t.n, TERMS_MAX);
    assert_true(t.bytes <= TERMS_BYTES);
}

static void words_begin_words(void **state)
{
    (void)state;
    assert_true(words_begin(text("doe JO"), text("john_Doe")));
    assert_true(words_begin(text("phu thai"), text("Phuket, Thailand")));
    assert_false(words_begin(text("hn"), text("john")));
    assert_false(words_begin(text("john x"), text("john")));
    assert_false(words_begin(text(""), text("john")));
}

// As pg_trgm gives them: similarity('john_deo', 'john_doe') = 6 / 12.
static void similarity_is_that_of_pg_trgm(void **state)
{
    (void)state;
    static const struct { const char *a, *b; uint32_t shared, all; } rows[] = {
        {"john_deo", "john_doe", 6, 12}, {"jhon", "john_doe", 1, 13}, {"word", "WORD", 5, 5},
        {"abc", "xyz", 0, 8},            {"john_doe", "Doe, John", 9, 9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trigrams a = {0}, b = {0};
        trigrams_add(&a, text(rows[i].a), TRIGRAMS_WHOLE);
        trigrams_add(&b, text(rows[i].b), TRIGRAMS_WHOLE);
        uint32_t shared = trigrams_shared(&a, &b);
        assert_int_equal(shared, rows[i].shared);
        assert_int_equal(a.n + b.n - shared, rows[i].all);
    }
}

// What begins a name or stands in it has no trigram that the name has not.
static void pieces_have_no_other_trigrams(void **state)
{
    (void)state;
    const char *names[] = {"john_doe", "Anna Maria L\xc3\xb3pez", "x.y.z",
                           "\xe6\x9d\xb1\xe4\xba\xac_a1"};
    for (size_t k = 0; k < 4; k++) {
        struct language_text name = text(names[k]);
        struct trigrams whole = {0};
        trigrams_add(&whole, name, TRIGRAMS_WHOLE);
        for (uint32_t from = 0; from < name.n; from++)
            for (uint32_t to = from + 1; to <= name.n; to++) {
                bool inside = ((uint8_t)name.s[from] & 0xc0) == 0x80 ||
                              (to < name.n && ((uint8_t)name.s[to] & 0xc0) == 0x80);
                struct trigrams piece = {0};
                if (inside) continue;
                trigrams_add(&piece, (struct language_text){name.s + from, to - from},
                             from == 0 ? TRIGRAMS_PREFIXES : TRIGRAMS_INFIX);
                struct language_text begin = {name.s, to};
                if (from == 0 && to < name.n && words_begin(begin, name))
                    assert_int_equal(trigrams_shared(&piece, &whole), piece.n);
                if (from > 0) assert_int_equal(trigrams_shared(&piece, &whole), piece.n);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_terms),        cmocka_unit_test(languages_have_stems),
        cmocka_unit_test(terms_are_unique_in_order), cmocka_unit_test(bounds_hold),
        cmocka_unit_test(words_begin_words),
        cmocka_unit_test(similarity_is_that_of_pg_trgm),
        cmocka_unit_test(pieces_have_no_other_trigrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
