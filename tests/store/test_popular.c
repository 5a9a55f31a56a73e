// Who is followed most against all follows kept in an array and counted anew: whatever was done to
// come there, and with any number of cores.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/popular.h"
#include "tests/store/support_state.h"

enum {
    USERS = 5500,                  // more than are ever kept of one core
    FOLLOWS = 40000,
    LOOKS = 25,
    SMALL = 300,
};

struct follow { uint32_t from, to; };

struct model {
    uint32_t users;
    uint64_t id[USERS];
    bool gone[USERS], away[USERS]; // away: deactivated
    uint8_t has[USERS][USERS / 8 + 1];
    struct follow follow[2 * FOLLOWS];
    uint32_t follows;
};
static struct model m;

// ---- changes -----------------------------------------------------------------------------------

static void begin(struct world *w, uint32_t users)
{
    memset(&m, 0, sizeof m);
    m.users = users;
    for (uint32_t i = 0; i < users; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%u", i);
        m.id[i] = make_user(w, name);
    }
}

static bool known(struct follow f)
{
    return m.has[f.from][f.to / 8] & 1 << f.to % 8;
}

static void note(struct follow f)
{
    m.has[f.from][f.to / 8] ^= (uint8_t)(1 << f.to % 8);
}

// Of two the lower: some are followed far more than others. false: nobody can do that.
static bool draw(struct rng *r, struct follow *f)
{
    uint32_t a = rng_below(r, m.users), b = rng_below(r, m.users);
    *f = (struct follow){rng_below(r, m.users), a < b ? a : b};
    return f->from != f->to && !m.gone[f->from] && !m.gone[f->to] && !m.away[f->from] &&
           !m.away[f->to] && !known(*f);
}

static void follow(struct world *w, struct rng *r)
{
    struct follow f;
    if (!draw(r, &f)) return;
    assert_int_equal(say_id(w, OP_follow, m.id[f.from], m.id[f.to]).error, KITH_ok);
    note(f);
    m.follow[m.follows++] = f;
}

static void follow_many(struct world *w, struct rng *r, uint32_t n)
{
    uint64_t row[IMPORT_EDGES_MAX][2];
    uint32_t rows = 0;
    while (n > 0) {
        struct follow f;
        if (draw(r, &f)) {
            note(f);
            m.follow[m.follows++] = f;
            row[rows][0] = m.id[f.from];
            row[rows++][1] = m.id[f.to];
            n--;
        }
        if (rows == IMPORT_EDGES_MAX || n == 0) {
            assert_int_equal(say_edges(w, EDGE_follow, row, rows).count, rows);
            rows = 0;
        }
    }
}

static void unfollow(struct world *w, uint32_t which)
{
    struct follow f = m.follow[which];
    if (m.away[f.from] || m.away[f.to]) return;
    m.follow[which] = m.follow[--m.follows];
    note(f);
    say_id(w, OP_unfollow, m.id[f.from], m.id[f.to]);
}

static void leave(struct world *w, uint32_t user)
{
    if (m.gone[user]) return;
    assert_int_equal(say_id(w, OP_user_delete, m.id[user], m.id[user]).error, KITH_ok);
    m.gone[user] = true;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m.follows; i++) {
        struct follow f = m.follow[i];
        if (f.from != user && f.to != user) m.follow[kept++] = f;
        else note(f);
    }
    m.follows = kept;
}

static void log_in(struct world *w, uint64_t user)
{
    char hash[65];
    fb_builder *b = world_body(w);
    kt_new_SessionCreate s = {0};
    memset(hash, 'a', 64);
    hash[64] = 0;
    kt_put_SessionCreate_user_id(&s, user);
    kt_put_SessionCreate_refresh_hash(&s, fb_cstring(b, hash));
    kt_put_SessionCreate_expires_at(&s, w->now_ms + 1000);
    kt_put_SessionCreate_login(&s, true);
    kt_put_SessionCreate_reactivate(&s, true);
    fb_ref body = kt_end_SessionCreate(b, &s);
    struct outcome o = world_say(w, (struct change){OP_session_create, 0, body, NULL});
    assert_int_equal(o.error, KITH_ok);
}

