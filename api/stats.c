// Numbers are summed over the cores when they are asked for.
#include "api/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/reactor.h"
#include "api/text.h"
#include "core/assert.h"
#include "core/clock.h"

enum { BUCKET_FIRST = 10, BUCKET_LAST = 35 }; // shown: 1 µs to 34 s

int stats_init(struct stats *s)
{
    s->op = calloc(OP_LIMIT, sizeof *s->op);
    return s->op != NULL ? 0 : ENOMEM;
}

void stats_free(struct stats *s)
{
    free(s->op);
    s->op = NULL;
}

void stats_ended(struct stats *s, unsigned op, unsigned error, uint64_t ns)
{
    ASSERT(op < OP_LIMIT);
    struct op_stats *t = &s->op[op];
    unsigned b = ns > 1 ? 64 - (unsigned)__builtin_clzll(ns - 1) : 0;
    stats_add(&t->ended[error < STATS_ERRORS ? error : STATS_ERRORS - 1], 1);
    stats_add(&t->bucket[b < STATS_BUCKETS ? b : STATS_BUCKETS - 1], 1);
    stats_add(&t->ns, ns);
    metric_add(&s->plain, METRIC_requests_total, 1);
    metric_add(&s->plain, METRIC_requests_refused_total, error != KITH_ok);
}

// ---- sums --------------------------------------------------------------------------------------

static uint64_t sum_plain(const struct server *s, enum metric m)
{
    uint64_t v = 0;
    for (unsigned c = 0; c < s->cores; c++)
        v += metric_get(&s->reactor[c]->stats.plain, m);
    return v;
}

static uint64_t sum_ended(const struct server *s, unsigned op, unsigned error)
{
    uint64_t v = 0;
    for (unsigned c = 0; c < s->cores; c++)
        v += stats_get(&s->reactor[c]->stats.op[op].ended[error]);
    return v;
}

static uint64_t sum_bucket(const struct server *s, unsigned op, unsigned b)
{
    uint64_t v = 0;
    for (unsigned c = 0; c < s->cores; c++)
        v += stats_get(&s->reactor[c]->stats.op[op].bucket[b]);
    return v;
}

// ---- Prometheus --------------------------------------------------------------------------------

static unsigned long long ull(uint64_t v)
{
    return v;
}

