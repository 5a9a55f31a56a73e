// What hangs on an object: the lists that graph.def gives its kind, and the counters that show how
// long they are.
#ifndef KITH_STORE_HANG_H
#define KITH_STORE_HANG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/graph.h"
#include "store/objects.h"

struct list_head;
struct part;

struct hanging {
    enum list_kind list;
    enum edge_kind edge;       // EDGE_none: a sequence or a stream
    enum entity item;          // of a sequence
    bool forward;              // the object is the edge's `from`
    bool stream;
};
// The list number n of a kind: streams, edges, sequences, which is the order in which a cascade
// empties them; false: there are no more.
bool hanging_at(enum entity kind, unsigned n, struct hanging *out);
// Whether all its lists are empty. On the owner's core.
bool hanging_none(const struct part *p, const struct object *o);

// Whether any record counts such a list.
bool hanging_counted(enum list_kind list);
// The counter of the record that shows the length of its list, NULL = none does. (Of comments and
// replies it counts the living ones.) Of a list of typed edges: how many are of the stamp's type.
const _Atomic uint32_t *hanging_counter(const struct object *o, enum list_kind list,
                                        uint64_t stamp);
// The same to be moved, made if the record had none of that kind. Owner.
_Atomic uint32_t *hanging_counter_own(struct part *p, struct object *o, enum list_kind list,
                                      uint64_t stamp);
// Sets what counts this edge set of the object, 0 so far, to what is in it. On the owner's core.
void hanging_count(struct part *p, struct object *o, const struct list_head *set);
// Takes over all counters of another record of the same kind.
void hanging_carry(struct object *to, const struct object *from);
// Gives back what only the counters of a record take that goes. Owner.
void hanging_forget(struct part *p, struct object *o);

#endif
