// Streams against an array: random changes, all questions after each; what they cost; and images of
// them taken while they change (by way of test_image.c, which changes notifications too).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "store/digest.h"
#include "store/stream.h"
#include "tests/store/support_prim.h"

enum { NAIVE_MAX = 3000, ASKED = 37 };

// The model: items in order, and the mark.
struct naive { struct stream_item item[NAIVE_MAX]; uint32_t n; uint64_t read_to; };

static const struct edge_at here = {1024, LIST_notifications};

static bool unread(const struct naive *v, uint32_t i)
{
    return !(v->item[i].flags & (STREAM_READ | STREAM_HIDDEN)) && v->item[i].number > v->read_to;
}

static uint32_t naive_at(const struct naive *v, uint64_t number)
{
    uint32_t i = 0;
    while (i < v->n && v->item[i].number < number) i++;
    return i;
}

static bool naive_add(struct naive *v, const struct stream_item *item)
{
    uint32_t i = naive_at(v, item->number);
    if (i < v->n && v->item[i].number == item->number) return false;
    memmove(v->item + i + 1, v->item + i, (v->n - i) * sizeof *item);
    v->item[i] = *item;
    v->n++;
    return true;
}

static bool naive_remove(struct naive *v, uint64_t number)
{
    uint32_t i = naive_at(v, number);
    if (i == v->n || v->item[i].number != number) return false;
    v->n--;
    memmove(v->item + i, v->item + i + 1, (v->n - i) * sizeof v->item[0]);
    if (v->n == 0) v->read_to = 0;
    return true;
}

static void naive_trim(struct naive *v, uint64_t before)
{
    while (v->n > 0 && v->item[0].number < before) naive_remove(v, v->item[0].number);
}

// ---- compared ----------------------------------------------------------------------------------

static void check_item(const struct naive *v, uint32_t i, const struct stream_item *is)
{
    struct stream_item want = v->item[i];
    if (want.number <= v->read_to) want.flags |= STREAM_READ;
    assert_memory_equal(is, &want, sizeof want);
}

static void check_below(const struct naive *v, const struct stream *s, bool only)
{
    struct stream_item page[ASKED];
    uint64_t before = 0;
    uint32_t left = v->n, n;
    while ((n = stream_below(s, before, (struct stream_room){page, ASKED, only})) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            while (only && left > 0 && !unread(v, left - 1)) left--;
            assert_true(left > 0);
            check_item(v, --left, &page[i]);
        }
        before = page[n - 1].number;
    }
    while (only && left > 0 && !unread(v, left - 1)) left--;
    assert_int_equal(left, 0);
}

static void check_above(const struct naive *v, const struct stream *s)
{
    struct stream_item page[ASKED];
    uint64_t after = 0;
    uint32_t at = 0, n;
    while ((n = stream_above(s, after, (struct stream_room){page, ASKED, false})) > 0) {
        assert_int_equal(stream_skip(s, after, ASKED), page[n - 1].number);
        for (uint32_t i = 0; i < n; i++) check_item(v, at++, &page[i]);
        after = page[n - 1].number;
    }
    assert_int_equal(at, v->n);
    assert_int_equal(stream_skip(s, after, 1), 0);
}

static void check_digest(const struct prim *m, const struct stream *s)
{
    struct digest d = {0};
    struct hash128 h;
    for (uint32_t k = 0; s != NULL && k < s->blocks; k++) {
        const struct stream_block *b = stream_block(s, k);
        for (uint32_t i = 0; i < b->n; i++) {
            stream_item_digest(&m->store, s, &b->item[i], &h);
            digest_add(&d, h);
        }
    }
    if (s != NULL && stream_mark_digest(&m->store, s, &h)) digest_add(&d, h);
    assert_memory_equal(&d, &m->part.edges_digest, sizeof d);
}