static void turn(struct world *w, uint32_t user)
{
    if (m.gone[user]) return;
    if (m.away[user])
        log_in(w, m.id[user]);
    else
        say_id(w, OP_user_deactivate, m.id[user], m.id[user]);
    m.away[user] = !m.away[user];
}

// ---- looks -------------------------------------------------------------------------------------

static uint32_t followers[USERS];

static int by_rank(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (followers[x] != followers[y]) return followers[x] > followers[y] ? -1 : 1;
    return m.id[x] < m.id[y] ? -1 : m.id[x] > m.id[y];
}

static uint32_t count_anew(uint32_t *order)
{
    uint32_t n = 0;
    memset(followers, 0, sizeof followers);
    for (uint32_t i = 0; i < m.follows; i++) followers[m.follow[i].to]++;
    for (uint32_t i = 0; i < m.users; i++)
        if (followers[i] > 0 && !m.gone[i] && !m.away[i]) order[n++] = i;
    qsort(order, n, sizeof *order, by_rank);
    return n;
}

// Each core's first are the first of its own.
static void same(const struct world *w)
{
    static uint32_t order[USERS];
    static struct ranked got[POPULAR_MAX];
    uint32_t n = count_anew(order);
    for (unsigned c = 0; c < w->store->cores; c++) {
        uint32_t found = popular_first(&w->store->shard[c], got, POPULAR_MAX), seen = 0;
        for (uint32_t i = 0; i < n && seen < POPULAR_MAX; i++) {
            uint64_t id = m.id[order[i]];
            if (store_core(w->store, id_slot(id)) != c) continue;
            assert_true(seen < found);
            assert_int_equal(got[seen].id, id);
            assert_int_equal(got[seen].score, followers[order[i]]);
            seen++;
        }
        assert_int_equal(seen, found);
    }
}

static void same_again(struct world *w, unsigned cores)
{
    struct world *again = world_replay(&w->log, &(struct world_options){.cores = cores});
    same(again);
    world_free(again);
}

static void mixed(struct world *w, struct rng *r)
{
    uint32_t what = rng_below(r, 100);
    if (what < 45 && m.follows < 2 * FOLLOWS)
        follow(w, r);
    else if (what < 97 && m.follows > 0)
        unfollow(w, rng_below(r, m.follows));
    else
        turn(w, rng_below(r, m.users));
    if (rng_below(r, 200) == 0) leave(w, rng_below(r, m.users));
}

// More than are kept, so that many lie behind the cut; then most is taken back, and they move up:
// between turns, or all at once where there are none.
static void those_behind_move_up(bool untidy)
{
    struct world *w = world_new(&(struct world_options){0});
    const struct popular *p = w->store->shard[0].popular;
    const struct ranking *kept = &p->kept;
    struct rng r = {7};
    w->untidy = untidy;
    begin(w, USERS);
    follow_many(w, &r, FOLLOWS);
    assert_true(kept->last.id != 0 && kept->n < USERS / 2);
    same(w);
    uint64_t cut = kept->last.id;
    uint32_t moved = 0, looks = 0, under_way = 0;
    for (uint32_t i = 0; m.follows > FOLLOWS / 40; i++) {
        mixed(w, &r);
        for (uint32_t k = 0; k < 3 && m.follows > 0; k++) unfollow(w, rng_below(&r, m.follows));
        if (kept->last.id != cut) moved++;
        cut = kept->last.id;
        under_way += p->looking;
        if (i % (FOLLOWS / 4 / LOOKS) == 0) {
            same(w);
            looks++;
        }
    }
    assert_true(moved > 1);
    assert_true(looks > 10 && under_way > 5);
    same(w);
    same_again(w, 1);
    same_again(w, 3);
    world_free(w);
}

static void the_first_are_the_first_of_all(void **state)
{
    (void)state;
    those_behind_move_up(false);
    those_behind_move_up(true);
}

// Few users, everything that can happen to them, and nobody behind a cut.
static void whatever_was_before(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct world *w = world_new(&(struct world_options){.cores = 1 + seed % 3});
        struct rng r = {seed};
        begin(w, SMALL);
        for (uint32_t i = 0; i < 3000; i++) {
            mixed(w, &r);
            if (i % 50 == 0) same(w);
        }
        world_verify(w);
        same_again(w, 1 + (seed + 1) % 3);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_are_the_first_of_all),
                                       cmocka_unit_test(whatever_was_before)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
