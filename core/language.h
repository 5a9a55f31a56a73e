// What is known of written words: which characters make them, how they are compared without regard
// to case, which say nothing, and what stem they have. Filled in by utf8proc and libstemmer
// (language.c); the same bytes give the same answer on every machine, so derived state may stand on
// it. Any thread.
#ifndef KITH_CORE_LANGUAGE_H
#define KITH_CORE_LANGUAGE_H

#include <stdbool.h>
#include <stdint.h>

struct language_text { const char *s; uint32_t n; };

enum language {
#define LANGUAGE(number, algorithm, tags) LANGUAGE_##algorithm = number,
#include "core/languages.def"
#undef LANGUAGE
    LANGUAGE_none = 1,         // words as they are
    LANGUAGES = 29,            // english, where nobody says which, is 0
};
// By a tag of BCP 47, in any case. english: the tag is empty.
enum language language_of(struct language_text tag);

enum letter {
    LETTER_none,               // between words
    LETTER_word,               // letters and digits
    LETTER_alone,              // of a script without spaces: a word by itself, with its marks
    LETTER_mark,               // continues either
};
// After UAX #29, but that apostrophes, full stops and '_' always part words: a host's name is found
// by its parts, "John's" by "John".
enum letter language_letter(uint32_t point);
static inline enum letter language_ascii(uint8_t c)
{
    bool word = (uint8_t)(c - '0') < 10 || (uint8_t)((c | 32) - 'a') < 26;
    return word ? LETTER_word : LETTER_none;
}

// The word without regard to case and to how its accents are coded: NFC of the full case folding.
// Bytes written; what does not fit the room is left out.
uint32_t language_fold(struct language_text word, char *out, uint32_t room);
// The same as the language has it: I and i are two letters in Turkish, and each has a capital.
uint32_t language_fold_in(enum language l, struct language_text word, char *out, uint32_t room);
// Whether a folded word is one of those that every text holds.
bool language_stop(enum language l, struct language_text folded);
// The stem of a folded word, never empty; at most as many bytes as the room has.
uint32_t language_stem(enum language l, struct language_text folded, char *out, uint32_t room);

#endif
