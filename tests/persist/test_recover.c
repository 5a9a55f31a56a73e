// The decision table, each row made with a knife on real files.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persist/batch.h"
#include "tests/persist/support.h"
#include "tests/persist/support_fault.h"

enum { MANY = 64 };

// A log of `batches` batches of three entries, in segments of eight pages, one page a batch. Ended
// without a word, so that root testifies to no more than the last rotation.
static void make_log(struct box *b, unsigned batches)
{
    box_make(b);
    b->opt.segment_bytes = 8 * PAGE;
    box_start(b);
    box_write(b, batches, 3, 100);
    box_wait_spare(b);
    box_crash(b);
}

static void expect(struct box *b, enum decision decision, bool refused)
{
    assert_int_equal(box_recover(b), 0);
    if (b->report.decision != decision || b->report.refused != refused)
        fail_msg("D%d refused %d: %s", b->report.decision, b->report.refused, b->report.line);
    assert_true(strlen(b->report.line) > 10);
}

// Everything in wal/, to see that a refusal has touched nothing.
static uint64_t fingerprint(struct box *b)
{
    char line[400];
    snprintf(line, sizeof line, "cd %s && find . -type f | sort | xargs cat | cksum", b->path);
    FILE *p = popen(line, "r");
    unsigned long long sum = 0, size = 0;
    assert_int_equal(fscanf(p, "%llu %llu", &sum, &size), 2);
    pclose(p);
    return sum << 32 ^ size;
}

static void expect_refusal(struct box *b, enum decision decision)
{
    uint64_t before = fingerprint(b);
    expect(b, decision, true);
    assert_int_equal(fingerprint(b), before);
    b->read_only = true;
    expect(b, decision, true);
    b->read_only = false;
}

// After a cut: the log goes on, and a second recovery finds a clean end at the same place.
static void expect_goes_on(struct box *b, uint64_t last)
{
    assert_int_equal(b->read, last);
    assert_int_equal(b->at.next_place, last + 1);
    expect(b, DECISION_D0, false);
    assert_int_equal(b->read, last);
    box_start(b);
    box_write(b, 12, 2, 200);
    box_crash(b);
    expect(b, DECISION_D0, false);
    assert_int_equal(b->read, last + 24);
}

static void garbage(struct box *b, uint64_t segment, uint64_t at, size_t n)
{
    uint8_t *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 7 + 13);
    box_put(b, SPOT(segment, at), bytes, n);
    free(bytes);
}

static void zeros(struct box *b, uint64_t segment, uint64_t at, size_t n)
{
    uint8_t *bytes = calloc(1, n);
    box_put(b, SPOT(segment, at), bytes, n);
    free(bytes);
}

static void test_d0_clean_end(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    expect(&b, DECISION_D0, false); // nothing at all
    assert_int_equal(b.at.segment, 0);
    box_remove(&b);
    make_log(&b, 21);
    expect(&b, DECISION_D0, false);
    expect_goes_on(&b, 63);
    box_remove(&b);
}

static void test_d1_torn_tail(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    garbage(&b, 1, 4 * PAGE, SECTOR); // the last batch's head
    expect(&b, DECISION_D1, false);
    assert_int_equal(b.report.offset, 4 * PAGE);
    assert_int_equal(b.report.bytes_dropped, PAGE);
    expect_goes_on(&b, 12);
    box_remove(&b);
}

// A payload torn behind a whole head, at the first batch of a segment and at the first of the log.
static void test_d1_torn_first_batch(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 9);
    garbage(&b, 2, SECTOR, SECTOR);
    expect(&b, DECISION_D1, false);
    assert_string_equal(b.report.file, "wal/0000000000000002.seg");
    expect_goes_on(&b, 24);
    box_remove(&b);
    make_log(&b, 1);
    garbage(&b, 1, SECTOR, SECTOR);
    expect(&b, DECISION_D1, false);
    expect_goes_on(&b, 0);
    box_remove(&b);
}