static void check_all(const struct prim *m, const struct naive *v)
{
    const struct stream *s = streams_find(&m->part, here);
    uint32_t n = 0;
    assert_int_equal(s != NULL, v->n > 0);
    for (uint32_t i = 0; i < v->n; i++) n += unread(v, i);
    assert_int_equal(s != NULL ? s->unread : 0, n);
    assert_int_equal(s != NULL ? s->count : 0, v->n);
    assert_int_equal(stream_last(s), v->n > 0 ? v->item[v->n - 1].number : 0);
    assert_int_equal(stream_first(s), v->n > 0 ? v->item[0].number : 0);
    check_below(v, s, false);
    check_below(v, s, true);
    check_above(v, s);
    check_digest(m, s);
}

// ---- random ------------------------------------------------------------------------------------

static struct stream_item made(struct prim_random *r, uint64_t number)
{
    uint8_t flags = prim_below(r, 10) == 0 ? STREAM_READ | STREAM_SILENT : 0;
    return (struct stream_item){
        .number = number, .actor = prim_next(r), .entity = prim_next(r),
        .type = (uint8_t)prim_below(r, 9), .flags = flags, .data = (uint8_t)prim_next(r)};
}

static uint64_t one_of(const struct naive *v, struct prim_random *r)
{
    bool there = v->n > 0 && prim_below(r, 8) > 0;
    return there ? v->item[prim_below(r, v->n)].number : 1 + prim_below(r, 100000);
}

static void step(struct prim *m, struct naive *v, struct prim_random *r, uint64_t *next)
{
    struct stream_item item;
    uint64_t number;
    uint32_t what = prim_below(r, 1000);
    if (what < 600 && v->n < NAIVE_MAX) {
        // Now and then one that belongs further down.
        number = prim_below(r, 12) == 0 ? one_of(v, r) + prim_below(r, 3) : (*next += 3);
        item = made(r, number);
        assert_int_equal(streams_add(&m->part, here, &item), naive_add(v, &item));
    } else if (what < 850) {
        number = one_of(v, r);
        assert_int_equal(streams_remove(&m->part, here, number), naive_remove(v, number));
    } else if (what < 980) {
        number = one_of(v, r);
        bool there = stream_find(streams_find(&m->part, here), number, &item);
        uint32_t i = naive_at(v, number);
        assert_int_equal(there, i < v->n && v->item[i].number == number);
        if (!there) return;
        static const uint8_t flags[] = {0, STREAM_READ, STREAM_HIDDEN, STREAM_READ};
        item.flags ^= flags[prim_below(r, 4)];
        item.data = (uint8_t)prim_below(r, 100);
        streams_put(&m->part, here, &item);
        v->item[i] = item;
    } else if (what < 990) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < v->n; i++) n += unread(v, i);
        assert_int_equal(streams_read_all(&m->part, here), n);
        if (v->n > 0 && v->item[v->n - 1].number > v->read_to)
            v->read_to = v->item[v->n - 1].number;
    } else if (what < 993) {
        uint32_t had = v->n;
        number = one_of(v, r);
        naive_trim(v, number);
        assert_int_equal(streams_trim(&m->part, here, number), had - v->n);
    }
}

static void random_changes(void **state)
{
    (void)state;
    static struct naive v;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct prim *m = prim_new(0);
        struct prim_random r = {seed};
        uint64_t next = 100000;
        v.n = 0;
        v.read_to = 0;
        for (unsigned i = 0; i < 12000; i++) {
            step(m, &v, &r, &next);
            if (i % 100 == 0) check_all(m, &v);
        }
        streams_trim(&m->part, here, UINT64_MAX);
        assert_int_equal(m->shard.pool.used[MEM_stream], 0);
        prim_free(m);
    }
}

// ---- costs -------------------------------------------------------------------------------------

static void fill(struct prim *m, uint32_t n)
{
    for (uint32_t i = 1; i <= n; i++) {
        struct stream_item item = {.number = i, .actor = 7, .entity = 9, .type = 1};
        assert_true(streams_add(&m->part, here, &item));
    }
}

