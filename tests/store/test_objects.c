// The published table against a plain array; growth under readers on other threads.
#include "tests/store/support_prim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/objects.h"

struct record { uint64_t id, value, check; };

static uint64_t hash_id(uint64_t id) { return hash_u64(id, 99); }
static uint64_t rehash(void *ctx, const void *record)
{
    (void)ctx;
    return hash_id(((const struct record *)record)->id);
}
static bool is_id(const void *record, const void *key)
{
    return ((const struct record *)record)->id == *(const uint64_t *)key;
}

static struct record *record_new(struct prim *m, uint64_t id, uint64_t value)
{
    struct record *r = pool_alloc(&m->shard.pool, sizeof *r, MEM_post);
    *r = (struct record){id, value, id ^ value};
    return r;
}
static void record_retire(struct prim *m, struct record *r)
{
    quiet_retire(&m->store.quiet, &m->shard.limbo, &m->shard.pool,
                 (struct quiet_block){r, sizeof *r, MEM_post});
}
static struct ptable_env env_of(struct prim *m)
{
    return (struct ptable_env){&m->shard, MEM_table, rehash, NULL};
}
static struct record *find(const struct ptable *t, uint64_t id)
{
    return ptable_find(t, hash_id(id), is_id, &id);
}
static void insert(struct prim *m, uint64_t id, uint64_t value)
{
    struct ptable_env env = env_of(m);
    ptable_insert(&m->part.objects, &env, hash_id(id), record_new(m, id, value));
}
static void take(struct prim *m, uint64_t id)
{
    struct record *r = find(&m->part.objects, id);
    ptable_replace(&m->part.objects, hash_id(id), r, NULL);
    record_retire(m, r);
}
static void change(struct prim *m, uint64_t id, uint64_t value)
{
    struct record *r = find(&m->part.objects, id);
    ptable_replace(&m->part.objects, hash_id(id), r, record_new(m, id, value));
    record_retire(m, r);
}

// ---- one thread ---------------------------------------------------------------------------------

static bool add_up(void *ctx, void *record)
{
    struct { uint64_t n, ids, values; } *sum = ctx;
    const struct record *r = record;
    sum->n++;
    sum->ids += r->id;
    sum->values += r->value;
    return true;
}

static void same_as(const struct prim *m, const uint64_t *model, uint32_t n)
{
    uint64_t live = 0, ids = 0, values = 0;
    for (uint32_t id = 1; id < n; id++) {
        const struct record *r = find(&m->part.objects, id);
        if (model[id] == 0) {
            assert_null(r);
            continue;
        }
        assert_non_null(r);
        assert_int_equal(r->value, model[id]);
        live++;
        ids += id;
        values += model[id];
    }
    struct { uint64_t n, ids, values; } sum = {0};
    uint64_t at = 0;
    assert_true(ptable_walk(&m->part.objects, &at, add_up, &sum));
    assert_true(ptable_walk(&m->part.objects, &at, add_up, &sum)); // at the end it stays
    assert_int_equal(sum.n, live);
    assert_int_equal(sum.ids, ids);
    assert_int_equal(sum.values, values);
    assert_int_equal(m->part.objects.live, live);
}

static void clear(struct prim *m, const uint64_t *model, uint32_t n)
{
    for (uint32_t id = 1; id < n; id++)
        if (model[id] != 0) take(m, id);
    assert_int_equal(m->part.objects.live, 0);
}

static void random_operations(void **state)
{
    (void)state;
    enum { IDS = 20000, STEPS = 300000 };
    struct prim *m = prim_new(0);
    struct prim_random r = {1};
    uint64_t *model = calloc(IDS, sizeof *model);
    for (uint64_t step = 1; step <= STEPS; step++) {
        // Phases of growth and of shrinking, over all ids and over few.
        uint32_t bound = step / 50000 % 3 == 2 ? 50 : IDS, id = 1 + prim_below(&r, bound - 1);
        bool shrink = step / 100000 % 2 == 1;
        if (model[id] == 0) {
            if (shrink && prim_below(&r, 4) > 0) continue;
            insert(m, id, step);
            model[id] = step;
        } else if (prim_below(&r, shrink ? 2 : 8) == 0) {
            take(m, id);
            model[id] = 0;
        } else {
            change(m, id, step);
            model[id] = step;
        }
        if (step % 30000 == 0) same_as(m, model, IDS);
        if (step % 1000 == 0) prim_drain(m);
    }
    same_as(m, model, IDS);
    clear(m, model, IDS);
    free(model);
    prim_free(m);
}

