// The program's own file layer with faults in it: any operation can be made to fail, from the n-th
// on or once, and writes of the log can be cut short.
#ifndef KITH_TESTS_PERSIST_SUPPORT_FAULT_H
#define KITH_TESTS_PERSIST_SUPPORT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_ANY,             // every operation that changes something
    FAULT_QUEUE_WRITE,     // the log's writes
    FAULT_QUEUE_SYNC,      // the log's writes and syncs that ask for durability
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_DIR_SYNC,
    FAULT_RENAME,
    FAULT_READ,            // at fault.offset
};

struct fault {
    enum fault_kind kind;
    uint64_t after;        // this many operations of the kind still succeed
    bool for_ever;         // the process is as good as dead from then on; else one fails
    int error;             // errno given
    uint64_t offset;       // FAULT_READ: reads that touch this byte fail
    uint64_t short_bytes;  // > 0: no write of the log takes more than this at once
    unsigned hold;         // > 0: the next write of the log comes back so many reaps late
    uint64_t seen, hit;    // operations of the kind met, and failed
    uint64_t closed_unsynced; // files closed with bytes written and not synced
    uint64_t syncs_after_short; // syncs asked for behind a write that was cut short
    uint64_t early_syncs;  // of these, before the rest was written (blocking): must stay 0
};
extern struct fault fault;

void fault_reset(void);

#endif
