// Any bytes as a text and as a query: what is UTF-8 becomes terms within their bounds, in any
// language, folding and stemming come to the same twice, and a text's own words find it.
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/fb_verify.h"
#include "store/terms.h"
#include "store/trigrams.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_fold(struct language_text word, enum language l)
{
    char once[TERM_MAX], twice[TERM_MAX];
    uint32_t points, a = language_fold_in(l, word, once, TERM_MAX);
    ASSERT(a <= TERM_MAX);
    ASSERT(fb_utf8(once, a, &points));
    if (a > TERM_MAX / 4) return; // may have been cut
    uint32_t b = language_fold_in(l, (struct language_text){once, a}, twice, TERM_MAX);
    ASSERT(a == b && memcmp(once, twice, a) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct terms one, two;
    uint32_t points, at = 0;
    if (n < 1 || n > 30000 || !fb_utf8((const char *)bytes + 1, n - 1, &points)) return 0;
    enum language l = (enum language)(bytes[0] % LANGUAGES);
    struct language_text text = {(const char *)bytes + 1, (uint32_t)n - 1};
    terms_clear(&one);
    terms_add(&one, text, l);
    terms_clear(&two);
    terms_add(&two, text, l);
    ASSERT(one.n == two.n && one.bytes == two.bytes && one.bytes <= TERMS_BYTES);
    ASSERT(memcmp(one.text, two.text, one.bytes) == 0);
    terms_unique(&two);
    for (uint32_t i = 1; i < two.n; i++) ASSERT(term_compare(&two.term[i - 1], &two.term[i]) < 0);
    for (;;) {
        struct language_text word = terms_word(text, &at);
        if (word.n == 0) break;
        ASSERT(word.s >= text.s && word.s + word.n <= text.s + text.n);
        check_fold(word, l);
    }
    if (n < 1000 && one.words > 1) ASSERT(words_begin(text, text));
    struct trigrams grams = {0};
    trigrams_add(&grams, text, TRIGRAMS_INFIX);
    trigrams_add(&grams, text, TRIGRAMS_WHOLE);
    ASSERT(trigrams_shared(&grams, &grams) == grams.n);
    return 0;
}
