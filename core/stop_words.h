// Words that every text of a language holds, so that nothing is found by them.
#ifndef KITH_CORE_STOP_WORDS_H
#define KITH_CORE_STOP_WORDS_H

#include <stdint.h>

#include "core/language.h"

// Folded, in order of bytes, each once; n 0: nobody has made a list.
struct stop_words { const char *const *word; uint32_t n; };
extern const struct stop_words stop_words[LANGUAGES];

#endif
