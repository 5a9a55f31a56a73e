// Lists and counters of objects (hang.h), from the rows of graph.def.
#include "store/hang.h"

#include <stddef.h>

#include "store/edges.h"
#include "store/lists.h"
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

// type: of a list of typed edges, those of this type alone. rare: it lies in struct post_rare.
static const struct counter_row {
    uint8_t kind, list;
    uint16_t at;
    uint8_t type;
    bool rare;
} counters[] = {
    {ENTITY_user, LIST_followers, offsetof(struct user, followers), 0, false},
    {ENTITY_user, LIST_following, offsetof(struct user, following), 0, false},
    {ENTITY_user, LIST_posts, offsetof(struct user, posts), 0, false},
    {ENTITY_user, LIST_blocking, offsetof(struct user, blocking), 0, false},
    {ENTITY_user, LIST_blockers, offsetof(struct user, blockers), 0, false},
    {ENTITY_post, LIST_likers, offsetof(struct post, likes), 0, false},
    {ENTITY_post, LIST_comments, offsetof(struct post, comments), 0, false},
    {ENTITY_post, LIST_bookmarkers, offsetof(struct post_rare, saves), 0, true},
    {ENTITY_post, LIST_sharers, offsetof(struct post_rare, shares), 0, true},
    {ENTITY_post, LIST_post_replies, offsetof(struct post_rare, replies), 0, true},
    {ENTITY_post, LIST_reactors, offsetof(struct post_rare, reacted[0]), 1, true},
    {ENTITY_post, LIST_reactors, offsetof(struct post_rare, reacted[1]), 2, true},
    {ENTITY_post, LIST_reactors, offsetof(struct post_rare, reacted[2]), 3, true},
    {ENTITY_post, LIST_reactors, offsetof(struct post_rare, reacted[3]), 4, true},
    {ENTITY_post, LIST_reactors, offsetof(struct post_rare, reacted[4]), 5, true},
    {ENTITY_comment, LIST_replies, offsetof(struct comment, replies), 0, false},
    {ENTITY_comment, LIST_comment_likers, offsetof(struct comment, likes), 0, false},
    {ENTITY_collection, LIST_collected, offsetof(struct doc, count), 0, false},
};
enum { COUNTERS = sizeof counters / sizeof counters[0], RELAXED = memory_order_relaxed };

const struct post_rare post_rare_none;

bool hanging_counted(enum list_kind list)
{
    for (unsigned i = 0; i < COUNTERS; i++)
        if (counters[i].list == list) return true;
    return false;
}

static const struct counter_row *row_of(const struct object *o, enum list_kind list, uint64_t stamp)
{
    enum edge_kind edge = list_edge(list);
    bool typed = edge != EDGE_none && edge_row(edge)->typed;
    unsigned type = typed ? (unsigned)stamp & TYPE_MASK : 0;
    for (unsigned i = 0; i < COUNTERS; i++)
        if (counters[i].list == list && counters[i].kind == o->kind && counters[i].type == type)
            return &counters[i];
    return NULL;
}

const _Atomic uint32_t *hanging_counter(const struct object *o, enum list_kind list, uint64_t stamp)
{
    const struct counter_row *row = row_of(o, list, stamp);
    if (row == NULL) return NULL;
    const void *in = row->rare ? (const void *)post_rare((const struct post *)o) : o;
    return (const _Atomic uint32_t *)(const void *)((const char *)in + row->at);
}

_Atomic uint32_t *hanging_counter_own(struct part *p, struct object *o, enum list_kind list,
                                      uint64_t stamp)
{
    const struct counter_row *row = row_of(o, list, stamp);
    if (row == NULL) return NULL;
    void *in = o;
    if (row->rare) {
        struct post *post = (struct post *)o;
        in = atomic_load_explicit(&post->rare, RELAXED);
        if (in == NULL) {
            in = pool_alloc_zero(&p->shard->pool, sizeof(struct post_rare), MEM_post);
            atomic_store_explicit(&post->rare, in, memory_order_release);
        }
    }
    return (_Atomic uint32_t *)(void *)((char *)in + row->at);
}

static void count_all(struct part *p, struct object *o, struct edge_at at)
{
    struct edge_list all = edges_all(p, at);
    for (uint32_t i = 0; i < all.n; i++) {
        if (all.other[i] == 0) continue;
        _Atomic uint32_t *one = hanging_counter_own(p, o, at.list, edge_stamp(&all, i));
        if (one != NULL) atomic_fetch_add_explicit(one, 1, RELAXED);
    }
}

void hanging_count(struct part *p, struct object *o, const struct list_head *set)
{
    struct edge_at at = {o->id, (enum list_kind)set->list};
    if (!hanging_counted(at.list)) return;
    if (edge_row(list_edge(at.list))->typed) {
        count_all(p, o, at);
        return;
    }
    _Atomic uint32_t *all = hanging_counter_own(p, o, at.list, 0);
    if (all != NULL) atomic_store_explicit(all, set->count, RELAXED);
}

void hanging_carry(struct object *to, const struct object *from)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        const struct counter_row *row = &counters[i];
        if (row->kind != from->kind || row->rare) continue;
        const char *was = (const char *)from + row->at;
        char *is = (char *)to + row->at;
        uint32_t n = atomic_load_explicit((const _Atomic uint32_t *)(const void *)was, RELAXED);
        atomic_store_explicit((_Atomic uint32_t *)(void *)is, n, RELAXED);
    }
    if (from->kind != ENTITY_post) return;
    struct post_rare *rare = atomic_load_explicit(&((const struct post *)from)->rare, RELAXED);
    atomic_store_explicit(&((struct post *)to)->rare, rare, RELAXED);
}

void hanging_forget(struct part *p, struct object *o)
{
    if (o->kind != ENTITY_post) return;
    struct post_rare *rare = atomic_load_explicit(&((struct post *)o)->rare, RELAXED);
    if (rare == NULL) return;
    struct shard *s = p->shard;
    struct quiet_block block = {rare, sizeof *rare, MEM_post};
    quiet_retire(&s->store->quiet, &s->limbo, &s->pool, block);
}
