// Reading the log back: the decision table D0 to D9 of FORMATS.md. Verifies, decides where the log
// ends, says why, and hands the batches out in order.
#ifndef KITH_PERSIST_RECOVER_H
#define KITH_PERSIST_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"
#include "persist/root.h"
#include "persist/wal.h"

enum decision { DECISION_D0, DECISION_D1, DECISION_D2, DECISION_D3, DECISION_D4, DECISION_D5,
                DECISION_D6, DECISION_D7, DECISION_D8, DECISION_D9 };

struct recover_report {
    enum decision decision;    // how the log ended
    bool refused;              // acknowledged data cannot be read; nothing was touched
    char file[64];             // where
    uint64_t offset;
    uint64_t place_first, place_last; // places concerned
    uint64_t witness;          // highest place that something later testifies to have been durable
    uint64_t bytes_dropped;    // of a torn tail
    uint32_t batches_beyond;
    uint64_t entries, batches; // read
    char line[256];            // one sentence for the operator
};

struct recover_options {
    // First place wanted (snapshot's + 1); earlier entries are skipped. 0: from the oldest one
    // there is.
    uint64_t from_place;
    bool read_only;            // check, wal cat: nothing is cut, rewritten or made
    // Called for every batch with entries from from_place on, in order; b is valid during the call.
    // A batch may begin below from_place: skip those entries. false stops the reading (D9: an entry
    // in it cannot be applied; the callee knows which).
    bool (*batch)(void *ctx, const struct batch *b);
    // Asked after each batch, unless it is NULL: true ends this recover_more, and the next goes on.
    bool (*pause)(void *ctx);
    void *ctx;
    void (*progress)(void *ctx, uint64_t bytes_done, uint64_t bytes_all);
};

// Reads all of wal/. Unless read_only: cuts a torn tail (zeros to the end of the segment, synced),
// writes batches beyond the witness again and syncs them (W6). Fills `at` for wal_open. 0 or errno;
// a refusal is 0 with report->refused.
int recover_log(struct file_dir dir, const struct root *root, const struct recover_options *opt,
                struct wal_position *at, struct recover_report *report);

// The same with pauses, for those who read beside other work. `root` must stay; `report` is the
// same for all of them. *more: there was a pause, the log goes on. recover_end frees, and fills
// `at` if all was read.
struct recovery;
int recover_begin(struct recovery **out, struct file_dir dir, const struct root *root,
                  const struct recover_options *opt);
int recover_more(struct recovery *r, struct recover_report *report, bool *more);
void recover_end(struct recovery *r, struct wal_position *at);

#endif
