// Buckets at their bounds, when there are more keys than room, and from several threads; the words
// of --limit; what a client is told; connections by address.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/crowd.h"
#include "api/limits.h"
#include "core/hash.h"

#define S UINT64_C(1000000000)

// Bytes that a sanitizer keeps of each byte, with the byte.
#ifdef __SANITIZE_THREAD__
enum { SHADOWS = 8 };
#else
enum { SHADOWS = 1 };
#endif

static struct buckets table;

static int setup(void **state)
{
    (void)state;
    return buckets_init(&table, 64) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    buckets_free(&table);
    return 0;
}

// Five tokens, one a second.
static struct bucket_ask five(uint64_t hash, uint64_t now)
{
    return (struct bucket_ask){hash, now, S, 5 * S};
}

static bool take(uint64_t hash, uint64_t now)
{
    struct bucket_ask ask = five(hash, now);
    return buckets_take(&table, &ask).wait_ns == 0;
}

// ---- one bucket --------------------------------------------------------------------------------

static void a_burst_and_no_more(void **state)
{
    (void)state;
    const uint64_t now = 100 * S;
    for (unsigned i = 1; i <= 5; i++) {
        struct bucket_ask ask = five(7, now);
        struct bucket_level v = buckets_take(&table, &ask);
        assert_int_equal(v.wait_ns, 0);
        assert_int_equal(v.debt_ns, i * S);
    }
    struct bucket_ask ask = five(7, now);
    struct bucket_level v = buckets_take(&table, &ask);
    assert_int_equal(v.wait_ns, S);
    assert_int_equal(v.debt_ns, 5 * S); // a refusal costs nothing
    assert_int_equal(buckets_take(&table, &ask).wait_ns, S);
}

static void a_token_comes_back_to_the_nanosecond(void **state)
{
    (void)state;
    const uint64_t now = 100 * S;
    for (unsigned i = 0; i < 5; i++)
        assert_true(take(7, now));
    assert_false(take(7, now + S - 1));
    assert_true(take(7, now + S));
    assert_false(take(7, now + S));
    assert_false(take(7, now + 2 * S - 1));
    assert_true(take(7, now + 2 * S));
    // Never more than the burst, however long it was left alone.
    for (unsigned i = 0; i < 5; i++)
        assert_true(take(7, now + 1000 * S));
    assert_false(take(7, now + 1000 * S));
}

static void keys_are_apart(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        take(7, S);
    for (unsigned i = 0; i < 5; i++)
        assert_true(take(8, S));
    assert_false(take(8, S));
}

static void looking_takes_nothing_and_owing_always_does(void **state)
{
    (void)state;
    struct bucket_ask ask = five(9, S);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(buckets_look(&table, &ask).wait_ns, 0);
    for (unsigned i = 0; i < 8; i++)
        buckets_owe(&table, &ask);
    // Three too many: they are waited for.
    assert_int_equal(buckets_look(&table, &ask).wait_ns, 4 * S);
    ask.now_ns += 4 * S;
    assert_int_equal(buckets_look(&table, &ask).wait_ns, 0);
}

static void what_was_taken_for_nothing_comes_back(void **state)
{
    (void)state;
    struct bucket_ask ask = five(9, S);
    buckets_give(&table, &ask, 3); // who has none owes nothing
    for (unsigned i = 0; i < 5; i++)
        buckets_take(&table, &ask);
    buckets_give(&table, &ask, 2);
    assert_int_equal(buckets_look(&table, &ask).debt_ns, 3 * S);
    buckets_give(&table, &ask, 9); // never more than there is room for
    assert_int_equal(buckets_look(&table, &ask).debt_ns, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(take(9, S));
    assert_false(take(9, S));
}

// ---- more keys than room -----------------------------------------------------------------------

// Hashes that fall into the same line.
static uint64_t neighbour(unsigned i)
{
    return (uint64_t)(i + 1) * table.lines;
}

static void a_full_bucket_is_forgotten_without_a_word(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BUCKETS_IN_LINE; i++)
        take(neighbour(i), S);
    assert_true(take(neighbour(10), 2 * S)); // all are full again
    assert_int_equal(table.forgotten, 0);
}