static void test_d2_damage(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 21);
    struct box copy;
    for (unsigned segment = 1; segment <= 2; segment++) {
        for (unsigned i = 0; i < 8; i++) {
            box_copy(&copy, &b);
            garbage(&copy, segment, i * PAGE + 700, 3); // in the entries
            expect_refusal(&copy, DECISION_D2);
            assert_int_equal(copy.report.offset, i * PAGE);
            assert_int_equal(copy.report.place_first, (segment - 1) * 24 + i * 3 + 1);
            assert_true(copy.report.witness >= copy.report.place_first);
            box_remove(&copy);
        }
    }
    // In the last segment only a later head testifies.
    box_copy(&copy, &b);
    garbage(&copy, 3, PAGE, 16);
    expect_refusal(&copy, DECISION_D2);
    assert_true(copy.report.batches_beyond > 0);
    box_remove(&copy);
    box_remove(&b);
}

// A whole batch of this log that does not follow: an older one at the tail, as a lost write leaves
// it.
static void test_d3_stale_bytes(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    uint8_t *bytes;
    box_bytes(&b, 1, &bytes);
    box_put(&b, SPOT(1, 5 * PAGE), bytes + PAGE, 2 * PAGE); // batches 2 and 3 once more
    free(bytes);
    expect(&b, DECISION_D3, false);
    assert_int_equal(b.report.bytes_dropped, 2 * PAGE);
    expect_goes_on(&b, 15);
    box_remove(&b);
    // And in place of an acknowledged one.
    make_log(&b, 8);
    box_bytes(&b, 1, &bytes);
    box_put(&b, SPOT(1, 4 * PAGE), bytes + PAGE, PAGE);
    free(bytes);
    expect_refusal(&b, DECISION_D2);
    box_remove(&b);
}

// The chain is looked at: the same place and length, another history.
static void test_d3_other_history(void **state)
{
    (void)state;
    struct box b, other;
    make_log(&b, 4);
    box_copy(&other, &b);
    other.from = 1;
    for (unsigned i = 0; i < 2; i++) {
        box_start(&b);
        box_write(&b, 1, 3, 100);
        box_crash(&b);
        box_start(&other);
        box_write(&other, 1, 3, i ? 100 : 300);
        box_crash(&other);
    }
    uint8_t *bytes;
    box_bytes(&other, 1, &bytes);
    struct lies lie[MANY];
    unsigned n = box_batches(&b, 1, lie, MANY);
    box_put(&b, SPOT(1, lie[n - 1].offset), bytes + lie[n - 1].offset, PAGE);
    free(bytes);
    expect(&b, DECISION_D3, false);
    assert_int_equal(b.read, 15);
    box_remove(&b);
    box_remove(&other);
}

static void test_d4_unreadable(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 6);
    fault.kind = FAULT_READ;
    fault.offset = 2 * PAGE + 100; // in every segment, but only the first has so many batches
    expect_refusal(&b, DECISION_D4);
    assert_int_equal(b.report.place_first, 7);
    fault.offset = 5 * PAGE + 100;
    b.read_only = true;
    expect(&b, DECISION_D4, false);
    assert_int_equal(b.read, 15);
    b.read_only = false;
    fault.hit = 0;
    assert_int_not_equal(box_recover(&b), 0); // it stays unreadable after the cut: no start
    assert_true(fault.hit > 0);
    fault_reset(); // the disk has put another sector in its place
    expect(&b, DECISION_D0, false);
    expect_goes_on(&b, 15);
    box_remove(&b);
}

static void test_d5_zeros_in_the_middle(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 8);
    zeros(&b, 1, 3 * PAGE, PAGE);
    expect_refusal(&b, DECISION_D5);
    assert_int_equal(b.report.place_first, 10);
    box_remove(&b);
    make_log(&b, 20);
    zeros(&b, 1, 7 * PAGE, PAGE); // the end of a segment; only the next one testifies
    expect_refusal(&b, DECISION_D5);
    assert_int_equal(b.report.witness >= 24, 1);
    box_remove(&b);
}

static void test_d6_no_valid_head(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    garbage(&b, 2, 0, 3 * SECTOR); // the spare
    garbage(&b, 2, 4 * PAGE, PAGE);
    expect(&b, DECISION_D6, false);
    expect_goes_on(&b, 15);
    box_remove(&b);
    make_log(&b, 9); // its one batch, not testified to
    garbage(&b, 2, 0, SECTOR);
    expect(&b, DECISION_D6, false);
    assert_int_equal(b.read, 24);
    expect_goes_on(&b, 24);
    box_remove(&b);
    make_log(&b, 12); // but here a later batch in it testifies
    garbage(&b, 2, 0, SECTOR);
    expect_refusal(&b, DECISION_D5);
    box_remove(&b);
}

