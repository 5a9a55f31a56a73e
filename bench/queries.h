// What is searched for: words of the texts and beginnings of the user names that are in the server,
// so that an answer to each is known to be there. The same texts and the same random number give
// the same query.
#ifndef KITH_BENCH_QUERIES_H
#define KITH_BENCH_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/language.h"

enum {
    QUERY_MAX = 160,           // bytes, with the NUL
    QUERY_WORD_MIN = 3,        // bytes of a word of a post that is searched for, and
    QUERY_WORD_MAX = 48,
    QUERY_PREFIX_MIN = 2,      // letters of a user name
    QUERY_PREFIX_MAX = 5,
};

struct query_place { uint64_t at; uint32_t n; };
struct query_places { struct query_place *place; uint32_t n, cap; };

struct queries {
    char *bytes;               // of all texts and names
    size_t n, cap;
    struct query_places text, name;
    struct query_places word;  // of the texts, each once
    uint32_t *known;           // places of words by their hash, + 1; 0 = free
    uint32_t known_cap;        // a power of two
    uint64_t text_bytes;
};

// What is no UTF-8 is left out.
void queries_add_text(struct queries *q, const char *s, size_t n);
void queries_add_name(struct queries *q, const char *s, size_t n);
void queries_free(struct queries *q);

struct query { char s[QUERY_MAX]; uint32_t n; };
// One word or two of a text. A quarter are a word drawn from all that there are, a rare one for the
// most part; the words of the others are as frequent as people write them.
void queries_draw_post(const struct queries *q, uint64_t random, struct query *out);
// The first letters of a user name.
void queries_draw_user(const struct queries *q, uint64_t random, struct query *out);

// Reads on from *at: the next word of the text, empty at the end. Not folded.
struct language_text queries_word(struct language_text text, uint32_t *at);
// Whether every word of the query stands in the text, by its stem in English.
bool queries_match(const struct query *query, struct language_text text);

#endif
