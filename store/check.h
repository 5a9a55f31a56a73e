// What the decider of an entry judges before it changes anything: existence, permission,
// uniqueness. By records of the decider's own slots alone, so that ingest (any core) and apply ask
// the same functions.
#ifndef KITH_STORE_CHECK_H
#define KITH_STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/fb.h"
#include "core/graph.h"
#include "store/names.h"

struct store;

enum { CHECK_NAME_MAX = 320 }; // bytes of a username, e-mail address or phone number

// KITH_ok or the error.
unsigned check_decider(const struct store *s, const struct entry *e);
// Of a new post: what its own fields show. body is a PostCreate.
unsigned check_new_post(const struct entry *e, const void *body);
// Whether the user is there and not gone.
bool check_alive(const struct store *s, uint64_t user);

struct graph_edge { enum edge_kind kind; uint64_t from, to; };
// The edge of an operation that links or unlinks (ops.def). Of e only the head is read.
struct graph_edge check_edge_of(const struct entry *e, const void *body);
// Whether its `from` is there and the acting user's: the user, or a document of the user.
bool check_edge_from(const struct store *s, const struct entry *e, struct graph_edge x);
// Who makes the edge.
uint64_t check_edge_actor(const struct entry *e, struct graph_edge x);
// Whether such an edge can be, as far as its `to` knows.
unsigned check_edge(const struct store *s, struct graph_edge x);
// The same by what never changes: a half that sees this does nothing, and neither does the other.
static inline bool check_edge_void(struct graph_edge x)
{
    const struct edge_row *row = edge_row(x.kind);
    if (row == NULL || row->itself || x.from == 0 || x.to == 0) return true;
    return row->self != 0 && x.from == x.to;
}

// Names that a user wants, e-mail and phone where they are given. The texts stay the caller's.
struct names_wanted { struct name name[NAMES_MAX]; unsigned n; };
void check_want(struct names_wanted *w, enum name_kind kind, fb_str text);
// KITH_ok, or the first that is too long or somebody else's.
unsigned check_names(const struct store *s, const struct names_wanted *w, uint64_t id);

#endif
