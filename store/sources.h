// Which chunks of which import files are done: rows without an id of their own are applied once. A
// bit a chunk, kept in every partition alike. In images.
#ifndef KITH_STORE_SOURCES_H
#define KITH_STORE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

struct part;

enum { SOURCE_CHUNKS_MAX = 1 << 20 };  // 128 KiB of bits a partition

struct source {
    struct source *next;
    uint64_t hi, lo;          // hash of the file
    uint64_t *bits;
    uint32_t words;           // of bits[], a power of two
    uint8_t image;            // generation of the last snapshot that has it
};

bool sources_done(const struct part *p, const struct source *which, uint32_t chunk);
// chunk < SOURCE_CHUNKS_MAX. Only hi and lo of `which` are read.
void sources_mark(struct part *p, const struct source *which, uint32_t chunk);
// The first of all, newest first; NULL = none.
struct source *sources_first(const struct part *p);

#endif
