// The graph of a file in the place of a made-up one: who is in it, and who follows whom.
#ifndef KITH_TOOLS_KITH_BENCH_GRAPH_H
#define KITH_TOOLS_KITH_BENCH_GRAPH_H

#include "tools/kith_bench_run.h"

// Sets users and edges of b's community from b->opt.edges. EXIT_OK or an exit code after a message.
int bench_graph_take(struct bench *b);
void bench_graph_free(struct bench *b);

#endif
