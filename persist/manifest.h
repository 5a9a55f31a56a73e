// The file that makes a directory a snapshot: written last, when every part of it has been read
// back.
//
//   | head: magic, format, what snapshot_info holds | a part_sum for each partition | hash 128 |
#ifndef KITH_PERSIST_MANIFEST_H
#define KITH_PERSIST_MANIFEST_H

#include "core/file.h"
#include "persist/part.h"
#include "persist/snapshot.h"

// Creates and syncs the file; the directory is the caller's to sync.
int manifest_write(struct file_dir dir, const struct snapshot_info *info,
                   const struct part_sum *sums);
// *sums, if asked for, is malloc'd, owned by the caller. ENOENT: none; EBADMSG: damaged.
int manifest_read(struct file_dir dir, struct snapshot_info *info, struct part_sum **sums);

#endif
