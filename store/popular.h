// The users of one core that are followed most: derived, kept up with every follow.
#ifndef KITH_STORE_POPULAR_H
#define KITH_STORE_POPULAR_H

#include <stdint.h>

enum { POPULAR_MAX = 128 };

struct popular {
    uint32_t n, least;         // least: followers of the last one, when it is full
    uint64_t id[POPULAR_MAX];
    uint32_t followers[POPULAR_MAX];
};
// A user of this core has that many followers now.
void popular_moved(struct popular *p, uint64_t id, uint32_t followers);

#endif
