// Names as sets of trigrams, as pg_trgm has them: each word folded, with two spaces before it and
// one behind; similarity is the share of the trigrams that two names have in common.
#ifndef KITH_STORE_TRIGRAMS_H
#define KITH_STORE_TRIGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/terms.h"

enum { TRIGRAMS_MAX = 512 };

// Ascending, each once. A trigram is three code points of 21 bits.
struct trigrams { uint32_t n; uint64_t gram[TRIGRAMS_MAX]; };

// Which ends of the text end words: a prefix goes on behind, an infix at both sides.
enum trigram_ends { TRIGRAMS_WHOLE, TRIGRAMS_PREFIXES, TRIGRAMS_INFIX };
// Adds those of a text. PREFIXES: every word may go on. INFIX: the first may begin and the last may
// end elsewhere.
void trigrams_add(struct trigrams *t, struct language_text text, enum trigram_ends ends);
// What a username has besides, so that those that begin in some way are found among all who have
// such names: one for its first point, one for its first two. Of the folded beginning of one, the
// trigram that says most.
void trigrams_add_begin(struct trigrams *t, struct language_text username);
uint64_t trigram_of_begin(struct language_text folded);
static inline void trigrams_clear(struct trigrams *t) { t->n = 0; }
uint32_t trigrams_shared(const struct trigrams *a, const struct trigrams *b);
// As the key of a term.
static inline struct language_text trigram_key(const uint64_t *gram)
{
    return (struct language_text){(const char *)gram, sizeof *gram};
}

#endif
