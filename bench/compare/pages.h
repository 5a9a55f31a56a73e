// Home feeds as text, alike whichever system they come from, so that they can be compared.
#ifndef KITH_BENCH_COMPARE_PAGES_H
#define KITH_BENCH_COMPARE_PAGES_H

#include "bench/compare/peer.h"
#include "bench/frames.h"

// One line a post: reader, place, number of the post or `new`, author, likes, comments, whether the
// reader likes it, text. For peer.page; ctx is a struct community.
void pages_print(void *ctx, const struct page *p);

// One line an answer of the scenario graph, its question first. For peer.graph.
void pages_print_graph(const struct graph_answer *a);

// Has a driver of Kith's print the same: pages, or with `graph` the answers of that scenario.
struct pages_kith { struct driver inner; struct community *community; bool graph; };
void pages_of_kith(struct pages_kith *k, const struct driver *frames, struct driver *out);

#endif
