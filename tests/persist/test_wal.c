// The writer: what goes in comes out, in order, in every durability, and is there after a restart.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/id.h"
#include "persist/batch.h"
#include "tests/persist/support.h"
#include "tests/persist/support_fault.h"

static const enum durability all_durabilities[] = {DURABILITY_STRICT, DURABILITY_GROUP,
                                                   DURABILITY_NONE};

// Starts, writes, ends in every way; after each start all of it is there.
static void round_trip(enum durability durability, bool use_uring)
{
    struct box b;
    box_make_on_disk(&b);
    b.opt.durability = durability;
    b.opt.use_uring = use_uring;
    uint64_t there = 0;
    for (unsigned i = 0; i < 6; i++) {
        box_start(&b);
        assert_int_equal(b.read, there);
        assert_int_equal(b.at.next_place, there + 1);
        assert_int_equal(b.report.decision, DECISION_D0);
        box_write(&b, 5, 1 + 7 * i, 40 + 300 * i);
        there = b.pushed;
        if (i % 2) {
            box_stop(&b);
        } else {
            box_sync(&b);
            box_crash(&b);
        }
    }
    box_start(&b);
    assert_int_equal(b.read, there);
    box_stop(&b);
    box_remove(&b);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        round_trip(all_durabilities[i], true);
        round_trip(all_durabilities[i], false);
    }
}

// Segments of 16 pages: almost every batch meets the end of one.
static void test_many_segments(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct box b;
        box_make(&b);
        b.opt.durability = all_durabilities[i];
        b.opt.segment_bytes = 16 * PAGE;
        for (unsigned k = 0; k < 8; k++) {
            box_start(&b);
            assert_int_equal(b.read, k * 150);
            box_write(&b, 10, 15, 700);
            if (k % 3)
                box_crash(&b);
            else
                box_stop(&b);
        }
        box_start(&b);
        assert_int_equal(b.read, 8 * 150);
        struct wal_stats s;
        wal_stats(b.wal, &s);
        assert_true(s.segment > 10);
        box_remove(&b);
    }
}

// Four cores push by turns: all get everything, in one order, and each core's own order is kept.
static void test_cores_see_one_order(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.cores = 4;
    box_start(&b);
    uint64_t sent[4] = {0}, seen[4][4] = {{0}}, last[4] = {0}, stamp[4] = {0};
    uint64_t done = 0;
    for (unsigned round = 0; done < 4 * 2000; round++) {
        for (unsigned c = 0; c < 4; c++) {
            struct entry e = {.length = 64, .op = (uint16_t)c, .slot_count = 1};
            uint8_t bytes[64] = {0};
            memcpy(bytes, &e, sizeof e);
            for (unsigned i = 0; i < 1 + c * 3 && sent[c] < 2000; i++) {
                ((struct entry *)(void *)bytes)->actor = sent[c] + 1;
                sent[c] += ring_push(wal_queue(b.wal, c), bytes, 64, 0);
            }
        }
        assert_int_equal(wal_step(b.wal, round % 3 ? 0 : 1), 0);
        done = UINT64_MAX;
        for (unsigned c = 0; c < 4; c++) {
            struct batch *batch = round % (c + 1) ? NULL : wal_released(b.wal, c);
            for (uint32_t at = 0; batch && at < batch->bytes; at += 64) {
                const struct entry *e = batch_entry(batch, at);
                assert_int_equal(e->place, ++last[c]);
                assert_true(e->stamp > stamp[c]);
                stamp[c] = e->stamp;
                assert_int_equal(e->actor, ++seen[c][e->op]);
            }
            if (batch)
                wal_give_back(b.wal, c, batch);
            done = last[c] < done ? last[c] : done;
        }
    }
    box_remove(&b);
}

// A core that pushes without end does not keep another one's entry out of the next batch or two.
static void test_no_core_starves(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.cores = 2;
    b.opt.segment_bytes = 4 << 20;
    box_start(&b);
    static union { struct entry e; uint8_t bytes[1024]; } big = {
        .e = {.length = 1024, .slot_count = 1, .actor = 1}};
    while (ring_push(wal_queue(b.wal, 0), &big, 1024, 0)) {
    }
    struct entry small = {.length = sizeof small, .slot_count = 1, .actor = 2};
    assert_true(ring_push(wal_queue(b.wal, 1), &small, sizeof small, 0));
    while (!wal_released(b.wal, 0))
        assert_int_equal(wal_step(b.wal, 1), 0);
    struct batch *first = wal_released(b.wal, 0);
    bool found = false;
    for (uint32_t at = 0; at < first->bytes; at += batch_entry(first, at)->length)
        found |= batch_entry(first, at)->actor == 2;
    assert_true(found);
    box_remove(&b);
}

