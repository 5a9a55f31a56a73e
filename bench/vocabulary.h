// Made-up texts whose words are as often written as people's: by Zipf's law, a few words in every
// text and most of them in hardly any.
#ifndef KITH_BENCH_VOCABULARY_H
#define KITH_BENCH_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "bench/zipf.h"

enum {
    VOCABULARY_WORDS = 50000,
    VOCABULARY_WORD_MAX = 12,  // bytes, with the NUL
    VOCABULARY_TEXT_MIN = 5,   // words
    VOCABULARY_TEXT_MAX = 25,
};

// The word of this rank, another one for each: the more frequent, the shorter. Its bytes.
size_t vocabulary_word(uint32_t rank, char out[VOCABULARY_WORD_MAX]);
// A text of words drawn from `words`, into out[320]; its bytes.
size_t vocabulary_text(const struct zipf *words, uint64_t random, char *out);

#endif
