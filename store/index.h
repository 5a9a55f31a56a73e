// The index: term → postings, of the objects of one core's partitions. Derived state: never logged,
// made anew from the records at load, moved in the same apply in which a record is published,
// replaced or removed. The words of new records come later, some hundred at once: before the next
// search, so that it sees the present. Private to its core.
//
//   table:  | kind 3 bits, language 5 | term … | → index_term: | postings 16 | key bytes 2 | key |
//
//   Words are stemmed as the language of their text has it, so the same letters in two languages
//   are two terms; what is no word has none (0).
//
//   kind     of what          terms
//   post     posts            stems of the caption
//   tag      posts            the tags, folded
//   place    posts            the location's name, folded
//   comment  comments         stems of the content
//   bio      users            stems of the bio
//   name     users            trigrams of username and full name (store/trigrams.h)
//   known    tags, places     trigrams of their names (store/listed.h)
#ifndef KITH_STORE_INDEX_H
#define KITH_STORE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "store/objects.h"
#include "store/postings.h"
#include "store/terms.h"

struct part;
struct shard;

enum index_kind {
    INDEX_post = 1, INDEX_tag, INDEX_place, INDEX_comment, INDEX_bio, INDEX_name, INDEX_known,
    INDEX_KINDS,
};
enum { INDEX_KIND_BITS = 3, INDEX_KIND_MASK = (1 << INDEX_KIND_BITS) - 1, INDEX_GROUPS = 256 };
_Static_assert(INDEX_KINDS <= 1 << INDEX_KIND_BITS, "kind and language are one byte of the key");
_Static_assert(LANGUAGES << INDEX_KIND_BITS <= INDEX_GROUPS, "the same");

// A term; the language is that of the text it is a word of.
struct index_place { enum index_kind kind; struct language_text term; enum language language; };
// Of what kind and language: the first byte of its key.
static inline uint8_t index_group(struct index_place at)
{
    return (uint8_t)(at.kind | (unsigned)at.language << INDEX_KIND_BITS);
}

enum { LATER_MAX = 512 };          // records that a search finds at most to be indexed first

// What of a record the index has, though it says something else by now.
struct index_was { char *s; uint32_t n; uint8_t kind, language; };
// Records whose words are to be moved in the index: what they say is read then.
struct index_later {
    uint32_t n;
    uint64_t id[LATER_MAX];
    uint64_t slot[2 * LATER_MAX];  // the same by hash, 0 = free
    struct index_was was[2 * LATER_MAX]; // beside the slot; n 0: nothing
};

struct index {
    struct ptable terms;
    uint64_t postings;             // in all terms
    uint32_t group[INDEX_GROUPS];  // terms of each kind and language
    bool waiting;                  // the state is being read: index_begin comes at the end
    bool freed;                    // a term was, since index_build.c last looked
    struct index_making *making;   // records read from disk that are not in it yet, NULL = none
    struct index_later later;
    void *room;                    // that index_build_words works in, kept
    struct terms old, fresh, other; // room for one text each
    struct posting_walk walk;
};

// The record `old` (NULL: there was none) has become `fresh` (NULL: none). Owner.
void index_moved(struct part *p, const struct object *old, const struct object *fresh);
// While the state is read from disk nothing is indexed. Then it is known what there is to be
// indexed, and changes go on while that is done (index_build.c), some records at a time; many at
// once take a tenth of the time of one by one. Until then nobody may search: store->unindexed.
void index_wait(struct shard *s);
void index_begin(struct shard *s);
bool index_some(struct shard *s, uint64_t records); // false: that was all
void index_build(struct shard *s);                  // begins and ends
// Whether the record is one of those that are to be indexed yet; and how many are.
bool index_owes(const struct shard *s, uint64_t id);
uint64_t index_left(const struct shard *s);
// Everything that is published is in the index: to be called before it is looked at. Owner.
void index_settle(struct shard *s);
// NULL = nowhere.
const struct postings *index_find(const struct shard *s, struct index_place at);
// Whether any term is of the kind and language.
bool index_speaks(const struct shard *s, enum index_kind kind, enum language l);
// Adds or removes one posting.
void index_put(struct shard *s, struct index_place at, uint64_t id);
void index_take(struct shard *s, struct index_place at, uint64_t id);

#endif
