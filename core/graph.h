// The entities, edges, sequences, documents and streams of graph.def as enums and tables.
#ifndef KITH_CORE_GRAPH_H
#define KITH_CORE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entity {
    ENTITY_none = 0,
#define ENTITY(number, name) ENTITY_##name = (number),
#include "core/graph.def"
    ENTITY_COUNT = 64, // above all numbers, those of documents too
};

// Documents are entities as well, all of one shape: apart from the enum above, so that a switch
// over shapes knows them by doc_row alone.
enum doc_kind {
    DOC_none = 0,
#define DOC(number, name, ...) ENTITY_##name = (number),
#include "core/graph.def"
};

enum edge_kind {
    EDGE_none = 0,
#define EDGE(number, name, from, to, forward, reverse, ...) EDGE_##name = (number),
#include "core/graph.def"
    EDGE_COUNT,
};

// The lists that hang on an object: two of each edge (2k forward, 2k + 1 reverse), then sequences,
// then streams.
enum { LIST_SEQS = 128, LIST_STREAMS = 192, STREAM_KINDS = 16 };
enum list_kind {
    LIST_none = 0,
#define EDGE(number, name, from, to, forward, reverse, ...)                                        \
    LIST_##forward = 2 * (number), LIST_##reverse = 2 * (number) + 1,
#define SEQ(number, name, owner, item) LIST_##name = LIST_SEQS + (number),
#define DOC(number, name, list, ...) LIST_##list = LIST_SEQS + (number),
#define STREAM(number, name, owner) LIST_##name = LIST_STREAMS + (number),
#include "core/graph.def"
};

// A kind of edge: between what, and what graph.def says of it.
struct edge_row {
    uint8_t from, to;          // enum entity, never 0
    bool itself, seen, severs, typed;
    uint8_t clears, along, ends; // enum edge_kind
    uint16_t self;             // enum kith_error, 0 = such an edge may be
};
// The stamps of typed edges are those of their entries with the type in the low bits.
enum { TYPE_BITS = 3, TYPE_MASK = (1 << TYPE_BITS) - 1 };
// NULL: there is no such kind. Static memory.
const struct edge_row *edge_row(unsigned kind);

struct seq_row { uint8_t owner, item; }; // enum entity, never 0
// NULL: the list is no sequence.
const struct seq_row *seq_row(unsigned list);

enum { DOC_QUEUES = 4 };       // values of the field that says in which queue one stands
// A kind of document, as graph.def says. Fields are named; NULL = none.
struct fb_type;
struct doc_row {
    uint8_t kind;              // enum doc_kind
    bool rolls, single;
    uint16_t most;
    const struct fb_type *content;
    const char *id_name, *key, *completes, *counts, *open, *sole, *among, *privacy, *queue;
    const char *language, *writes;
    struct { const char *field, *text; } usual[2];
};
// NULL: such entities are no documents. Static memory.
const struct doc_row *doc_row(unsigned kind);
// The owner's list of documents of the kind.
static inline enum list_kind doc_list(unsigned kind) { return (enum list_kind)(LIST_SEQS + kind); }

// The kind of edge that the list keeps one end of; EDGE_none: it keeps none.
static inline enum edge_kind list_edge(unsigned list)
{
    const struct edge_row *row = edge_row(list / 2);
    return row != NULL && !(row->itself && list % 2 == 1) ? (enum edge_kind)(list / 2) : EDGE_none;
}
// What the list hangs on; ENTITY_none: there is no such list.
enum entity list_owner(unsigned list);

#endif
