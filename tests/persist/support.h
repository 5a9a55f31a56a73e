// A data directory for one test, and a log in it that is written and read back by one thread.
// Entries carry their own place, so that whatever recovery hands out can be checked by itself.
#ifndef KITH_TESTS_PERSIST_SUPPORT_H
#define KITH_TESTS_PERSIST_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"
#include "persist/recover.h"
#include "persist/root.h"
#include "persist/wal.h"

struct box {
    char path[128];
    struct file_dir dir;
    struct root root;
    struct wal_options opt;
    struct wal *wal;
    struct wal_position at;
    struct recover_report report;
    uint64_t pushed;           // highest place handed to the writer
    uint64_t read;             // highest place that the last recovery handed out
    uint64_t first;            // and the lowest
    uint64_t from;             // from_place of the next recovery
    bool read_only;
};

void box_make(struct box *b);            // in memory, if the machine has such a place
void box_make_on_disk(struct box *b);
void box_copy(struct box *to, const struct box *from); // the directory as it lies; no log is open
void box_remove(struct box *b);

int box_recover(struct box *b);          // checks every entry; fills report, at, first, read
void box_start(struct box *b);           // recovers and opens; both must succeed
void box_stop(struct box *b);            // a clean end
void box_crash(struct box *b);           // an end without a word
void box_push(struct box *b, unsigned n, uint32_t body);
void box_drain(struct box *b);           // reads and gives back all that is released
void box_settle(struct box *b);          // steps until everything pushed is released
void box_sync(struct box *b);            // and durable
void box_write(struct box *b, unsigned batches, unsigned entries, uint32_t body);

// Bytes of wal/<segment>, for surgery.
uint64_t box_bytes(struct box *b, uint64_t segment, uint8_t **out); // malloc'd
struct spot { uint64_t segment, offset; };
#define SPOT(segment, offset) ((struct spot){(segment), (offset)})
void box_put(struct box *b, struct spot at, const void *bytes, size_t n);
void box_truncate(struct box *b, uint64_t segment, uint64_t size);
void box_erase(struct box *b, uint64_t segment);
void box_wait_spare(struct box *b);      // until the next segment is there
// Offsets of the batches in a segment; returns how many.
struct lies { uint64_t offset; struct batch_head head; };
unsigned box_batches(struct box *b, uint64_t segment, struct lies *out, unsigned max);

#endif
