// The tables of graph.def.
#include "core/graph.h"

#include "core/errors.h"

static const struct edge_row edges[EDGE_COUNT] = {
#define ENTITY(...)
#define EDGE(number, name, a, b, forward, reverse, ...)                                            \
    [number] = {.from = ENTITY_##a, .to = ENTITY_##b, __VA_ARGS__},
#define SEQ(...)
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
};

enum { SEQS_MAX = 256 - LIST_SEQS };
static const struct seq_row seqs[SEQS_MAX] = {
#define ENTITY(...)
#define EDGE(...)
#define SEQ(number, name, o, i) [number] = {.owner = ENTITY_##o, .item = ENTITY_##i},
#include "core/graph.def"
#undef ENTITY
#undef EDGE
#undef SEQ
};

const struct edge_row *edge_row(unsigned kind)
{
    return kind < EDGE_COUNT && edges[kind].from != ENTITY_none ? &edges[kind] : NULL;
}

const struct seq_row *seq_row(unsigned list)
{
    if (list < LIST_SEQS || list - LIST_SEQS >= SEQS_MAX)
        return NULL;
    const struct seq_row *row = &seqs[list - LIST_SEQS];
    return row->owner != ENTITY_none ? row : NULL;
}

enum entity list_owner(unsigned list)
{
    const struct seq_row *seq = seq_row(list);
    if (seq != NULL)
        return (enum entity)seq->owner;
    enum edge_kind kind = list_edge(list);
    if (kind == EDGE_none)
        return ENTITY_none;
    return (enum entity)(list % 2 == 0 ? edges[kind].from : edges[kind].to);
}
