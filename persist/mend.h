// What recovery changes on disk once it has decided: zeros behind a cut, and the batches that
// nothing testifies to be durable, written again in place (W6). Writing in place may itself be
// interrupted by a power loss, and those batches may have been acknowledged: so a copy is made
// durable beside them first.
//
//   wal/again:  | head, one page | the bytes of the range |
#ifndef KITH_PERSIST_MEND_H
#define KITH_PERSIST_MEND_H

#include <stdint.h>

#include "core/file.h"

struct mend_range {
    uint64_t log_id[2];
    uint64_t segment, from, to;    // multiples of PAGE
};

// All are synced when they return. 0 or errno.
int mend_zero(struct file_dir wal_dir, uint64_t segment, uint64_t from, uint64_t to);
// Reads back what was zeroed where the disk had given errors.
int mend_check(struct file_dir wal_dir, uint64_t segment, uint64_t from, uint64_t to);
int mend_again(struct file_dir wal_dir, const struct mend_range *range);
// Finishes a mend_again that was interrupted.
int mend_resume(struct file_dir wal_dir, const uint64_t log_id[2]);

#endif
