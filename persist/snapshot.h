// Snapshots on disk: one file per partition of zstd frames with checksums, a manifest last. Knows
// bytes and partitions, not what is in them. All files are written beside, read back, renamed; two
// are kept.
//
//   snapshot/<place>.tmp/  ->  snapshot/<place>/part-0000 … , manifest
#ifndef KITH_PERSIST_SNAPSHOT_H
#define KITH_PERSIST_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/file.h"
#include "persist/root.h"

struct snapshot_info {
    uint64_t place;            // state after this entry
    uint64_t last_stamp;
    uint64_t log_id[2];
    uint64_t objects[2], edges[2]; // digest of the whole, modulo 2^128
    uint64_t bytes_raw, bytes_disk;
    uint32_t partitions;
    uint32_t compat;
    unsigned keep;             // when it is written: how many are kept with it, 0 = SNAPSHOTS_KEPT
};
enum { SNAPSHOTS_KEPT = 2, SNAPSHOTS_KEPT_MAX = 16 };

// ---- writing: one thread -----------------------------------------------------------------------
struct snapshot_writer;
int snapshot_begin(struct snapshot_writer **out, struct file_dir dir, const struct root *root,
                   uint64_t place);
// Appends bytes to partition p's part; buffers, compresses and writes. Partitions may interleave.
int snapshot_append(struct snapshot_writer *w, unsigned p, const void *bytes, size_t n);
int snapshot_part_done(struct snapshot_writer *w, unsigned p);
// Reads a part that is done back from the disk and verifies it.
int snapshot_check_part(struct snapshot_writer *w, unsigned p);
// Ends and reads back the parts for which that was not done yet, syncs, writes the manifest,
// renames, syncs the directory; removes older snapshots than are kept. Frees w in every case.
int snapshot_finish(struct snapshot_writer *w, const struct snapshot_info *info);
// Removes what was written. Frees w.
void snapshot_abort(struct snapshot_writer *w);

// ---- reading -----------------------------------------------------------------------------------
// The newest snapshot whose manifest and parts verify; *older is set if the newest was damaged and
// an older one stands in, with a sentence in why[256]; those of another format are passed over
// without one. ENOENT: none (start from the first entry).
int snapshot_find(struct file_dir dir, const struct root *root, struct snapshot_info *out,
                  bool *older, char why[256]);
// The same with the parts verified side by side: `parallel` calls fn(ctx, i) for every i below n
// and returns when all are done.
struct snapshot_search {
    struct file_dir dir;
    const struct root *root;
    unsigned threads;
    void (*parallel)(unsigned n, void (*fn)(void *ctx, unsigned i), void *ctx);
};
int snapshot_find_by(const struct snapshot_search *how, struct snapshot_info *out, bool *older,
                     char why[256]);
// Reads one part, decompressed, in pieces; several threads may read different parts.
int snapshot_read_part(struct file_dir dir, uint64_t place, unsigned p,
                       int (*piece)(void *ctx, const void *bytes, size_t n), void *ctx);
// Lists, newest first, up to max; returns how many.
unsigned snapshot_list(struct file_dir dir, struct snapshot_info *out, unsigned max);
// Removes temporary directories of interrupted snapshots. At start only.
void snapshot_clean(struct file_dir dir);

#endif
