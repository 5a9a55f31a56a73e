// By one byte after the other, the last one first; a byte that all ids share is passed over.
#include "store/idsort.h"

#include <string.h>

enum { DIGITS = 8, VALUES = 256 };

static unsigned digit_of(uint64_t id, unsigned d) { return (unsigned)(id >> 8 * d) & 0xff; }

struct pass { const uint64_t *from; uint64_t *to; unsigned digit; };

// Moves n ids, grouped by their digit; at[] is how many have each value.
static void spread(struct pass p, size_t n, size_t at[VALUES])
{
    size_t sum = 0;
    for (unsigned v = 0; v < VALUES; v++) {
        size_t here = at[v];
        at[v] = sum;
        sum += here;
    }
    for (size_t i = 0; i < n; i++) p.to[at[digit_of(p.from[i], p.digit)]++] = p.from[i];
}

void idsort(uint64_t *id, uint64_t *spare, size_t n)
{
    size_t count[DIGITS][VALUES];
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++)
        for (unsigned d = 0; d < DIGITS; d++) count[d][digit_of(id[i], d)]++;
    uint64_t *from = id, *to = spare;
    for (unsigned d = 0; d < DIGITS; d++) {
        if (n == 0 || count[d][digit_of(from[0], d)] == n) continue;
        spread((struct pass){from, to, d}, n, count[d]);
        uint64_t *was = from;
        from = to;
        to = was;
    }
    if (from != id) memcpy(id, from, n * sizeof *id);
}
