// One partition's file of a snapshot: frames of zstd, each with a hash, and an end that says how
// many.
//
//   | head 64 | frame | frame | … | end |
//   head  = magic, format, partition, log id, place, hash
//   frame = | u32 raw | u32 packed | u64 XXH3 of the packed bytes | packed bytes |     raw > 0
//   end   = | u32 0 | u32 0 | u64 frames | u64 bytes raw | u64 bytes packed | hash 128 of all |
#ifndef KITH_PERSIST_PART_H
#define KITH_PERSIST_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/file.h"

enum { PART_RAW_MAX = 256 << 10 };     // bytes of a frame before compression
enum { PART_NAME = 16 };

struct part_id {
    uint64_t log_id[2];
    uint64_t place;
    uint32_t partition;
};

struct part_sum {
    uint64_t bytes_raw, bytes_disk;
    uint64_t hash[2];
};

struct part {
    struct file file;
    bool open;
    uint32_t raw_n;            // bytes in raw
    uint8_t *raw;              // PART_RAW_MAX bytes, the caller's; NULL while there is nothing
    uint64_t frames, packed;
    struct part_sum sum;
};

// What packs frames; one serves many parts, by turns.
struct part_packer {
    void *zstd;
    uint8_t *out;              // a frame with its head
    size_t room;
};
int part_packer_init(struct part_packer *p);
void part_packer_free(struct part_packer *p);

void part_name(char out[PART_NAME], unsigned partition);
int part_begin(struct part *part, struct file_dir dir, const struct part_id *id);
// Writes what is in raw as one frame.
int part_flush(struct part *part, struct part_packer *p);
// Writes the end, syncs, closes; sum is complete.
int part_end(struct part *part);

struct part_reading {
    // Called with every frame's bytes in order; NULL: only the hashes are looked at.
    int (*piece)(void *ctx, const void *bytes, size_t n);
    void *ctx;
    bool from_disk;            // past the kernel's cache where it can be
};
// Reads and verifies all of a part. EBADMSG: damaged or not this part; else errno or what piece
// returned.
int part_read(struct file_dir dir, const struct part_id *id, const struct part_reading *how,
              struct part_sum *sum);

#endif
