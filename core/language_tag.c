// Which language a tag means (language.h).
#include <string.h>

#include "core/language.h"

// Between two spaces each.
static const char *const tags_of[LANGUAGES] = {
#define LANGUAGE(number, algorithm, tags) [number] = " " tags " ",
#include "core/languages.def"
#undef LANGUAGE
};

enum { SUBTAG_MAX = 8 };

enum language language_of(struct language_text tag)
{
    char subtag[SUBTAG_MAX + 3] = " ";
    uint32_t n = 0;
    if (tag.n == 0) return LANGUAGE_english;
    while (n < tag.n && language_ascii((uint8_t)tag.s[n]) == LETTER_word) n++;
    if (n == 0 || n > SUBTAG_MAX) return LANGUAGE_none;
    for (uint32_t i = 0; i < n; i++) {
        char c = tag.s[i];
        subtag[1 + i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    subtag[1 + n] = ' ';
    for (unsigned l = 0; l < LANGUAGES; l++)
        if (tags_of[l] != NULL && strstr(tags_of[l], subtag) != NULL) return (enum language)l;
    return LANGUAGE_none;
}
