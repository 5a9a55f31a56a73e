// What index.c and index_build.c share: terms as the table has them, and what of a record they come
// from.
#ifndef KITH_STORE_INDEX_PARTS_H
#define KITH_STORE_INDEX_PARTS_H

#include <stdint.h>

#include "core/graph.h"
#include "store/index.h"

// A term is freed with its last posting.
struct index_term {
    struct postings postings;
    uint16_t key_n;
    char key[];                    // kind, term
};

// Found, or made without postings.
struct index_term *index_term(struct shard *s, struct index_place at);

// Which kinds of terms an entity has.
enum { INDEX_SOURCES = 6 };
struct index_source { enum entity of; enum index_kind kind; };
extern const struct index_source index_sources[INDEX_SOURCES];

// The texts of a record that are indexed as this kind; none where it is NULL or gone.
enum { INDEX_TEXTS_MAX = 64 };
struct index_texts { uint32_t n; struct language_text text[INDEX_TEXTS_MAX]; };
void index_texts(const struct object *o, enum index_kind kind, struct index_texts *out);
// Their terms, in no order, some more than once.
void index_terms(const struct index_texts *texts, enum index_kind kind, struct terms *to);

#endif
