// The walk goes on where it ended, partition by partition.
#include "store/recount.h"

#include "store/hang.h"
#include "store/lists.h"
#include "store/store.h"

enum {
    EDGES_A_LOOK = 256,          // of a list count as one object of the budget
    EDGES_MAX = 1 << 12,         // longer ones are left to kith check: no request waits for them
};

struct recounting {
    struct shard *s;
    const struct part *p;
    uint32_t budget;
};

// Edges by their type; all under 0 where edges have none.
static void edges_there(struct recounting *r, struct edge_at at, uint32_t there[TYPE_MASK + 1])
{
    struct edge_list all = edges_all(r->p, at);
    bool typed = edge_row(list_edge(at.list))->typed;
    uint32_t cost = all.n / EDGES_A_LOOK;
    r->budget -= cost < r->budget ? cost : r->budget;
    for (uint32_t i = 0; i < all.n; i++)
        if (all.other[i] != 0) there[typed ? edge_stamp(&all, i) & TYPE_MASK : 0]++;
}

static uint32_t ids_there(const struct recounting *r, struct edge_at at)
{
    const struct seq *q = seqs_find(r->p, at);
    return q != NULL ? q->count : 0;
}

static void recount_list(struct recounting *r, struct object *o, const struct hanging *h)
{
    struct edge_at at = {o->id, h->list};
    bool edges = h->edge != EDGE_none, typed = edges && edge_row(h->edge)->typed;
    uint32_t there[TYPE_MASK + 1] = {0};
    // Of comments the living ones are counted, and a sequence has the placeholders too.
    if (h->stream || h->list == LIST_comments) return;
    if (edges && edges_count(r->p, at) > EDGES_MAX) return;
    if (edges)
        edges_there(r, at, there);
    else
        there[0] = ids_there(r, at);
    for (uint64_t type = 0; type <= (typed ? TYPE_MASK : 0); type++) {
        const _Atomic uint32_t *counter = hanging_counter(o, h->list, type);
        if (counter == NULL) continue;
        uint32_t shown = atomic_load_explicit(counter, memory_order_relaxed);
        r->s->recount.counters++;
        r->s->recount.drifted += shown != there[type];
    }
}

static bool recount_object(void *ctx, void *record)
{
    struct recounting *r = ctx;
    struct object *o = record;
    if (r->budget == 0) return false;
    r->budget--;
    struct hanging h;
    for (unsigned n = 0; hanging_at((enum entity)o->kind, n, &h); n++)
        if (!(o->flags & OBJECT_GONE)) recount_list(r, o, &h);
    return true;
}

void shard_recount(struct shard *s, uint32_t budget)
{
    const struct store *store = s->store;
    struct recounting r = {.s = s, .budget = budget};
    for (unsigned looked = 0; r.budget > 0 && looked < store->partitions; looked += store->cores) {
        if (s->recount.part >= store->partitions) s->recount.part = s->core;
        r.p = &store->part[s->recount.part];
        if (!ptable_walk(&r.p->objects, &s->recount.at, recount_object, &r)) return;
        s->recount.at = 0;
        s->recount.part += store->cores;
    }
}
