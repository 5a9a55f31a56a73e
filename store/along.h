// Edges that come along with others (graph.def: along, ends): to put a post into a collection is to
// save it, and what is saved no more is in no collection.
//
// Both ends of both edges lie in the same two slots, so one entry makes them. To end one, only the
// owner's slot knows with what it came along: it takes those at once out of its own lists, which
// are what is shown and counted, and tells the other slot by a `relisted` (store/settle.c) what its
// ends have to become.
#ifndef KITH_STORE_ALONG_H
#define KITH_STORE_ALONG_H

#include "store/apply.h"
#include "store/check.h"

// What the actor of this entry makes besides x; kind EDGE_none: nothing.
struct graph_edge along_of(const struct entry *e, struct graph_edge x);
// At x.from, which ended x: what x came along with, ends.
void along_end(struct apply *a, struct part *p, struct graph_edge x);
// At `from`, a document: whether the edge to `to` may stand there, because what comes along with it
// does.
bool along_stands(const struct part *p, struct graph_edge x);

#endif
