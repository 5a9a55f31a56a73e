// Numbers 0 … n-1 drawn with the chances of Zipf's law: the r-th is 1 / (r+1)^s as likely as the
// first. An alias table: one random number and one look into memory a draw, exact for any exponent.
#ifndef KITH_BENCH_ZIPF_H
#define KITH_BENCH_ZIPF_H

#include <stddef.h>
#include <stdint.h>

struct zipf_cell { uint32_t own, alias; }; // own: share of 2^32 that stays with this number
struct zipf {
    uint32_t n;
    struct zipf_cell *cell;    // NULL where all are alike
};

// exponent 0 makes all alike, without a table.
void zipf_init(struct zipf *z, uint32_t n, double exponent);
void zipf_free(struct zipf *z);

static inline uint32_t zipf_draw(const struct zipf *z, uint64_t random)
{
    uint32_t at = (uint32_t)(((random >> 32) * z->n) >> 32);
    if (z->cell == NULL)
        return at;
    return (uint32_t)random <= z->cell[at].own ? at : z->cell[at].alias;
}

#endif
