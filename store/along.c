// Edges that come along with others (along.h).
#include "store/along.h"

#include "core/assert.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/record.h"
#include "store/seq.h"

static struct edge_at forward_of(struct graph_edge x)
{
    return (struct edge_at){x.from, (enum list_kind)(2 * x.kind)};
}

struct graph_edge along_of(const struct entry *e, struct graph_edge x)
{
    struct graph_edge with = {(enum edge_kind)edge_row(x.kind)->along, e->actor, x.to};
    // Whose document it is not has another slot, and acts for nobody.
    bool own = with.kind != EDGE_none && e->actor != 0 && id_slot(x.from) == id_slot(e->actor);
    return own ? with : (struct graph_edge){0};
}

static void owe_relisted(struct apply *a, struct graph_edge x)
{
    fb_builder *b = apply_build(a);
    kt_new_Relisted w = {0};
    kt_put_Relisted_owner(&w, x.to);
    kt_put_Relisted_item(&w, x.from);
    kt_put_Relisted_list(&w, (uint8_t)(2 * x.kind + 1));
    struct consequence c = {OP_relisted, id_slot(x.from), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Relisted(b, &w));
    ASSERT(owed);
}

// Out of this document, if it is there.
static void leave(struct apply *a, struct part *p, struct graph_edge x)
{
    if (!end_remove(p, forward_of(x), x.to, NULL)) return;
    struct edge_at reverse = {x.to, (enum list_kind)(2 * x.kind + 1)};
    if (id_slot(x.from) == id_slot(x.to))
        end_remove(p, reverse, x.from, NULL);
    else
        owe_relisted(a, x);
}

// The documents of a user are few (graph.def: most).
void along_end(struct apply *a, struct part *p, struct graph_edge x)
{
    enum edge_kind kind = (enum edge_kind)edge_row(x.kind)->ends;
    if (kind == EDGE_none) return;
    enum list_kind docs = doc_list(edge_row(kind)->from);
    const struct seq *all = seqs_find(p, (struct edge_at){x.from, docs});
    uint64_t id = 0;
    while (seq_below(all, id, &id, 1) == 1) leave(a, p, (struct graph_edge){kind, id, x.to});
}

bool along_stands(const struct part *p, struct graph_edge x)
{
    const struct edge_row *row = edge_row(x.kind);
    const struct object *o = record_find(p, x.from);
    if (row->along == EDGE_none || o == NULL || doc_row(o->kind) == NULL) return true;
    uint64_t owner = ((const struct doc *)o)->owner;
    struct graph_edge with = {(enum edge_kind)row->along, owner, x.to};
    return edges_find(p, forward_of(with), x.to) != 0;
}
