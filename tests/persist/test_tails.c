// Torn tails: the last batches, as a power loss may leave them, at every sector and in every
// combination. Recovery never refuses, and never loses a batch below the damage; damage below what
// a later head testifies to is refused, never cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persist/batch.h"
#include "tests/persist/support.h"

enum { SECTORS = PAGE / SECTOR, MANY = 64 };
enum harm { HARM_ZERO, HARM_GARBAGE, HARM_CUT_FILE, HARM_ZERO_ALL_AFTER, HARM_COUNT };

static void harm(struct box *b, enum harm how, uint64_t at, uint64_t end)
{
    uint8_t sector[SECTOR];
    for (unsigned i = 0; i < SECTOR; i++)
        sector[i] = how == HARM_GARBAGE ? (uint8_t)(i * 11 + 5) : 0;
    switch (how) {
    case HARM_ZERO:
    case HARM_GARBAGE:
        box_put(b, SPOT(1, at), sector, SECTOR);
        break;
    case HARM_CUT_FILE:
        box_truncate(b, 1, at);
        break;
    case HARM_ZERO_ALL_AFTER:
        for (; at < end; at += SECTOR)
            box_put(b, SPOT(1, at), sector, SECTOR);
        break;
    case HARM_COUNT:
        break;
    }
}

