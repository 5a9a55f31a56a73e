// A batch as it lies on disk: how it is closed before it is written, and what of it can be believed
// when it is read. The writer and recovery share these, so that they cannot disagree.
//
//   0        136          512                       length          multiple of PAGE
//   +--------+------------+-------------------------+---------------+
//   | head   | zeros      | entries                 | zeros         |
//   +--------+------------+-------------------------+---------------+
#ifndef KITH_PERSIST_BATCH_H
#define KITH_PERSIST_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "persist/wal.h"

// Bytes that a batch with so many bytes of entries takes on disk.
static inline uint32_t batch_disk_bytes(uint32_t length)
{
    return (BATCH_HEAD_BYTES + length + PAGE - 1) / PAGE * PAGE;
}

// Completes the batch at buf, of which the entries and *head but for the magic and the hashes are
// given: writes head, hashes and padding into buf.
void batch_close(uint8_t *buf, const struct batch_head *head);
// Whether the head's own hash is right and its length possible. Says nothing of the entries.
bool batch_head_whole(const struct batch_head *head);
// Whether the entries after a whole head have the hash that it names.
bool batch_payload_whole(const uint8_t *buf);
// Whether the entries can be read: heads sound, places without gaps, stamps rising from last_stamp
// on.
bool batch_entries_sound(const uint8_t *buf, uint64_t last_stamp);
// What the batch after this one must carry as its chain.
void batch_chain_next(const struct batch_head *head, uint64_t chain[2]);
// Place of the last entry; for a batch without any, of the last one before it.
static inline uint64_t batch_last_place(const struct batch_head *head)
{
    return head->first_place + head->count - 1;
}

#endif
