#include "bench/vocabulary.h"

#include <string.h>

#include "core/assert.h"
#include "core/hash.h"

static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aeiou", ends[] = "fklmnprt";
enum { SYLLABLES = 16 * 5 };

// Syllables as digits of the rank, without a zero, and an end.
size_t vocabulary_word(uint32_t rank, char out[VOCABULARY_WORD_MAX])
{
    size_t n = 0;
    uint64_t rest = (uint64_t)rank + 1;
    while (rest > 0 && n + 3 < VOCABULARY_WORD_MAX) {
        rest--;
        out[n++] = consonants[rest % SYLLABLES / 5];
        out[n++] = vowels[rest % 5];
        rest /= SYLLABLES;
    }
    ASSERT(rest == 0);
    out[n++] = ends[hash_u64(rank, 1) % (sizeof ends - 1)];
    out[n] = '\0';
    return n;
}

size_t vocabulary_text(const struct zipf *words, uint64_t random, char *out)
{
    enum { SPREAD = VOCABULARY_TEXT_MAX - VOCABULARY_TEXT_MIN + 1 };
    size_t n = 0;
    uint64_t count = VOCABULARY_TEXT_MIN + hash_u64(random, 1) % SPREAD;
    for (uint64_t i = 0; i < count; i++) {
        n += vocabulary_word(zipf_draw(words, hash_u64(random, 2 + i)), out + n);
        out[n++] = ' ';
    }
    out[n - 1] = '.';
    out[n] = '\0';
    return n;
}
