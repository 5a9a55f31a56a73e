// The entities, edges, sequences and streams of graph.def as enums.
#ifndef KITH_CORE_GRAPH_H
#define KITH_CORE_GRAPH_H

enum entity {
    ENTITY_none = 0,
#define ENTITY(number, name) ENTITY_##name = (number),
#define EDGE(number, name, from, to, forward, reverse)
#define SEQ(number, name, owner, item)
#define STREAM(number, name, owner)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
#undef STREAM
    ENTITY_COUNT,
};

enum edge_kind {
    EDGE_none = 0,
#define ENTITY(number, name)
#define EDGE(number, name, from, to, forward, reverse) EDGE_##name = (number),
#define SEQ(number, name, owner, item)
#define STREAM(number, name, owner)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
#undef STREAM
    EDGE_COUNT,
};

// The lists that hang on an object: two of each edge (2k forward, 2k + 1 reverse), then sequences,
// then streams.
enum list_kind {
    LIST_none = 0,
    LIST_STREAMS = 192,        // the first that could be a stream
#define ENTITY(number, name)
#define EDGE(number, name, from, to, forward, reverse)                                             \
    LIST_##forward = 2 * (number), LIST_##reverse = 2 * (number) + 1,
#define SEQ(number, name, owner, item) LIST_##name = 128 + (number),
#define STREAM(number, name, owner) LIST_##name = 192 + (number),
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
#undef STREAM
};

#endif