// The first batch of a segment was on its way, the second one there: the page that was written
// shows the second one's.
static void test_d6_first_page_shows_another(void **state)
{
    (void)state;
    struct box b;
    box_make(&b);
    b.opt.segment_bytes = 8 * PAGE;
    b.opt.durability = DURABILITY_GROUP; // the second does not testify to the first
    b.opt.group_ms = 60000;
    box_start(&b);
    box_write(&b, 10, 3, 100);
    box_crash(&b);
    uint8_t *bytes;
    box_bytes(&b, 2, &bytes);
    box_put(&b, SPOT(2, 0), bytes + PAGE, PAGE);
    free(bytes);
    expect(&b, DECISION_D6, false);
    assert_int_equal(b.read, 24);
    expect_goes_on(&b, 24);
    box_remove(&b);
}

static void test_d7_missing_segment(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 30);
    struct box copy;
    box_copy(&copy, &b);
    box_erase(&copy, 2);
    expect_refusal(&copy, DECISION_D7);
    assert_int_equal(copy.report.place_first, 25);
    assert_int_equal(copy.report.place_last, 48);
    box_remove(&copy);
    box_copy(&copy, &b);
    box_erase(&copy, 1);
    expect_refusal(&copy, DECISION_D7);
    copy.from = 30; // unless nothing of it is wanted
    expect(&copy, DECISION_D0, false);
    assert_int_equal(copy.read, 90);
    box_remove(&copy);
    // All of it gone, while root knows better.
    box_copy(&copy, &b);
    for (unsigned i = 1; i <= 5; i++)
        box_erase(&copy, i);
    expect_refusal(&copy, DECISION_D7);
    box_remove(&copy);
    box_remove(&b);
}

// The newest segment is lost after a clean stop: root testifies.
static void test_d7_lost_end(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 12);
    box_start(&b);
    box_stop(&b);
    box_erase(&b, 2);
    box_erase(&b, 3);
    expect_refusal(&b, DECISION_D7);
    box_remove(&b);
}

static void test_d7_foreign_segment(void **state)
{
    (void)state;
    struct box b, other;
    make_log(&b, 12);
    make_log(&other, 12);
    uint8_t *bytes;
    uint64_t n = box_bytes(&other, 2, &bytes);
    box_put(&b, SPOT(2, 0), bytes, n);
    expect_refusal(&b, DECISION_D7);
    assert_non_null(strstr(b.report.line, "another log"));
    free(bytes);
    box_remove(&b);
    box_remove(&other);
}

static void test_d7_older_copy(void **state)
{
    (void)state;
    struct box b, old;
    make_log(&b, 4);
    box_copy(&old, &b);
    box_start(&b);
    box_write(&b, 10, 3, 100);
    box_crash(&b);
    uint8_t *bytes;
    uint64_t n = box_bytes(&old, 1, &bytes);
    box_put(&b, SPOT(1, 0), bytes, n); // segment 1 travels back in time
    expect_refusal(&b, DECISION_D5);
    free(bytes);
    box_remove(&b);
    box_remove(&old);
}

static void test_d8_clean_and_torn(void **state)
{
    (void)state;
    struct box b, copy;
    make_log(&b, 4);
    box_start(&b);
    box_write(&b, 1, 3, 100);
    box_stop(&b);
    expect(&b, DECISION_D0, false);
    struct lies lie[MANY];
    unsigned n = box_batches(&b, 1, lie, MANY);
    box_copy(&copy, &b);
    garbage(&copy, 1, lie[n - 1].offset, SECTOR); // the seal
    expect_refusal(&copy, DECISION_D8);
    box_remove(&copy);
    box_copy(&copy, &b);
    garbage(&copy, 1, lie[n - 1].offset + 2 * PAGE, SECTOR);
    expect_refusal(&copy, DECISION_D8);
    box_remove(&copy);
    box_copy(&copy, &b);
    garbage(&copy, 1, lie[n - 2].offset, SECTOR); // the last entries: root testifies
    expect_refusal(&copy, DECISION_D2);
    box_remove(&copy);
    box_remove(&b);
}

