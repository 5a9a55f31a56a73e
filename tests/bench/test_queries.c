// What is searched for: words that are in the texts, the rare and the frequent, beginnings of
// names; what was found is judged by stems; made-up texts are written as Zipf's law has it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/queries.h"
#include "bench/vocabulary.h"

enum { DRAWS = 4000 };

static struct language_text text_of(const char *s)
{
    return (struct language_text){s, (uint32_t)strlen(s)};
}

static struct query query_of(const char *s)
{
    struct query q = {.n = (uint32_t)strlen(s)};
    memcpy(q.s, s, q.n + 1);
    return q;
}

static void add(struct queries *q, const char *text)
{
    queries_add_text(q, text, strlen(text));
}

static void test_words(void **state)
{
    (void)state;
    static const char *const want[] = {"It", "s", "na\xc3\xafve", "\xd0\xbc\xd0\xb8\xd1\x80", "a1",
                                       "b"};
    struct language_text t =
        text_of("It's na\xc3\xafve\xe2\x80\x94\xd0\xbc\xd0\xb8\xd1\x80, #a1_b!");
    uint32_t at = 0;
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct language_text w = queries_word(t, &at);
        assert_int_equal(w.n, strlen(want[i]));
        assert_memory_equal(w.s, want[i], w.n);
    }
    assert_int_equal(queries_word(t, &at).n, 0);
}

static void test_match(void **state)
{
    (void)state;
    struct query running = query_of("running shoe"), other = query_of("running boots");
    struct language_text text = text_of("She RUNS in new Shoes.");
    assert_true(queries_match(&running, text));
    assert_false(queries_match(&other, text));
}

// A hundred texts of a frequent word and a rare one each.
static void make(struct queries *q)
{
    for (int i = 0; i < 100; i++) {
        char text[64];
        snprintf(text, sizeof text, "Garden of the rare%dword", i);
        add(q, text);
    }
    add(q, "the of and");
    add(q, "garden \xff\xfe broken");
    queries_add_name(q, "amara.okafor", 12);
    queries_add_name(q, "li", 2);
}

static void test_posts(void **state)
{
    (void)state;
    struct queries q = {0};
    unsigned frequent = 0, pairs = 0, all = 0;
    make(&q);
    assert_int_equal(q.text.n, 100);
    assert_int_equal(q.word.n, 101);
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct query one, again;
        queries_draw_post(&q, i, &one);
        queries_draw_post(&q, i, &again);
        assert_string_equal(one.s, again.s);
        assert_int_equal(one.n, strlen(one.s));
        bool met = false;
        for (uint32_t k = 0; k < q.text.n && !met; k++)
            met = queries_match(&one, (struct language_text){q.bytes + q.text.place[k].at,
                                                             q.text.place[k].n});
        assert_true(met);
        assert_null(strstr(one.s, "the"));
        frequent += strcmp(one.s, "garden") == 0;
        pairs += strchr(one.s, ' ') != NULL;
        all++;
    }
    // Three quarters from the texts, a third of them two words that must differ.
    assert_in_range(frequent, all * 20 / 100, all * 30 / 100);
    assert_in_range(pairs, all * 20 / 100, all * 30 / 100);
    queries_free(&q);
}

static void test_names(void **state)
{
    (void)state;
    struct queries q = {0};
    unsigned length[QUERY_PREFIX_MAX + 1] = {0};
    make(&q);
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct query one;
        queries_draw_user(&q, i, &one);
        assert_true(strcmp(one.s, "li") == 0 || strncmp("amara.okafor", one.s, one.n) == 0);
        assert_in_range(one.n, QUERY_PREFIX_MIN, QUERY_PREFIX_MAX);
        length[one.n]++;
    }
    for (unsigned n = QUERY_PREFIX_MIN; n <= QUERY_PREFIX_MAX; n++)
        assert_true(length[n] > DRAWS / 10);
    queries_free(&q);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, VOCABULARY_WORD_MAX);
}

static void test_vocabulary(void **state)
{
    (void)state;
    static char word[VOCABULARY_WORDS][VOCABULARY_WORD_MAX];
    for (uint32_t i = 0; i < VOCABULARY_WORDS; i++) {
        size_t n = vocabulary_word(i, word[i]);
        assert_int_equal(n, strlen(word[i]));
    }
    assert_true(strlen(word[0]) < strlen(word[VOCABULARY_WORDS - 1]));
    qsort(word, VOCABULARY_WORDS, sizeof word[0], by_bytes);
    for (uint32_t i = 1; i < VOCABULARY_WORDS; i++)
        assert_int_not_equal(by_bytes(word[i - 1], word[i]), 0);
}

static void test_made_texts(void **state)
{
    (void)state;
    struct zipf words;
    char first[VOCABULARY_WORD_MAX], text[384];
    unsigned met = 0, all = 0;
    zipf_init(&words, VOCABULARY_WORDS, 1);
    size_t first_n = vocabulary_word(0, first);
    for (uint64_t i = 0; i < 1000; i++) {
        size_t n = vocabulary_text(&words, i, text);
        uint32_t at = 0, count = 0;
        assert_in_range(n, VOCABULARY_TEXT_MIN * 4, 320);
        assert_int_equal(n, strlen(text));
        for (struct language_text w; (w = queries_word(text_of(text), &at)).n > 0; count++)
            met += w.n == first_n && memcmp(w.s, first, w.n) == 0;
        assert_in_range(count, VOCABULARY_TEXT_MIN, VOCABULARY_TEXT_MAX);
        all += count;
    }
    // One in ln(50000) + 0.58 = 11.4.
    assert_in_range(met, all * 8 / 100, all * 10 / 100);
    zipf_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),      cmocka_unit_test(test_match),
        cmocka_unit_test(test_posts),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_vocabulary), cmocka_unit_test(test_made_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
