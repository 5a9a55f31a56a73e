// Trigrams of names (trigrams.h).
#include "store/trigrams.h"

#include <string.h>

enum { WORD_POINTS = 256 };

// The points of a folded word, with two spaces before and one behind.
static uint32_t points_of(struct language_text word, uint32_t *point)
{
    char folded[TERM_MAX];
    uint32_t n = language_fold(word, folded, TERM_MAX), to = 0;
    point[to++] = ' ';
    point[to++] = ' ';
    for (uint32_t at = 0; at < n && to < WORD_POINTS - 1;) {
        const uint8_t *p = (const uint8_t *)folded + at;
        uint32_t c = p[0], more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        if (at + more >= n) break;
        if (more > 0) c &= 0x3fu >> more;
        for (uint32_t i = 1; i <= more; i++) c = c << 6 | (p[i] & 0x3f);
        point[to++] = c;
        at += more + 1;
    }
    point[to++] = ' ';
    return to;
}

static void add(struct trigrams *t, uint64_t gram)
{
    uint32_t lo = 0, hi = t->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->gram[mid] < gram)
            lo = mid + 1;
        else
            hi = mid;
    }
    if ((lo < t->n && t->gram[lo] == gram) || t->n == TRIGRAMS_MAX) return;
    memmove(t->gram + lo + 1, t->gram + lo, (t->n - lo) * sizeof gram);
    t->gram[lo] = gram;
    t->n++;
}

// A whole word has the trigrams of all its places, one that is cut off fewer.
static void add_word(struct trigrams *t, struct language_text word, bool begins, bool ends)
{
    uint32_t point[WORD_POINTS];
    uint32_t n = points_of(word, point), from = begins ? 0 : 2, to = ends ? n : n - 1;
    for (uint32_t i = from; i + 2 < to; i++)
        add(t, (uint64_t)point[i] << 42 | (uint64_t)point[i + 1] << 21 | point[i + 2]);
}

// No word has this point.
enum { BEGIN = 1 };

static uint64_t begin(uint32_t first, uint32_t second)
{
    return (uint64_t)BEGIN << 42 | (uint64_t)first << 21 | second;
}

void trigrams_add_begin(struct trigrams *t, struct language_text username)
{
    uint32_t point[WORD_POINTS], n = points_of(username, point);
    if (n > 3) add(t, begin(BEGIN, point[2]));
    if (n > 4) add(t, begin(point[2], point[3]));
}

uint64_t trigram_of_begin(struct language_text folded)
{
    uint32_t point[WORD_POINTS], n = points_of(folded, point);
    return n > 4 ? begin(point[2], point[3]) : begin(BEGIN, point[2]);
}

void trigrams_add(struct trigrams *t, struct language_text text, enum trigram_ends ends)
{
    uint32_t at = 0;
    struct language_text word = terms_word(text, &at), next;
    for (bool first = true; word.n > 0; first = false, word = next) {
        next = terms_word(text, &at);
        bool begins = ends != TRIGRAMS_INFIX || !first || word.s != text.s;
        bool whole = ends == TRIGRAMS_WHOLE || (ends == TRIGRAMS_INFIX && next.n > 0);
        if (ends == TRIGRAMS_INFIX && word.s + word.n != text.s + text.n) whole = true;
        add_word(t, word, begins, whole);
    }
}

uint32_t trigrams_shared(const struct trigrams *a, const struct trigrams *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0, k = 0; i < a->n && k < b->n;) {
        n += a->gram[i] == b->gram[k];
        bool step = a->gram[i] <= b->gram[k];
        k += b->gram[k] <= a->gram[i];
        i += step;
    }
    return n;
}
