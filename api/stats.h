// What a core counts, and what /metrics makes of it. Written by the core, read by the admin port.
#ifndef KITH_API_STATS_H
#define KITH_API_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "api/limits.h"
#include "core/errors.h"
#include "core/metrics.h"
#include "core/ops.h"
#include "core/pool.h"

enum {
    STATS_ERRORS = 128,    // numbers of errors.def
    STATS_BUCKETS = 40,    // powers of two of nanoseconds
};

struct op_stats {
    _Atomic uint64_t ended[STATS_ERRORS]; // requests by enum kith_error
    _Atomic uint64_t bucket[STATS_BUCKETS]; // [b]: answered within 2^b ns, not within 2^(b-1)
    _Atomic uint64_t ns;                  // summed
};

struct stats {
    struct metrics plain;
    struct op_stats *op;                  // [OP_LIMIT]
    _Atomic uint64_t memory_used[MEM_KINDS], memory_count[MEM_KINDS], memory_mapped;
    _Atomic uint64_t limbo_bytes;
    _Atomic uint64_t mail_late, pushes_dropped;
    _Atomic uint64_t limited[RATES][LIMIT_BYS]; // requests refused
};

struct server;
struct text;

static inline void stats_add(_Atomic uint64_t *to, uint64_t n)
{
    uint64_t now = atomic_load_explicit(to, memory_order_relaxed);
    atomic_store_explicit(to, now + n, memory_order_relaxed);
}
static inline uint64_t stats_get(const _Atomic uint64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

int stats_init(struct stats *s); // 0 or ENOMEM
void stats_free(struct stats *s);
// A request of this operation has ended so, ns nanoseconds after it came.
void stats_ended(struct stats *s, unsigned op, unsigned error, uint64_t ns);

// All of /metrics, and /varz.
void stats_prometheus(const struct server *s, struct text *out);
void stats_json(const struct server *s, struct text *out);

#endif
