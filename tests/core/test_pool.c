// The pool: blocks that fit, do not overlap and come back; what it says it holds is what it handed
// out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pool.h"

// Chunks that are remembered, so that the test can free them.
struct chunks {
    void *at[4096];
    size_t bytes[4096];
    unsigned n;
};

static void *map(void *ctx, size_t bytes)
{
    struct chunks *c = ctx;
    assert_int_equal(bytes % (64 << 10), 0);
    assert_in_range(c->n, 0, 4095);
    void *p = aligned_alloc(64, bytes);
    assert_non_null(p);
    memset(p, 0, bytes);
    c->at[c->n] = p;
    c->bytes[c->n++] = bytes;
    return p;
}

static void unmap(void *ctx, void *p, size_t bytes)
{
    struct chunks *c = ctx;
    for (unsigned i = 0; i < c->n; i++) {
        if (c->at[i] != p) continue;
        assert_int_equal(c->bytes[i], bytes);
        free(p);
        c->at[i] = c->at[--c->n];
        c->bytes[i] = c->bytes[c->n];
        return;
    }
    fail_msg("unmapped what was not mapped");
}

static void free_chunks(struct chunks *c)
{
    while (c->n > 0) free(c->at[--c->n]);
}

static void sizes_fit(void **state)
{
    (void)state;
    size_t before = 0;
    for (size_t n = 0; n <= 300000; n++) {
        size_t size = pool_size(n);
        assert_true(size >= n && size >= before && size % 8 == 0);
        // At most a quarter is lost, and never more than a grain of small blocks.
        if (n >= 128 && n <= 128 << 10) assert_true((size - n) * 5 <= size + 80);
        if (n < 128) assert_true(size - n <= 8);
        assert_int_equal(pool_size(size), size); // a class is its own size
        before = size;
    }
    assert_int_equal(pool_size(128 << 10), 128 << 10);
    assert_int_equal(pool_size((128 << 10) + 1), 192 << 10);
}

static void blocks_are_apart(void **state)
{
    (void)state;
    struct chunks chunks = {.n = 0};
    struct pool p;
    pool_init(&p, map, unmap, &chunks);
    enum { LIVE = 700, STEPS = 60000 };
    static struct { uint8_t *at; size_t n; uint8_t mark; } live[LIVE];
    memset(live, 0, sizeof live);
    uint64_t held = 0, x = 1;
    for (unsigned i = 0; i < STEPS; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        unsigned k = (unsigned)(x >> 33) % LIVE;
        if (live[k].at != NULL) {
            for (size_t b = 0; b < live[k].n; b += 61)
                assert_int_equal(live[k].at[b], live[k].mark);
            pool_free(&p, live[k].at, live[k].n, MEM_post);
            held -= pool_size(live[k].n);
            live[k].at = NULL;
            continue;
        }
        size_t n = (size_t)(x >> 20) % ((size_t)1 << (4 + (x >> 50) % 15));
        live[k].n = n;
        live[k].mark = (uint8_t)(x >> 8);
        live[k].at = pool_alloc(&p, n, MEM_post);
        assert_int_equal((uintptr_t)live[k].at & 7, 0);
        memset(live[k].at, live[k].mark, n);
        held += pool_size(n);
        assert_int_equal(p.used[MEM_post], held);
        assert_true(p.mapped >= held);
    }
    for (unsigned k = 0; k < LIVE; k++) pool_free(&p, live[k].at, live[k].n, MEM_post);
    assert_int_equal(p.used[MEM_post], 0);
    assert_int_equal(p.count[MEM_post], 0);
    uint64_t mapped = 0;
    for (unsigned i = 0; i < chunks.n; i++) mapped += chunks.bytes[i];
    assert_int_equal(p.mapped, mapped);
    free_chunks(&chunks);
}

static void freed_blocks_are_used_again(void **state)
{
    (void)state;
    struct chunks chunks = {.n = 0};
    struct pool p;
    pool_init(&p, map, unmap, &chunks);
    void *first = pool_alloc(&p, 1000, MEM_user);
    uint64_t mapped = p.mapped;
    for (unsigned i = 0; i < 100000; i++) {
        pool_free(&p, first, 1000, MEM_user);
        assert_ptr_equal(pool_alloc(&p, 1000, MEM_user), first);
    }
    assert_int_equal(p.mapped, mapped);
    // Above the classes: pages that go back.
    void *big = pool_alloc(&p, 1 << 20, MEM_table);
    assert_int_equal(p.mapped, mapped + (1 << 20));
    pool_free(&p, big, 1 << 20, MEM_table);
    assert_int_equal(p.mapped, mapped);
    free_chunks(&chunks);
}

static void nothing_of_a_chunk_is_lost(void **state)
{
    (void)state;
    struct chunks chunks = {.n = 0};
    struct pool p;
    pool_init(&p, map, unmap, &chunks);
    // The first chunk has 1 MiB: seven blocks of 112 KiB leave 240 KiB, one more 128 KiB, and so
    // on.
    for (unsigned i = 0; i < 9; i++) pool_alloc(&p, 112 << 10, MEM_other);
    assert_int_equal(chunks.n, 1);
    pool_alloc(&p, 112 << 10, MEM_other); // 16 KiB are left: into the lists
    assert_int_equal(chunks.n, 2);
    uint8_t *rest = pool_alloc(&p, 16 << 10, MEM_other);
    assert_true(rest >= (uint8_t *)chunks.at[0]);
    assert_true(rest + (16 << 10) <= (uint8_t *)chunks.at[0] + chunks.bytes[0]);
    free_chunks(&chunks);
}

static void zeroed_means_zeroed(void **state)
{
    (void)state;
    struct pool p;
    pool_init(&p, pool_map_pages, pool_unmap_pages, NULL);
    static const uint8_t zeros[200000];
    static const size_t sizes[] = {1, 100, 5000, 131072, 200000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned again = 0; again < 2; again++) {
            void *block = pool_alloc_zero(&p, sizes[i], MEM_edges);
            assert_memory_equal(block, zeros, sizes[i]);
            memset(block, 0xff, sizes[i]);
            pool_free(&p, block, sizes[i], MEM_edges);
        }
    }
}

static void kinds_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MEM_KINDS; i++) assert_non_null(mem_kind_names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_fit),
        cmocka_unit_test(blocks_are_apart),
        cmocka_unit_test(freed_blocks_are_used_again),
        cmocka_unit_test(nothing_of_a_chunk_is_lost),
        cmocka_unit_test(zeroed_means_zeroed),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