// Cores that give nothing back stop the writer at BATCHES batches, not before and not for ever.
static void test_back_pressure(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.segment_bytes = 4 << 20;
    box_start(&b);
    static union { struct entry e; uint8_t bytes[256]; } one = {
        .e = {.length = 256, .slot_count = 1}};
    for (unsigned i = 0; i < 3 * BATCHES; i++) {
        assert_true(ring_push(wal_queue(b.wal, 0), &one, 256, 0));
        for (unsigned k = 0; k < 4; k++)
            assert_int_equal(wal_step(b.wal, 1), 0);
    }
    struct wal_stats s;
    wal_stats(b.wal, &s);
    assert_int_equal(s.batches, BATCHES);
    assert_true(s.queue_bytes > 0);
    assert_int_equal(wal_close(b.wal), EBUSY);
    unsigned entries = 0;
    for (unsigned i = 0; i < 1000 && entries < 3 * BATCHES; i++) {
        struct batch *batch = wal_released(b.wal, 0);
        if (batch) {
            entries += batch->count;
            wal_give_back(b.wal, 0, batch);
        }
        assert_int_equal(wal_step(b.wal, 1), 0);
    }
    assert_int_equal(entries, 3 * BATCHES);
    box_stop(&b);
    box_remove(&b);
}

// An entry of the largest size goes through, between small ones.
static void test_largest_entries(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.segment_bytes = 4 << 20;
    box_start(&b);
    uint32_t most = ENTRY_MAX - (uint32_t)sizeof(struct entry);
    for (unsigned i = 0; i < 10; i++) {
        box_push(&b, 3, 10);
        box_push(&b, 1, most);
    }
    box_settle(&b);
    box_crash(&b);
    box_start(&b);
    assert_int_equal(b.read, 40);
    box_remove(&b);
}

// Stamps rise over restarts also where the clock has gone back; here the last one lies in the
// future.
static void test_stamps_never_go_back(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    assert_int_equal(box_recover(&b), 0);
    const char *what;
    uint64_t ahead = stamp_make(clock_wall_ms() + 3600 * 1000, 4090);
    b.at.last_stamp = ahead;
    assert_int_equal(wal_open(&b.wal, b.dir, &b.opt, &b.at, &what), 0);
    box_push(&b, 10, 8);
    while (!wal_released(b.wal, 0))
        assert_int_equal(wal_step(b.wal, 1), 0);
    struct batch *batch = wal_released(b.wal, 0);
    assert_int_equal(batch_entry(batch, 0)->stamp, ahead + 1);
    uint64_t last = ahead;
    for (uint32_t at = 0; at < batch->bytes; at += batch_entry(batch, at)->length) {
        assert_int_equal(batch_entry(batch, at)->stamp, last + 1); // runs over the sequence's end
        last++;
    }
    wal_give_back(b.wal, 0, batch);
    box_crash(&b);
    box_start(&b);
    assert_int_equal(b.at.last_stamp, last);
    box_write(&b, 1, 1, 8);
    box_crash(&b);
    box_start(&b);
    assert_int_equal(b.at.last_stamp, last + 1);
    box_remove(&b);
}

// An entry of many rows takes a stamp for each; the next one lies above them, also after a restart.
static void test_entries_of_many_stamps(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    box_start(&b);
    struct entry many = {.length = sizeof many, .flags = ENTRY_ALL, .slots = {255}, .actor = 1};
    uint64_t above = 0;
    for (unsigned i = 0; i < 3; i++) {
        many.actor = ++b.pushed;
        assert_true(ring_push(wal_queue(b.wal, 0), &many, sizeof many, 0));
        while (!wal_released(b.wal, 0))
            assert_int_equal(wal_step(b.wal, 1), 0);
        struct batch *batch = wal_released(b.wal, 0);
        uint64_t stamp = batch_entry(batch, 0)->stamp;
        assert_true(stamp > above);
        above = stamp + 255;
        wal_give_back(b.wal, 0, batch);
        box_crash(&b);
        box_start(&b);
        assert_int_equal(b.read, i + 1);
        assert_int_equal(b.at.last_stamp, above);
    }
    box_remove(&b);
}

