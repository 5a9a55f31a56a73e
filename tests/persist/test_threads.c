// The writer on its own thread, asleep whenever it can be, and cores that push, read and give back
// at the same time: everything arrives, and nobody sleeps through a call. Meant for the thread
// sanitizer too.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock.h"
#include "tests/persist/support.h"

enum { CORES = 3 };
#define SLOW_NS (900 * UINT64_C(1000000))

struct core {
    struct box *box;
    unsigned index;
    unsigned entries;          // to be pushed
    bool one_by_one;           // waits for each: the writer falls asleep in between
    uint64_t seen, mine;
    uint64_t slowest_ns;
    bool good;
};
static _Atomic bool stop;
static _Atomic unsigned cores_done;

static void *writer(void *ctx)
{
    struct box *b = ctx;
    int e = 0;
    while (!e && !atomic_load(&stop))
        e = wal_step(b->wal, 1000);
    return e ? b : NULL;
}

static void read_released(struct core *c)
{
    struct batch *batch;
    while ((batch = wal_released(c->box->wal, c->index))) {
        for (uint32_t at = 0; at < batch->bytes; at += batch_entry(batch, at)->length) {
            const struct entry *e = batch_entry(batch, at);
            c->good &= e->place == c->seen + 1;
            c->seen = e->place;
            if (e->op == c->index)
                c->good &= e->actor == ++c->mine;
        }
        wal_give_back(c->box->wal, c->index, batch);
    }
}

// One slept through says enough; a hundred of them would take minutes.
static bool slept_through(const struct core *c)
{
    return c->one_by_one && c->slowest_ns >= SLOW_NS;
}

static void *core(void *ctx)
{
    struct core *c = ctx;
    unsigned i = 0;
    for (; i < c->entries && !slept_through(c); i++) {
        struct entry e = {.length = sizeof e, .op = (uint16_t)c->index, .slot_count = 1};
        e.actor = i + 1;
        uint64_t start = clock_mono_ns();
        while (!ring_push(wal_queue(c->box->wal, c->index), &e, sizeof e, 0))
            read_released(c);
        wal_kick(c->box->wal);
        do
            read_released(c);
        while (c->one_by_one && c->mine <= i);
        uint64_t took = clock_mono_ns() - start;
        c->slowest_ns = took > c->slowest_ns ? took : c->slowest_ns;
        if (c->one_by_one && i % 8 == 0) {
            struct timespec nap = {0, 300 * 1000};
            nanosleep(&nap, NULL);
        }
    }
    while (c->mine < i)
        read_released(c);
    atomic_fetch_add(&cores_done, 1);
    while (atomic_load(&cores_done) < CORES) // others may still need these batches back
        read_released(c);
    return NULL;
}

// The longest that any core waited for one entry.
static uint64_t run(enum durability durability, bool use_uring, bool one_by_one)
{
    struct box b;
    box_make_on_disk(&b);
    b.opt.cores = CORES;
    b.opt.durability = durability;
    b.opt.use_uring = use_uring;
    b.opt.segment_bytes = 1 << 20;
    box_start(&b);
    atomic_store(&stop, false);
    atomic_store(&cores_done, 0);
    pthread_t writes, threads[CORES];
    struct core cores[CORES];
    assert_int_equal(pthread_create(&writes, NULL, writer, &b), 0);
    for (unsigned i = 0; i < CORES; i++) {
        cores[i] = (struct core){.box = &b,
                                 .index = i,
                                 .entries = one_by_one ? 100 : 20000,
                                 .one_by_one = one_by_one,
                                 .good = true};
        assert_int_equal(pthread_create(&threads[i], NULL, core, &cores[i]), 0);
    }
    uint64_t slowest = 0;
    for (unsigned i = 0; i < CORES; i++) {
        pthread_join(threads[i], NULL);
        assert_true(cores[i].good);
        slowest = cores[i].slowest_ns > slowest ? cores[i].slowest_ns : slowest;
    }
    atomic_store(&stop, true);
    wal_kick(b.wal);
    void *failed;
    pthread_join(writes, &failed);
    assert_null(failed);
    box_stop(&b);
    box_remove(&b);
    return slowest;
}

// A call that the writer sleeps through shows as its whole second. A busy machine may do the same
// once.
static void run_awake(enum durability durability, bool use_uring)
{
    for (unsigned i = 0; i < 3; i++)
        if (run(durability, use_uring, true) < SLOW_NS)
            return;
    fail_msg("an entry waited for a second, three times");
}

static void test_streams(void **state)
{
    (void)state;
    run(DURABILITY_STRICT, true, false);
    run(DURABILITY_STRICT, false, false);
    run(DURABILITY_GROUP, true, false);
    run(DURABILITY_NONE, true, false);
}

static void test_one_by_one(void **state)
{
    (void)state;
    run_awake(DURABILITY_STRICT, true);
    run_awake(DURABILITY_GROUP, true);
    run_awake(DURABILITY_GROUP, false);
    run_awake(DURABILITY_NONE, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
