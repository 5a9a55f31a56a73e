// Quiet points (QSBR): memory that other cores may still read is freed when each of them has passed
// a point where it holds no pointer to published objects. A core is offline while it sleeps.
#ifndef KITH_CORE_QUIET_H
#define KITH_CORE_QUIET_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/pool.h"

struct quiet_core {
    _Alignas(64) _Atomic uint64_t seen; // the epoch at its last quiet point; QUIET_OFFLINE = asleep
};
#define QUIET_OFFLINE UINT64_MAX

// Shared by all cores of a store.
struct quiet {
    _Alignas(64) _Atomic uint64_t epoch;
    unsigned cores;
    struct quiet_core core[CORES_MAX];
};

// What one core has retired and not yet freed.
struct quiet_limbo {
    struct quiet_item *oldest, *newest;
    uint64_t items, bytes;
};

void quiet_init(struct quiet *q, unsigned cores);
// Called by core c where it holds no pointer to a published object: once a turn, before and after
// sleep.
void quiet_point(struct quiet *q, unsigned c);
void quiet_offline(struct quiet *q, unsigned c);
void quiet_online(struct quiet *q, unsigned c);
// A block of `pool` that nobody can reach any more but who holds it already.
struct quiet_block { void *block; size_t n; enum mem_kind kind; };
// Hands it over; freed into the same pool by quiet_reclaim. The block's bytes stay as they are till
// then (the list item is kept apart, in the same pool).
void quiet_retire(struct quiet *q, struct quiet_limbo *l, struct pool *p, struct quiet_block b);
// Frees what every core has passed. Bounded work: at most `max` blocks.
void quiet_reclaim(struct quiet *q, struct quiet_limbo *l, struct pool *p, unsigned max);

#endif