// All sequences of six operations on three records that collide.
static uint64_t hash_same(void *ctx, const void *record)
{
    (void)ctx;
    (void)record;
    return 7;
}
static void tiny_universe(void **state)
{
    (void)state;
    enum { LENGTH = 6, OPS = 6 };
    uint32_t all = 1;
    for (int i = 0; i < LENGTH; i++) all *= OPS;
    struct prim *m = prim_new(0);
    struct record rec[3][2] = {
        {{1, 0, 0}, {1, 1, 1}}, {{2, 0, 0}, {2, 1, 1}}, {{3, 0, 0}, {3, 1, 1}}};
    struct ptable_env env = {&m->shard, MEM_table, hash_same, NULL};
    for (uint32_t code = 0; code < all; code++) {
        struct ptable t;
        memset(&t, 0, sizeof t);
        struct record *model[3] = {NULL, NULL, NULL};
        uint32_t c = code;
        for (int i = 0; i < LENGTH; i++, c /= OPS) {
            uint32_t k = c % OPS % 3;
            if (model[k] == NULL) {
                ptable_insert(&t, &env, 7, model[k] = &rec[k][0]);
            } else {
                bool other = c % OPS >= 3;
                struct record *with = other ? &rec[k][model[k] == &rec[k][0]] : NULL;
                ptable_replace(&t, 7, model[k], with);
                model[k] = with;
            }
            for (uint64_t id = 1; id <= 3; id++)
                assert_ptr_equal(ptable_find(&t, 7, is_id, &id), model[id - 1]);
        }
    }
    prim_free(m);
}

static uint64_t hash_as_is(void *ctx, const void *record)
{
    (void)ctx;
    return ((const struct record *)record)->id;
}
// Puts records of rising hashes into an empty table until a segment is split, or there are max;
// the last one is of the upper half. Returns how many.
static uint32_t fill_rising(struct prim *m, struct ptable *t, struct record *rec, uint32_t max)
{
    struct ptable_env env = {&m->shard, MEM_table, hash_as_is, NULL};
    memset(t, 0, sizeof *t);
    for (uint32_t i = 0;; i++) {
        uint64_t high = i + 1 < max ? i + 1 : UINT64_C(1) << 31;
        uint32_t before = t->version;
        rec[i].id = high << 32 | (hash_id(i) & UINT32_MAX);
        ptable_insert(t, &env, rec[i].id, &rec[i]);
        if (i + 1 == max || t->version > before + 1) return i + 1;
    }
}
// As records come from an image: where the first of the upper half is the one that splits a
// segment, all before it go to one of the two, and whoever looks there comes to an end.
static void rising_hashes(void **state)
{
    (void)state;
    enum { MAX = 5000 };
    struct prim *m = prim_new(0);
    struct record *rec = calloc(MAX, sizeof *rec);
    struct ptable t;
    uint32_t n = fill_rising(m, &t, rec, MAX);
    assert_true(n < MAX);
    assert_int_equal(fill_rising(m, &t, rec, n), n);
    for (uint64_t id = 1; id < 100; id++) assert_null(ptable_find(&t, id, is_id, &id));
    prim_drain(m);
    free(rec);
    prim_free(m);
}

struct seen { uint8_t *times; uint32_t left; };
static bool see(void *ctx, void *record)
{
    struct seen *s = ctx;
    if (s->left == 0) return false;
    s->left--;
    s->times[((struct record *)record)->id]++;
    return true;
}
// What is there all the time is walked over, whatever happens between two steps.
static void walk_through_changes(void **state)
{
    (void)state;
    enum { KEPT = 5000, ALL = 60000 };
    struct prim *m = prim_new(0);
    struct prim_random r = {2};
    uint64_t *model = calloc(ALL, sizeof *model);
    struct seen s = {calloc(ALL, 1), 0};
    for (uint32_t id = 1; id < KEPT; id++) {
        insert(m, id, model[id] = 1);
    }
    uint64_t at = 0, steps = 0;
    uint32_t fresh = KEPT;
    do {
        for (int i = 0; i < 100 && fresh < ALL; i++, fresh++) insert(m, fresh, model[fresh] = 1);
        uint32_t gone = KEPT + prim_below(&r, fresh - KEPT);
        if (model[gone] != 0) take(m, gone);
        model[gone] = 0;
        change(m, 1 + prim_below(&r, KEPT - 1), 2);
        s.left = 50;
        assert_in_range(++steps, 1, 5000);
    } while (!ptable_walk(&m->part.objects, &at, see, &s));
    for (uint32_t id = 1; id < KEPT; id++) assert_in_range(s.times[id], 1, 200);
    clear(m, model, ALL);
    free(s.times);
    free(model);
    prim_free(m);
}

static void memory(void **state)
{
    (void)state;
    double worst = 0, sum = 0;
    struct prim *m = prim_new(0);
    uint64_t n = 1, samples = 0;
    for (; n <= 400000; n++) {
        insert(m, n, n);
        if (n < 1000 || n % 1000 != 0) continue;
        prim_drain(m);
        double each = (double)m->shard.pool.used[MEM_table] / (double)n;
        if (each > worst) worst = each;
        sum += each;
        samples++;
    }
    printf("table: %.1f bytes a record, %.1f at worst\n", sum / (double)samples, worst);
    assert_true(worst <= 20);
    assert_true(sum / (double)samples <= 15);
    while (--n > 0) take(m, n);
    prim_free(m);
}

