#include "bench/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/hist.h"
#include "core/limits.h"

enum {
    FILE_BYTES = 64 << 20,     // a segment of the log
    DEPTH_MAX = 32,
    LINE = 64,
    READS = 4 << 20,
};
#define FILE_NAME "limit-of-appends"

// ---- the disk ----------------------------------------------------------------------------------

struct appending {
    struct limit_append *a;
    struct file file;
    struct file_queue *queue;
    struct file_write_op op[DEPTH_MAX];
    uint64_t begun_ns[DEPTH_MAX];
    uint64_t at, done;
    struct hist took;
};

static void submit(struct appending *p, struct file_write_op *op, const void *buf)
{
    *op = (struct file_write_op){.file = p->file, .buf = buf, .n = p->a->bytes, .at = p->at,
                                 .sync = true};
    p->at = (p->at + p->a->bytes) % (FILE_BYTES - FILE_BYTES % p->a->bytes);
    p->begun_ns[op - p->op] = clock_mono_ns();
    file_queue_submit(p->queue, op);
}

static int append_all(struct appending *p, const void *buf)
{
    uint64_t begin = clock_mono_ns(), end = begin + (uint64_t)(p->a->seconds * 1e9);
    unsigned under_way = p->a->in_flight;
    int err = 0;
    for (unsigned i = 0; i < under_way; i++)
        submit(p, &p->op[i], buf);
    while (under_way > 0) {
        struct file_write_op *ended[DEPTH_MAX];
        unsigned n = file_queue_reap(p->queue, ended, DEPTH_MAX, 1000);
        uint64_t now = clock_mono_ns();
        for (unsigned i = 0; i < n; i++) {
            hist_record(&p->took, now - p->begun_ns[ended[i] - p->op]);
            p->done++;
            err = err != 0 ? err : ended[i]->error;
            if (now < end && err == 0)
                submit(p, ended[i], buf);
            else
                under_way--;
        }
    }
    p->a->per_second = (double)p->done / ((double)(clock_mono_ns() - begin) / 1e9);
    p->a->p50_us = (double)hist_percentile(&p->took, 50) / 1e3;
    p->a->p99_us = (double)hist_percentile(&p->took, 99) / 1e3;
    return err;
}

int limit_append(struct limit_append *a)
{
    ASSERT(a->in_flight >= 1 && a->in_flight <= DEPTH_MAX && a->bytes % PAGE == 0);
    struct file_dir dir;
    int err = file_dir_open(&dir, a->dir, false);
    if (err != 0)
        return err;
    struct appending p = {.a = a};
    void *buf = aligned_alloc(PAGE, a->bytes), *counts = calloc(1, hist_bytes(UINT64_C(1) << 36));
    ASSERT(buf != NULL && counts != NULL);
    memset(buf, 0x5a, a->bytes);
    hist_init(&p.took, UINT64_C(1) << 36, counts);
    err = file_open(&p.file, dir, FILE_NAME, FILE_WRITE | FILE_CREATE | FILE_DIRECT);
    if (err == 0) {
        p.queue = file_queue_new(DEPTH_MAX, true);
        ASSERT(p.queue != NULL);
        err = file_fill(p.file, FILE_BYTES);
        err = err != 0 ? err : file_sync(p.file);
        err = err != 0 ? err : append_all(&p, buf);
        file_queue_free(p.queue);
        file_close(&p.file);
        file_unlink(dir, FILE_NAME);
    }
    file_dir_close(&dir);
    free(buf);
    free(counts);
    return err;
}

// ---- memory ------------------------------------------------------------------------------------

// A walk through all lines in an order of no pattern: each begins with the number of the next.
static void lay_walk(uint32_t *line, size_t lines)
{
    enum { PER = LINE / sizeof *line };
    uint32_t *order = malloc(lines * sizeof *order);
    ASSERT(order != NULL);
    for (uint32_t i = 0; i < lines; i++)
        order[i] = i;
    for (size_t i = lines - 1; i > 0; i--) {
        size_t k = hash_u64(i, 7) % (i + 1);
        uint32_t t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    for (size_t i = 0; i < lines; i++)
        line[(size_t)order[i] * PER] = order[(i + 1) % lines];
    free(order);
}

int limit_memory(struct limit_memory *m)
{
    enum { PER = LINE / sizeof(uint32_t) };
    size_t lines = m->bytes / LINE;
    uint32_t *line = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (line == MAP_FAILED)
        return ENOMEM;
    lay_walk(line, lines);
    uint64_t begin = clock_mono_ns();
    uint32_t at = 0;
    for (unsigned i = 0; i < READS; i++)
        at = line[(size_t)at * PER];
    m->dependent_ns = (double)(clock_mono_ns() - begin) / READS;
    begin = clock_mono_ns();
    uint64_t sum = 0;
    for (unsigned i = 0; i < READS; i++)
        sum += line[(size_t)((hash_u64(i, at) >> 32) * lines >> 32) * PER];
    m->overlapped_ns = (double)(clock_mono_ns() - begin) / READS;
    // The sum is used, so that the reads are made.
    line[0] = (uint32_t)sum;
    munmap(line, m->bytes);
    return 0;
}
