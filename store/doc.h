// Documents: objects whose whole content is one table that a row of graph.def names (DOC). They are
// their owner's, lie in the owner's slot, and are listed at the owner.
#ifndef KITH_STORE_DOC_H
#define KITH_STORE_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/fb_build.h"
#include "core/graph.h"
#include "core/ops.h"
#include "store/objects.h"

struct eye;
struct page;
struct part;
struct shown;
struct store;

// The content as a table of the row's type.
static inline const void *doc_content(const struct doc *d) { return fb_root(d->data); }
// o as a document, NULL if it is NULL, gone, or something else.
const struct doc *object_doc(const struct object *o);
// Any core: the document, NULL if it is gone, or its owner, or of another kind.
const struct doc *store_doc(const struct store *s, uint64_t id, unsigned kind);
// On the owner's core: the one that a user has of a single kind; NULL: as the defaults say.
const struct doc *doc_single(const struct part *p, uint64_t owner, unsigned kind);
// Whether the kind's content has such a field: what is filled in when it is shown is none.
bool doc_has_content(const struct doc_row *row, const char *field);
// A text of the content, or what stands for it where it is absent.
fb_str doc_text(const struct doc_row *row, const void *content, const char *field);
// Whether others than the owner may see it, as far as it says itself.
bool doc_open(const struct doc *d);

// ---- operations (ops.def: .doc, .act) ----------------------------------------------------------

// What an entry or request of such an operation means.
struct doc_call {
    const struct doc_row *row;
    enum doc_act act;
    const fb_type *type;         // of body
    const void *body;
    uint64_t id;                 // 0 = the request names none
    uint64_t owner;              // 0 = whose the document is
};
struct doc_call doc_call_of(const struct op_row *op, uint64_t actor, const void *body);
// Whether the document says what the request says, in every field of the content that is sent.
bool doc_agrees(const struct doc_call *c, const struct doc *d);
// KITH_ok or the error, by published records of the slot alone.
unsigned check_doc(const struct store *s, const struct entry *e, const void *body);
// Whether the actor may act on the document, found by id: KITH_ok, forbidden, or not_found where
// the actor may not know of it.
unsigned check_doc_owner(const struct store *s, uint64_t actor, uint64_t id, unsigned kind);
// The document is gone: out of its owner's list, and erased when nothing hangs on it any more.
void doc_take_down(struct part *p, struct doc *d);

// ---- answers -----------------------------------------------------------------------------------

// The table of the row's type; d NULL: the one that the owner has without having changed it, or
// what is left to say of one that is gone, its id.
struct doc_shown { const struct doc_row *row; const struct doc *d; uint64_t owner, id; };
fb_ref build_doc(fb_builder *b, const struct store *s, struct doc_shown what);
// A page of them, in a table whose first field is the list.
fb_ref build_docs(fb_builder *b, const struct store *s, const fb_type *type,
                  const struct shown *what);

#endif
