// How many entries of 100 bytes a second go through the log: a figure, not a test.
//
//   wal_rate DIRECTORY [SECONDS] [none|group|strict] [blocking] [one]
//
// `one`: one entry under way at a time, which gives the time that a change waits for the log.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "persist/recover.h"
#include "persist/root.h"
#include "persist/wal.h"

static struct wal *wal;
static _Atomic bool stop;

static void *writer(void *ctx)
{
    (void)ctx;
    int e = 0;
    while (!e && !atomic_load(&stop))
        e = wal_step(wal, 100);
    if (e)
        fprintf(stderr, "writer: %s\n", strerror(e));
    return NULL;
}

static int open_log(const char *path, enum durability durability, bool use_uring)
{
    struct file_dir dir;
    struct root root;
    struct wal_position at;
    struct recover_report report;
    struct recover_options opt = {.from_place = 0};
    const char *what = "root";
    int e = file_dir_open(&dir, path, true);
    if (!e) {
        e = root_create(dir, 256, &root);
        if (e == EEXIST)
            e = root_read(dir, &root);
    }
    uint64_t start = clock_mono_ns();
    if (!e)
        e = recover_log(dir, &root, &opt, &at, &report);
    double took = (double)(clock_mono_ns() - start) / 1e9;
    if (!e && report.refused)
        return fprintf(stderr, "%s\n", report.line);
    printf("recovery: %s, %llu entries in %.3f s\n", report.line,
           (unsigned long long)report.entries, took);
    struct wal_options options = {.cores = 1,
                                  .durability = durability,
                                  .group_ms = GROUP_MS_DEFAULT,
                                  .segment_bytes = SEGMENT_BYTES,
                                  .use_uring = use_uring};
    start = clock_mono_ns();
    if (!e)
        e = wal_open(&wal, dir, &options, &at, &what);
    printf("wal_open: %.3f s\n", (double)(clock_mono_ns() - start) / 1e9);
    if (e)
        fprintf(stderr, "%s: %s\n", what, strerror(e));
    return e;
}

static uint64_t drain(void)
{
    uint64_t n = 0;
    struct batch *b;
    while ((b = wal_released(wal, 0))) {
        n += b->count;
        wal_give_back(wal, 0, b);
    }
    return n;
}

static void print(double seconds, uint64_t entries)
{
    struct wal_stats s;
    wal_stats(wal, &s);
    double batches = (double)s.batches;
    printf("%.0f entries/s, %.1f MB/s, %.0f batches/s, %.1f entries a batch, %.3f ms a sync (most "
           "%.3f), segment %llu\n",
           (double)entries / seconds, (double)s.bytes / seconds / 1e6, batches / seconds,
           (double)entries / batches,
           s.syncs ? (double)s.sync_ns_total / (double)s.syncs / 1e6 : 0,
           (double)s.sync_ns_max / 1e6, (unsigned long long)s.segment);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return fprintf(stderr, "wal_rate DIRECTORY [SECONDS] [strict|group|none] [blocking] "
                               "[one]\n");
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    enum durability durability = DURABILITY_STRICT;
    bool use_uring = true, one = false;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "group") == 0)
            durability = DURABILITY_GROUP;
        if (strcmp(argv[i], "none") == 0)
            durability = DURABILITY_NONE;
        use_uring &= strcmp(argv[i], "blocking") != 0;
        one |= strcmp(argv[i], "one") == 0;
    }
    if (open_log(argv[1], durability, use_uring))
        return 1;
    pthread_t thread;
    pthread_create(&thread, NULL, writer, NULL);
    union {
        struct entry head;
        uint8_t bytes[104];
    } e = {.head = {.length = 104, .op = 1, .slot_count = 1, .actor = 7}};
    uint64_t pushed = 0, read = 0, start = clock_mono_ns(), now = start;
    while ((double)(now - start) < seconds * 1e9) {
        for (unsigned i = 0; i < (one ? 1 : 256); i++)
            pushed += ring_push(wal_queue(wal, 0), &e, sizeof e, 0);
        wal_kick(wal);
        do
            read += drain();
        while (one && read < pushed);
        now = clock_mono_ns();
    }
    print((double)(now - start) / 1e9, read);
    while (read < pushed)
        read += drain();
    atomic_store(&stop, true);
    wal_kick(wal);
    pthread_join(thread, NULL);
    return wal_close(wal) != 0;
}