// A batch that is whole and in its place, with an entry in it that cannot be read.
static void test_d9_poison(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 3);
    uint8_t *bytes;
    box_bytes(&b, 1, &bytes);
    uint8_t *at = bytes + 2 * PAGE;
    struct batch_head head;
    memcpy(&head, at, sizeof head);
    ((struct entry *)(void *)(at + BATCH_HEAD_BYTES))->slot_count = 9;
    batch_close(at, &head);
    box_put(&b, SPOT(1, 2 * PAGE), at, PAGE);
    expect_refusal(&b, DECISION_D9);
    assert_int_equal(b.report.place_first, 7);
    memcpy(&head, at, sizeof head);
    ((struct entry *)(void *)(at + BATCH_HEAD_BYTES))->slot_count = 1;
    head.compat = COMPAT_LEVEL + 1;
    batch_close(at, &head);
    box_put(&b, SPOT(1, 2 * PAGE), at, PAGE);
    expect_refusal(&b, DECISION_D9);
    free(bytes);
    box_remove(&b);
}

static bool stop_at_seven(void *ctx, const struct batch *b)
{
    (void)ctx;
    return b->first_place < 7;
}

static void test_d9_cannot_be_applied(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    assert_int_equal(root_read(b.dir, &b.root), 0);
    struct recover_options opt = {.from_place = 1, .batch = stop_at_seven};
    assert_int_equal(recover_log(b.dir, &b.root, &opt, &b.at, &b.report), 0);
    assert_true(b.report.refused);
    assert_int_equal(b.report.decision, DECISION_D9);
    assert_int_equal(b.report.place_first, 7);
    box_remove(&b);
}

struct steps { uint64_t read; unsigned batches, calls; };

static bool take_next(void *ctx, const struct batch *b)
{
    struct steps *s = ctx;
    assert_int_equal(b->first_place, s->read + 1);
    s->read = b->last_place;
    s->batches++;
    return true;
}

static bool every_other(void *ctx) { return ((const struct steps *)ctx)->batches % 2 == 0; }

// With pauses the log is what it is without: the same batches, decision and position.
static void test_pauses(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 7);
    assert_int_equal(box_recover(&b), 0);
    struct wal_position whole = b.at, at;
    struct recover_report report;
    struct steps s = {.read = 0};
    struct recover_options opt = {
        .from_place = 1, .batch = take_next, .pause = every_other, .ctx = &s};
    struct recovery *r;
    assert_int_equal(root_read(b.dir, &b.root), 0);
    assert_int_equal(recover_begin(&r, b.dir, &b.root, &opt), 0);
    for (bool more = true; more; s.calls++)
        assert_int_equal(recover_more(r, &report, &more), 0);
    recover_end(r, &at);
    assert_int_equal(s.read, b.read);
    assert_int_equal(s.batches, b.report.batches);
    assert_int_equal(s.calls, s.batches / 2 + 1);
    assert_int_equal(report.decision, b.report.decision);
    assert_int_equal(report.entries, b.report.entries);
    assert_memory_equal(&at, &whole, sizeof at);
    box_remove(&b);
}

// One that was given up has no position.
static void test_given_up(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    assert_int_equal(root_read(b.dir, &b.root), 0);
    struct steps s = {.read = 0};
    struct recover_options opt = {
        .from_place = 1, .batch = take_next, .pause = every_other, .ctx = &s};
    struct recovery *r;
    struct wal_position at, none = {0};
    struct recover_report report;
    bool more;
    assert_int_equal(recover_begin(&r, b.dir, &b.root, &opt), 0);
    assert_int_equal(recover_more(r, &report, &more), 0);
    assert_true(more);
    recover_end(r, &at);
    assert_memory_equal(&at, &none, sizeof at);
    box_remove(&b);
}

// The log ends before the snapshot that state was loaded from.
static void test_log_behind_snapshot(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    b.from = 16; // all of it is in the snapshot
    expect(&b, DECISION_D0, false);
    assert_int_equal(b.read, 0);
    b.from = 17;
    assert_int_equal(box_recover(&b), 0);
    assert_true(b.report.refused);
    box_remove(&b);
}