static void bytes_an_item(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 10, 100, 1000, 100000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct prim *m = prim_new(0);
        fill(m, sizes[i]);
        double each = (double)m->shard.pool.used[MEM_stream] / sizes[i];
        printf("%u items: %.1f bytes each\n", sizes[i], each);
        assert_true(each < (sizes[i] == 1 ? 89 : sizes[i] < 100 ? 59 : 42));
        if (sizes[i] >= 1000) assert_true(each < 31);
        streams_trim(&m->part, here, UINT64_MAX);
        prim_free(m);
    }
}

// Marking all is one number, however many there are; so are first page and counts.
static void all_read_at_once(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    struct stream_item page[20];
    fill(m, 100000);
    struct stream *s = streams_find(&m->part, here);
    uint16_t before[2] = {stream_block(s, 0)->unread, stream_block(s, s->blocks - 1)->unread};
    assert_int_equal(streams_read_all(&m->part, here), 100000);
    assert_int_equal(streams_read_all(&m->part, here), 0);
    assert_int_equal(s->unread, 0);
    // No block was touched.
    uint16_t after[2] = {stream_block(s, 0)->unread, stream_block(s, s->blocks - 1)->unread};
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(stream_below(s, 0, (struct stream_room){page, 20, true}), 0);
    assert_int_equal(stream_below(s, 0, (struct stream_room){page, 20, false}), 20);
    assert_true(page[0].flags & STREAM_READ);
    struct stream_item item = {.number = 100001, .type = 1};
    assert_true(streams_add(&m->part, here, &item));
    assert_int_equal(stream_below(s, 0, (struct stream_room){page, 20, true}), 1);
    assert_int_equal(page[0].number, 100001);
    streams_trim(&m->part, here, UINT64_MAX);
    prim_free(m);
}

// However many there are, the newest page, the counts, an item more and a change among the newest
// look at the end alone: what lies before it may be anything.
static void the_end_alone(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1000, 100000};
    for (unsigned i = 0; i < 2; i++) {
        struct prim *m = prim_new(0);
        struct stream_item page[20], item = {.number = sizes[i] + 1, .type = 1};
        fill(m, sizes[i]);
        struct stream *s = streams_find(&m->part, here);
        uint32_t kept = s->blocks - 2;
        struct stream_block **block = s->block;
        struct stream_block **hidden = malloc(kept * sizeof *hidden);
        assert_non_null(hidden);
        memcpy(hidden, block, kept * sizeof *hidden);
        memset(block, 0xa5, kept * sizeof *block); // whoever follows one of these falls
        assert_int_equal(stream_below(s, 0, (struct stream_room){page, 20, false}), 20);
        assert_int_equal(stream_below(s, 0, (struct stream_room){page, 20, true}), 20);
        assert_int_equal(page[19].number, sizes[i] - 19);
        assert_int_equal(s->unread, sizes[i]);
        assert_true(streams_add(&m->part, here, &item));
        assert_int_equal(streams_read_all(&m->part, here), sizes[i] + 1);
        assert_int_equal(stream_below(s, 0, (struct stream_room){page, 20, true}), 0);
        assert_int_equal(stream_last(s), sizes[i] + 1);
        assert_true(streams_remove(&m->part, here, sizes[i] + 1));
        memcpy(s->block, hidden, kept * sizeof *hidden);
        free(hidden);
        streams_trim(&m->part, here, UINT64_MAX);
        prim_free(m);
    }
}

// Old ones go block by block, and their memory with them.
static void old_blocks_go(void **state)
{
    (void)state;
    struct prim *m = prim_new(0);
    fill(m, 100000);
    uint64_t full = m->shard.pool.used[MEM_stream];
    assert_int_equal(streams_trim(&m->part, here, 90001), 90000);
    struct stream *s = streams_find(&m->part, here);
    assert_int_equal(stream_first(s), 90001);
    assert_int_equal(s->count, 10000);
    assert_int_equal(s->unread, 10000);
    assert_true(m->shard.pool.used[MEM_stream] < full / 5);
    check_digest(m, s);
    streams_trim(&m->part, here, UINT64_MAX);
    prim_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(bytes_an_item),
        cmocka_unit_test(all_read_at_once),
        cmocka_unit_test(the_end_alone),
        cmocka_unit_test(old_blocks_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