// What is durable is testified to by a later head within SEAL_MS, and no more is written then.
static void test_seal_when_idle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct box b;
        box_make(&b);
        b.opt.durability = all_durabilities[i];
        box_start(&b);
        box_write(&b, 3, 4, 100);
        uint64_t until = clock_mono_ns() + 2400 * UINT64_C(1000000);
        while (clock_mono_ns() < until)
            assert_int_equal(wal_step(b.wal, 100), 0);
        struct lies lie[16];
        unsigned n = box_batches(&b, 1, lie, 16);
        assert_true(n >= 2);
        assert_int_equal(lie[n - 1].head.flags, BATCH_SEAL);
        assert_int_equal(lie[n - 1].head.count, 0);
        assert_int_equal(lie[n - 1].head.synced_upto, 12);
        assert_int_equal(lie[n - 2].head.flags, 0);
        box_write(&b, 2, 1, 100); // and the log goes on behind the seal
        box_crash(&b);
        box_start(&b);
        assert_int_equal(b.read, 14);
        box_remove(&b);
    }
}

static void test_clean_stop(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    box_start(&b);
    assert_int_equal(root_read(b.dir, &b.root), 0);
    assert_int_equal(b.root.clean, 0);
    box_push(&b, 10, 100); // still in the queue
    box_stop(&b);
    assert_int_equal(root_read(b.dir, &b.root), 0);
    assert_int_equal(b.root.clean, 1);
    assert_int_equal(b.root.durable_place, 10);
    assert_int_equal(b.root.epoch, 1);
    struct lies lie[8];
    unsigned n = box_batches(&b, 1, lie, 8);
    assert_int_equal(lie[n - 1].head.flags, BATCH_SEAL);
    assert_int_equal(lie[n - 1].head.synced_upto, 10);
    box_start(&b);
    assert_int_equal(root_read(b.dir, &b.root), 0);
    assert_int_equal(b.root.clean, 0);
    assert_int_equal(b.root.epoch, 2);
    box_remove(&b);
}

// synced_upto of every head names only places that were durable when it was sealed.
static void test_heads_are_truthful(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct box b;
        box_make(&b);
        b.opt.durability = all_durabilities[i];
        b.opt.segment_bytes = 1 << 20;
        box_start(&b);
        for (unsigned k = 0; k < 30; k++) {
            box_push(&b, 3, 50);
            assert_int_equal(wal_step(b.wal, 0), 0);
            uint64_t durable = wal_durable_place(b.wal);
            box_drain(&b);
            struct lies lie[64];
            unsigned n = box_batches(&b, 1, lie, 64);
            if (n > 0)
                assert_true(lie[n - 1].head.synced_upto <= durable);
            for (unsigned m = 0; m < n; m++)
                assert_true(lie[m].head.synced_upto < lie[m].head.first_place);
        }
        box_remove(&b);
    }
}

// The first of several writes under way finishes last: nothing behind it is released before.
static void test_released_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct box b;
        box_make(&b);
        b.opt.durability = all_durabilities[i];
        box_start(&b);
        fault.hold = 40;
        for (unsigned k = 0; k < 20; k++) {
            if (k < 3)
                box_push(&b, 2, 100);
            assert_int_equal(wal_step(b.wal, 1), 0);
            if (fault.hold == 0)
                break;
            assert_int_equal(wal_released_place(b.wal), 0);
            assert_int_equal(wal_durable_place(b.wal), 0);
        }
        struct wal_stats s;
        wal_stats(b.wal, &s);
        assert_true(s.batches >= 2);
        box_settle(&b);
        assert_int_equal(wal_released_place(b.wal), 6);
        fault_reset();
        box_remove(&b);
    }
}

// The first head of a segment testifies to all of the one before, also where syncs are rare.
static void test_segment_begins_behind_a_sync(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct box b;
        box_make(&b);
        b.opt.durability = all_durabilities[i];
        b.opt.group_ms = 60000;
        b.opt.segment_bytes = 8 * PAGE;
        box_start(&b);
        box_write(&b, 40, 3, 100);
        box_crash(&b);
        for (unsigned segment = 2; segment <= 4; segment++) {
            struct lies first;
            assert_int_equal(box_batches(&b, segment, &first, 1), 1);
            assert_int_equal(first.head.synced_upto, first.head.first_place - 1);
        }
        assert_int_equal(root_read(b.dir, &b.root), 0);
        assert_true(b.root.durable_place >= 72);
        box_remove(&b);
    }
}

