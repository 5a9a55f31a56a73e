// Texts of several languages: which a tag means, what is folded and says nothing in which, and that
// a search has each text's words as its own language has them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/stop_words.h"
#include "kith_fb.h"
#include "store/hunt.h"
#include "store/index.h"
#include "store/record.h"
#include "store/search.h"
#include "tests/store/support_doc.h"
#include "tests/store/support_prim.h"
#include "tests/store/support_state.h"

static struct language_text text(const char *s)
{
    return (struct language_text){s, (uint32_t)strlen(s)};
}

static void tags_mean_languages(void **state)
{
    (void)state;
    static const struct { const char *tag; enum language is; } rows[] = {
        {"", LANGUAGE_english}, {"en", LANGUAGE_english}, {"EN-gb", LANGUAGE_english},
        {"de", LANGUAGE_german}, {"de-AT", LANGUAGE_german}, {"de_CH", LANGUAGE_german},
        {"pt-BR", LANGUAGE_portuguese}, {"nb", LANGUAGE_norwegian}, {"nn", LANGUAGE_norwegian},
        {"no", LANGUAGE_norwegian}, {"sr-Latn-RS", LANGUAGE_serbian}, {"TR", LANGUAGE_turkish},
        {"th", LANGUAGE_none}, {"d", LANGUAGE_none}, {"deu", LANGUAGE_none}, {"-", LANGUAGE_none},
        {"o n", LANGUAGE_none}, {"abcdefghij", LANGUAGE_none}, {"ё", LANGUAGE_none},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(language_of(text(rows[i].tag)), rows[i].is);
}

static void words_that_say_nothing_are_in_order(void **state)
{
    (void)state;
    char folded[TERM_MAX];
    unsigned lists = 0;
    for (unsigned l = 0; l < LANGUAGES; l++) {
        const struct stop_words *list = &stop_words[l];
        lists += list->n > 0;
        for (uint32_t i = 0; i < list->n; i++) {
            struct language_text w = text(list->word[i]);
            uint32_t at = 0;
            assert_int_equal(terms_word(w, &at).n, w.n);
            assert_int_equal(language_fold_in((enum language)l, w, folded, TERM_MAX), w.n);
            assert_memory_equal(folded, w.s, w.n);
            assert_true(language_stop((enum language)l, w));
            if (i > 0) assert_true(strcmp(list->word[i - 1], list->word[i]) < 0);
        }
    }
    assert_int_equal(lists, 15);
    assert_false(language_stop(LANGUAGE_german, text("the")));
    assert_false(language_stop(LANGUAGE_none, text("the")));
}

static void turkish_has_two_of_them(void **state)
{
    (void)state;
    static const struct { const char *word, *folded; } rows[] = {
        {"I\u015eIK", "\u0131\u015f\u0131k"}, {"\u0130ZM\u0130R", "izmir"}, {"iki", "iki"},
        {"I", "\u0131"}, {"\u0130", "i"}, {"\u0131", "\u0131"},
    };
    char folded[TERM_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t n = language_fold_in(LANGUAGE_turkish, text(rows[i].word), folded, TERM_MAX);
        assert_int_equal(n, strlen(rows[i].folded));
        assert_memory_equal(folded, rows[i].folded, n);
    }
    // Longer than counts, and cut between two letters wherever that is.
    char word[1000];
    for (unsigned from = 0; from < 4; from++) {
        memset(word, 'i', sizeof word);
        memset(word + from, 'I', sizeof word - from);
        struct language_text all = {word, sizeof word};
        assert_in_range(language_fold_in(LANGUAGE_turkish, all, folded, TERM_MAX), TERM_MAX - 1,
                        TERM_MAX);
    }
}

// ---- several hunts ------------------------------------------------------------------------------

enum { SETS = 4, IDS = 3000 };

// Two hunts of two lists each, and one that is elsewhere: what any of them finds, in order.
static void hunts_find_what_any_does(void **state)
{
    (void)state;
    static struct hunts h;
    static struct posting_walk room[3 * HUNT_LISTS];
    static bool in[SETS][IDS + 1];
    struct postings p[SETS] = {{0}};
    struct prim *prim = prim_new(0);
    struct prim_random r = {7};
    for (uint32_t i = 1; i <= IDS; i++)
        for (uint32_t k = 0; k < SETS; k++) {
            in[k][i] = prim_below(&r, 3) == 0;
            if (in[k][i]) postings_insert(&p[k], &prim->shard.pool, (uint64_t)i << 22);
        }
    // As fast as they can, and with so few steps that they stop.
    for (uint32_t steps = 0; steps <= 60; steps += 20) {
        uint64_t from = 0;
        uint32_t i = IDS, turns = 0;
        do {
            hunts_begin(&h);
            for (uint32_t k = 0; k < SETS; k += 2) {
                hunt_begin(&h.hunt[h.n], room + (size_t)k * HUNT_LISTS / 2, HUNT_LISTS);
                hunt_in(&h.hunt[h.n], &p[k]);
                hunt_in(&h.hunt[h.n], &p[k + 1]);
                hunts_share(&h);
            }
            assert_int_equal(h.hunt[0].steps + h.hunt[1].steps, HUNT_STEPS);
            for (uint32_t k = 0; k < h.n && steps > 0; k++)
                h.hunt[k].steps = HUNT_LISTS + steps * (k + 1);
            for (uint64_t id; (id = hunts_next(&h, from)) != 0; from = id, i--) {
                while (!(in[0][i] && in[1][i]) && !(in[2][i] && in[3][i])) i--;
                assert_int_equal(id, (uint64_t)i << 22);
                if (steps == 0) assert_true(hunts_have(&h, id));
            }
            // One may have stopped before what another has found.
            if (h.stopped != 0 && (from == 0 || h.stopped + 1 < from)) from = h.stopped + 1;
            turns++;
        } while (h.stopped != 0);
        for (; i > 0; i--) assert_false((in[0][i] && in[1][i]) || (in[2][i] && in[3][i]));
        assert_true(steps == 0 ? turns == 1 : turns > 3);
    }
    for (uint32_t k = 0; k < SETS; k++) postings_clear(&p[k], &prim->shard.pool);
    prim_free(prim);
}

// ---- texts --------------------------------------------------------------------------------------

static unsigned found(struct world *w, enum search_kind kind, const char *query)
{
    struct search_read read = {kind, text(query), 0, 0};
    struct page page = {.want = PAGE_MAX};
    read_search(&w->store->shard[0], &read, &page);
    return page.n;
}

static void writes(struct world *w, uint64_t user, const char *tag)
{
    struct doc_words words = {.owner = user, .text = tag};
    assert_int_equal(say_doc(w, OP_settings_change, user, words).error, KITH_ok);
}

static struct outcome say_in(struct world *w, uint64_t user, uint64_t post, enum language l)
{
    fb_builder *b = world_body(w);
    kt_new_CommentCreate c = {0};
    kt_put_CommentCreate_post_id(&c, post);
    kt_put_CommentCreate_content(&c, fb_cstring(b, "Häuser"));
    kt_put_CommentCreate_language(&c, (uint8_t)l);
    fb_ref body = kt_end_CommentCreate(b, &c);
    return world_say(w, (struct change){OP_comment_create, user, body, NULL});
}

static unsigned language_at(const struct world *w, uint64_t id)
{
    return store_find(w->store, id)->language;
}

static void texts_keep_their_language(void **state)
{
    (void)state;
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    uint64_t user = make_user(w, "writer");
    uint64_t first = say_post(w, user, "Häuser").id;
    writes(w, user, "de-AT");
    uint64_t second = say_post(w, user, "Häuser").id;
    writes(w, user, "xx");
    uint64_t third = say_post(w, user, "Häuser").id;
    assert_int_equal(language_at(w, first), LANGUAGE_english);
    assert_int_equal(language_at(w, second), LANGUAGE_german);
    assert_int_equal(language_at(w, third), LANGUAGE_none);
    assert_int_equal(found(w, SEARCH_posts, "haus"), 1);
    assert_int_equal(found(w, SEARCH_posts, "HÄUSER"), 3);
    assert_int_equal(found(w, SEARCH_popular, "häuser"), 3);
    assert_int_equal(found(w, SEARCH_posts, "der haus"), 1);
    assert_int_equal(found(w, SEARCH_posts, "die \"der häuser\""), 1);
    for (unsigned l = 0; l < LANGUAGES; l++)
        assert_int_equal(say_in(w, user, first, (enum language)l).error, KITH_ok);
    assert_int_equal(say_in(w, user, first, LANGUAGES).error, KITH_invalid_field);
    assert_int_equal(found(w, SEARCH_comments, "häuser"), LANGUAGES);
    assert_in_range(found(w, SEARCH_comments, "haus"), 1, 4);
    // Taken away and brought back, by the log and by the records.
    assert_int_equal(say_id(w, OP_post_delete, user, second).error, KITH_ok);
    assert_int_equal(found(w, SEARCH_posts, "haus"), 0);
    assert_int_equal(found(w, SEARCH_posts, "häuser"), 2);
    assert_int_equal(say_id(w, OP_post_restore, user, second).error, KITH_ok);
    struct world *again = world_replay(&w->log, &opt);
    assert_int_equal(found(again, SEARCH_posts, "haus"), 1);
    assert_int_equal(language_at(again, second), LANGUAGE_german);
    world_free(again);
    world_free(w);
}

// An entry of before languages were known has the tag alone; none has a language that is not.
static void entries_of_before_are_english(void **state)
{
    (void)state;
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    uint64_t user = make_user(w, "writer");
    static const struct { uint8_t writes; unsigned error, is; } rows[] = {
        {LANGUAGE_german, KITH_ok, LANGUAGE_german},
        {LANGUAGES, KITH_invalid_field, LANGUAGE_german},
        {0, KITH_ok, LANGUAGE_english},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        fb_builder *b = world_body(w);
        kt_new_SettingsChange c = {0};
        kt_put_SettingsChange_language(&c, fb_cstring(b, "de"));
        if (rows[i].writes != 0) kt_put_SettingsChange_writes(&c, rows[i].writes);
        fb_ref body = kt_end_SettingsChange(b, &c);
        struct change change = {OP_settings_change, user, body, NULL};
        assert_int_equal(world_say(w, change).error, rows[i].error);
        assert_int_equal(language_at(w, say_post(w, user, "Häuser").id), rows[i].is);
    }
    world_free(w);
}

// "about me": words that say nothing in English alone.
static void a_bio_follows_its_owner(void **state)
{
    (void)state;
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    uint64_t user = make_user(w, "writer");
    static const char *const tags[] = {"en", "xx", "de", "en-GB", "xx", ""};
    for (unsigned i = 0; i < sizeof tags / sizeof *tags; i++) {
        writes(w, user, tags[i]);
        bool english = tags[i][0] == 0 || tags[i][0] == 'e';
        assert_int_equal(found(w, SEARCH_users, "about"), !english);
    }
    world_free(w);
}

// A head from disk with a language that nobody knows, or of what is no text, is refused.
static void heads_are_judged(void **state)
{
    (void)state;
    struct world_options opt = {.fanout_max = 5};
    struct world *w = world_new(&opt);
    uint64_t user = make_user(w, "writer");
    writes(w, user, "de");
    uint64_t post = say_post(w, user, "Häuser").id;
    uint64_t settings[256];
    assert_int_equal(docs_of(w, user, ENTITY_settings, settings), 1);
    const uint64_t ids[] = {user, post, settings[0]};
    for (unsigned i = 0; i < 3; i++) {
        const struct object *o = store_find(w->store, ids[i]);
        uint32_t n;
        const void *data = record_data(o, &n);
        struct record_head h = record_head(o);
        assert_int_equal(h.language, i < 2 ? LANGUAGE_german : 0);
        assert_true(record_sound(&h, data));
        h.language = i < 2 ? LANGUAGES : LANGUAGE_german;
        assert_false(record_sound(&h, data));
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_mean_languages),
        cmocka_unit_test(words_that_say_nothing_are_in_order),
        cmocka_unit_test(turkish_has_two_of_them),
        cmocka_unit_test(hunts_find_what_any_does),
        cmocka_unit_test(texts_keep_their_language),
        cmocka_unit_test(entries_of_before_are_english),
        cmocka_unit_test(a_bio_follows_its_owner),
        cmocka_unit_test(heads_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
