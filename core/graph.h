// The entities, edges and sequences of graph.def as enums and tables.
#ifndef KITH_CORE_GRAPH_H
#define KITH_CORE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entity {
    ENTITY_none = 0,
#define ENTITY(number, name) ENTITY_##name = (number),
#define EDGE(...)
#define SEQ(...)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
    ENTITY_COUNT,
};

enum edge_kind {
    EDGE_none = 0,
#define ENTITY(...)
#define EDGE(number, name, from, to, forward, reverse, ...) EDGE_##name = (number),
#define SEQ(...)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
    EDGE_COUNT,
};

// The lists that hang on an object: two of each edge (2k forward, 2k + 1 reverse), then sequences.
enum { LIST_SEQS = 128 };
enum list_kind {
    LIST_none = 0,
#define ENTITY(...)
#define EDGE(number, name, from, to, forward, reverse, ...)                                        \
    LIST_##forward = 2 * (number), LIST_##reverse = 2 * (number) + 1,
#define SEQ(number, name, owner, item) LIST_##name = LIST_SEQS + (number),
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
};

// A kind of edge: between what, and what graph.def says of it.
struct edge_row {
    uint8_t from, to;          // enum entity, never 0
    bool itself, seen, typed;
    uint16_t self;             // enum kith_error, 0 = such an edge may be
};
// The stamps of typed edges are those of their entries with the type in the low bits.
enum { TYPE_BITS = 3, TYPE_MASK = (1 << TYPE_BITS) - 1 };
// NULL: there is no such kind. Static memory.
const struct edge_row *edge_row(unsigned kind);

struct seq_row { uint8_t owner, item; }; // enum entity, never 0
// NULL: the list is no sequence.
const struct seq_row *seq_row(unsigned list);

// The kind of edge that the list keeps one end of; EDGE_none: it keeps none.
static inline enum edge_kind list_edge(unsigned list)
{
    const struct edge_row *row = edge_row(list / 2);
    return row != NULL && !(row->itself && list % 2 == 1) ? (enum edge_kind)(list / 2) : EDGE_none;
}
// What the list hangs on; ENTITY_none: there is no such list.
enum entity list_owner(unsigned list);

#endif