// What a batch does not use of its pages is zero, also where its buffer held a larger one before
// (W7).
static void test_unused_bytes_are_zero(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.segment_bytes = 4 << 20;
    box_start(&b);
    box_write(&b, BATCHES, 1, 7000);
    box_write(&b, BATCHES, 1, 33);
    box_crash(&b);
    struct lies lie[2 * BATCHES];
    unsigned n = box_batches(&b, 1, lie, 2 * BATCHES);
    uint8_t *bytes;
    box_bytes(&b, 1, &bytes);
    assert_int_equal(n, 2 * BATCHES);
    for (unsigned i = 0; i < n; i++) {
        uint64_t used = lie[i].offset + BATCH_HEAD_BYTES + lie[i].head.length;
        uint64_t end = lie[i].offset + batch_disk_bytes(lie[i].head.length);
        for (uint64_t at = used; at < end; at++)
            assert_int_equal(bytes[at], 0);
        for (unsigned at = sizeof(struct batch_head); at < BATCH_HEAD_BYTES; at++)
            assert_int_equal(bytes[lie[i].offset + at], 0);
    }
    free(bytes);
    box_remove(&b);
}

// What comes after the word is in another segment, though the old one has room: it can go whole.
static void test_turn_over(void **state)
{
    (void)state;
    struct box b;
    struct wal_stats before, after;
    box_make(&b);
    b.opt.segment_bytes = 256 * PAGE;
    box_start(&b);
    box_write(&b, 10, 4, 100);
    wal_stats(b.wal, &before);
    for (unsigned i = 0; i < 200 && before.spares == 0; i++) {
        box_write(&b, 1, 1, 100);
        wal_stats(b.wal, &before);
    }
    uint64_t last = b.pushed;
    assert_true(before.spares > 0);
    wal_turn_over(b.wal);
    box_write(&b, 1, 4, 100);
    wal_stats(b.wal, &after);
    assert_int_equal(after.segment, before.segment + 1);
    for (unsigned i = 0; i < 200 && after.spares == 0; i++) {
        box_write(&b, 1, 1, 100);
        wal_stats(b.wal, &after);
    }
    assert_true(after.spares > 0);
    box_write(&b, 3, 4, 100);
    wal_stats(b.wal, &after);
    assert_int_equal(after.segment, before.segment + 1); // it was said once
    wal_note_snapshot(b.wal, last);
    wal_trim(b.wal, last);
    uint64_t there = b.pushed;
    box_sync(&b);
    box_crash(&b);
    b.from = last + 1;
    assert_int_equal(box_recover(&b), 0);
    assert_false(b.report.refused);
    assert_int_equal(b.first, last + 1);
    assert_int_equal(b.read, there);
    box_remove(&b);
}

static void test_trim(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.segment_bytes = 8 * PAGE;
    box_start(&b);
    box_write(&b, 40, 4, 100); // a page each, eight to a segment
    wal_note_snapshot(b.wal, 80);
    wal_trim(b.wal, 80);
    box_write(&b, 1, 4, 100);
    box_crash(&b);
    b.from = 81;
    assert_int_equal(box_recover(&b), 0);
    assert_false(b.report.refused);
    assert_int_equal(b.first, 81);
    assert_int_equal(b.root.snapshot_place, 80);
    assert_int_equal(b.read, 164);
    b.from = 10;
    assert_int_equal(box_recover(&b), 0);
    assert_true(b.report.refused);
    assert_int_equal(b.report.decision, DECISION_D7);
    b.from = 0;
    b.read_only = true;
    assert_int_equal(box_recover(&b), 0);
    assert_int_equal(b.first, 65);
    box_remove(&b);
}

// A start with another segment size keeps the old segments and makes the new ones as told.
static void test_segment_size_changes(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    for (unsigned i = 0; i < 6; i++) {
        b.opt.segment_bytes = (i % 2 ? 8 : 32) * PAGE;
        box_start(&b);
        assert_int_equal(b.read, i * 60);
        box_write(&b, 20, 3, 500);
        box_crash(&b);
    }
    box_remove(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_cores_see_one_order), cmocka_unit_test(test_no_core_starves),
        cmocka_unit_test(test_back_pressure),      cmocka_unit_test(test_largest_entries),
        cmocka_unit_test(test_stamps_never_go_back), cmocka_unit_test(test_seal_when_idle),
        cmocka_unit_test(test_clean_stop),         cmocka_unit_test(test_heads_are_truthful),
        cmocka_unit_test(test_entries_of_many_stamps),
        cmocka_unit_test(test_released_in_order),
        cmocka_unit_test(test_segment_begins_behind_a_sync),
        cmocka_unit_test(test_unused_bytes_are_zero),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_turn_over),               cmocka_unit_test(test_segment_size_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
