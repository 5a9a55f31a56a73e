// Segments: files of wal/ named by a number, filled with zeros before the first batch goes in, so
// that a sync has no metadata to write. Made under another name; a name that ends in .seg is always
// a whole file.
#ifndef KITH_PERSIST_SEGMENT_H
#define KITH_PERSIST_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"

enum { SEGMENT_NAME = 24 }; // 16 digits, ".seg", and the end

void segment_name(char out[SEGMENT_NAME], uint64_t number);
// Numbers of all segments in wal/, rising. *out is malloc'd, owned by the caller.
int segment_list(struct file_dir wal_dir, uint64_t **out, unsigned *n);
// Removes what an interrupted segment_make or spare left.
int segment_clean(struct file_dir wal_dir);
// Makes one, blocking.
int segment_make(struct file_dir wal_dir, uint64_t number, uint64_t bytes);

// The next segment, made ahead piece by piece through the writer's queue.
struct spare {
    struct file_dir dir;
    uint64_t number;           // being made, 0 = none
    uint64_t bytes;            // of a segment
    uint64_t filled;
    struct file file;
    struct file_write_op op;
    bool busy;                 // op is under way
    uint8_t *zeros;            // PAGE-aligned, one piece
};

int spare_init(struct spare *s, struct file_dir wal_dir, uint64_t segment_bytes);
void spare_free(struct spare *s); // after the queue is freed
int spare_begin(struct spare *s, uint64_t number);
// Submits the next piece, if none is under way.
void spare_push(struct spare *s, struct file_queue *q);
// A piece was reaped. 0, or errno: ENOSPC leaves the spare as if never begun. *ready: the segment
// is there.
int spare_reaped(struct spare *s, bool *ready);

#endif