static void who_owes_most_is_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BUCKETS_IN_LINE; i++)
        for (unsigned n = 0; n <= i + 1; n++)
            take(neighbour(i), S); // two, three, four, five tokens
    for (unsigned i = 10; i < 1000; i++)
        assert_true(take(neighbour(i), S));
    assert_int_equal(table.forgotten, 990);
    assert_false(take(neighbour(3), S));
    assert_true(take(neighbour(2), S) && !take(neighbour(2), S));
}

static size_t resident(void)
{
    unsigned long all, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &all, &pages), 2);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void SEC_9_a_million_keys_in_bounded_memory(void **state)
{
    (void)state;
    struct buckets t;
    size_t before = resident();
    assert_true(buckets_init(&t, BUCKETS_DEFAULT));
    const uint64_t abuser = hash_u64(42, 1);
    for (unsigned i = 0; i < 5; i++)
        buckets_take(&t, &(struct bucket_ask){abuser, S, S, 5 * S});
    for (uint64_t key = 100; key < 100 + 1000000; key++) {
        struct bucket_level v =
            buckets_take(&t, &(struct bucket_ask){hash_u64(key, 1), S, S, 5 * S});
        assert_int_equal(v.wait_ns, 0); // no innocent is refused
    }
    assert_true(t.forgotten > 500000);  // they did not all fit
    assert_int_equal(buckets_take(&t, &(struct bucket_ask){abuser, S, S, 5 * S}).wait_ns, S);
    size_t most = BUCKETS_DEFAULT * sizeof(struct bucket) + (1 << 20);
    assert_true(resident() - before <= SHADOWS * most);
    buckets_free(&t);
}

// ---- several threads ---------------------------------------------------------------------------

enum { THREADS = 4, TRIES = 100000, BURST = 123457 };

static void *taker(void *out)
{
    for (unsigned i = 0; i < TRIES; i++)
        *(unsigned *)out += buckets_take(&table, &(struct bucket_ask){7, S, S, BURST * S})
                                .wait_ns == 0;
    return NULL;
}

static void a_limit_is_exact_over_all_cores(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    unsigned got[THREADS] = {0}, all = 0;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, taker, &got[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        all += got[i];
    }
    assert_int_equal(all, BURST);
}

// ---- words -------------------------------------------------------------------------------------

static bool says(struct limit_options *o, const char *word)
{
    char why[LIMIT_WHY];
    return limit_options_word(o, word, why);
}

enum { NEW_KEYS = 200000, AT_ONCE = 2 };

static struct { struct buckets table; atomic_uint begun; } fresh;

// One token a key, asked for by everybody at once; there is room for all in lines of their own.
static void *first(void *out)
{
    uint32_t got = 0;
    atomic_fetch_add(&fresh.begun, 1);
    while (atomic_load(&fresh.begun) < AT_ONCE) {}
    for (uint64_t key = 1; key <= NEW_KEYS; key++) {
        struct bucket_ask ask = {key, S, 5 * S, 5 * S};
        got += buckets_take(&fresh.table, &ask).wait_ns == 0;
    }
    *(uint32_t *)out = got;
    return NULL;
}

static void a_key_that_is_new_is_new_once(void **state)
{
    (void)state;
    pthread_t thread[AT_ONCE];
    uint32_t got[AT_ONCE], all = 0;
    atomic_store(&fresh.begun, 0);
    assert_true(buckets_init(&fresh.table, 1 << 20));
    for (unsigned i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, first, &got[i]), 0);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        all += got[i];
    }
    assert_int_equal(atomic_load(&fresh.table.forgotten), 0);
    assert_int_equal(all, NEW_KEYS);
    buckets_free(&fresh.table);
}

static void same(struct rate r, uint32_t tokens, uint32_t seconds, uint32_t burst)
{
    assert_int_equal(r.tokens, tokens);
    assert_int_equal(r.seconds, seconds);
    assert_int_equal(r.burst, burst);
}

