// Ids and stamps: one 64-bit form for every object, ordered by time.
//
//   id    = | 41 bits ms since 2000-01-01 | 12 bits sequence | 10 bits slot |   (bit 63 is 0)
//   stamp = id without the slot: 53 bits, strictly rising with the place
#ifndef KITH_CORE_ID_H
#define KITH_CORE_ID_H

#include <stdint.h>

#include "core/limits.h"

#define KITH_EPOCH_MS UINT64_C(946684800000) // 2000-01-01 in milliseconds since 1970
#define STAMP_SEQ_BITS 12
#define STAMP_MS_MAX ((UINT64_C(1) << 41) - 1)
#define STAMP_BITS (41 + STAMP_SEQ_BITS)
#define STAMP_MAX ((UINT64_C(1) << STAMP_BITS) - 1)

struct id_list { const uint64_t *id; uint32_t n; };

static inline uint64_t id_make(uint64_t stamp, unsigned slot)
{
    return stamp << SLOT_BITS | slot;
}
static inline unsigned id_slot(uint64_t id) { return (unsigned)(id & (SLOTS - 1)); }
static inline uint64_t id_stamp(uint64_t id) { return id >> SLOT_BITS; }
static inline uint64_t stamp_make(uint64_t unix_ms, unsigned seq)
{
    return (unix_ms - KITH_EPOCH_MS) << STAMP_SEQ_BITS | seq;
}
// Milliseconds since 1970.
static inline uint64_t stamp_ms(uint64_t stamp)
{
    return (stamp >> STAMP_SEQ_BITS) + KITH_EPOCH_MS;
}
static inline uint64_t id_ms(uint64_t id) { return stamp_ms(id_stamp(id)); }

#endif
