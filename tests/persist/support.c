#include "tests/persist/support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/hash.h"
#include "persist/batch.h"
#include "persist/segment.h"

static void make(struct box *b, const char *where)
{
    static unsigned serial;
    *b = (struct box){.from = 1};
    snprintf(b->path, sizeof b->path, "%s/kith-test-%d-%u", where, (int)getpid(), serial++);
    b->opt = (struct wal_options){.cores = 1,
                                  .durability = DURABILITY_STRICT,
                                  .group_ms = 2,
                                  .segment_bytes = 64 * PAGE,
                                  .use_uring = true};
}

static const char *memory(void) { return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; }

static void create(struct box *b)
{
    assert_int_equal(file_dir_open(&b->dir, b->path, true), 0);
    assert_int_equal(root_create(b->dir, 256, &b->root), 0);
}

void box_make(struct box *b)
{
    make(b, memory());
    create(b);
}

void box_make_on_disk(struct box *b)
{
    make(b, "/tmp");
    create(b);
}

void box_copy(struct box *to, const struct box *from)
{
    make(to, memory());
    char line[400];
    snprintf(line, sizeof line, "cp -r %s %s", from->path, to->path);
    assert_int_equal(system(line), 0);
    assert_int_equal(file_dir_open(&to->dir, to->path, false), 0);
    to->opt = from->opt;
    to->pushed = from->pushed;
    to->from = from->from;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void box_remove(struct box *b)
{
    if (b->wal)
        box_crash(b);
    file_dir_close(&b->dir);
    nftw(b->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// ---- the log ------------------------------------------------------------------------------------

static void check_entry(const struct entry *e)
{
    assert_int_equal(e->actor, e->place);
    const uint8_t *body = entry_body(e);
    for (uint32_t i = 0; i < entry_body_size(e); i++)
        if (body[i] != (uint8_t)(e->place * 31 + i))
            fail_msg("byte %u of place %llu", i, (unsigned long long)e->place);
}

static bool check_batch(void *ctx, const struct batch *batch)
{
    struct box *b = ctx;
    uint64_t place = batch->first_place;
    for (uint32_t at = 0; at < batch->bytes; at += batch_entry(batch, at)->length) {
        const struct entry *e = batch_entry(batch, at);
        assert_int_equal(e->place, place++);
        check_entry(e);
    }
    assert_int_equal(place, batch->last_place + 1);
    if (b->read)
        assert_int_equal(batch->first_place, b->read + 1);
    if (b->first == 0)
        b->first = batch->first_place;
    b->read = batch->last_place;
    return true;
}

int box_recover(struct box *b)
{
    int e = root_read(b->dir, &b->root);
    if (e)
        return e;
    b->read = 0;
    b->first = 0;
    struct recover_options opt = {
        .from_place = b->from, .read_only = b->read_only, .batch = check_batch, .ctx = b};
    return recover_log(b->dir, &b->root, &opt, &b->at, &b->report);
}

void box_start(struct box *b)
{
    assert_int_equal(box_recover(b), 0);
    if (b->report.refused)
        fail_msg("refused: %s", b->report.line);
    const char *what = "";
    int e = wal_open(&b->wal, b->dir, &b->opt, &b->at, &what);
    if (e)
        fail_msg("wal_open: %s: %s", what, strerror(e));
    b->pushed = b->at.next_place - 1;
}

void box_stop(struct box *b)
{
    assert_int_equal(wal_close(b->wal), 0);
    b->wal = NULL;
}

void box_crash(struct box *b)
{
    wal_abandon(b->wal);
    b->wal = NULL;
}

void box_push(struct box *b, unsigned n, uint32_t body)
{
    uint32_t size = (uint32_t)sizeof(struct entry) + (body + 7) / 8 * 8;
    struct entry *e = calloc(1, size);
    for (unsigned i = 0; i < n; i++) {
        uint64_t place = ++b->pushed;
        *e = (struct entry){.length = size, .op = 1, .slot_count = 1, .actor = place};
        for (uint32_t k = 0; k < size - sizeof *e; k++)
            ((uint8_t *)(e + 1))[k] = (uint8_t)(place * 31 + k);
        struct ring *r = wal_queue(b->wal, 0);
        while (!ring_push(r, e, size, 0)) {
            assert_int_equal(wal_step(b->wal, 0), 0);
            box_drain(b);
        }
    }
    free(e);
    wal_kick(b->wal);
}

void box_drain(struct box *b)
{
    struct batch *batch;
    while ((batch = wal_released(b->wal, 0))) {
        struct box seen = {0};
        check_batch(&seen, batch);
        assert_true(batch->last_place <= wal_released_place(b->wal));
        if (b->opt.durability == DURABILITY_STRICT)
            assert_true(batch->last_place <= wal_durable_place(b->wal));
        wal_give_back(b->wal, 0, batch);
    }
}

void box_settle(struct box *b)
{
    while (wal_released_place(b->wal) < b->pushed) {
        assert_int_equal(wal_step(b->wal, 10), 0);
        box_drain(b);
    }
    box_drain(b);
}

void box_sync(struct box *b)
{
    box_settle(b);
    while (wal_durable_place(b->wal) < b->pushed)
        assert_int_equal(wal_step(b->wal, 10), 0);
}

void box_wait_spare(struct box *b)
{
    struct wal_stats s = {0};
    while (s.spares == 0) {
        assert_int_equal(wal_step(b->wal, 1), 0);
        wal_stats(b->wal, &s);
    }
}

void box_write(struct box *b, unsigned batches, unsigned entries, uint32_t body)
{
    for (unsigned i = 0; i < batches; i++) {
        box_push(b, entries, body);
        box_settle(b);
    }
}

// ---- surgery ------------------------------------------------------------------------------------

static int open_raw(struct box *b, uint64_t segment)
{
    char name[SEGMENT_NAME], path[200];
    segment_name(name, segment);
    snprintf(path, sizeof path, "%s/wal/%s", b->path, name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

uint64_t box_bytes(struct box *b, uint64_t segment, uint8_t **out)
{
    int fd = open_raw(b, segment);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    *out = malloc((size_t)st.st_size + 1);
    assert_int_equal(pread(fd, *out, (size_t)st.st_size, 0), st.st_size);
    close(fd);
    return (uint64_t)st.st_size;
}

void box_put(struct box *b, struct spot at, const void *bytes, size_t n)
{
    int fd = open_raw(b, at.segment);
    assert_int_equal(pwrite(fd, bytes, n, (off_t)at.offset), n);
    close(fd);
}

void box_truncate(struct box *b, uint64_t segment, uint64_t size)
{
    int fd = open_raw(b, segment);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

void box_erase(struct box *b, uint64_t segment)
{
    char name[SEGMENT_NAME], path[200];
    segment_name(name, segment);
    snprintf(path, sizeof path, "%s/wal/%s", b->path, name);
    assert_int_equal(unlink(path), 0);
}

unsigned box_batches(struct box *b, uint64_t segment, struct lies *out, unsigned max)
{
    uint8_t *bytes;
    uint64_t size = box_bytes(b, segment, &bytes);
    unsigned n = 0;
    for (uint64_t at = 0; at + PAGE <= size && n < max;) {
        memcpy(&out[n].head, bytes + at, sizeof out[n].head);
        if (!batch_head_whole(&out[n].head))
            break;
        out[n].offset = at;
        at += batch_disk_bytes(out[n++].head.length);
    }
    free(bytes);
    return n;
}
