// The root file: made once, and readable whatever happens to one of its slots.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/limits.h"
#include "tests/persist/support.h"
#include "tests/persist/support_fault.h"

static void damage(struct box *b, off_t at, size_t n)
{
    char path[200];
    snprintf(path, sizeof path, "%s/root", b->path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (size_t i = 0; i < n; i++) {
        uint8_t c;
        assert_int_equal(pread(fd, &c, 1, at + (off_t)i), 1);
        c ^= 0x5a;
        assert_int_equal(pwrite(fd, &c, 1, at + (off_t)i), 1);
    }
    close(fd);
}

static void test_create(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    struct root again;
    assert_int_equal(root_create(b.dir, 256, &again), EEXIST);
    assert_int_equal(root_read(b.dir, &again), 0);
    assert_memory_equal(&again, &b.root, sizeof again);
    assert_int_equal(again.partitions, 256);
    assert_true(again.log_id[0] != 0 && again.node_id != 0);
    static const char *const names[] = {"wal", "snapshot", "keys"};
    for (unsigned i = 0; i < 3; i++) {
        char path[200];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", b.path, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
    }
    box_remove(&b);
}

// One slot damaged, at every byte of it: the other one answers.
static void test_damaged_slots(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    for (uint64_t i = 0; i < 5; i++) {
        b.root.durable_place = 100 + i;
        assert_int_equal(root_write(b.dir, &b.root), 0);
    }
    uint64_t newest = b.root.generation;
    off_t newer = (off_t)(newest % 2 * PAGE), older = (off_t)(PAGE - newest % 2 * PAGE);
    for (unsigned i = 0; i < 112; i++) {
        struct root r;
        damage(&b, newer + i, 1);
        assert_int_equal(root_read(b.dir, &r), 0);
        assert_int_equal(r.durable_place, 103);
        damage(&b, newer + i, 1); // as before
        damage(&b, older + i, 1);
        assert_int_equal(root_read(b.dir, &r), 0);
        assert_int_equal(r.durable_place, 104);
        damage(&b, older + i, 1);
    }
    struct root r;
    damage(&b, newer + 20, 4);
    damage(&b, older + 20, 4);
    assert_int_equal(root_read(b.dir, &r), EBADMSG);
    box_remove(&b);
}

// With one slot lost nobody knows whether the last stop was clean; a write then repairs the lost
// slot.
static void test_lost_slot_is_not_clean(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.root.clean = 1;
    assert_int_equal(root_write(b.dir, &b.root), 0);
    struct root r;
    assert_int_equal(root_read(b.dir, &r), 0);
    assert_int_equal(r.clean, 1);
    damage(&b, (off_t)((b.root.generation + 1) % 2 * PAGE), 8);
    assert_int_equal(root_read(b.dir, &r), 0);
    assert_int_equal(r.clean, 0);
    assert_int_equal(r.generation, b.root.generation);
    assert_int_equal(root_write(b.dir, &r), 0);
    damage(&b, (off_t)((r.generation + 1) % 2 * PAGE), 8);
    assert_int_equal(root_read(b.dir, &r), 0);
    assert_int_equal(r.generation, b.root.generation + 1);
    box_remove(&b);
}

static void test_other_formats(void **state)
{
    (void)state;
    static const int by[] = {1, -1};
    struct box b;
    box_make(&b);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t other = (uint32_t)(ROOT_FORMAT + by[i]);
        b.root.format = other;
        assert_int_equal(root_write(b.dir, &b.root), 0);
        struct root r;
        assert_int_equal(root_read(b.dir, &r), ENOTSUP);
        assert_int_equal(r.format, other);
    }
    box_remove(&b);
}

static void test_no_root(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    assert_int_equal(file_unlink(b.dir, "root"), 0);
    struct root r;
    assert_int_equal(root_read(b.dir, &r), ENOENT);
    box_remove(&b);
}

// Interrupted at every step, init can be run again.
static void test_interrupted_create(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    bool through = false;
    for (unsigned n = 0; !through; n++) {
        struct root r;
        (void)file_unlink(b.dir, "root");
        (void)file_unlink(b.dir, "root.tmp");
        (void)file_dir_remove(b.dir, "wal");
        (void)file_dir_remove(b.dir, "keys");
        fault.kind = FAULT_ANY;
        fault.after = n;
        fault.for_ever = true;
        int e = root_create(b.dir, 16, &r);
        through = fault.hit == 0;
        assert_int_equal(e == 0, through);
        fault_reset();
        struct root seen;
        e = root_create(b.dir, 16, &r);
        assert_true(e == 0 || e == EEXIST);
        assert_int_equal(root_read(b.dir, &seen), 0);
        assert_true(n < 50);
    }
    box_remove(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),        cmocka_unit_test(test_damaged_slots),
        cmocka_unit_test(test_lost_slot_is_not_clean), cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_no_root),       cmocka_unit_test(test_interrupted_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