// What every recovery of a harmed log must hold.
static void judge(struct box *b, const struct lies *lie, unsigned n, uint64_t at, bool changed)
{
    // Places in batches below the damage, and places that a head still there speaks of.
    uint64_t whole = 0, testified = 0;
    uint8_t *bytes;
    uint64_t size = box_bytes(b, 1, &bytes);
    for (uint64_t page = 0; page + PAGE <= size; page += PAGE) {
        struct batch_head head;
        memcpy(&head, bytes + page, sizeof head);
        if (batch_head_whole(&head) && head.synced_upto > testified)
            testified = head.synced_upto;
    }
    free(bytes);
    for (unsigned i = 0; i < n; i++) {
        uint64_t end = lie[i].offset + BATCH_HEAD_BYTES + lie[i].head.length;
        if (size <= at) // a file that ends within a batch's last page has not all of it
            end = lie[i].offset + batch_disk_bytes(lie[i].head.length);
        if (end <= at || !changed)
            whole = batch_last_place(&lie[i].head);
    }
    assert_int_equal(box_recover(b), 0);
    if (b->report.refused) {
        assert_true(testified > b->read);
        return;
    }
    assert_true(b->read >= testified);
    if (b->read < whole)
        fail_msg("harm at %llu: read %llu, whole %llu: %s", (unsigned long long)at,
                 (unsigned long long)b->read, (unsigned long long)whole, b->report.line);
    struct wal_position first = b->at;
    assert_int_equal(box_recover(b), 0);
    assert_int_equal(b->report.decision, DECISION_D0);
    assert_memory_equal(&first, &b->at, sizeof first);
    uint64_t last = b->read;
    box_start(b);
    box_write(b, 3, 2, 300);
    box_crash(b);
    assert_int_equal(box_recover(b), 0);
    assert_false(b->report.refused);
    assert_int_equal(b->read, last + 6);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static void harm_everywhere(struct box *b, unsigned last_batches)
{
    struct lies lie[MANY];
    unsigned n = box_batches(b, 1, lie, MANY);
    uint8_t *bytes;
    box_bytes(b, 1, &bytes);
    uint64_t begin = lie[n - last_batches].offset;
    uint64_t end = lie[n - 1].offset + batch_disk_bytes(lie[n - 1].head.length) + PAGE;
    for (uint64_t at = begin; at < end; at += SECTOR) {
        for (unsigned how = 0; how < HARM_COUNT; how++) {
            struct box copy;
            box_copy(&copy, b);
            harm(&copy, (enum harm)how, at, end);
            // Zeros over zeros are no harm.
            bool changed = how == HARM_GARBAGE || !is_zero(bytes + at, SECTOR);
            if (how == HARM_ZERO_ALL_AFTER)
                changed = at < lie[n - 1].offset + BATCH_HEAD_BYTES + lie[n - 1].head.length;
            judge(&copy, lie, n, at, changed || how == HARM_CUT_FILE);
            box_remove(&copy);
        }
    }
    free(bytes);
}

// In strict every batch here was acknowledged before the next was sealed.
static void test_strict_one_by_one(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.use_uring = false; // what is on the disk is the matter here, some thousand times
    b.opt.segment_bytes = 32 * PAGE;
    box_start(&b);
    box_write(&b, 4, 3, 100);
    box_write(&b, 2, 8, 900);
    box_crash(&b);
    harm_everywhere(&b, 3);
    box_remove(&b);
}

// Four batches under way at once: none testifies to another.
static void make_in_flight(struct box *b, enum durability durability)
{
    box_make(b);
    b->opt.use_uring = false;
    b->opt.segment_bytes = 64 * PAGE;
    b->opt.durability = durability;
    b->opt.group_ms = 60000; // no sync while this test writes
    box_start(b);
    box_write(b, 2, 3, 100);
    for (unsigned i = 0; i < 4; i++) {
        box_push(b, 2 + i, 600);
        assert_int_equal(wal_step(b->wal, 0), 0);
    }
    box_settle(b);
    box_crash(b);
}

static void test_group_in_flight(void **state)
{
    (void)state;
    struct box b;
    make_in_flight(&b, DURABILITY_GROUP);
    harm_everywhere(&b, 4);
    box_remove(&b);
}

// Every subset of the last four batches lost, each in whole: what a disk does with unsynced writes.
static void test_group_subsets(void **state)
{
    (void)state;
    struct box b;
    make_in_flight(&b, DURABILITY_GROUP);
    struct lies lie[MANY];
    unsigned n = box_batches(&b, 1, lie, MANY);
    assert_true(n >= 5);
    for (unsigned set = 1; set < 16; set++) {
        for (unsigned kind = 0; kind < 2; kind++) {
            struct box copy;
            box_copy(&copy, &b);
            uint64_t first = UINT64_MAX;
            for (unsigned i = 0; i < 4; i++) {
                const struct lies *l = &lie[n - 4 + i];
                if (!(set >> i & 1))
                    continue;
                first = l->offset < first ? l->offset : first;
                uint64_t end = l->offset + batch_disk_bytes(l->head.length);
                for (uint64_t at = l->offset; at < end; at += SECTOR)
                    harm(&copy, kind ? HARM_GARBAGE : HARM_ZERO, at, at);
            }
            uint64_t whole = 0;
            for (unsigned i = 0; i < n && lie[i].offset < first; i++)
                whole = batch_last_place(&lie[i].head);
            assert_int_equal(box_recover(&copy), 0);
            if (copy.report.refused)
                fail_msg("set %u: %s", set, copy.report.line);
            assert_int_equal(copy.read, whole);
            box_start(&copy);
            box_write(&copy, 1, 1, 100);
            box_crash(&copy);
            assert_int_equal(box_recover(&copy), 0);
            assert_false(copy.report.refused);
            assert_int_equal(copy.read, whole + 1);
            box_remove(&copy);
        }
    }
    box_remove(&b);
}

// Random sectors of the unsynced part old (zero), garbage or new, many times over.
static void test_group_mixtures(void **state)
{
    (void)state;
    struct box b;
    make_in_flight(&b, DURABILITY_GROUP);
    struct lies lie[MANY];
    unsigned n = box_batches(&b, 1, lie, MANY);
    uint64_t begin = lie[2].offset;
    uint64_t end = lie[n - 1].offset + batch_disk_bytes(lie[n - 1].head.length);
    uint64_t seed = 12345;
    for (unsigned round = 0; round < 150; round++) {
        struct box copy;
        box_copy(&copy, &b);
        for (uint64_t at = begin; at < end; at += SECTOR) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            unsigned dice = (unsigned)(seed >> 33) % (4 + round % 30);
            if (dice < 2)
                harm(&copy, dice ? HARM_GARBAGE : HARM_ZERO, at, at);
        }
        assert_int_equal(box_recover(&copy), 0);
        if (copy.report.refused)
            fail_msg("round %u: %s", round, copy.report.line);
        uint64_t last = copy.read;
        assert_true(last >= batch_last_place(&lie[1].head));
        box_start(&copy);
        box_write(&copy, 4, 3, 500);
        box_crash(&copy);
        assert_int_equal(box_recover(&copy), 0);
        assert_false(copy.report.refused);
        assert_int_equal(copy.read, last + 12);
        box_remove(&copy);
    }
    box_remove(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict_one_by_one),
        cmocka_unit_test(test_group_in_flight),
        cmocka_unit_test(test_group_subsets),
        cmocka_unit_test(test_group_mixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
