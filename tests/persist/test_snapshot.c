// Snapshots: what is written comes back, damage is seen, and an interruption at any step leaves the
// older one whole.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "persist/part.h"
#include "persist/snapshot.h"
#include "tests/persist/support.h"
#include "tests/persist/support_fault.h"

// Bytes of a part: its own sequence, so that no part can be taken for another.
struct flow {
    uint64_t x;
    size_t n;
};
static struct flow flow_of(uint64_t place, unsigned p)
{
    return (struct flow){place * 1000003 + p * 7919 + 1, 0};
}
static uint8_t flow_next(struct flow *f)
{
    // In runs, which compress, but not to nothing.
    if (f->n % 24 == 0)
        f->x = f->x * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint8_t)(f->x >> 40 & (f->n++ % 5 ? 0x0f : 0xff));
}
static size_t size_of(unsigned p)
{
    static const size_t sizes[] = {0, 1, 1000, PART_RAW_MAX - 1, PART_RAW_MAX, PART_RAW_MAX + 1,
                                   700000};
    return sizes[p % 7];
}

static bool check_early; // parts are read back as soon as they are done

// All parts interleaved, in pieces of odd sizes. 0 or the first error; the writer is gone then.
static int write_snapshot(struct box *b, uint64_t place, size_t scale)
{
    struct snapshot_writer *w;
    int e = snapshot_begin(&w, b->dir, &b->root, place);
    if (e)
        return e;
    unsigned parts = b->root.partitions;
    struct flow *flows = calloc(parts, sizeof *flows);
    for (unsigned p = 0; p < parts; p++)
        flows[p] = flow_of(place, p);
    uint8_t piece[9000];
    bool more = true;
    for (unsigned round = 0; more && !e; round++) {
        more = false;
        for (unsigned p = 0; p < parts && !e; p++) {
            size_t left = size_of(p) / scale - flows[p].n, n = 0;
            size_t take = 1 + (round * 977 + p * 131) % sizeof piece;
            while (n < take && n < left)
                piece[n++] = flow_next(&flows[p]);
            if (n > 0)
                e = snapshot_append(w, p, piece, n);
            more |= left > n;
        }
    }
    free(flows);
    for (unsigned p = 0; p < parts && !e; p += 2) {
        e = snapshot_part_done(w, p); // the others are ended by snapshot_finish
        if (!e && check_early && p % 4 == 0)
            e = snapshot_check_part(w, p);
    }
    struct snapshot_info info = {.last_stamp = place * 3,
                                 .objects = {1, 2},
                                 .edges = {3, 4},
                                 .compat = COMPAT_LEVEL};
    if (e) {
        snapshot_abort(w);
        return e;
    }
    return snapshot_finish(w, &info);
}

static int compare(void *ctx, const void *bytes, size_t n)
{
    struct flow *f = ctx;
    for (size_t i = 0; i < n; i++)
        if (((const uint8_t *)bytes)[i] != flow_next(f))
            return EILSEQ;
    return 0;
}

static void check_parts(struct box *b, uint64_t place, size_t scale)
{
    for (unsigned p = 0; p < b->root.partitions; p++) {
        struct flow f = flow_of(place, p);
        assert_int_equal(snapshot_read_part(b->dir, place, p, compare, &f), 0);
        assert_int_equal(f.n, size_of(p) / scale);
    }
}

static void small_box(struct box *b, unsigned partitions)
{
    box_make(b);
    assert_int_equal(file_unlink(b->dir, "root"), 0);
    assert_int_equal(root_create(b->dir, partitions, &b->root), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct box b;
    small_box(&b, 64);
    struct snapshot_info info;
    bool older;
    char why[256];
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), ENOENT);
    fault_reset();
    assert_int_equal(write_snapshot(&b, 77, 1), 0);
    assert_int_equal(fault.closed_unsynced, 0);
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
    assert_false(older);
    assert_int_equal(info.place, 77);
    assert_int_equal(info.last_stamp, 231);
    assert_int_equal(info.partitions, 64);
    assert_int_equal(info.edges[1], 4);
    assert_int_equal(info.log_id[0], b.root.log_id[0]);
    uint64_t raw = 0;
    for (unsigned p = 0; p < 64; p++)
        raw += size_of(p);
    assert_int_equal(info.bytes_raw, raw);
    assert_true(info.bytes_disk > 0 && info.bytes_disk < raw);
    check_parts(&b, 77, 1);
    assert_int_equal(write_snapshot(&b, 77, 1), EEXIST);
    box_remove(&b);
}

static void test_two_are_kept(void **state)
{
    (void)state;
    struct box b;
    small_box(&b, 4);
    for (uint64_t place = 8; place <= 13; place++)
        assert_int_equal(write_snapshot(&b, place, 100), 0);
    struct snapshot_info list[8];
    assert_int_equal(snapshot_list(b.dir, list, 8), 2);
    assert_int_equal(list[0].place, 13);
    assert_int_equal(list[1].place, 12);
    assert_int_equal(snapshot_list(b.dir, list, 1), 1);
    check_parts(&b, 12, 100);
    box_remove(&b);
}

static uint64_t flip(struct box *b, uint64_t place, const char *file, uint64_t at)
{
    char path[300];
    snprintf(path, sizeof path, "%s/snapshot/%020llu/%s", b->path, (unsigned long long)place, file);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t c;
    if (at < (uint64_t)st.st_size) {
        assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
        c ^= 0x11;
        assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    }
    close(fd);
    return (uint64_t)st.st_size;
}

static int ignore(void *ctx, const void *bytes, size_t n)
{
    (void)ctx;
    (void)bytes;
    (void)n;
    return 0;
}

