// A file read piece by piece, unpacked on the way where it is zstd, and cut into records.
#ifndef KITH_TOOLS_KITH_SOURCE_H
#define KITH_TOOLS_KITH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {
    const char *path;      // for messages; lives as long as the source
    int fd;
    uint64_t bytes_read;   // of the file as given
    uint64_t bytes_all;    // 0 where that is not known (a pipe)
    void *unpack;          // ZSTD_DStream, NULL = not packed
    uint8_t *raw;          // of the file: [raw_at, raw_n)
    size_t raw_at, raw_n;
    char *buf;             // unpacked: [at, n)
    size_t at, n, cap;
    bool end;              // the file is at its end
    bool unpacking;        // within a zstd frame
    uint64_t records;      // handed out
    char why[256];         // what went wrong: source_record gave -1
};

// 0 or errno.
int source_open(struct source *s, const char *path);
void source_close(struct source *s);

// The next record without its line end, NUL-terminated; writable; lives until the next call. A
// record ends at LF or CRLF; with `quoted` not at one between double quotes. 1, 0 at the end, -1:
// see why.
int source_record(struct source *s, bool quoted, char **record, size_t *n);
// The first byte that is no white space, without taking it; -1 at the end or on an error.
int source_peek(struct source *s);

// SHA-256 of a file as given. 0 or errno.
int source_sha256(const char *path, uint8_t out[32]);

#endif
