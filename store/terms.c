// From text to terms (terms.h).
#include "store/terms.h"

#include <string.h>

// ---- words -------------------------------------------------------------------------------------

static uint32_t point_at(struct language_text t, uint32_t at, uint32_t *bytes)
{
    const uint8_t *p = (const uint8_t *)t.s + at;
    uint32_t c = p[0], more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (at + more >= t.n) more = 0;
    *bytes = more + 1;
    if (more > 0) c &= 0x3fu >> more;
    for (uint32_t i = 1; i <= more; i++) c = c << 6 | (p[i] & 0x3f);
    return c;
}

// Most texts are ASCII, and most bytes of a text the middle of a word.
static uint32_t past_letters(struct language_text t, uint32_t at)
{
    while (at < t.n && language_ascii((uint8_t)t.s[at]) == LETTER_word) at++;
    return at;
}

static enum letter letter_at(struct language_text t, uint32_t at, uint32_t *bytes)
{
    uint8_t c = (uint8_t)t.s[at];
    *bytes = 1;
    return c < 0x80 ? language_ascii(c) : language_letter(point_at(t, at, bytes));
}

struct language_text terms_word(struct language_text t, uint32_t *at)
{
    uint32_t bytes, start = *at;
    enum letter first = LETTER_none;
    while (start < t.n) {
        first = letter_at(t, start, &bytes);
        if (first == LETTER_word || first == LETTER_alone) break;
        start += bytes;
    }
    if (start >= t.n) {
        *at = t.n;
        return (struct language_text){t.s + t.n, 0};
    }
    uint32_t end = start + bytes;
    for (;;) {
        if (first == LETTER_word) end = past_letters(t, end);
        if (end >= t.n) break;
        enum letter next = letter_at(t, end, &bytes);
        if (next != LETTER_mark && (next != LETTER_word || first == LETTER_alone)) break;
        end += bytes;
    }
    *at = end;
    return (struct language_text){t.s + start, end - start};
}

// ---- terms -------------------------------------------------------------------------------------

// The last term's text is complete.
static void take(struct terms *t, uint32_t n)
{
    t->term[t->n++] = (struct term){t->text + t->bytes, n, t->words};
    t->bytes += n;
}

static bool full(const struct terms *t)
{
    return t->n == TERMS_MAX || TERMS_BYTES - t->bytes < TERM_MAX;
}

void terms_add_word(struct terms *t, struct language_text word, enum language l)
{
    char folded[TERM_MAX];
    struct language_text f = {folded, language_fold_in(l, word, folded, TERM_MAX)};
    if (f.n > 0 && !language_stop(l, f))
        take(t, language_stem(l, f, t->text + t->bytes, TERM_MAX));
    t->words++;
}

void terms_add(struct terms *t, struct language_text text, enum language l)
{
    for (uint32_t at = 0;;) {
        struct language_text word = terms_word(text, &at);
        if (word.n == 0 || full(t)) break;
        terms_add_word(t, word, l);
    }
    t->words++; // no phrase goes from one text into the next
}

void terms_add_whole(struct terms *t, struct language_text text)
{
    if (full(t)) return;
    uint32_t n = language_fold(text, t->text + t->bytes, TERM_MAX);
    if (n > 0) take(t, n);
    t->words += 2;
}

// ---- order -------------------------------------------------------------------------------------

int term_compare(const struct term *a, const struct term *b)
{
    int c = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);
    return c != 0 ? c : a->n < b->n ? -1 : a->n > b->n;
}

static void sift(struct term *heap, uint32_t at, uint32_t n)
{
    struct term moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= n) break;
        if (child + 1 < n && term_compare(&heap[child], &heap[child + 1]) < 0) child++;
        if (term_compare(&moved, &heap[child]) >= 0) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

void terms_unique(struct terms *t)
{
    for (uint32_t i = t->n / 2; i > 0; i--) sift(t->term, i - 1, t->n);
    for (uint32_t n = t->n; n > 1; n--) {
        struct term last = t->term[n - 1];
        t->term[n - 1] = t->term[0];
        t->term[0] = last;
        sift(t->term, 0, n - 1);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (kept == 0 || term_compare(&t->term[kept - 1], &t->term[i]) != 0)
            t->term[kept++] = t->term[i];
    t->n = kept;
}

// ---- beginnings --------------------------------------------------------------------------------

static bool word_begins(struct language_text folded, struct language_text text)
{
    char other[TERM_MAX];
    for (uint32_t at = 0;;) {
        struct language_text word = terms_word(text, &at);
        if (word.n == 0) return false;
        uint32_t n = language_fold(word, other, TERM_MAX);
        if (n >= folded.n && memcmp(other, folded.s, folded.n) == 0) return true;
    }
}

bool words_begin(struct language_text query, struct language_text text)
{
    char folded[TERM_MAX];
    bool any = false;
    for (uint32_t at = 0;; any = true) {
        struct language_text word = terms_word(query, &at);
        if (word.n == 0) return any;
        struct language_text f = {folded, language_fold(word, folded, TERM_MAX)};
        if (!word_begins(f, text)) return false;
    }
}
