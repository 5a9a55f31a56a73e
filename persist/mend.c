// Cutting a torn tail and writing a doubtful one again.
#include "persist/mend.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/limits.h"
#include "persist/segment.h"

enum { PIECE = 1 << 20 };
static const char again_name[] = "again";
static const uint8_t again_magic[8] = {'K', 'I', 'T', 'H', 'A', 'G', 'N', 1};

struct again_head {
    uint8_t magic[8];
    struct mend_range range;
    uint64_t bytes[2];             // hash of the bytes, piece by piece
    uint64_t head[2];              // XXH3-128 of all before
};

static size_t piece_of(uint64_t left) { return left < PIECE ? (size_t)left : PIECE; }

static void hash_more(uint64_t hash[2], const void *bytes, size_t n)
{
    struct hash128 piece = hash128(bytes, n, 0);
    uint64_t all[4] = {hash[0], hash[1], piece.lo, piece.hi};
    struct hash128 sum = hash128(all, sizeof all, 0);
    hash[0] = sum.lo;
    hash[1] = sum.hi;
}

static void hash_head(const struct again_head *h, uint64_t out[2])
{
    struct hash128 sum = hash128(h, offsetof(struct again_head, head), 0);
    out[0] = sum.lo;
    out[1] = sum.hi;
}

static int open_segment(struct file *f, struct file_dir wal_dir, uint64_t number, unsigned flags)
{
    char name[SEGMENT_NAME];
    segment_name(name, number);
    return file_open(f, wal_dir, name, flags | FILE_DIRECT);
}

// ---- zeros --------------------------------------------------------------------------------------

int mend_zero(struct file_dir wal_dir, uint64_t segment, uint64_t from, uint64_t to)
{
    ASSERT(from % PAGE == 0 && to % PAGE == 0);
    static _Alignas(PAGE) uint8_t zeros[PIECE];
    struct file f;
    int e = open_segment(&f, wal_dir, segment, FILE_WRITE);
    if (e)
        return e;
    for (uint64_t at = from; at < to && !e; at += piece_of(to - at))
        e = file_write(f, zeros, piece_of(to - at), at);
    if (!e)
        e = file_sync(f);
    file_close(&f);
    return e;
}

int mend_check(struct file_dir wal_dir, uint64_t segment, uint64_t from, uint64_t to)
{
    uint8_t *buf = aligned_alloc(PAGE, PIECE);
    if (!buf)
        return ENOMEM;
    struct file f = {-1};
    int e = open_segment(&f, wal_dir, segment, FILE_READ);
    for (uint64_t at = from; at < to && !e; at += piece_of(to - at)) {
        size_t n = piece_of(to - at), got;
        e = file_read(f, buf, n, at, &got);
        if (!e && (got != n || buf[0] != 0 || memcmp(buf, buf + 1, n - 1) != 0))
            e = EIO;
    }
    if (f.fd >= 0)
        file_close(&f);
    free(buf);
    return e;
}

// ---- once more ----------------------------------------------------------------------------------

static int forget(struct file_dir wal_dir)
{
    int e = file_unlink(wal_dir, again_name);
    if (e == ENOENT)
        return 0;
    return e ? e : file_dir_sync(wal_dir);
}

// Reads a piece that must be there.
static int get(struct file f, uint8_t *buf, size_t n, uint64_t at)
{
    size_t got;
    int e = file_read(f, buf, n, at, &got);
    return !e && got != n ? EIO : e;
}

// Copies the range from the segment to the file beside it.
static int set_aside(struct file from, struct file to, const struct mend_range *range, uint8_t *buf)
{
    struct again_head head = {.range = *range};
    memcpy(head.magic, again_magic, sizeof head.magic);
    for (uint64_t at = range->from; at < range->to;) {
        size_t n = piece_of(range->to - at);
        int e = get(from, buf, n, at);
        if (!e)
            e = file_write(to, buf, n, PAGE + at - range->from);
        if (e)
            return e;
        hash_more(head.bytes, buf, n);
        at += n;
    }
    hash_head(&head, head.head);
    memset(buf, 0, PAGE);
    memcpy(buf, &head, sizeof head);
    int e = file_write(to, buf, PAGE, 0);
    return e ? e : file_sync(to);
}