// A bit anywhere in any file: the older one stands in, and the reason is said.
static void test_damage_at_every_byte(void **state)
{
    (void)state;
    struct box b;
    small_box(&b, 4);
    assert_int_equal(write_snapshot(&b, 5, 10), 0);
    assert_int_equal(write_snapshot(&b, 9, 10), 0);
    static const char *const files[] = {"part-0000", "part-0002", "part-0003", "manifest"};
    struct snapshot_info info;
    bool older;
    char why[256];
    for (unsigned i = 0; i < 4; i++) {
        uint64_t size = flip(&b, 9, files[i], UINT64_MAX);
        for (uint64_t at = 0; at < size; at += size > 3000 ? 97 : 1) {
            flip(&b, 9, files[i], at);
            assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
            if (!older)
                fail_msg("%s byte %llu", files[i], (unsigned long long)at);
            assert_int_equal(info.place, 5);
            assert_non_null(strstr(why, "snapshot 9 is not whole"));
            if (i < 3) {
                unsigned p = (unsigned)(files[i][8] - '0');
                assert_int_equal(snapshot_read_part(b.dir, 9, p, ignore, NULL), EBADMSG);
            }
            flip(&b, 9, files[i], at);
        }
    }
    flip(&b, 5, "manifest", 3);
    flip(&b, 9, "part-0003", 900);
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), ENOENT);
    assert_true(older);
    box_remove(&b);
}

static void shell(struct box *b, const char *form)
{
    char line[700];
    snprintf(line, sizeof line, "cd %s/snapshot && %s", b->path, form);
    assert_int_equal(system(line), 0);
}

// Whole files in the wrong place: another partition's, another snapshot's, another data
// directory's.
static void test_swapped_files(void **state)
{
    (void)state;
    struct box b;
    small_box(&b, 4);
    assert_int_equal(write_snapshot(&b, 5, 10), 0);
    assert_int_equal(write_snapshot(&b, 9, 10), 0);
    struct snapshot_info info;
    bool older;
    char why[256];
    shell(&b, "cp -r 00000000000000000009 keep");
    shell(&b, "cp keep/part-0002 00000000000000000009/part-0003");
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
    assert_true(older);
    shell(&b, "cp keep/* 00000000000000000009");
    shell(&b, "cp 00000000000000000005/part-0003 00000000000000000009/");
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
    assert_true(older);
    shell(&b, "cp keep/* 00000000000000000009 && rm 00000000000000000009/part-0001");
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
    assert_true(older);
    shell(&b, "cp keep/* 00000000000000000009 && truncate -s -1 00000000000000000009/part-0003");
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
    assert_true(older);
    shell(&b, "cp keep/* 00000000000000000009");
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), 0);
    assert_false(older);
    b.root.log_id[1] ^= 1;
    assert_int_equal(snapshot_find(b.dir, &b.root, &info, &older, why), ENOENT);
    box_remove(&b);
}

static bool any_tmp(struct box *b)
{
    char line[300];
    snprintf(line, sizeof line, "ls %s/snapshot | grep -q tmp", b->path);
    return system(line) == 0;
}

// The n-th change fails, for every n, and all after it as in a process that has died; or only that
// one.
static void interrupted(bool for_ever)
{
    struct box b;
    small_box(&b, 4);
    assert_int_equal(write_snapshot(&b, 3, 50), 0);
    assert_int_equal(write_snapshot(&b, 5, 50), 0);
    bool through = false;
    for (unsigned n = 0; !through; n++) {
        struct box copy;
        box_copy(&copy, &b);
        copy.root = b.root;
        fault.kind = FAULT_ANY;
        fault.after = n;
        fault.for_ever = for_ever;
        int e = write_snapshot(&copy, 9, 50);
        through = fault.hit == 0;
        fault_reset();
        struct snapshot_info info;
        bool older;
        char why[256];
        assert_int_equal(snapshot_find(copy.dir, &copy.root, &info, &older, why), 0);
        assert_false(older); // what is there under a final name is whole
        assert_true(info.place == 9 || (e != 0 && info.place == 5));
        check_parts(&copy, info.place, 50);
        snapshot_clean(copy.dir);
        assert_false(any_tmp(&copy));
        struct snapshot_info list[4];
        assert_true(snapshot_list(copy.dir, list, 4) >= 2);
        e = write_snapshot(&copy, 9, 50);
        assert_true(e == 0 || e == EEXIST);
        check_parts(&copy, 9, 50);
        box_remove(&copy);
        assert_true(n < 500);
    }
    box_remove(&b);
}

static void test_interrupted(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        check_early = early == 1;
        interrupted(true);
        interrupted(false);
    }
    check_early = false;
}

// A part that reads back wrong: no manifest, no snapshot.
static void read_back_fails(void)
{
    struct box b;
    small_box(&b, 4);
    fault.kind = FAULT_READ;
    fault.offset = 20;
    assert_int_equal(write_snapshot(&b, 3, 10), EIO);
    assert_true(fault.hit > 0);
    fault_reset();
    struct snapshot_info list[4];
    assert_int_equal(snapshot_list(b.dir, list, 4), 0);
    assert_false(any_tmp(&b));
    box_remove(&b);
}

static void test_read_back_fails(void **state)
{
    (void)state;
    read_back_fails();
    check_early = true;
    read_back_fails();
    check_early = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_two_are_kept),
        cmocka_unit_test(test_damage_at_every_byte), cmocka_unit_test(test_swapped_files),
        cmocka_unit_test(test_interrupted),   cmocka_unit_test(test_read_back_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
