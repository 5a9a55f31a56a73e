// The log's writer: takes whole entries from the cores' queues, gives out places and stamps in one
// function, batches, writes, syncs and releases. One thread (or the simulator) calls wal_step.
//
//   cores' queues ──► stamp, place, batch ──► write (+ sync) ──► released batches ──► every core
#ifndef KITH_PERSIST_WAL_H
#define KITH_PERSIST_WAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/ring.h"

enum durability { DURABILITY_STRICT, DURABILITY_GROUP, DURABILITY_NONE };

// First sector of every batch on disk; the entries follow in the same run of pages, zeros pad the
// end.
struct batch_head {
    uint8_t magic[8];          // "KITHWAL\1"
    uint32_t format;
    uint32_t compat;           // compat level at which it was written
    uint64_t log_id[2];
    uint64_t epoch;
    uint64_t segment;
    uint64_t first_place;      // of the entries, or the next place for a batch without any
    uint32_t count;            // entries
    uint32_t length;           // bytes of entries after this header
    uint64_t synced_upto;      // highest place known durable when this header was sealed
    uint64_t last_stamp;       // stamp of the last entry, or of the last one ever for a seal
    uint32_t flags;            // BATCH_SEAL
    uint32_t zero;
    uint64_t chain[2];         // XXH3-128 of the batch before: its chain, header and payload hashes
    uint64_t payload[2];       // XXH3-128 of the entries
    uint64_t header[2];        // XXH3-128 of this header before this field
};
enum { BATCH_FORMAT = 1, COMPAT_LEVEL = 1, BATCH_SEAL = 1 };
enum { BATCH_HEAD_BYTES = SECTOR };  // entries begin here
_Static_assert(sizeof(struct batch_head) <= SECTOR, "a header is one sector");

// A batch in memory, on its way from the writer to the cores and back. buf is exactly what lies on
// disk.
struct batch {
    uint8_t *buf;              // PAGE-aligned, BATCH_MAX bytes; NULL in one that is free
    uint32_t bytes;            // of entries, after BATCH_HEAD_BYTES
    uint32_t count;
    uint64_t first_place, last_place;
    _Atomic uint32_t readers;  // cores that have not yet given it back
    struct file_write_op op;
    uint8_t state;
};
static inline const struct entry *batch_entry(const struct batch *b, uint32_t offset)
{
    return (const struct entry *)(const void *)(b->buf + BATCH_HEAD_BYTES + offset);
}

struct wal_options {
    unsigned cores;            // queues in, batch queues out
    enum durability durability;
    unsigned group_ms;         // DURABILITY_GROUP: longest time from release to sync
    uint64_t segment_bytes;
    bool use_uring;
    // Called when core c has something to read while it may be asleep, and when the writer should
    // run.
    void (*wake_core)(void *ctx, unsigned c);
    void *ctx;
};

// Where recovery ended, and therefore where the writer begins.
struct wal_position {
    uint64_t log_id[2];
    uint64_t epoch;            // of this start (one more than the last)
    uint64_t segment;          // that holds the end, 0 = none yet
    uint64_t offset;           // in it, of the next batch
    uint64_t next_place;
    uint64_t last_stamp;
    uint64_t durable;          // highest place known durable
    uint64_t chain[2];
};

struct wal;

// Opens the writer behind recovery (persist/recover.h). Clears the clean flag in root, synced,
// before the first batch. 0 or errno, with what failed in *what (static text).
int wal_open(struct wal **out, struct file_dir dir, const struct wal_options *opt,
             const struct wal_position *at, const char **what);
// A clean end: the queues are drained, all is synced, a seal batch is written, the clean flag set.
// Frees w in every case but EBUSY: the cores hold all batches; let them read, then call again.
int wal_close(struct wal *w);
// Frees without a last word, as after a crash (the simulator) or a fatal error.
void wal_abandon(struct wal *w);

// The queue of core c: entries with place = stamp = 0; a message is one whole entry. The producer
// is core c alone; core index `cores` is the server's own (marks, jobs of the control thread).
struct ring *wal_queue(struct wal *w, unsigned c);
// Tells a sleeping writer that a queue has something. Any thread.
void wal_kick(struct wal *w);
// The oldest released batch that core c has not given back, NULL when none. Stays until
// wal_give_back.
struct batch *wal_released(struct wal *w, unsigned c);
void wal_give_back(struct wal *w, unsigned c, struct batch *b);
// Highest place released to the cores; highest place synced.
uint64_t wal_released_place(const struct wal *w);
uint64_t wal_durable_place(const struct wal *w);

// One turn of the writer: reap, release, gather, write. Waits up to wait_ms when there is nothing
// to do. 0, or a positive errno after which the writer is dead: nothing more will be released (W5).
int wal_step(struct wal *w, int wait_ms);

// What is logged from now on begins a new segment, as soon as one is ready that costs no wait: so a
// snapshot asked for next leaves no use for a segment that has anything older. Any thread.
void wal_turn_over(struct wal *w);
// Removes segments that end at or below this place (the snapshot has them). Any one thread.
void wal_trim(struct wal *w, uint64_t place);
// A snapshot up to this place is whole: the writer notes it in root, which nobody else writes while
// a writer is open. Any thread. The place must not be above wal_durable_place when the snapshot is
// finished.
void wal_note_snapshot(struct wal *w, uint64_t place);

struct wal_stats {
    uint64_t batches, entries, bytes, syncs, stalls;
    uint64_t queue_bytes, in_flight, sync_ns_total, sync_ns_max;
    uint64_t segment;          // being written
    uint64_t spares;           // segments made ahead
    uint64_t no_space;         // 1 while the next segment cannot be made for want of space
};
void wal_stats(const struct wal *w, struct wal_stats *out);

#endif