// ---- readers ------------------------------------------------------------------------------------

enum { READERS = 2, STAY = 1000, COME = 60000 };
struct readers {
    struct prim *m;
    _Atomic unsigned next;
    _Atomic uint64_t inserted;  // ids up to here have been there once
    _Atomic bool stop;
    _Atomic uint64_t found;
};

static void *reader(void *arg)
{
    struct readers *rs = arg;
    unsigned core = 1 + atomic_fetch_add(&rs->next, 1);
    struct prim_random r = {core};
    const struct ptable *t = &rs->m->part.objects;
    uint64_t found = 0;
    while (!atomic_load(&rs->stop)) {
        for (int i = 0; i < 50; i++) {
            // These are replaced all the time but never absent.
            const struct record *rec = find(t, 1 + prim_below(&r, STAY));
            if (rec == NULL || rec->check != (rec->id ^ rec->value)) abort();
            // These come and stay when odd, go when even.
            uint64_t upto = atomic_load(&rs->inserted), id = STAY + 1 + prim_below(&r, COME);
            rec = find(t, id);
            if (rec == NULL && id <= upto && id % 2 == 1) abort();
            if (rec != NULL && (rec->id != id || rec->check != (rec->id ^ rec->value))) abort();
            found += rec != NULL;
        }
        quiet_point(&rs->m->store.quiet, core);
        if (prim_below(&r, 100) == 0) {
            quiet_offline(&rs->m->store.quiet, core);
            quiet_online(&rs->m->store.quiet, core);
        }
    }
    quiet_offline(&rs->m->store.quiet, core);
    atomic_fetch_add(&rs->found, found);
    return NULL;
}

static void growth_under_readers(void **state)
{
    (void)state;
    struct prim *m = prim_new(READERS);
    struct readers rs = {.m = m};
    struct prim_random r = {3};
    pthread_t thread[READERS];
    for (uint64_t id = 1; id <= STAY; id++) insert(m, id, 0);
    atomic_store(&rs.inserted, STAY);
    for (int i = 0; i < READERS; i++) pthread_create(&thread[i], NULL, reader, &rs);
    for (uint64_t id = STAY + 1; id <= STAY + COME; id++) {
        insert(m, id, id * 3);
        atomic_store(&rs.inserted, id);
        change(m, 1 + prim_below(&r, STAY), id);
        if (id % 2 == 1 && id > STAY + 100) take(m, id - 51);
        quiet_point(&m->store.quiet, 0);
        if (id % 8 == 0) quiet_reclaim(&m->store.quiet, &m->shard.limbo, &m->shard.pool, 64);
    }
    atomic_store(&rs.stop, true);
    for (int i = 0; i < READERS; i++) pthread_join(thread[i], NULL);
    assert_in_range(atomic_load(&rs.found), 1, UINT64_MAX);
    for (uint64_t id = 1; id <= STAY + COME; id++)
        if (find(&m->part.objects, id) != NULL) take(m, id);
    for (unsigned c = 1; c <= READERS; c++) quiet_online(&m->store.quiet, c);
    prim_free(m);
}

// ---- records ------------------------------------------------------------------------------------

static void strings_of_records(void **state)
{
    (void)state;
    static const char text[] = "ann\0Ann\0Lee\0\0a@b.c\0\0secret\0";
    struct user *u = calloc(1, sizeof *u + 64);
    u->username_n = u->first_n = u->last_n = 3;
    u->email_n = 5;
    u->password_n = 6;
    u->strings_n = 32;
    memcpy(u->data, text, sizeof text);
    static const char *const want[USER_STRINGS] = {"ann", "Ann", "Lee", "", "a@b.c", "", "secret"};
    for (unsigned k = 0; k < USER_STRINGS; k++) {
        uint32_t n;
        assert_string_equal(user_string(u, (enum user_string)k, &n), want[k]);
        assert_int_equal(n, strlen(want[k]));
    }
    assert_null(user_cold(u));
    u->cold_n = 8;
    assert_ptr_equal(user_cold(u), u->data + 32);
    free(u);

    struct post *p = calloc(1, sizeof *p + 64);
    assert_null(post_cold(p));
    p->cold_n = 8;
    for (uint32_t n = 0; n < 40 * 4; n++) {
        uint32_t text_n = n / 4, tagged = n % 4, used = text_n + 1 + tagged * 4;
        p->o.text_n = text_n & 0xffffff;
        p->tagged = tagged & TAGGED_MAX;
        size_t at = (size_t)((const char *)post_cold(p) - p->data);
        assert_in_range(at, used, used + 7);
        assert_int_equal(at % 8, 0);
    }
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),  cmocka_unit_test(tiny_universe),
        cmocka_unit_test(rising_hashes),
        cmocka_unit_test(walk_through_changes), cmocka_unit_test(memory),
        cmocka_unit_test(growth_under_readers), cmocka_unit_test(strings_of_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
