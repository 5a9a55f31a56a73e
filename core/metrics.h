// The numbers of metrics.def: each core counts in a struct of its own, /metrics adds them up.
#ifndef KITH_CORE_METRICS_H
#define KITH_CORE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum metric {
#define METRIC(name, type, help) METRIC_##name,
#include "core/metrics.def"
#undef METRIC
    METRICS
};

enum metric_type { METRIC_counter, METRIC_gauge };

// Written by its core alone, read by anyone.
struct metrics {
    _Alignas(64) _Atomic uint64_t value[METRICS];
};

struct metric_row {
    const char *name;
    const char *help;
    enum metric_type type;
};

// A load and a store, not a locked addition: there is one writer.
static inline void metric_add(struct metrics *m, enum metric which, uint64_t n)
{
    uint64_t now = atomic_load_explicit(&m->value[which], memory_order_relaxed);
    atomic_store_explicit(&m->value[which], now + n, memory_order_relaxed);
}

static inline void metric_set(struct metrics *m, enum metric which, uint64_t value)
{
    atomic_store_explicit(&m->value[which], value, memory_order_relaxed);
}

static inline uint64_t metric_get(const struct metrics *m, enum metric which)
{
    return atomic_load_explicit(&m->value[which], memory_order_relaxed);
}

// The row of a metric, which < METRICS. Static memory.
static inline const struct metric_row *metric_row(enum metric which)
{
    static const struct metric_row rows[METRICS] = {
#define METRIC(name, type, help) [METRIC_##name] = {#name, help, METRIC_##type},
#include "core/metrics.def"
#undef METRIC
    };
    return &rows[which];
}

#endif
