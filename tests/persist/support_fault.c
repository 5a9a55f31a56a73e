// file_posix.c under other names, and every function of core/file.h before it.
#define file_dir_open posix_dir_open
#define file_dir_at posix_dir_at
#define file_dir_close posix_dir_close
#define file_dir_sync posix_dir_sync
#define file_dir_lock posix_dir_lock
#define file_list posix_list
#define file_list_dirs posix_list_dirs
#define file_dir_remove posix_dir_remove
#define file_open posix_open
#define file_close posix_close
#define file_size posix_size
#define file_read posix_read
#define file_write posix_write
#define file_sync posix_sync
#define file_fill posix_fill
#define file_rename posix_rename
#define file_unlink posix_unlink
#define file_free_bytes posix_free_bytes
#define file_queue_new posix_queue_new
#define file_queue_free posix_queue_free
#define file_queue_submit posix_queue_submit
#define file_queue_notify posix_queue_notify
#define file_queue_reap posix_queue_reap

#include <liburing.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/persist/support_fault.h"

struct fault fault;

static size_t cut(size_t n)
{
    return fault.short_bytes && n > fault.short_bytes ? (size_t)fault.short_bytes : n;
}

// One op at a time is cut short where several are under way: whose bytes are missing is counted
// here.
static uint64_t missing;

static int watched_fdatasync(int fd)
{
    fault.early_syncs += missing > 0;
    fault.syncs_after_short++;
    return fdatasync(fd);
}

static void watched_prep_fsync(struct io_uring_sqe *sqe, int fd, unsigned flags)
{
    fault.syncs_after_short++;
    io_uring_prep_fsync(sqe, fd, flags);
}

static ssize_t short_pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
    (void)n;
    struct iovec less = {v->iov_base, cut(v->iov_len)};
    missing = v->iov_len - less.iov_len;
    return pwritev2(fd, &less, 1, at, flags);
}

static void short_prep_write(struct io_uring_sqe *s, int fd, const void *p, unsigned n, uint64_t at)
{
    io_uring_prep_write(s, fd, p, (unsigned)cut(n), at);
}

#define pwritev2 short_pwritev2
#define fdatasync watched_fdatasync
#define io_uring_prep_fsync watched_prep_fsync
#define io_uring_prep_write short_prep_write
#include "core/file_posix.c"
#undef pwritev2
#undef fdatasync
#undef io_uring_prep_fsync
#undef io_uring_prep_write

#undef file_dir_open
#undef file_dir_at
#undef file_dir_close
#undef file_dir_sync
#undef file_dir_lock
#undef file_list
#undef file_list_dirs
#undef file_dir_remove
#undef file_open
#undef file_close
#undef file_size
#undef file_read
#undef file_write
#undef file_sync
#undef file_fill
#undef file_rename
#undef file_unlink
#undef file_free_bytes
#undef file_queue_new
#undef file_queue_free
#undef file_queue_submit
#undef file_queue_notify
#undef file_queue_reap

void fault_reset(void) { fault = (struct fault){0}; }

// Whether an operation of this kind is to fail now.
static bool strikes(enum fault_kind kind)
{
    if (fault.kind == FAULT_NONE || (fault.kind != kind && fault.kind != FAULT_ANY))
        return false;
    uint64_t n = fault.seen++;
    bool now = fault.for_ever ? n >= fault.after : n == fault.after;
    fault.hit += now;
    return now;
}

enum { FDS = 4096 };
static _Atomic bool unsynced[FDS];

static int error(void) { return fault.error ? fault.error : EIO; }

// ---- what core/file.h declares ------------------------------------------------------------------

