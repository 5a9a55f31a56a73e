// Likes and follows, which are many and small: records, then the sets and streams of both ends.
#include "store/ahead.h"

#include "core/assert.h"
#include "core/id.h"
#include "core/ops.h"
#include "store/check.h"
#include "store/record.h"
#include "store/store.h"
#include "store/stream.h"

// Lists of this shard's own, as they are found.
struct wish { struct edge_at set[2 * AHEAD_MAX], stream[2 * AHEAD_MAX]; uint32_t sets, streams; };

static void want(const struct shard *s, struct wish *w, struct edge_at set, struct edge_at stream)
{
    if (store_part(s->store, id_slot(set.owner))->shard == s) w->set[w->sets++] = set;
    if (stream.owner != 0 && store_part(s->store, id_slot(stream.owner))->shard == s)
        w->stream[w->streams++] = stream;
}

static void want_both(const struct shard *s, struct wish *w, struct graph_edge x, uint64_t told)
{
    want(s, w, (struct edge_at){x.to, (enum list_kind)(2 * x.kind + 1)},
         (struct edge_at){told, LIST_notifications});
    want(s, w, (struct edge_at){x.from, (enum list_kind)(2 * x.kind)},
         (struct edge_at){x.from, LIST_activities});
}

void shard_ahead(const struct shard *s, const struct entry *const *e, uint32_t n)
{
    struct graph_edge x[AHEAD_MAX];
    uint64_t id[2 * AHEAD_MAX], author[AHEAD_MAX];
    const struct object *found[2 * AHEAD_MAX];
    uint32_t edges = 0;
    ASSERT(n <= AHEAD_MAX);
    for (uint32_t i = 0; i < n; i++) {
        if (e[i]->op != OP_like && e[i]->op != OP_follow) continue;
        x[edges] = check_edge_of(e[i], fb_root(entry_body(e[i])));
        id[2 * edges] = x[edges].to;
        id[2 * edges + 1] = x[edges].from;
        edges++;
    }
    if (edges < 2) return; // alone it would only come sooner by nothing
    records_find(s->store, (struct record_wish){id, 2 * edges, 1}, found);
    struct wish w = {.sets = 0};
    for (uint32_t i = 0; i < edges; i++) {
        const struct object *o = found[2 * i];
        bool post = o != NULL && o->kind == ENTITY_post;
        author[i] = post ? ((const struct post *)o)->author : x[i].to;
        if (x[i].from != 0) want_both(s, &w, x[i], author[i]);
    }
    edges_sets_ahead(s->store, w.set, w.sets);
    streams_ahead(s->store, w.stream, w.streams);
    records_find(s->store, (struct record_wish){author, edges, 1}, found);
}
