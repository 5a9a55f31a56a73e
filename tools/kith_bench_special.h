// The scenarios of `kith bench` that are more than one mix of requests: each starts its server,
// runs its loads and adds its figures. EXIT_OK or an exit code after a message.
#ifndef KITH_TOOLS_KITH_BENCH_SPECIAL_H
#define KITH_TOOLS_KITH_BENCH_SPECIAL_H

#include "tools/kith_bench_run.h"

enum { FAN_OUT = 100, ASKERS = 100, FEED_PAGE_BYTES = 4264, SMALL_BYTES = 64 };

int bench_fanout(struct bench *b);
int bench_celebrity(struct bench *b);
int bench_suggest(struct bench *b);
int bench_snapshot(struct bench *b);
int bench_restart(struct bench *b); // kith_bench_restart.c
int bench_memory(struct bench *b);  // kith_bench_memory.c
int bench_limits(struct bench *b);
int bench_search(struct bench *b);  // kith_bench_search.c
// The main run's rate as a share of bare echoes of as many bytes: b->limit_ratio.
int bench_echo_share(struct bench *b);

#endif
