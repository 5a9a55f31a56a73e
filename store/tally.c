// Tallies (tally.h).
#include "store/tally.h"

#include <string.h>

#include "core/hash.h"

enum { BUCKET_BITS = 8, BUCKETS = 1 << BUCKET_BITS };

static unsigned bucket_of(uint64_t id) { return (unsigned)(hash_u64(id, 0) >> (64 - BUCKET_BITS)); }

uint32_t tally_slots(uint32_t n)
{
    uint32_t slots = 2;
    while (slots < 2 * n) slots *= 2;
    return slots;
}

// Adds the items of one bucket up into out; returns how many there are then.
static uint32_t bucket_up(const struct tally *item, uint32_t n, struct tally *out, uint32_t *slots)
{
    uint32_t mask = tally_slots(n) - 1, found = 0;
    memset(slots, 0, (mask + 1) * sizeof *slots);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)hash_u64(item[i].id, 0) & mask;
        while (slots[at] != 0 && out[slots[at] - 1].id != item[i].id) at = (at + 1) & mask;
        if (slots[at] != 0) {
            out[slots[at] - 1].n += item[i].n;
            continue;
        }
        out[found] = item[i];
        slots[at] = ++found;
    }
    return found;
}

uint32_t tally_up(struct tally *all, uint32_t n, struct tally_room with)
{
    uint32_t end[BUCKETS] = {0}, found = 0;
    for (uint32_t i = 0; i < n; i++) end[bucket_of(all[i].id)]++;
    for (unsigned b = 1; b < BUCKETS; b++) end[b] += end[b - 1];
    for (uint32_t i = n; i-- > 0;) with.room[--end[bucket_of(all[i].id)]] = all[i];
    for (unsigned b = 0; b < BUCKETS; b++) {
        uint32_t begin = end[b], stop = b + 1 < BUCKETS ? end[b + 1] : n;
        found += bucket_up(with.room + begin, stop - begin, all + found, with.slots);
    }
    return found;
}
