// Reading one segment after the other, from the disk and not from the kernel's memory, and saying
// what lies at an offset: the next batch of the log, or something else. Decides nothing.
#ifndef KITH_PERSIST_SCAN_H
#define KITH_PERSIST_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"
#include "core/limits.h"
#include "persist/wal.h"

enum { SCAN_WINDOW = 4 << 20 };

// What a segment's first sector says.
struct scan_head {
    uint64_t number;           // by its name
    uint64_t size;             // whole pages
    bool whole;                // its first batch has a whole head, of this log and this segment
    bool foreign;              // or of another log
    struct batch_head head;
    uint64_t dirty_end;        // recovery: end of what is not zero in it
};

enum scan_found {
    SCAN_BATCH,                // the next one of the log; head and batch are filled in
    SCAN_POISON,               // whole and next, but not to be understood; why says it
    SCAN_ZERO,                 // a page of zeros
    SCAN_END,                  // no further page in this segment
    SCAN_BAD,                  // no batch, or one that is not whole
    SCAN_STALE,                // a whole batch that does not continue the log
    SCAN_UNREADABLE,           // the disk gives an error
};

struct scan {
    uint64_t log_id[2];
    // What the next batch must be.
    uint64_t next_place, last_stamp, last_epoch;
    uint64_t chain[2];
    bool chain_known;          // not before the first batch of a log whose begin is trimmed

    struct file file;
    uint64_t number, size;     // of the segment
    uint64_t offset;           // of what is looked at
    uint8_t *window;           // SCAN_WINDOW bytes, PAGE-aligned
    uint64_t window_at;
    size_t window_n;
    bool unreadable[SCAN_WINDOW / PAGE];

    struct batch_head head;    // at offset
    bool head_whole;           // it is one, of this log
    uint8_t *batch;            // in the window; valid until the next call
    const char *why;
};

int scan_init(struct scan *s, const uint64_t log_id[2]); // 0 or ENOMEM
void scan_free(struct scan *s);
// The next batch is the first of its log: its chain is known.
void scan_expect_first(struct scan *s);
// The first sector of a segment, of which the number is given.
int scan_head_read(struct scan *s, struct file_dir wal_dir, struct scan_head *out);
// Goes to the begin of a segment.
int scan_open(struct scan *s, struct file_dir wal_dir, const struct scan_head *segment);
enum scan_found scan_look(struct scan *s);
// After SCAN_BATCH: takes it as read and goes behind it.
void scan_next(struct scan *s);
// Whether this head can be that of the next batch: place, chain and epoch.
bool scan_continues(const struct scan *s, const struct batch_head *head);
// What lies from `from` to the end of the segment.
struct scan_rest {
    void (*head)(void *ctx, const struct batch_head *head); // every whole head of this log
    void *ctx;
    uint64_t dirty_end;        // end of the last page that is not zero or cannot be read, 0 if none
};
void scan_beyond(struct scan *s, uint64_t from, struct scan_rest *rest);

#endif
