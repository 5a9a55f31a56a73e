// Documents for tests of the state: requests by the rows of ops.def, whatever their shape.
#ifndef KITH_TESTS_STORE_SUPPORT_DOC_H
#define KITH_TESTS_STORE_SUPPORT_DOC_H

#include <stdint.h>

#include "store/doc.h"
#include "tests/store/support_state.h"

// What a request says; 0 and NULL = nothing. Every text is `text`, but the key and the type.
struct doc_words {
    uint64_t owner, id, post;
    const char *text, *key, *type;
    int flag;                      // of all yes-or-no fields: 1 = no, 2 = yes; of a status, which
    const struct entry_key *once;
};
struct outcome say_doc(struct world *w, enum op op, uint64_t actor, struct doc_words words);
// The ids of the owner's documents of a kind, newest first; returns how many.
uint32_t docs_of(const struct world *w, uint64_t owner, unsigned kind, uint64_t id[256]);

// A random change of documents by ids that may be gone, or somebody else's.
void chaos_doc(struct chaos *c);

#endif
