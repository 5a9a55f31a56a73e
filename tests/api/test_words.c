// Hashtags, mentions and names as they are found in texts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/words.h"

enum { MOST = 8 };

typedef unsigned find_words(const char *s, size_t n, struct word *out, unsigned max);

// The words found, joined by spaces.
static const char *found(find_words *find, const char *text)
{
    static char out[512];
    struct word w[MOST];
    unsigned n = find(text, strlen(text), w, MOST);
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%.*s", i ? " " : "", (int)w[i].n,
                               w[i].s);
    return out;
}

static void hashtags(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Beautiful #Sunset @jane and #beach!", "Sunset beach"},
        {"#one#two", "one"},
        {"a#b &#39; ##x #", ""},
        {"#a, #b. #c-d (#e) \"#f\"", "a b c e f"},
        {"#été #日本語、#ไทย #Straße", "été 日本語 ไทย Straße"},
        {"#sun🌞 #👍🏽 #x\u200dy", "sun x\u200dy"},
        {"#under_score #123 #a1", "under_score 123 a1"},
        {"", ""},
        {"#مرحبا بالعالم", "مرحبا"},
        {"#a #a #A", "a a A"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(found(words_hashtags, rows[i][0]), rows[i][1]);
    char longest[128] = "#";
    memset(longest + 1, 'x', 101);
    assert_string_equal(found(words_hashtags, longest), "");
    longest[101] = '\0';
    assert_int_equal(strlen(found(words_hashtags, longest)), 100);
}

static void mentions(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"@jane and @joe.", "jane joe"},
        {"write to a@b.org", ""},
        {"(@a_b) @c.d, @@e @", "a_b c.d"},
        {"hi @jane...", "jane"},
        {"@é @x!", "x"},
        {"é@jane", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(found(words_mentions, rows[i][0]), rows[i][1]);
}

static void no_more_than_asked(void **state)
{
    (void)state;
    struct word w[2];
    assert_int_equal(words_hashtags("#a #b #c", 8, w, 2), 2);
    assert_int_equal(words_mentions("@a @b @c", 8, w, 2), 2);
    assert_int_equal(words_hashtags("#a #b #c", 8, w, 0), 0);
}

static void tags_by_themselves(void **state)
{
    (void)state;
    assert_true(word_is_tag((struct word){"nature", 6}));
    assert_true(word_is_tag((struct word){"日本", 6}));
    assert_false(word_is_tag((struct word){"", 0}));
    assert_false(word_is_tag((struct word){"a b", 3}));
    assert_false(word_is_tag((struct word){"a-b", 3}));
    assert_true(word_same((struct word){"Ab", 2}, (struct word){"aB", 2}));
    assert_false(word_same((struct word){"Ab", 2}, (struct word){"aBc", 3}));
    assert_true(word_same((struct word){"\xc3\x9c", 2}, (struct word){"u\xcc\x88", 3}));
    assert_false(word_same((struct word){"\xc3\x9c", 2}, (struct word){"u", 1}));
}

static void names_are_split(void **state)
{
    (void)state;
    static const struct { const char *full, *first, *last; } rows[] = {
        {"Ada Lovelace", "Ada", "Lovelace"},
        {"Grace Brewster Hopper", "Grace Brewster", "Hopper"},
        {"Cher", "Cher", ""},
        {" Ada  Lovelace ", "Ada", "Lovelace"},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct word first, last, full = {rows[i].full, (uint32_t)strlen(rows[i].full)};
        split_name(full, &first, &last);
        assert_int_equal(first.n, strlen(rows[i].first));
        assert_memory_equal(first.s, rows[i].first, first.n);
        assert_int_equal(last.n, strlen(rows[i].last));
        assert_memory_equal(last.s, rows[i].last, last.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashtags),
        cmocka_unit_test(mentions),
        cmocka_unit_test(no_more_than_asked),
        cmocka_unit_test(tags_by_themselves),
        cmocka_unit_test(names_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
