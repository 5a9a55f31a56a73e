// State from disk into memory: the newest whole snapshot, then the log behind it. The same loop
// serves the start of a server, `kith check` and the replays of `kith wal digest`.
//
// snapshot/<place>/part-* ─► image_load, a thread per shard ─► wal/ ─► shard_apply
#ifndef KITH_API_LOAD_H
#define KITH_API_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"
#include "persist/recover.h"
#include "persist/root.h"
#include "persist/snapshot.h"
#include "store/store.h"

struct load_options {
    bool read_only;        // nothing on disk is cut, rewritten or made
    bool log_only;         // from the first entry on, without a snapshot
    bool index_later;      // the caller makes the index, with index_some
    uint64_t until;        // apply nothing after this place, 0 = all; read_only
    // phase is "snapshot" (parts) or "log" (bytes). May be NULL.
    void (*progress)(void *ctx, const char *phase, uint64_t done, uint64_t all);
    void *ctx;
};

struct load_report {
    struct wal_position at;        // for wal_open
    struct recover_report recover; // recover.refused: the state must not be served
    struct snapshot_info snapshot; // what the load began with
    bool have_snapshot;
    bool older_snapshot;           // the newest one was damaged
    bool snapshot_wrong;           // its parts are whole, but not what its digest says
    uint64_t entries;              // applied from the log
    uint64_t digests;              // digest reports in the log that were compared
    uint64_t digests_wrong;
    uint64_t digest_wrong_place;   // of the first of those
    char line[256];                // a sentence about the snapshot or about a refusal
};

// Fills a new store, whose hooks must be NULL. 0 or errno; a refusal is 0 with recover.refused set.
int load_state(struct file_dir dir, const struct root *root, struct store *store,
               const struct load_options *opt, struct load_report *out);

// The sums over all shards.
void load_digest(const struct store *store, struct store_digest *out);

// Calls fn(ctx, i) for every i below n and returns when all are done; in threads of their own in
// the program (load_posix.c), one after the other in the simulator.
void load_parallel(unsigned n, void (*fn)(void *ctx, unsigned i), void *ctx);

#endif
