// The entities, edges and sequences of graph.def as enums.
#ifndef KITH_CORE_GRAPH_H
#define KITH_CORE_GRAPH_H

enum entity {
    ENTITY_none = 0,
#define ENTITY(number, name) ENTITY_##name = (number),
#define EDGE(number, name, from, to, forward, reverse)
#define SEQ(number, name, owner, item)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
    ENTITY_COUNT,
};

enum edge_kind {
    EDGE_none = 0,
#define ENTITY(number, name)
#define EDGE(number, name, from, to, forward, reverse) EDGE_##name = (number),
#define SEQ(number, name, owner, item)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
    EDGE_COUNT,
};

// The lists that hang on an object: two of each edge (2k forward, 2k + 1 reverse), then sequences.
enum list_kind {
    LIST_none = 0,
#define ENTITY(number, name)
#define EDGE(number, name, from, to, forward, reverse)                                             \
    LIST_##forward = 2 * (number), LIST_##reverse = 2 * (number) + 1,
#define SEQ(number, name, owner, item) LIST_##name = 128 + (number),
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
};

#endif