// Writes the range into the segment: from the copy, or, where there is none, from the segment
// itself.
static int put_back(struct file segment, const struct file *copy, const struct mend_range *range,
                    uint8_t *buf)
{
    for (uint64_t at = range->from; at < range->to;) {
        size_t n = piece_of(range->to - at);
        int e = copy ? get(*copy, buf, n, PAGE + at - range->from) : get(segment, buf, n, at);
        if (!e)
            e = file_write(segment, buf, n, at);
        if (e)
            return e;
        at += n;
    }
    return file_sync(segment);
}

static int again(struct file_dir wal_dir, struct file segment, const struct mend_range *range,
                 uint8_t *buf)
{
    struct file copy;
    int e = forget(wal_dir);
    if (!e)
        e = file_open(&copy, wal_dir, again_name, FILE_WRITE | FILE_CREATE | FILE_DIRECT);
    if (!e) {
        e = set_aside(segment, copy, range, buf);
        if (!e)
            e = file_dir_sync(wal_dir);
        if (!e)
            e = put_back(segment, &copy, range, buf);
        file_close(&copy);
    }
    // A full disk must not keep the server from starting: then without the copy.
    if (e == ENOSPC)
        e = put_back(segment, NULL, range, buf);
    return e ? e : forget(wal_dir);
}

int mend_again(struct file_dir wal_dir, const struct mend_range *range)
{
    ASSERT(range->from % PAGE == 0 && range->to % PAGE == 0);
    ASSERT(range->from < range->to);
    uint8_t *buf = aligned_alloc(PAGE, PIECE);
    if (!buf)
        return ENOMEM;
    struct file segment;
    int e = open_segment(&segment, wal_dir, range->segment, FILE_WRITE);
    if (!e) {
        e = again(wal_dir, segment, range, buf);
        file_close(&segment);
    }
    free(buf);
    return e;
}

// Whether the copy is whole. Else the range was not yet touched.
static bool copy_whole(struct file aside, struct again_head *head, uint8_t *buf)
{
    if (get(aside, buf, PAGE, 0))
        return false;
    memcpy(head, buf, sizeof *head);
    uint64_t hash[2];
    hash_head(head, hash);
    if (memcmp(head->magic, again_magic, sizeof head->magic) != 0)
        return false;
    if (hash[0] != head->head[0] || hash[1] != head->head[1])
        return false;
    uint64_t sum[2] = {0, 0};
    const struct mend_range *r = &head->range;
    for (uint64_t at = r->from; at < r->to;) {
        size_t n = piece_of(r->to - at);
        if (get(aside, buf, n, PAGE + at - r->from))
            return false;
        hash_more(sum, buf, n);
        at += n;
    }
    return sum[0] == head->bytes[0] && sum[1] == head->bytes[1];
}

static int resume(struct file_dir wal_dir, struct file aside, const uint64_t log_id[2],
                  uint8_t *buf)
{
    struct again_head head;
    if (!copy_whole(aside, &head, buf))
        return forget(wal_dir);
    const struct mend_range *r = &head.range;
    if (r->log_id[0] != log_id[0] || r->log_id[1] != log_id[1])
        return 0; // not ours; the segments will say so too
    struct file segment;
    int e = open_segment(&segment, wal_dir, r->segment, FILE_WRITE);
    if (e == ENOENT)
        return 0;
    if (e)
        return e;
    e = put_back(segment, &aside, r, buf);
    file_close(&segment);
    return e ? e : forget(wal_dir);
}

int mend_resume(struct file_dir wal_dir, const uint64_t log_id[2])
{
    struct file aside;
    int e = file_open(&aside, wal_dir, again_name, FILE_READ | FILE_DIRECT);
    if (e)
        return e == ENOENT ? 0 : e;
    uint8_t *buf = aligned_alloc(PAGE, PIECE);
    e = buf ? resume(wal_dir, aside, log_id, buf) : ENOMEM;
    free(buf);
    file_close(&aside);
    return e;
}
