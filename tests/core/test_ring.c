// The ring: whole messages in order, through every position of the wrap, alone and between threads.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/ring.h"

enum { CAPACITY = 1024 };

struct fixture {
    struct ring ring;
    _Alignas(8) uint8_t buf[CAPACITY];
};

static void empties_and_fills(void **state)
{
    (void)state;
    struct fixture f;
    ring_init(&f.ring, f.buf, CAPACITY);
    uint32_t n, tag;
    assert_null(ring_peek(&f.ring, &n, &tag));
    assert_int_equal(ring_used(&f.ring), 0);

    // 56 bytes and a head of 8: sixteen messages fill the buffer to the last byte.
    char bytes[56];
    for (uint32_t i = 0; i < 16; i++) {
        memset(bytes, (int)i, sizeof bytes);
        assert_true(ring_push(&f.ring, bytes, sizeof bytes, i));
    }
    assert_int_equal(ring_used(&f.ring), CAPACITY);
    assert_false(ring_push(&f.ring, bytes, 0, 0));
    for (uint32_t i = 0; i < 16; i++) {
        const char *got = ring_peek(&f.ring, &n, &tag);
        assert_non_null(got);
        assert_int_equal(n, sizeof bytes);
        assert_int_equal(tag, i);
        assert_int_equal(got[0], (int)i);
        assert_int_equal(got[55], (int)i);
        assert_ptr_equal(ring_peek(&f.ring, &n, &tag), got); // peeking takes nothing
        ring_pop(&f.ring);
    }
    assert_null(ring_peek(&f.ring, &n, &tag));
}

static void hides_what_is_not_committed(void **state)
{
    (void)state;
    struct fixture f;
    ring_init(&f.ring, f.buf, CAPACITY);
    uint32_t n, tag;
    uint64_t *to = ring_reserve(&f.ring, 8, 7);
    assert_non_null(to);
    assert_int_equal((uintptr_t)to & 7, 0);
    assert_null(ring_peek(&f.ring, &n, &tag));
    *to = 42;
    ring_commit(&f.ring);
    const uint64_t *got = ring_peek(&f.ring, &n, &tag);
    assert_non_null(got);
    assert_int_equal(*got, 42);
    assert_int_equal(tag, 7);
}

// Every pair of sizes, begun at every position of the buffer.
static void wraps_anywhere(void **state)
{
    (void)state;
    for (uint32_t start = 0; start < CAPACITY / 8; start++) {
        for (uint32_t size = 0; size <= CAPACITY / 4; size += 5) {
            struct fixture f;
            ring_init(&f.ring, f.buf, CAPACITY);
            uint32_t n, tag;
            for (uint32_t i = 0; i < start; i++) {
                assert_true(ring_push(&f.ring, NULL, 0, 0));
                assert_non_null(ring_peek(&f.ring, &n, &tag));
                ring_pop(&f.ring);
            }
            uint8_t bytes[CAPACITY / 4];
            memset(bytes, 0x5a, sizeof bytes);
            assert_true(ring_push(&f.ring, bytes, size, 1)); // an empty ring takes the largest
            assert_true(ring_push(&f.ring, "x", 1, 2));
            const uint8_t *got = ring_peek(&f.ring, &n, &tag);
            assert_int_equal(n, size);
            assert_memory_equal(got, bytes, size);
            ring_pop(&f.ring);
            got = ring_peek(&f.ring, &n, &tag);
            assert_int_equal(n, 1);
            assert_int_equal(tag, 2);
            assert_int_equal(got[0], 'x');
            ring_pop(&f.ring);
            assert_int_equal(ring_used(&f.ring), 0);
        }
    }
}

// Filled from every position until it takes no more: all that it took is there.
static void keeps_what_was_not_read(void **state)
{
    (void)state;
    for (uint32_t start = 0; start < CAPACITY / 8; start++) {
        for (uint32_t size = 1; size <= CAPACITY / 4; size += 5) {
            struct fixture f;
            ring_init(&f.ring, f.buf, CAPACITY);
            uint32_t n, tag, put = 0;
            for (uint32_t i = 0; i < start; i++) {
                assert_true(ring_push(&f.ring, NULL, 0, 0));
                assert_non_null(ring_peek(&f.ring, &n, &tag));
                ring_pop(&f.ring);
            }
            uint8_t bytes[CAPACITY / 4];
            memset(bytes, 0, sizeof bytes);
            while (ring_push(&f.ring, bytes, size, put)) memset(bytes, (int)++put, sizeof bytes);
            for (uint32_t i = 0; i < put; i++) {
                const uint8_t *got = ring_peek(&f.ring, &n, &tag);
                assert_non_null(got);
                assert_int_equal(n, size);
                assert_int_equal(tag, i);
                assert_int_equal(got[0], (uint8_t)i);
                assert_int_equal(got[size - 1], (uint8_t)i);
                ring_pop(&f.ring);
            }
            assert_null(ring_peek(&f.ring, &n, &tag));
        }
    }
}

static void rests_when_nothing_moves(void **state)
{
    (void)state;
    struct fixture f;
    ring_init(&f.ring, f.buf, CAPACITY);
    uint32_t n, tag;
    assert_true(ring_push(&f.ring, "x", 1, 1));
    assert_false(ring_rests(&f.ring, 16)); // moved since it was last asked
    assert_false(ring_rests(&f.ring, 16)); // not taken yet
    assert_non_null(ring_peek(&f.ring, &n, &tag));
    ring_pop(&f.ring);
    assert_false(ring_rests(&f.ring, 17));
    assert_true(ring_rests(&f.ring, 16));
    assert_false(ring_rests(&f.ring, 16)); // has been said
    memset(f.buf, 0, sizeof f.buf);        // what it may do to the buffer then
    assert_null(ring_peek(&f.ring, &n, &tag));
    assert_true(ring_push(&f.ring, "y", 2, 2));
    assert_string_equal(ring_peek(&f.ring, &n, &tag), "y");
}

// ---- two threads --------------------------------------------------------------------------------

enum { MESSAGES = 300000 };

static uint32_t size_of(uint32_t i)
{
    return (i * 2654435761u >> 16) % (CAPACITY / 4 + 1);
}

static void *produce(void *arg)
{
    struct ring *r = arg;
    uint8_t bytes[CAPACITY / 4];
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint32_t n = size_of(i);
        memset(bytes, (int)(i & 0xff), n);
        while (!ring_push(r, bytes, n, i)) sched_yield();
    }
    return NULL;
}

static void keeps_order_between_threads(void **state)
{
    (void)state;
    struct fixture f;
    ring_init(&f.ring, f.buf, CAPACITY);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, &f.ring), 0);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint32_t n, tag;
        const uint8_t *got;
        while ((got = ring_peek(&f.ring, &n, &tag)) == NULL) sched_yield();
        wrong += tag != i || n != size_of(i);
        if (n > 0) wrong += got[0] != (i & 0xff) || got[n - 1] != (i & 0xff);
        ring_pop(&f.ring);
    }
    pthread_join(producer, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(ring_used(&f.ring), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empties_and_fills),
        cmocka_unit_test(rests_when_nothing_moves),
        cmocka_unit_test(hides_what_is_not_committed),
        cmocka_unit_test(wraps_anywhere),
        cmocka_unit_test(keeps_what_was_not_read),
        cmocka_unit_test(keeps_order_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
