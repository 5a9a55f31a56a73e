// Quiet points: nothing is freed while a core may hold it, all is freed once none can.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pool.h"
#include "core/quiet.h"

struct fixture {
    struct quiet q;
    struct quiet_limbo limbo;
    struct pool pool;
};

static void begin(struct fixture *f, unsigned cores)
{
    memset(f, 0, sizeof *f);
    quiet_init(&f->q, cores);
    pool_init(&f->pool, pool_map_pages, pool_unmap_pages, NULL);
}

static void retire(struct fixture *f, size_t n)
{
    struct quiet_block b = {pool_alloc(&f->pool, n, MEM_post), n, MEM_post};
    quiet_retire(&f->q, &f->limbo, &f->pool, b);
}

static void waits_for_every_core(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3);
    retire(&f, 100);
    assert_int_equal(f.limbo.items, 1);
    assert_int_equal(f.limbo.bytes, pool_size(100));
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    quiet_point(&f.q, 0);
    quiet_point(&f.q, 1);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    assert_int_equal(f.pool.count[MEM_post], 1);
    quiet_point(&f.q, 2);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    assert_int_equal(f.pool.count[MEM_post], 0);
    assert_int_equal(f.limbo.items, 0);
    assert_int_equal(f.limbo.bytes, 0);
    assert_int_equal(f.pool.count[MEM_other], 0); // the list's own blocks too
}

static void any_core_may_be_the_last(void **state)
{
    (void)state;
    for (unsigned last = 0; last < 3; last++) {
        struct fixture f;
        begin(&f, 3);
        retire(&f, 100);
        quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
        for (unsigned c = 0; c < 3; c++)
            if (c != last) quiet_point(&f.q, c);
        quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
        assert_int_equal(f.limbo.items, 1);
        quiet_point(&f.q, last);
        quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
        assert_int_equal(f.limbo.items, 0);
    }
}

static void does_not_wait_for_sleepers(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3);
    quiet_offline(&f.q, 1);
    quiet_offline(&f.q, 2);
    retire(&f, 100);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    quiet_point(&f.q, 0);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    assert_int_equal(f.limbo.items, 0);

    // Awake again, however that is said, it is waited for.
    quiet_online(&f.q, 1);
    quiet_point(&f.q, 2);
    retire(&f, 100);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    quiet_point(&f.q, 0);
    quiet_point(&f.q, 1);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    assert_int_equal(f.limbo.items, 1);
    quiet_point(&f.q, 2);
    quiet_reclaim(&f.q, &f.limbo, &f.pool, 10);
    assert_int_equal(f.limbo.items, 0);
}

static void a_point_before_the_retirement_does_not_count(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    for (unsigned i = 0; i < 100; i++) {
        quiet_point(&f.q, 0);
        quiet_point(&f.q, 1);
        retire(&f, 64);
        quiet_reclaim(&f.q, &f.limbo, &f.pool, 100);
        quiet_point(&f.q, 0); // core 1 has not moved since
        quiet_reclaim(&f.q, &f.limbo, &f.pool, 100);
        assert_true(f.limbo.items > 0);
    }
}

static void work_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1);
    enum { BLOCKS = 1000 };
    for (unsigned i = 0; i < BLOCKS; i++) retire(&f, 16 + i);
    quiet_point(&f.q, 0);
    unsigned calls = 0;
    for (uint64_t before; (before = f.limbo.items) > 0; calls++) {
        quiet_point(&f.q, 0);
        quiet_reclaim(&f.q, &f.limbo, &f.pool, 7);
        assert_true(before - f.limbo.items <= 7);
    }
    // One more for the last batch, which is closed only when nothing is before it.
    assert_in_range(calls, BLOCKS / 7, BLOCKS / 7 + 3);
    assert_int_equal(f.limbo.bytes, 0);
    assert_int_equal(f.pool.used[MEM_other], 0);
}

// ---- threads ------------------------------------------------------------------------------------

// One core replaces an object over and over; the others read it, and sometimes sleep. An object
// whose halves differ, or that changes under a reader, was freed too early.
enum { READERS = 3, REPLACEMENTS = 40000 };

struct object {
    uint64_t a;
    uint64_t pad[6];
    uint64_t b;
};

struct world {
    struct fixture f;
    _Atomic(struct object *) published;
    _Atomic int stop;
    _Atomic uint64_t wrong, reads;
};

struct reader {
    struct world *world;
    unsigned core;
};

static void *read_on(void *arg)
{
    struct reader *r = arg;
    struct world *w = r->world;
    uint64_t wrong = 0, reads = 0;
    for (unsigned turn = 0; !atomic_load_explicit(&w->stop, memory_order_relaxed); turn++) {
        quiet_point(&w->f.q, r->core);
        if (turn % 7 == r->core) {
            quiet_offline(&w->f.q, r->core);
            sched_yield();
            quiet_online(&w->f.q, r->core);
        }
        const struct object *o = atomic_load_explicit(&w->published, memory_order_acquire);
        uint64_t a = o->a;
        for (unsigned i = 0; i < 20; i++) wrong += o->b != ~a || o->a != a;
        if (turn % 64 == 0) sched_yield();
        reads++;
    }
    quiet_offline(&w->f.q, r->core);
    atomic_fetch_add(&w->wrong, wrong);
    atomic_fetch_add(&w->reads, reads);
    return NULL;
}

static struct object *make(struct world *w, uint64_t a)
{
    struct object *o = pool_alloc(&w->f.pool, sizeof *o, MEM_user);
    memset(o, 0, sizeof *o);
    o->a = a;
    o->b = ~a;
    return o;
}

static void readers_never_see_freed_objects(void **state)
{
    (void)state;
    static struct world w;
    begin(&w.f, READERS + 1);
    atomic_store(&w.published, make(&w, 0));
    pthread_t threads[READERS];
    struct reader readers[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&w, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    uint64_t freed = 0;
    for (uint64_t i = 1; i <= REPLACEMENTS; i++) {
        struct object *old = atomic_load_explicit(&w.published, memory_order_relaxed);
        atomic_store_explicit(&w.published, make(&w, i), memory_order_release);
        struct quiet_block b = {old, sizeof *old, MEM_user};
        quiet_retire(&w.f.q, &w.f.limbo, &w.f.pool, b);
        quiet_point(&w.f.q, 0);
        uint64_t before = w.f.limbo.items;
        quiet_reclaim(&w.f.q, &w.f.limbo, &w.f.pool, 64);
        freed += before - w.f.limbo.items;
        if (i % 16 == 0) sched_yield();
    }
    atomic_store(&w.stop, 1);
    for (unsigned i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&w.wrong), 0);
    assert_true(atomic_load(&w.reads) > 0);
    assert_true(freed > 0);
    for (unsigned i = 0; i < 3; i++) {
        quiet_point(&w.f.q, 0);
        quiet_reclaim(&w.f.q, &w.f.limbo, &w.f.pool, UINT32_MAX);
    }
    assert_int_equal(w.f.limbo.items, 0);
    assert_int_equal(w.f.pool.count[MEM_user], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_every_core),
        cmocka_unit_test(any_core_may_be_the_last),
        cmocka_unit_test(does_not_wait_for_sleepers),
        cmocka_unit_test(a_point_before_the_retirement_does_not_count),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(readers_never_see_freed_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