static void words(void **state)
{
    (void)state;
    struct limit_options o;
    limit_options_defaults(&o);
    assert_true(o.rate[RATE_READ][LIMIT_USER].tokens > 0);
    assert_true(says(&o, "like=7/s:9"));
    same(o.rate[RATE_LIKE][LIMIT_USER], 7, 1, 9);
    assert_true(says(&o, "like=7"));
    same(o.rate[RATE_LIKE][LIMIT_USER], 7, 1, 7);
    assert_true(says(&o, "login=10/min"));
    same(o.rate[RATE_LOGIN][LIMIT_ADDRESS], 10, 60, 10);
    assert_true(says(&o, "login/account=3/h:2"));
    same(o.rate[RATE_LOGIN][LIMIT_ACCOUNT], 3, 3600, 2);
    assert_true(says(&o, "bulk=50"));
    same(o.rate[RATE_BULK][LIMIT_KEY], 50, 1, 50);
    assert_true(says(&o, "read/address=none"));
    assert_int_equal(o.rate[RATE_READ][LIMIT_ADDRESS].tokens, 0);
    assert_true(o.rate[RATE_READ][LIMIT_USER].tokens > 0);
    assert_true(says(&o, "read=none"));
    assert_int_equal(o.rate[RATE_READ][LIMIT_USER].tokens, 0);
    static const char *const wrong[] = {"", "like", "like=", "like=0", "like=-1", "like=5/",
        "like=5/d", "like=5:0", "like=5:", "like=5/s:9x", "likes=5", "like/=5", "like/users=5",
        "=5", "none=5", "like=99999999999", "like=5/s:99999999999", "like=5 /s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(says(&o, wrong[i]));
    assert_true(says(&o, "none"));
    for (unsigned c = 0; c < RATES; c++)
        for (unsigned by = 0; by < LIMIT_BYS; by++)
            assert_int_equal(o.rate[c][by].tokens, 0);
}

static void header(void **state)
{
    (void)state;
    struct limit_options o = {0};
    struct limits l;
    char out[LIMIT_HEADER + 1];
    assert_true(says(&o, "like/address=20/s:400") && says(&o, "like=2/min:3"));
    assert_true(limits_init(&l, &o));
    struct limit_verdict v = {&l.rule[RATE_LIKE][LIMIT_ADDRESS], S / 20, 0};
    out[limit_header(out, &v)] = '\0';
    assert_string_equal(out, "RateLimit-Policy: \"like-address\";q=400;w=20\r\n"
                             "RateLimit: \"like-address\";r=399;t=1\r\n");
    v = (struct limit_verdict){&l.rule[RATE_LIKE][LIMIT_USER], 75 * S, 15 * S};
    out[limit_header(out, &v)] = '\0';
    assert_string_equal(out, "RateLimit-Policy: \"like\";q=3;w=90\r\n"
                             "RateLimit: \"like\";r=0;t=75\r\n");
    assert_true(says(&o, "register/account=1/h:1000000")); // the largest numbers fit
    limits_free(&l);
    assert_true(limits_init(&l, &o));
    v = (struct limit_verdict){&l.rule[RATE_REGISTER][LIMIT_ACCOUNT], 0, 0};
    assert_true(limit_header(out, &v) < LIMIT_HEADER);
    limits_free(&l);
}

// ---- connections -------------------------------------------------------------------------------

static void crowds(void **state)
{
    (void)state;
    struct crowd *w = crowd_new(3);
    assert_non_null(w);
    for (unsigned i = 0; i < 3; i++)
        assert_true(crowd_enter(w, 77));
    for (unsigned i = 0; i < 10; i++)
        assert_false(crowd_enter(w, 77));
    for (uint64_t other = 1000; other < 3000; other++) // one each: none is in their way
        assert_true(crowd_enter(w, other));
    crowd_leave(w, 77);
    assert_true(crowd_enter(w, 77));
    assert_false(crowd_enter(w, 77));
    free(w);
}

#define B(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        B(a_burst_and_no_more), B(a_token_comes_back_to_the_nanosecond), B(keys_are_apart),
        B(looking_takes_nothing_and_owing_always_does), B(what_was_taken_for_nothing_comes_back),
        B(a_full_bucket_is_forgotten_without_a_word), B(who_owes_most_is_kept),
        cmocka_unit_test(SEC_9_a_million_keys_in_bounded_memory),
        B(a_limit_is_exact_over_all_cores),
        cmocka_unit_test(a_key_that_is_new_is_new_once),
        cmocka_unit_test(words), cmocka_unit_test(header), cmocka_unit_test(crowds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
