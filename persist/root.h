// The root file: two slots written in turn, each with a generation and a hash. It says whose log
// this is, how far it was durable at the last rotation or clean stop, and how state is cut into
// partitions.
#ifndef KITH_PERSIST_ROOT_H
#define KITH_PERSIST_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/file.h"

struct root {
    uint64_t generation;
    uint64_t log_id[2];        // drawn at init
    uint64_t node_id;
    uint32_t format;
    uint32_t compat;
    uint32_t partitions;       // a power of two, fixed for ever
    uint32_t clean;            // 1 after a clean stop, 0 while running
    uint64_t epoch;
    uint64_t durable_place;    // at the last rotation or clean stop
    uint64_t snapshot_place;   // of the newest whole snapshot, 0 = none
    uint64_t hash_key[2];      // of this log: seeds tables and digests
};

// Also of what entries and digests say: a log is read by builds of its own format alone.
enum { ROOT_FORMAT = 2 };

// Makes a new data directory: root with a fresh log id, wal/, snapshot/, keys/. EEXIST if there is
// one.
int root_create(struct file_dir dir, unsigned partitions, struct root *out);
// Reads the newest whole slot. ENOENT: not a data directory. EBADMSG: both slots damaged.
// ENOTSUP: written by a version of another format (*out is filled in).
int root_read(struct file_dir dir, struct root *out);
// Writes the older slot with generation + 1, synced.
int root_write(struct file_dir dir, struct root *r);

#endif
