// A disk that fails: the writer stops at once and for ever, releases nothing more, and what it had
// released is there at the next start (W1, W5).
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/persist/support.h"
#include "tests/persist/support_fault.h"

// Pushes and steps until the writer is dead or everything of a long run is through. Returns its
// error.
static int run_into_it(struct box *b)
{
    int e = 0;
    for (unsigned i = 0; i < 400 && !e; i++) {
        struct entry one = {.length = sizeof one, .slot_count = 1, .actor = b->pushed + 1};
        b->pushed += ring_push(wal_queue(b->wal, 0), &one, sizeof one, 0);
        do {
            e = wal_step(b->wal, 1);
            if (!e)
                box_drain(b);
        } while (!e && wal_durable_place(b->wal) + 8 < b->pushed);
    }
    return e;
}

static void dies(enum durability durability, bool use_uring, enum fault_kind kind, unsigned after)
{
    struct box b;
    box_make(&b);
    b.opt.durability = durability;
    b.opt.use_uring = use_uring;
    b.opt.segment_bytes = 16 * PAGE;
    box_start(&b);
    fault.kind = kind;
    fault.after = after; // one alone fails: what comes after it would succeed, and must not count
    int e = run_into_it(&b);
    assert_int_equal(e, EIO);
    assert_int_equal(fault.hit, 1);
    box_drain(&b);
    uint64_t released = wal_released_place(b.wal), durable = wal_durable_place(b.wal);
    for (unsigned i = 0; i < 20; i++) {
        box_push(&b, 0, 0);
        assert_int_equal(wal_step(b.wal, 1), EIO);
        assert_null(wal_released(b.wal, 0));
    }
    assert_int_equal(wal_released_place(b.wal), released);
    assert_int_equal(wal_durable_place(b.wal), durable);
    fault_reset();
    assert_int_equal(wal_close(b.wal), EIO);
    b.wal = NULL;
    assert_int_equal(root_read(b.dir, &b.root), 0);
    assert_int_equal(b.root.clean, 0);
    assert_int_equal(box_recover(&b), 0);
    assert_false(b.report.refused);
    assert_true(b.read >= (durability == DURABILITY_NONE ? durable : released));
    box_remove(&b);
}

static void test_failed_writes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i += 3) {
        for (unsigned uring = 0; uring < 2; uring++) {
            dies(DURABILITY_STRICT, uring, FAULT_QUEUE_WRITE, i);
            dies(DURABILITY_GROUP, uring, FAULT_QUEUE_WRITE, i);
            dies(DURABILITY_NONE, uring, FAULT_QUEUE_WRITE, i);
        }
    }
}

static void test_failed_syncs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        dies(DURABILITY_STRICT, i % 2, FAULT_QUEUE_SYNC, i);
        dies(DURABILITY_GROUP, i % 2, FAULT_QUEUE_SYNC, i);
    }
}

// Root at a rotation, and the directory when a segment gets its name.
static void test_failed_rotation(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        dies(DURABILITY_STRICT, true, FAULT_SYNC, i);
        dies(DURABILITY_GROUP, true, FAULT_WRITE, i);
        dies(DURABILITY_STRICT, true, FAULT_DIR_SYNC, i);
    }
}

// The segment to come cannot be made: nothing is lost, changes wait, and when there is room it goes
// on.
static void test_no_space_for_a_segment(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.segment_bytes = 16 * PAGE;
    b.opt.use_uring = false;
    box_start(&b);
    fault = (struct fault){.kind = FAULT_RENAME, .error = ENOSPC, .for_ever = true};
    for (unsigned i = 0; i < 60; i++) {
        struct entry one = {.length = sizeof one, .slot_count = 1, .actor = b.pushed + 1};
        b.pushed += ring_push(wal_queue(b.wal, 0), &one, sizeof one, 0);
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(wal_step(b.wal, 0), 0);
            box_drain(&b);
        }
    }
    struct wal_stats s;
    wal_stats(b.wal, &s);
    assert_int_equal(s.no_space, 1);
    assert_int_equal(s.segment, 1);
    assert_true(wal_released_place(b.wal) < b.pushed);
    fault_reset();
    box_settle(&b); // within RETRY_MS
    wal_stats(b.wal, &s);
    assert_int_equal(s.no_space, 0);
    box_crash(&b);
    assert_int_equal(box_recover(&b), 0);
    assert_int_equal(b.read, b.pushed);
    box_remove(&b);
}

// No write takes more than a page and a half: all arrives, and syncs wait for the rest.
static void test_short_writes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct box b;
        box_make_on_disk(&b);
        b.opt.use_uring = i % 2;
        b.opt.durability = (enum durability)(i / 2);
        b.opt.segment_bytes = 128 * PAGE;
        box_start(&b);
        fault.short_bytes = PAGE + 3 * SECTOR;
        for (unsigned k = 0; k < 20; k++) {
            box_push(&b, 8, 3000);
            box_settle(&b);
        }
        box_sync(&b);
        assert_int_equal(fault.early_syncs, 0);
        if (b.opt.durability == DURABILITY_STRICT)
            assert_true(fault.syncs_after_short >= 10);
        fault_reset();
        box_crash(&b);
        box_start(&b);
        assert_int_equal(b.read, 160);
        box_remove(&b);
    }
}

// Dead at its n-th change of the disk, for every n, from the start to the end of a run over several
// segments with a clean stop: what was released in strict is there, and nothing is refused.
static void test_dead_at_every_step(void **state)
{
    (void)state;
    bool through = false;
    unsigned n = 0;
    for (; !through; n += 1 + n / 64) {
        struct box b;
        box_make(&b);
        b.opt.segment_bytes = 8 * PAGE;
        b.opt.use_uring = n % 2;
        assert_int_equal(box_recover(&b), 0);
        fault = (struct fault){.kind = FAULT_ANY, .after = n, .for_ever = true};
        const char *what;
        uint64_t released = 0;
        int e = wal_open(&b.wal, b.dir, &b.opt, &b.at, &what);
        if (!e) {
            for (unsigned i = 0; i < 20 && !e; i++) {
                struct entry one = {.length = sizeof one, .slot_count = 1, .actor = b.pushed + 1};
                b.pushed += ring_push(wal_queue(b.wal, 0), &one, sizeof one, 0);
                for (unsigned k = 0; k < 400 && !e && wal_released_place(b.wal) < b.pushed; k++)
                    e = wal_step(b.wal, 1);
                box_drain(&b);
            }
            released = wal_released_place(b.wal);
            e = wal_close(b.wal);
            b.wal = NULL;
        }
        through = fault.hit == 0;
        assert_int_equal(e == 0, through);
        fault_reset();
        assert_int_equal(box_recover(&b), 0);
        if (b.report.refused)
            fail_msg("step %u: %s", n, b.report.line);
        assert_true(b.read >= released);
        box_start(&b);
        box_write(&b, 3, 2, 50);
        box_stop(&b);
        box_remove(&b);
    }
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_writes),
        cmocka_unit_test(test_failed_syncs),
        cmocka_unit_test(test_failed_rotation),
        cmocka_unit_test(test_no_space_for_a_segment),
        cmocka_unit_test(test_short_writes),
        cmocka_unit_test(test_dead_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
