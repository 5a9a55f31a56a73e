// Every operation on files, filled in at link time: file_posix.c for the program, the simulator's
// disk for tests/sim. Paths are relative to a directory handle. All return 0 or a positive errno,
// unless said otherwise; nothing is retried inside except EINTR.
#ifndef KITH_CORE_FILE_H
#define KITH_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_dir { int fd; };
struct file { int fd; };

enum file_flag {
    FILE_READ = 0,
    FILE_WRITE = 1,        // read and write
    FILE_CREATE = 2,       // with FILE_WRITE; fails with EEXIST where the name is taken
    FILE_DIRECT = 4,       // past the page cache where the file system can; else silently cached
};

int file_dir_open(struct file_dir *dir, const char *path, bool create); // mode 0700
int file_dir_at(struct file_dir *dir, struct file_dir at, const char *name, bool create);
void file_dir_close(struct file_dir *dir);
int file_dir_sync(struct file_dir dir);
// Exclusive advisory lock on the directory, held until the process ends. EWOULDBLOCK when taken.
int file_dir_lock(struct file_dir dir);
// Calls fn(ctx, name) for every regular file, in byte order of the names.
int file_list(struct file_dir dir, void (*fn)(void *ctx, const char *name), void *ctx);
// The same for the directories in it, without "." and "..".
int file_list_dirs(struct file_dir dir, void (*fn)(void *ctx, const char *name), void *ctx);
int file_dir_remove(struct file_dir dir, const char *name); // an empty directory

int file_open(struct file *f, struct file_dir dir, const char *name, unsigned flags); // mode 0600
void file_close(struct file *f);
int file_size(struct file f, uint64_t *size);
// Reads up to n bytes; *got < n only at the end of the file.
int file_read(struct file f, void *buf, size_t n, uint64_t at, size_t *got);
// Writes all n bytes or fails.
int file_write(struct file f, const void *buf, size_t n, uint64_t at);
int file_sync(struct file f);                  // data and what is needed to read it back
int file_fill(struct file f, uint64_t size);   // zeros written, not only allocated
int file_rename(struct file_dir dir, const char *from, const char *to);
int file_unlink(struct file_dir dir, const char *name);
int file_free_bytes(struct file_dir dir, uint64_t *bytes);

// ---- writes under way: the log's ---------------------------------------------------------------

// One write, synced or not. The buffer and this struct belong to the file layer until it is reaped.
// sync speaks of this write's own bytes. With n = 0 and sync set the op writes nothing and syncs
// the whole file: every write that had been reaped before it was submitted is durable when it is
// done.
struct file_write_op {
    struct file file;
    const void *buf;       // aligned to PAGE, as are n and at
    size_t n;
    uint64_t at;
    bool sync;             // durable when done (RWF_DSYNC, or a write and then fdatasync)
    int error;             // 0 or errno; short writes are completed inside, before any sync
    void *owner;
    size_t written;        // used inside
    uint8_t phase;         // used inside
    uint8_t retries;       // used inside
};
struct file_queue;         // one writer's queue of writes under way

// use_uring false: every op is carried out inside file_queue_submit, blocking. NULL if no memory;
// falls back to the blocking way by itself where io_uring is refused.
struct file_queue *file_queue_new(unsigned depth, bool use_uring);
void file_queue_free(struct file_queue *q);
void file_queue_submit(struct file_queue *q, struct file_write_op *op);
// Asks that finishing ops also add to this eventfd, so that one sleep waits for them and for
// whoever else signals it. false: not possible here, or not needed since nothing finishes later
// than submit.
bool file_queue_notify(struct file_queue *q, int event_fd);
// Reaps finished ops in any order, up to max; waits up to wait_ms for the first (0 = does not
// wait).
unsigned file_queue_reap(struct file_queue *q, struct file_write_op **out, unsigned max,
                         int wait_ms);

#endif
