#include "api/crowd.h"

#include <stdlib.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/random.h"

struct crowd *crowd_new(uint32_t most)
{
    struct crowd *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    random_bytes(w->seed, sizeof w->seed);
    w->most = most;
    return w;
}

static _Atomic uint32_t *cell(struct crowd *w, unsigned row, uint64_t address)
{
    return &w->cell[row][hash_u64(address, w->seed[row]) % CROWD_CELLS];
}

bool crowd_enter(struct crowd *w, uint64_t address)
{
    uint32_t a = atomic_fetch_add(cell(w, 0, address), 1);
    uint32_t b = atomic_fetch_add(cell(w, 1, address), 1);
    if ((a < b ? a : b) < w->most)
        return true;
    crowd_leave(w, address);
    return false;
}

void crowd_leave(struct crowd *w, uint64_t address)
{
    for (unsigned row = 0; row < 2; row++) {
        uint32_t before = atomic_fetch_sub(cell(w, row, address), 1);
        ASSERT(before > 0);
    }
}
