// Posts with recent engagement against all likes kept in an array and counted anew.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/id.h"
#include "store/hot.h"
#include "tests/store/support_state.h"

enum {
    AUTHORS = 20,
    POSTS = 12 * HOT_RANKED,       // more than are ever ranked
    MOVES = 120000,
    LOOKS = 30,
    STEP_MS = 1000,                // about 33 hours in all: more than there are hours
    HOUR_MS = 3600 * 1000,
};

struct like { uint32_t post; uint64_t stamp; };

struct model {
    uint64_t id[POSTS];
    uint32_t score[POSTS];
    struct like like[MOVES];
    uint32_t likes;
    uint64_t now_ms;
};
static struct model m;

static struct part *part_of(const struct world *w, uint64_t id)
{
    return store_part(w->store, id_slot(id));
}

static void like(const struct world *w, struct rng *r)
{
    // Of two the lower: some are liked far more than others.
    uint32_t a = rng_below(r, POSTS), b = rng_below(r, POSTS), post = a < b ? a : b;
    struct like x = {post, stamp_make(m.now_ms, 0)};
    m.like[m.likes++] = x;
    hot_moved(part_of(w, m.id[post]), m.id[post], x.stamp, 1);
}

static void unlike(const struct world *w, uint32_t which)
{
    struct like x = m.like[which];
    m.like[which] = m.like[--m.likes];
    hot_moved(part_of(w, m.id[x.post]), m.id[x.post], x.stamp, -1);
}

static void drop(const struct world *w, uint32_t post)
{
    hot_drop(part_of(w, m.id[post]), m.id[post]);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m.likes; i++)
        if (m.like[i].post != post) m.like[kept++] = m.like[i];
    m.likes = kept;
}

static int by_rank(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (m.score[x] != m.score[y]) return m.score[x] > m.score[y] ? -1 : 1;
    return m.id[x] > m.id[y] ? -1 : m.id[x] < m.id[y];
}

static uint32_t count_anew(uint32_t *order)
{
    uint32_t n = 0;
    memset(m.score, 0, sizeof m.score);
    for (uint32_t i = 0; i < m.likes; i++)
        if (stamp_ms(m.like[i].stamp) / HOUR_MS + HOT_HOURS > m.now_ms / HOUR_MS)
            m.score[m.like[i].post]++;
    for (uint32_t i = 0; i < POSTS; i++)
        if (m.score[i] > 0) order[n++] = i;
    qsort(order, n, sizeof *order, by_rank);
    return n;
}

static void same(const struct world *w)
{
    static uint32_t order[POSTS];
    const struct shard *s = &w->store->shard[0];
    uint32_t n = count_anew(order), seen = 0;
    struct page page = {.want = PAGE_MAX};
    do {
        read_hot(s, (struct page_item){page.next, page.next_stamp}, &page);
        for (uint32_t i = 0; i < page.n; i++, seen++) {
            assert_int_equal(page.item[i].id, m.id[order[seen]]);
            assert_int_equal(page.item[i].stamp, m.score[order[seen]]);
        }
    } while (page.next != 0);
    assert_int_equal(seen, n < HOT_RANKED ? n : HOT_RANKED);
}

static void make_posts(struct world *w)
{
    uint64_t author[AUTHORS];
    for (uint32_t i = 0; i < AUTHORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "author%u", i);
        author[i] = make_user(w, name);
    }
    for (uint32_t i = 0; i < POSTS; i++) {
        struct outcome o = say_post(w, author[i % AUTHORS], "one");
        assert_int_equal(o.error, KITH_ok);
        m.id[i] = o.id;
    }
    m.likes = 0;
    m.now_ms = stamp_ms(w->stamp);
}

static void the_first_are_the_first_of_all(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct world *w = world_new(&(struct world_options){0});
        struct rng r = {seed};
        uint64_t cut = 0;
        unsigned moved = 0;
        make_posts(w);
        for (uint32_t i = 0; i < MOVES; i++) {
            if (m.likes > 0 && rng_below(&r, 8) < 2)
                unlike(w, rng_below(&r, m.likes));
            else
                like(w, &r);
            if (i % 500 == 0) drop(w, rng_below(&r, POSTS));
            m.now_ms += rng_below(&r, 2 * STEP_MS);
            hot_advance(&w->store->shard[0], m.now_ms);
            if (i % (MOVES / LOOKS) == 0) same(w);
            const struct hot *h = w->store->shard[0].hot;
            uint64_t last = h->ranked.last.id;
            if (last != cut) moved += cut != 0 && last != 0;
            cut = last;
        }
        assert_true(moved > 20);
        // In one moment most is taken back: those behind the cut move up.
        same(w);
        while (m.likes > MOVES / 40) {
            for (uint32_t i = 0; i < MOVES / 40; i++) unlike(w, rng_below(&r, m.likes));
            same(w);
        }
        hot_advance(&w->store->shard[0], m.now_ms + (uint64_t)HOT_HOURS * HOUR_MS);
        assert_int_equal(w->store->shard[0].hot->table.live, 0);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_are_the_first_of_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
