// What index.c and index_build.c share: terms as the table has them, and what of a record they come
// from.
#ifndef KITH_STORE_INDEX_PARTS_H
#define KITH_STORE_INDEX_PARTS_H

#include <stdint.h>

#include "core/graph.h"
#include "core/id.h"
#include "store/index.h"

// A term is freed with its last posting.
struct index_term {
    struct postings postings;
    uint16_t key_n;
    char key[];                    // kind, term
};

// Found, or made without postings.
struct index_term *index_term(struct shard *s, struct index_place at);
// Its last posting is gone.
void index_term_drop(struct shard *s, struct index_term *t);

// Which kinds of terms an entity has.
enum { INDEX_SOURCES = 6 };
struct index_source { enum entity of; enum index_kind kind; };
extern const struct index_source index_sources[INDEX_SOURCES];

// The texts of a record that are indexed as this kind; none where it is NULL or gone.
enum { INDEX_TEXTS_MAX = 64 };
struct index_texts {
    uint32_t n;
    enum language language;
    struct language_text text[INDEX_TEXTS_MAX];
};
void index_texts(const struct object *o, enum index_kind kind, struct index_texts *out);
// Whether these terms are words of texts, which new records may bring later.
static inline bool index_words(enum index_kind kind)
{
    return kind == INDEX_post || kind == INDEX_comment || kind == INDEX_bio;
}
// Their terms, in no order, some more than once.
void index_terms(const struct index_texts *texts, enum index_kind kind, struct terms *to);

// Of index_later.c: a record's words are to be moved later, `was` is what the index has of them;
// whether they are; what was given, n 0 = nothing.
void later_add(struct shard *s, uint64_t id, struct index_place was);
bool later_has(const struct shard *s, uint64_t id);
const struct index_was *later_was(const struct shard *s, uint64_t id);
// Moves the words of these records, rising, from what later_was says to what they say now; some may
// be gone.
void index_build_words(struct shard *s, struct id_list records);

// A text of so many bytes has no more words than struct terms has room for.
enum { INDEX_SHORT = 4096 };

#endif
