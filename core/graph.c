// The tables of graph.def.
#include "core/graph.h"

#include "core/errors.h"
#include "core/limits.h"
#include "kith_fb.h"

static const struct edge_row edges[EDGE_COUNT] = {
#define EDGE(number, name, a, b, forward, reverse, ...)                                            \
    [number] = {.from = ENTITY_##a, .to = ENTITY_##b, __VA_ARGS__},
#include "core/graph.def"
};

enum { SEQS_MAX = LIST_STREAMS - LIST_SEQS };
static const struct seq_row seqs[SEQS_MAX] = {
#define SEQ(number, name, o, i) [number] = {.owner = ENTITY_##o, .item = ENTITY_##i},
#define DOC(number, ...) [number] = {.owner = ENTITY_user, .item = (number)},
#include "core/graph.def"
};

static const struct doc_row docs[ENTITY_COUNT] = {
#define DOC(number, name, list, table, ...)                                                        \
    [number] = {.kind = (number),                                                                  \
                .content = &kt_desc_##table,                                                       \
                .id_name = #name "_id",                                                            \
                __VA_ARGS__},
#include "core/graph.def"
};

static const uint8_t streams[STREAM_KINDS] = {  // owners
#define STREAM(number, name, owner) [number] = ENTITY_##owner,
#include "core/graph.def"
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

const struct doc_row *doc_row(unsigned kind)
{
    return kind < ENTITY_COUNT && docs[kind].kind != DOC_none ? &docs[kind] : NULL;
}

enum entity list_owner(unsigned list)
{
    const struct seq_row *seq = seq_row(list);
    if (seq != NULL)
        return (enum entity)seq->owner;
    if (list > LIST_STREAMS && list < LIST_STREAMS + STREAM_KINDS)
        return (enum entity)streams[list - LIST_STREAMS];
    enum edge_kind kind = list_edge(list);
    if (kind == EDGE_none)
        return ENTITY_none;
    return (enum entity)(list % 2 == 0 ? edges[kind].from : edges[kind].to);
}
