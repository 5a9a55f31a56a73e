// Files for the program: POSIX calls for everything that may block, io_uring for the log's writes,
// with blocking writes where io_uring is refused.
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/limits.h"

// ---- directories --------------------------------------------------------------------------------

static int sync_fd(int fd)
{
    while (fsync(fd) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

// A name just made in the directory above `fd` is durable only when that directory is synced.
static int sync_parent(int fd)
{
    int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (up < 0)
        return errno;
    int e = sync_fd(up);
    close(up);
    return e;
}

static int dir_open(struct file_dir *dir, int at, const char *name, bool create)
{
    bool made = false;
    dir->fd = -1;
    if (create) {
        if (mkdirat(at, name, 0700) == 0)
            made = true;
        else if (errno != EEXIST)
            return errno;
    }
    dir->fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->fd < 0)
        return errno;
    int e = made ? sync_parent(dir->fd) : 0;
    if (e)
        file_dir_close(dir);
    return e;
}

int file_dir_open(struct file_dir *dir, const char *path, bool create)
{
    return dir_open(dir, AT_FDCWD, path, create);
}

int file_dir_at(struct file_dir *dir, struct file_dir at, const char *name, bool create)
{
    return dir_open(dir, at.fd, name, create);
}

void file_dir_close(struct file_dir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    dir->fd = -1;
}

int file_dir_sync(struct file_dir dir) { return sync_fd(dir.fd); }

int file_dir_lock(struct file_dir dir)
{
    while (flock(dir.fd, LOCK_EX | LOCK_NB) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

int file_dir_remove(struct file_dir dir, const char *name)
{
    return unlinkat(dir.fd, name, AT_REMOVEDIR) < 0 ? errno : 0;
}

struct names {
    char **list;
    size_t n, room;
};

static int names_add(struct names *v, const char *name)
{
    if (v->n == v->room) {
        size_t room = v->room ? 2 * v->room : 64;
        char **list = realloc(v->list, room * sizeof *list);
        if (!list)
            return ENOMEM;
        v->list = list;
        v->room = room;
    }
    v->list[v->n] = strdup(name);
    return v->list[v->n++] ? 0 : ENOMEM;
}

static int names_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool name_is(int dir, const struct dirent *d, bool want_dirs)
{
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
        return false;
    if (d->d_type != DT_UNKNOWN)
        return d->d_type == (want_dirs ? DT_DIR : DT_REG);
    struct stat st;
    if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    return want_dirs ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
}

static int names_read(struct names *v, struct file_dir dir, bool want_dirs)
{
    // An own descriptor: reading moves the offset, which a duplicate would share.
    int fd = openat(dir.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    DIR *d = fdopendir(fd);
    if (!d) {
        int e = errno;
        close(fd);
        return e;
    }
    int e = 0;
    while (!e) {
        errno = 0;
        struct dirent *one = readdir(d);
        if (!one) {
            e = errno;
            break;
        }
        if (name_is(fd, one, want_dirs))
            e = names_add(v, one->d_name);
    }
    closedir(d);
    return e;
}

static int list(struct file_dir dir, bool want_dirs, void (*fn)(void *, const char *), void *ctx)
{
    struct names v = {0};
    int e = names_read(&v, dir, want_dirs);
    if (v.n)
        qsort(v.list, v.n, sizeof *v.list, names_order);
    for (size_t i = 0; i < v.n; i++) {
        if (!e)
            fn(ctx, v.list[i]);
        free(v.list[i]);
    }
    free(v.list);
    return e;
}

int file_list(struct file_dir dir, void (*fn)(void *ctx, const char *name), void *ctx)
{
    return list(dir, false, fn, ctx);
}

int file_list_dirs(struct file_dir dir, void (*fn)(void *ctx, const char *name), void *ctx)
{
    return list(dir, true, fn, ctx);
}

// ---- files --------------------------------------------------------------------------------------

int file_open(struct file *f, struct file_dir dir, const char *name, unsigned flags)
{
    ASSERT(!(flags & FILE_CREATE) || (flags & FILE_WRITE));
    int how = O_CLOEXEC | O_NOFOLLOW | (flags & FILE_WRITE ? O_RDWR : O_RDONLY);
    if (flags & FILE_DIRECT)
        how |= O_DIRECT;
    f->fd = openat(dir.fd, name, how | (flags & FILE_CREATE ? O_CREAT | O_EXCL : 0), 0600);
    if (f->fd < 0 && errno == EINVAL && (flags & FILE_DIRECT)) {
        // The name may have been made before O_DIRECT was refused, so O_EXCL is left out.
        how = (how & ~O_DIRECT) | (flags & FILE_CREATE ? O_CREAT : 0);
        f->fd = openat(dir.fd, name, how, 0600);
        // Recovery wants to see what the disk holds, not what this kernel remembers.
        if (f->fd >= 0)
            (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    return f->fd < 0 ? errno : 0;
}

void file_close(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int file_size(struct file f, uint64_t *size)
{
    struct stat st;
    if (fstat(f.fd, &st) < 0)
        return errno;
    *size = (uint64_t)st.st_size;
    return 0;
}

int file_read(struct file f, void *buf, size_t n, uint64_t at, size_t *got)
{
    *got = 0;
    while (*got < n) {
        ssize_t r = pread(f.fd, (char *)buf + *got, n - *got, (off_t)(at + *got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return errno;
        if (r == 0)
            return 0;
        *got += (size_t)r;
        // A direct read must not go on from an end of file that is no multiple of a sector.
        uint64_t size;
        if (*got < n && *got % SECTOR != 0 && file_size(f, &size) == 0 && at + *got >= size)
            return 0;
    }
    return 0;
}

int file_write(struct file f, const void *buf, size_t n, uint64_t at)
{
    for (size_t done = 0; done < n;) {
        ssize_t r = pwrite(f.fd, (const char *)buf + done, n - done, (off_t)(at + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? errno : EIO;
        done += (size_t)r;
    }
    return 0;
}

int file_sync(struct file f)
{
    while (fdatasync(f.fd) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

int file_fill(struct file f, uint64_t size)
{
    static _Alignas(PAGE) uint8_t zeros[1 << 20];
    for (uint64_t at = 0; at < size;) {
        size_t n = size - at < sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        int e = file_write(f, zeros, n, at);
        if (e)
            return e;
        at += n;
    }
    return 0;
}

int file_rename(struct file_dir dir, const char *from, const char *to)
{
    return renameat(dir.fd, from, dir.fd, to) < 0 ? errno : 0;
}

int file_unlink(struct file_dir dir, const char *name)
{
    return unlinkat(dir.fd, name, 0) < 0 ? errno : 0;
}

int file_free_bytes(struct file_dir dir, uint64_t *bytes)
{
    struct statvfs v;
    if (fstatvfs(dir.fd, &v) < 0)
        return errno;
    *bytes = (uint64_t)v.f_bavail * (uint64_t)v.f_frsize;
    return 0;
}

// ---- writes under way ---------------------------------------------------------------------------

enum { DEPTH_MAX = 64, RETRIES_MAX = 16 };

// What an op in the ring is at. A short write leaves PHASE_FIRST for PHASE_REST; only when all
// bytes are written is the sync asked for (W1).
enum { PHASE_FIRST, PHASE_REST, PHASE_SYNC };

struct file_queue {
    struct io_uring ring;
    bool uring;
    unsigned depth;
    unsigned in_kernel;    // ops submitted to the ring and not yet finished
    struct file_write_op *done[DEPTH_MAX]; // finished, not yet reaped; in order of finishing
    unsigned done_first, done_count;
};

struct file_queue *file_queue_new(unsigned depth, bool use_uring)
{
    ASSERT(depth > 0 && depth <= DEPTH_MAX);
    struct file_queue *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->depth = depth;
    q->uring = use_uring && io_uring_queue_init(depth, &q->ring, 0) == 0;
    return q;
}

static void finish(struct file_queue *q, struct file_write_op *op, int error)
{
    ASSERT(q->done_count < DEPTH_MAX);
    op->error = error;
    q->done[(q->done_first + q->done_count++) % DEPTH_MAX] = op;
}

// Direct writes go on from whole pages only; what lay between is written again.
static bool advance(struct file_write_op *op, size_t put)
{
    size_t all = op->written + put;
    size_t kept = all >= op->n ? op->n : all / PAGE * PAGE;
    if (kept == op->written && ++op->retries > RETRIES_MAX)
        return false;
    op->written = kept;
    return true;
}

static int write_blocking(struct file_write_op *op)
{
    int flags = op->sync ? RWF_DSYNC : 0;
    bool sync_after = op->sync && op->n == 0;
    while (op->written < op->n) {
        struct iovec v = {(char *)(uintptr_t)op->buf + op->written, op->n - op->written};
        ssize_t r = pwritev2(op->file.fd, &v, 1, (off_t)(op->at + op->written), flags);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && flags && (errno == EOPNOTSUPP || errno == ENOSYS)) {
            flags = 0;
            sync_after = true;
            continue;
        }
        if (r < 0)
            return errno;
        if (!advance(op, (size_t)r))
            return EIO;
        if (op->written < op->n) {
            flags = 0;
            sync_after = op->sync;
        }
    }
    return sync_after ? file_sync(op->file) : 0;
}

static void ring_put(struct file_queue *q, struct file_write_op *op)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);
    ASSERT(sqe != NULL); // every sqe is submitted at once, and never more than depth are under way
    if (op->phase == PHASE_SYNC) {
        io_uring_prep_fsync(sqe, op->file.fd, IORING_FSYNC_DATASYNC);
    } else {
        const char *from = (const char *)op->buf + op->written;
        unsigned n = (unsigned)(op->n - op->written);
        io_uring_prep_write(sqe, op->file.fd, from, n, op->at + op->written);
        if (op->sync && op->phase == PHASE_FIRST)
            sqe->rw_flags = RWF_DSYNC;
    }
    io_uring_sqe_set_data(sqe, op);
    int r;
    do
        r = io_uring_submit(&q->ring);
    while (r == -EINTR || r == -EAGAIN || r == -EBUSY);
    ASSERT(r == 1);
}

// What the kernel said of an op. true: the op goes on in the ring.
static bool ring_goes_on(struct file_write_op *op, int result)
{
    op->error = 0;
    if (result == -EINTR || result == -EAGAIN) {
        if (++op->retries <= RETRIES_MAX)
            return true;
        op->error = EIO;
        return false;
    }
    if (result < 0) {
        op->error = -result;
        return false;
    }
    if (op->phase == PHASE_SYNC)
        return false;
    if (!advance(op, (size_t)result)) {
        op->error = EIO;
        return false;
    }
    if (op->written < op->n) {
        op->phase = PHASE_REST;
        return true;
    }
    if (op->phase == PHASE_REST && op->sync) {
        op->phase = PHASE_SYNC; // the first part's own sync does not speak for the rest
        return true;
    }
    return false;
}

static void ring_drain(struct file_queue *q)
{
    struct io_uring_cqe *cqe;
    while (q->in_kernel > 0 && io_uring_peek_cqe(&q->ring, &cqe) == 0) {
        struct file_write_op *op = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        io_uring_cqe_seen(&q->ring, cqe);
        if (ring_goes_on(op, result)) {
            ring_put(q, op);
            continue;
        }
        q->in_kernel--;
        finish(q, op, op->error);
    }
}

void file_queue_submit(struct file_queue *q, struct file_write_op *op)
{
    ASSERT(q->in_kernel + q->done_count < q->depth);
    ASSERT(op->n > 0 || op->sync);
    ASSERT(((uintptr_t)op->buf | op->n | op->at) % PAGE == 0);
    op->written = 0;
    op->retries = 0;
    op->phase = op->n ? PHASE_FIRST : PHASE_SYNC;
    if (!q->uring) {
        finish(q, op, write_blocking(op));
        return;
    }
    q->in_kernel++;
    ring_put(q, op);
}

bool file_queue_notify(struct file_queue *q, int event_fd)
{
    return q->uring && io_uring_register_eventfd(&q->ring, event_fd) == 0;
}

unsigned file_queue_reap(struct file_queue *q, struct file_write_op **out, unsigned max,
                         int wait_ms)
{
    if (q->uring)
        ring_drain(q);
    if (q->done_count == 0 && q->in_kernel > 0 && wait_ms > 0) {
        struct __kernel_timespec ts = {wait_ms / 1000, wait_ms % 1000 * 1000000LL};
        struct io_uring_cqe *cqe;
        if (io_uring_wait_cqe_timeout(&q->ring, &cqe, &ts) == 0)
            ring_drain(q);
    }
    unsigned n = 0;
    for (; n < max && q->done_count > 0; n++) {
        out[n] = q->done[q->done_first];
        q->done_first = (q->done_first + 1) % DEPTH_MAX;
        q->done_count--;
    }
    return n;
}

void file_queue_free(struct file_queue *q)
{
    if (!q)
        return;
    // The kernel still reads from the buffers of ops under way (W2): they are waited for.
    struct io_uring_cqe *cqe;
    while (q->uring && q->in_kernel > 0) {
        int r = io_uring_wait_cqe(&q->ring, &cqe);
        if (r < 0 && r != -EINTR)
            break;
        if (r < 0)
            continue;
        io_uring_cqe_seen(&q->ring, cqe);
        q->in_kernel--;
    }
    if (q->uring)
        io_uring_queue_exit(&q->ring);
    free(q);
}
