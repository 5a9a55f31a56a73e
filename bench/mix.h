// What the scenarios of `kith bench` ask for: request number i of a scenario, the same for the same
// seed.
#ifndef KITH_BENCH_MIX_H
#define KITH_BENCH_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "api/client.h"
#include "bench/world.h"

enum mix_kind { MIX_PING, MIX_FEED, MIX_FOLLOW, MIX_LIKE, MIX_POST, MIX_MIXED, MIX_WARM, MIXES };
extern const char *const mix_names[MIXES];
extern const char *const mix_words[MIXES]; // what each does, for the help

struct mix {
    enum mix_kind kind;
    const struct world *world;
    uint64_t seed;
};

void mix_make(void *ctx, uint64_t i, struct client_request *out, uint8_t *buf, size_t cap);

#endif