static void family(struct text *out, const char *name, const char *type, const char *help)
{
    text_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void plain_metrics(const struct server *s, struct text *out)
{
    for (unsigned m = 0; m < METRICS; m++) {
        const struct metric_row *row = metric_row((enum metric)m);
        if (m == METRIC_requests_total)
            continue; // by operation, below
        const char *type = row->type == METRIC_gauge ? "gauge" : "counter";
        text_format(out, "# HELP kith_%s %s\n# TYPE kith_%s %s\nkith_%s %llu\n", row->name,
                    row->help, row->name, type, row->name, ull(sum_plain(s, (enum metric)m)));
    }
}

static const char *op_name(unsigned op)
{
    const struct op_row *row = op_row(op);
    return row != NULL ? row->name : "none";
}

static void requests(const struct server *s, struct text *out)
{
    family(out, "kith_requests_total", "counter", "Requests answered");
    for (unsigned op = 0; op < OP_LIMIT; op++) {
        for (unsigned e = 0; e < STATS_ERRORS; e++) {
            uint64_t n = sum_ended(s, op, e);
            if (n > 0)
                text_format(out, "kith_requests_total{op=\"%s\",code=\"%s\"} %llu\n", op_name(op),
                            error_row(e)->name, ull(n));
        }
    }
}

static void seconds_of(const struct server *s, struct text *out, unsigned op)
{
    uint64_t upto = 0, all = 0, ns = 0;
    for (unsigned b = 0; b < STATS_BUCKETS; b++)
        all += sum_bucket(s, op, b);
    if (all == 0)
        return;
    for (unsigned b = 0; b <= BUCKET_LAST; b++) {
        upto += sum_bucket(s, op, b);
        if (b >= BUCKET_FIRST)
            text_format(out, "kith_request_seconds_bucket{op=\"%s\",le=\"%.9g\"} %llu\n",
                        op_name(op), (double)(UINT64_C(1) << b) / 1e9, ull(upto));
    }
    for (unsigned c = 0; c < s->cores; c++)
        ns += stats_get(&s->reactor[c]->stats.op[op].ns);
    text_format(out, "kith_request_seconds_bucket{op=\"%s\",le=\"+Inf\"} %llu\n", op_name(op),
                ull(all));
    text_format(out, "kith_request_seconds_sum{op=\"%s\"} %.9f\n", op_name(op), (double)ns / 1e9);
    text_format(out, "kith_request_seconds_count{op=\"%s\"} %llu\n", op_name(op), ull(all));
}

static void memory(const struct server *s, struct text *out)
{
    family(out, "kith_memory_bytes", "gauge", "Bytes of state handed out, by kind");
    for (unsigned k = 0; k < MEM_KINDS; k++) {
        uint64_t v = 0;
        for (unsigned c = 0; c < s->cores; c++)
            v += stats_get(&s->reactor[c]->stats.memory_used[k]);
        text_format(out, "kith_memory_bytes{kind=\"%s\"} %llu\n", mem_kind_names[k], ull(v));
    }
    family(out, "kith_memory_blocks", "gauge", "Blocks of state handed out, by kind");
    for (unsigned k = 0; k < MEM_KINDS; k++) {
        uint64_t v = 0;
        for (unsigned c = 0; c < s->cores; c++)
            v += stats_get(&s->reactor[c]->stats.memory_count[k]);
        text_format(out, "kith_memory_blocks{kind=\"%s\"} %llu\n", mem_kind_names[k], ull(v));
    }
    uint64_t mapped = 0, limbo = 0;
    for (unsigned c = 0; c < s->cores; c++) {
        mapped += stats_get(&s->reactor[c]->stats.memory_mapped);
        limbo += stats_get(&s->reactor[c]->stats.limbo_bytes);
    }
    family(out, "kith_memory_mapped_bytes", "gauge", "Bytes taken from the system for state");
    text_format(out, "kith_memory_mapped_bytes %llu\n", ull(mapped));
    family(out, "kith_memory_limbo_bytes", "gauge", "Bytes retired and not yet free");
    text_format(out, "kith_memory_limbo_bytes %llu\n", ull(limbo));
}

static void limited(const struct server *s, struct text *out)
{
    family(out, "kith_limited_total", "counter", "Requests refused by a rate limit");
    for (unsigned rate = RATE_NONE + 1; rate < RATES; rate++) {
        for (unsigned by = 0; by < LIMIT_BYS; by++) {
            uint64_t v = 0;
            for (unsigned c = 0; c < s->cores; c++)
                v += stats_get(&s->reactor[c]->stats.limited[rate][by]);
            if (v > 0 || s->limits.rule[rate][by].every_ns > 0)
                text_format(out, "kith_limited_total{class=\"%s\",by=\"%s\"} %llu\n",
                            rate_row((enum op_rate)rate)->name, limit_by_name((enum limit_by)by),
                            ull(v));
        }
    }
    family(out, "kith_limits_forgotten_total", "counter",
           "Keys forgotten while something was still due from them, for want of room");
    text_format(out, "kith_limits_forgotten_total %llu\n",
                ull(stats_get(&s->limits.buckets.forgotten)));
}

// What /metrics and /varz say of the log.
struct wal_row { const char *name, *type, *help; uint64_t value; };
enum { WAL_ROWS = 15 };

static void wal_rows(const struct server *s, struct wal_row rows[WAL_ROWS])
{
    struct wal_stats w;
    wal_stats(s->wal, &w);
    uint64_t applied = UINT64_MAX;
    for (unsigned c = 0; c < s->cores; c++) {
        uint64_t at = atomic_load(&s->shared[c].applied);
        applied = at < applied ? at : applied;
    }
    const struct wal_row all[WAL_ROWS] = {
        {"wal_batches_total", "counter", "Batches written", w.batches},
        {"wal_entries_total", "counter", "Entries written", w.entries},
        {"wal_bytes_total", "counter", "Bytes written", w.bytes},
        {"wal_syncs_total", "counter", "Synced writes", w.syncs},
        {"wal_stalls_total", "counter", "Waits of more than a second for the disk", w.stalls},
        {"wal_queue_bytes", "gauge", "Bytes waiting in the cores' queues", w.queue_bytes},
        {"wal_in_flight", "gauge", "Writes under way", w.in_flight},
        {"wal_sync_nanoseconds_total", "counter", "Time in synced writes", w.sync_ns_total},
        {"wal_sync_nanoseconds_max", "gauge", "Longest synced write", w.sync_ns_max},
        {"wal_segment", "gauge", "Segment being written", w.segment},
        {"wal_spares", "gauge", "Segments made ahead", w.spares},
        {"wal_no_space", "gauge", "1 while the disk is full", w.no_space},
        {"place_released", "gauge", "Highest place released to the cores",
         wal_released_place(s->wal)},
        {"place_durable", "gauge", "Highest place synced", wal_durable_place(s->wal)},
        {"place_applied", "gauge", "Place that every core has applied", applied},
    };
    memcpy(rows, all, sizeof all);
}

void stats_prometheus(const struct server *s, struct text *out)
{
    struct wal_row rows[WAL_ROWS];
    wal_rows(s, rows);
    plain_metrics(s, out);
    requests(s, out);
    family(out, "kith_request_seconds", "histogram", "Time from a request's arrival to its answer");
    for (unsigned op = 0; op < OP_LIMIT; op++)
        seconds_of(s, out, op);
    memory(s, out);
    limited(s, out);
    hot_keys_prometheus(s, out);
    for (unsigned i = 0; i < WAL_ROWS; i++)
        text_format(out, "# HELP kith_%s %s\n# TYPE kith_%s %s\nkith_%s %llu\n", rows[i].name,
                    rows[i].help, rows[i].name, rows[i].type, rows[i].name, ull(rows[i].value));
    uint64_t late = 0, dropped = 0;
    for (unsigned c = 0; c < s->cores; c++) {
        late += stats_get(&s->reactor[c]->stats.mail_late);
        dropped += stats_get(&s->reactor[c]->stats.pushes_dropped);
    }
    family(out, "kith_mail_late_total", "counter", "Letters that found a mailbox full");
    text_format(out, "kith_mail_late_total %llu\n", ull(late));
    family(out, "kith_pushes_dropped_total", "counter", "Pushes given up at a full mailbox");
    text_format(out, "kith_pushes_dropped_total %llu\n", ull(dropped));
    family(out, "kith_pressure", "gauge",
           "0 none, 1 derived state dropped, 2 growth refused, 3 memory full, 4 disk full");
    text_format(out, "kith_pressure %d\n", atomic_load(&s->pressure));
}

void stats_json(const struct server *s, struct text *out)
{
    struct wal_row rows[WAL_ROWS];
    wal_rows(s, rows);
    text_format(out, "{\"version\":\"%s\",\"cores\":%u,\"partitions\":%u,\"uptime_ms\":%llu",
                KITH_VERSION, s->cores, s->root.partitions, ull(clock_wall_ms() - s->started_ms));
    text_format(out, ",\"log_id\":\"%016llx%016llx\",\"recovered\":%llu", ull(s->root.log_id[1]),
                ull(s->root.log_id[0]), ull(s->recovered));
    for (unsigned m = 0; m < METRICS; m++)
        text_format(out, ",\"%s\":%llu", metric_row((enum metric)m)->name,
                    ull(sum_plain(s, (enum metric)m)));
    for (unsigned i = 0; i < WAL_ROWS; i++)
        text_format(out, ",\"%s\":%llu", rows[i].name, ull(rows[i].value));
    text_add(out, "}\n");
}
