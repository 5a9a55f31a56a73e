// Lists and counters of objects (hang.h), from the rows of graph.def.
#include "store/hang.h"

#include <stddef.h>

#include "store/edges.h"
#include "store/seq.h"
#include "store/store.h"
#include "store/stream.h"

// The ends of edges by number: 2k and 2k + 1, as lists are numbered.
static bool end_at(enum entity kind, unsigned *n, struct hanging *out)
{
    for (unsigned list = 2; list < 2 * EDGE_COUNT; list++) {
        enum edge_kind edge = list_edge(list);
        if (edge == EDGE_none || list_owner(list) != kind || (*n)-- > 0) continue;
        *out = (struct hanging){(enum list_kind)list, edge, ENTITY_none, list % 2 == 0, false};
        return true;
    }
    return false;
}

static bool stream_at(enum entity kind, unsigned *n, struct hanging *out)
{
    for (unsigned list = LIST_STREAMS + 1; list < LIST_STREAMS + STREAM_KINDS; list++) {
        if (list_owner(list) != kind || (*n)-- > 0) continue;
        *out = (struct hanging){.list = (enum list_kind)list, .stream = true};
        return true;
    }
    return false;
}

bool hanging_at(enum entity kind, unsigned n, struct hanging *out)
{
    if (stream_at(kind, &n, out) || end_at(kind, &n, out)) return true;
    // The posts of a user have number 1, and go last: theirs is the longest work.
    for (unsigned list = UINT8_MAX; list > LIST_SEQS; list--) {
        const struct seq_row *row = seq_row(list);
        if (row == NULL || row->owner != kind || n-- > 0) continue;
        *out = (struct hanging){.list = (enum list_kind)list, .item = (enum entity)row->item};
        return true;
    }
    return false;
}

bool hanging_none(const struct part *p, const struct object *o)
{
    struct hanging h;
    for (unsigned n = 0; hanging_at((enum entity)o->kind, n, &h); n++) {
        struct edge_at at = {o->id, h.list};
        bool empty = h.stream              ? streams_find(p, at) == NULL
                     : h.edge != EDGE_none ? edges_count(p, at) == 0
                                           : seqs_find(p, at) == NULL;
        if (!empty) return false;
    }
    return true;
}

// ---- counters ----------------------------------------------------------------------------------

static const struct { uint8_t kind, list; uint16_t at; } counters[] = {
    {ENTITY_user, LIST_followers, offsetof(struct user, followers)},
    {ENTITY_user, LIST_following, offsetof(struct user, following)},
    {ENTITY_user, LIST_posts, offsetof(struct user, posts)},
    {ENTITY_user, LIST_blocking, offsetof(struct user, blocking)},
    {ENTITY_user, LIST_blockers, offsetof(struct user, blockers)},
    {ENTITY_post, LIST_likers, offsetof(struct post, likes)},
    {ENTITY_post, LIST_comments, offsetof(struct post, comments)},
    {ENTITY_comment, LIST_replies, offsetof(struct comment, replies)},
    {ENTITY_collection, LIST_collected, offsetof(struct doc, count)},
};
enum { COUNTERS = sizeof counters / sizeof counters[0] };

static _Atomic uint32_t *counter(struct object *o, unsigned row)
{
    return (_Atomic uint32_t *)(void *)((char *)o + counters[row].at);
}

bool hanging_counted(enum list_kind list)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        if (counters[i].list == list) return true;
    return false;
}

_Atomic uint32_t *hanging_counter(struct object *o, enum list_kind list)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        if (counters[i].list == list && counters[i].kind == o->kind) return counter(o, i);
    return NULL;
}

void hanging_carry(struct object *to, struct object *from)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        if (counters[i].kind != from->kind) continue;
        uint32_t n = atomic_load_explicit(counter(from, i), memory_order_relaxed);
        atomic_store_explicit(counter(to, i), n, memory_order_relaxed);
    }
}
