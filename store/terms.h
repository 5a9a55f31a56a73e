// Texts as the index knows them: words in order, folded, stemmed, without those that say nothing.
#ifndef KITH_STORE_TERMS_H
#define KITH_STORE_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/language.h"

enum {
    TERMS_MAX = 6144,          // of one text: more than 5,000 characters can be
    TERMS_BYTES = 64 << 10,    // of their text, with what folding may add
    TERM_MAX = 400,            // bytes of one; longer ones are known by their beginning
};

struct term { const char *s; uint32_t n; uint32_t at; };  // at: number of the word in its text

struct terms {
    uint32_t n, bytes;
    uint32_t words;            // read so far, with those that say nothing
    struct term term[TERMS_MAX];
    char text[TERMS_BYTES];
};

static inline void terms_clear(struct terms *t) { t->n = t->bytes = t->words = 0; }
// Adds the words of a text; what is beyond the bounds is left out. The text is UTF-8.
void terms_add(struct terms *t, struct language_text text, enum language l);
// Adds one word; the caller knows that there is room.
void terms_add_word(struct terms *t, struct language_text word, enum language l);
// Adds one term that is ready, and what is folded but neither stemmed nor parted.
void terms_add_whole(struct terms *t, struct language_text text);
// In order of bytes, each once; `at` says nothing any more.
void terms_unique(struct terms *t);
// <0, 0, >0 as memcmp, a beginning before what it begins.
int term_compare(const struct term *a, const struct term *b);
// Reads on from *at: the next word of the text, empty at the end. Words are not folded.
struct language_text terms_word(struct language_text text, uint32_t *at);
// Whether every word of the query begins a word of the text, without regard to case; false where
// the query has none.
bool words_begin(struct language_text query, struct language_text text);

#endif