// W6: what nothing testifies to is written again; after a clean stop nothing is.
static void test_doubtful_is_written_again(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 5);
    fault.kind = FAULT_WRITE;
    fault.after = UINT64_MAX;
    expect(&b, DECISION_D0, false);
    assert_true(fault.seen >= 3); // the copy, its head, and in place
    fault_reset();
    box_start(&b);
    box_stop(&b);
    fault.kind = FAULT_WRITE;
    fault.after = UINT64_MAX;
    expect(&b, DECISION_D0, false);
    assert_int_equal(fault.seen, 0);
    fault_reset();
    box_remove(&b);
}

// Recovery that fails at its n-th change, for every n, with the page being written torn: the next
// one comes to the same log.
static void test_interrupted_recovery(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 6);
    garbage(&b, 1, 6 * PAGE, SECTOR);
    garbage(&b, 2, PAGE, SECTOR);
    unsigned n = 0;
    for (bool through = false; !through; n++) {
        struct box copy;
        box_copy(&copy, &b);
        fault.kind = FAULT_ANY;
        fault.after = n;
        fault.for_ever = true;
        int e = box_recover(&copy);
        through = fault.hit == 0;
        assert_int_equal(e == 0, through);
        // The write that was under way when the power went: half of it is garbage. With the copy
        // whole beside it, nothing of the range itself has to be.
        char line[300];
        snprintf(line, sizeof line, "%s/wal/again", copy.path);
        FILE *aside = e ? fopen(line, "r") : NULL;
        fault_reset();
        if (aside) {
            fclose(aside);
            struct box probe;
            box_copy(&probe, &copy);
            assert_int_equal(box_recover(&probe), 0);
            assert_int_equal(probe.read, 18);
            box_remove(&probe);
        }
        assert_int_equal(box_recover(&copy), 0);
        assert_false(copy.report.refused);
        assert_int_equal(copy.read, 18);
        expect_goes_on(&copy, 18);
        box_remove(&copy);
    }
    assert_true(n > 8);
    box_remove(&b);
}

// The copy beside the segment is whole, and the segment's own bytes were torn while written again.
static void test_torn_while_written_again(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 6);
    unsigned torn = 0;
    for (unsigned n = 0; n < 20; n++) {
        struct box copy;
        box_copy(&copy, &b);
        fault.kind = FAULT_DIR_SYNC; // the first one here is that of the copy, the next its end
        fault.after = n;
        int e = box_recover(&copy);
        fault_reset();
        char line[300];
        snprintf(line, sizeof line, "test -f %s/wal/again", copy.path);
        if (e && system(line) == 0) {
            torn++;
            garbage(&copy, 1, 5 * PAGE, PAGE); // the one that no later head speaks of
            assert_int_equal(box_recover(&copy), 0);
            assert_int_equal(copy.read, 18);
        }
        box_remove(&copy);
    }
    assert_true(torn > 0);
    box_remove(&b);
}

// Recovering twice, with nothing in between, gives the same position.
static void test_twice(void **state)
{
    (void)state;
    struct box b;
    make_log(&b, 13);
    garbage(&b, 2, 5 * PAGE + 9, 40);
    assert_int_equal(box_recover(&b), 0);
    struct wal_position first = b.at;
    assert_int_equal(box_recover(&b), 0);
    assert_memory_equal(&first, &b.at, sizeof first);
    box_remove(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_d0_clean_end),
        cmocka_unit_test(test_d1_torn_tail),
        cmocka_unit_test(test_d1_torn_first_batch),
        cmocka_unit_test(test_d2_damage),
        cmocka_unit_test(test_d3_stale_bytes),
        cmocka_unit_test(test_d3_other_history),
        cmocka_unit_test(test_d4_unreadable),
        cmocka_unit_test(test_d5_zeros_in_the_middle),
        cmocka_unit_test(test_d6_no_valid_head),
        cmocka_unit_test(test_d6_first_page_shows_another),
        cmocka_unit_test(test_d7_missing_segment),
        cmocka_unit_test(test_d7_lost_end),
        cmocka_unit_test(test_d7_foreign_segment),
        cmocka_unit_test(test_d7_older_copy),
        cmocka_unit_test(test_d8_clean_and_torn),
        cmocka_unit_test(test_d9_poison),
        cmocka_unit_test(test_d9_cannot_be_applied),
        cmocka_unit_test(test_log_behind_snapshot),
        cmocka_unit_test(test_doubtful_is_written_again),
        cmocka_unit_test(test_interrupted_recovery),
        cmocka_unit_test(test_torn_while_written_again),
        cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
