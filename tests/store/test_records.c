// Records: what the digests say of them, and how long readers may look at one that was replaced.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/id.h"
#include "store/digest.h"
#include "store/record.h"
#include "tests/store/support_state.h"

static struct object *own_record(struct world *w, uint64_t id, struct part **p)
{
    *p = &w->store->part[id_slot(id) & (w->store->partitions - 1)];
    struct object *o = record_find(*p, id);
    assert_non_null(o);
    return o;
}

// ---- digests -----------------------------------------------------------------------------------

static bool same(struct digest a, struct digest b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

// Every byte that is durable is in it, nothing else is.
static void test_digest_of_object(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    struct part *p;
    struct object *o =
        own_record(w, say_post(w, make_user(w, "jane"), "a caption of some length").id, &p);
    struct post *post = (struct post *)o;
    const struct digest was = record_digest(w->store, o);
    uint32_t n;
    uint8_t *data = record_data_of(o);
    record_data(o, &n);
    assert_true(n > 24);
    for (uint32_t i = 0; i < n; i++) {
        data[i] ^= 1;
        assert_false(same(record_digest(w->store, o), was));
        data[i] ^= 1;
    }
    for (unsigned bit = 0; bit < 8; bit++) {
        o->flags ^= (uint8_t)(1u << bit);
        assert_false(same(record_digest(w->store, o), was));
        o->flags ^= (uint8_t)(1u << bit);
    }
    post->updated_ms ^= 1;
    assert_false(same(record_digest(w->store, o), was));
    post->updated_ms ^= 1;
    uint64_t *const words[] = {&o->id, &post->author};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        ++*words[i];
        assert_false(same(record_digest(w->store, o), was));
        --*words[i];
    }
    post->likes += 7;
    o->image ^= 1;
    assert_true(same(record_digest(w->store, o), was));
    post->likes -= 7;
    o->image ^= 1;
    world_verify(w);
    world_free(w);
}

static void test_digest_of_edge(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    const struct edge_at at = {1, LIST_following};
    struct hash128 h[] = {
        digest_edge(w->store, at, 3, 4),
        digest_edge(w->store, (struct edge_at){2, LIST_following}, 3, 4),
        digest_edge(w->store, (struct edge_at){1, LIST_followers}, 3, 4),
        digest_edge(w->store, at, 5, 4),
        digest_edge(w->store, at, 3, 5),
    };
    for (unsigned i = 0; i < sizeof h / sizeof h[0]; i++)
        for (unsigned k = 0; k < i; k++) assert_false(h[i].lo == h[k].lo && h[i].hi == h[k].hi);
    world_free(w);
}

// What is added is taken out again in any order, through every carry.
static void test_digest_of_sum(void **state)
{
    (void)state;
    static const struct hash128 parts[] = {
        {UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX}, {1, 0}, {UINT64_C(1) << 63, 7}, {2, UINT64_MAX}};
    enum { N = sizeof parts / sizeof parts[0] };
    struct digest d = {0}, back = {0};
    for (unsigned i = 0; i < N; i++) digest_add(&d, parts[i]);
    for (unsigned i = N; i > 0; i--) digest_add(&back, parts[i - 1]);
    assert_true(same(d, back));
    // Of the low words alone: 2^64 - 1 twice, 1, 2^63 and 2 are two times 2^64 and 2^63 + 1.
    assert_int_equal(d.lo, (UINT64_C(1) << 63) + 1);
    assert_int_equal(d.hi, 1 + UINT64_MAX + 0 + 7 + UINT64_MAX + 2);
    for (unsigned i = 0; i < N; i++) digest_sub(&d, parts[i]);
    assert_int_equal(d.lo, 0);
    assert_int_equal(d.hi, 0);
}

// ---- readers -----------------------------------------------------------------------------------

// A core that came by a pointer may follow it until its own quiet point, whatever happens.
static void test_readers_keep_a_record(void **state)
{
    (void)state;
    enum { CHANGES = 100 };
    struct world *w = world_new(&(struct world_options){.cores = 2});
    struct store *s = w->store;
    struct part *p;
    uint64_t id = say_post(w, make_user(w, "jane"), "as it was").id;
    struct post *old = (struct post *)own_record(w, id, &p);
    unsigned own = p->shard->core;
    for (unsigned i = 0; i < CHANGES; i++) {
        record_flag(p, own_record(w, id, &p), OBJECT_EDITED);
        quiet_point(&s->quiet, own);
        shard_tidy(p->shard);
        assert_int_equal(old->o.id, id);
        assert_int_equal(old->o.flags, 0);
        assert_string_equal(old->data, "as it was");
    }
    assert_int_equal(p->shard->pool.count[MEM_post], CHANGES + 1);
    for (unsigned i = 0; i < 2 * CHANGES; i++) {
        for (unsigned c = 0; c < s->cores; c++) quiet_point(&s->quiet, c);
        shard_tidy(p->shard);
    }
    assert_int_equal(p->shard->pool.count[MEM_post], 1);
    world_verify(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_of_object),
        cmocka_unit_test(test_digest_of_edge),
        cmocka_unit_test(test_digest_of_sum),
        cmocka_unit_test(test_readers_keep_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
