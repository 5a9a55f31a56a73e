// Names, lists and the making of segments.
#include "persist/segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/limits.h"

enum { PIECE = 1 << 20 };
static const char spare_name[] = "spare.tmp";

void segment_name(char out[SEGMENT_NAME], uint64_t number)
{
    snprintf(out, SEGMENT_NAME, "%016llx.seg", (unsigned long long)number);
}

// The number in a segment's name, 0 for any other name.
static uint64_t name_number(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t n = 0;
    for (unsigned i = 0; i < 16; i++) {
        const char *d = name[i] ? strchr(digits, name[i]) : NULL;
        if (!d)
            return 0;
        n = n << 4 | (uint64_t)(d - digits);
    }
    return strcmp(name + 16, ".seg") == 0 ? n : 0;
}

struct numbers {
    uint64_t *list;
    unsigned n, room;
    int error;
};

static void numbers_add(void *ctx, const char *name)
{
    struct numbers *v = ctx;
    uint64_t number = name_number(name);
    if (number == 0 || v->error)
        return;
    if (v->n == v->room) {
        unsigned room = v->room ? 2 * v->room : 16;
        uint64_t *list = realloc(v->list, room * sizeof *list);
        if (!list) {
            v->error = ENOMEM;
            return;
        }
        v->list = list;
        v->room = room;
    }
    v->list[v->n++] = number;
}

int segment_list(struct file_dir wal_dir, uint64_t **out, unsigned *n)
{
    struct numbers v = {0};
    int e = file_list(wal_dir, numbers_add, &v); // in order of names, which is that of numbers
    if (!e)
        e = v.error;
    if (e) {
        free(v.list);
        return e;
    }
    *out = v.list;
    *n = v.n;
    return 0;
}

int segment_clean(struct file_dir wal_dir)
{
    int e = file_unlink(wal_dir, spare_name);
    if (e == ENOENT)
        return 0;
    return e ? e : file_dir_sync(wal_dir);
}

// ENOSPC is what the caller may wait out; from a sync it is as fatal as any other (W5).
static int sync_error(int e) { return e == ENOSPC ? EIO : e; }

static int publish(struct file_dir wal_dir, uint64_t number)
{
    char name[SEGMENT_NAME];
    segment_name(name, number);
    int e = file_rename(wal_dir, spare_name, name);
    return e ? e : sync_error(file_dir_sync(wal_dir)); // W4: before any batch depends on the name
}

static int open_new(struct file *f, struct file_dir wal_dir)
{
    int e = file_unlink(wal_dir, spare_name);
    if (e && e != ENOENT)
        return e;
    return file_open(f, wal_dir, spare_name, FILE_WRITE | FILE_CREATE | FILE_DIRECT);
}

int segment_make(struct file_dir wal_dir, uint64_t number, uint64_t bytes)
{
    struct file f;
    int e = open_new(&f, wal_dir);
    if (e)
        return e;
    e = file_fill(f, bytes);
    if (!e)
        e = file_sync(f);
    file_close(&f);
    if (!e)
        return publish(wal_dir, number);
    (void)file_unlink(wal_dir, spare_name);
    return e;
}

int spare_init(struct spare *s, struct file_dir wal_dir, uint64_t segment_bytes)
{
    ASSERT(segment_bytes % PAGE == 0);
    *s = (struct spare){.dir = wal_dir, .bytes = segment_bytes, .file = {.fd = -1}};
    s->zeros = aligned_alloc(PAGE, PIECE);
    if (!s->zeros)
        return ENOMEM;
    memset(s->zeros, 0, PIECE);
    return 0;
}

void spare_free(struct spare *s)
{
    if (s->number)
        file_close(&s->file);
    free(s->zeros);
}

int spare_begin(struct spare *s, uint64_t number)
{
    ASSERT(s->number == 0);
    int e = open_new(&s->file, s->dir);
    if (e)
        return e;
    s->number = number;
    s->filled = 0;
    return 0;
}

void spare_push(struct spare *s, struct file_queue *q)
{
    if (s->number == 0 || s->busy)
        return;
    uint64_t left = s->bytes - s->filled;
    size_t n = left < PIECE ? (size_t)left : PIECE;
    // Behind the last piece comes the sync of the whole, an op without bytes.
    s->op = (struct file_write_op){
        .file = s->file, .buf = s->zeros, .n = n, .at = s->filled, .sync = n == 0};
    s->busy = true;
    file_queue_submit(q, &s->op);
}

static int give_up(struct spare *s, int error)
{
    file_close(&s->file);
    s->number = 0;
    int e = file_unlink(s->dir, spare_name);
    return e ? e : error;
}

int spare_reaped(struct spare *s, bool *ready)
{
    ASSERT(s->busy);
    s->busy = false;
    *ready = false;
    if (s->op.error)
        return give_up(s, s->op.n ? s->op.error : sync_error(s->op.error));
    if (s->op.n > 0) {
        s->filled += s->op.n;
        return 0;
    }
    uint64_t number = s->number;
    file_close(&s->file);
    s->number = 0;
    *ready = true;
    return publish(s->dir, number);
}