int file_dir_open(struct file_dir *dir, const char *path, bool make)
{
    return posix_dir_open(dir, path, make);
}
int file_dir_at(struct file_dir *dir, struct file_dir at, const char *name, bool make)
{
    return make && strikes(FAULT_ANY) ? error() : posix_dir_at(dir, at, name, make);
}
void file_dir_close(struct file_dir *dir) { posix_dir_close(dir); }
int file_dir_sync(struct file_dir dir)
{
    return strikes(FAULT_DIR_SYNC) ? error() : posix_dir_sync(dir);
}
int file_dir_lock(struct file_dir dir) { return posix_dir_lock(dir); }
int file_list(struct file_dir dir, void (*fn)(void *, const char *), void *ctx)
{
    return posix_list(dir, fn, ctx);
}
int file_list_dirs(struct file_dir dir, void (*fn)(void *, const char *), void *ctx)
{
    return posix_list_dirs(dir, fn, ctx);
}
int file_dir_remove(struct file_dir dir, const char *name)
{
    return strikes(FAULT_ANY) ? error() : posix_dir_remove(dir, name);
}
int file_open(struct file *f, struct file_dir dir, const char *name, unsigned flags)
{
    if ((flags & FILE_CREATE) && strikes(FAULT_ANY))
        return error();
    return posix_open(f, dir, name, flags);
}
void file_close(struct file *f)
{
    if (f->fd >= 0 && f->fd < FDS)
        fault.closed_unsynced += atomic_exchange(&unsynced[f->fd], false);
    posix_close(f);
}
int file_size(struct file f, uint64_t *size) { return posix_size(f, size); }
int file_read(struct file f, void *buf, size_t n, uint64_t at, size_t *got)
{
    if (fault.kind == FAULT_READ && fault.offset >= at && fault.offset < at + n) {
        fault.hit++;
        *got = 0;
        return error();
    }
    return posix_read(f, buf, n, at, got);
}
int file_write(struct file f, const void *buf, size_t n, uint64_t at)
{
    if (f.fd >= 0 && f.fd < FDS)
        atomic_store(&unsynced[f.fd], true);
    if (strikes(FAULT_WRITE)) {
        (void)posix_write(f, buf, n / 2, at); // half of it may be there
        return error();
    }
    return posix_write(f, buf, n, at);
}
int file_sync(struct file f)
{
    if (strikes(FAULT_SYNC))
        return error();
    if (f.fd >= 0 && f.fd < FDS)
        atomic_store(&unsynced[f.fd], false);
    return posix_sync(f);
}
int file_fill(struct file f, uint64_t size)
{
    return strikes(FAULT_WRITE) ? error() : posix_fill(f, size);
}
int file_rename(struct file_dir dir, const char *from, const char *to)
{
    return strikes(FAULT_RENAME) ? error() : posix_rename(dir, from, to);
}
int file_unlink(struct file_dir dir, const char *name)
{
    return strikes(FAULT_ANY) ? error() : posix_unlink(dir, name);
}
int file_free_bytes(struct file_dir dir, uint64_t *bytes) { return posix_free_bytes(dir, bytes); }

struct file_queue *file_queue_new(unsigned depth, bool use_uring)
{
    return posix_queue_new(depth, use_uring);
}
void file_queue_free(struct file_queue *q) { posix_queue_free(q); }
void file_queue_submit(struct file_queue *q, struct file_write_op *op)
{
    posix_queue_submit(q, op);
}
bool file_queue_notify(struct file_queue *q, int fd) { return posix_queue_notify(q, fd); }

// Lets one finished write come late, behind others that were submitted after it.
static unsigned keep_back(struct file_write_op **out, unsigned n, unsigned max)
{
    static struct file_write_op *held;
    if (held && (fault.hold == 0 || --fault.hold == 0) && n < max) {
        out[n++] = held;
        held = NULL;
        return n;
    }
    for (unsigned i = 0; i < n && !held && fault.hold > 0; i++) {
        if (out[i]->n == 0 || !out[i]->owner)
            continue;
        held = out[i];
        out[i] = out[--n];
    }
    return n;
}

unsigned file_queue_reap(struct file_queue *q, struct file_write_op **out, unsigned max,
                         int wait_ms)
{
    unsigned n = posix_queue_reap(q, out, max, wait_ms);
    n = keep_back(out, n, max);
    for (unsigned i = 0; i < n; i++) {
        bool sync = out[i]->sync && fault.kind == FAULT_QUEUE_SYNC;
        bool write = out[i]->n > 0 && fault.kind == FAULT_QUEUE_WRITE;
        if ((sync || write || fault.kind == FAULT_ANY) && strikes(fault.kind))
            out[i]->error = error();
    }
    return n;
}
