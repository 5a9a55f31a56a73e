// Random changes against a slow and obvious model: outcomes, lists and counts are what arrays say.
// And random changes whose consequences come late and in between: whatever the order, in the end
// both ends of everything agree, and the same log gives the same digests for any number of cores
// and partitions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/graph.h"
#include "core/id.h"
#include "kith_fb.h"
#include "tests/store/support_state.h"

enum { USERS = 14, POSTS = 400, COMMENTS = 1200, STEPS = 1500 };

struct m_comment { uint64_t id, post, author, parent; bool there, placeholder; };
struct m_post { uint64_t id, author; bool there; };

struct model {
    struct world *w;
    struct rng rng;
    uint64_t time;                       // of the last edge
    uint64_t user[USERS];
    bool gone[USERS];
    uint64_t follow[USERS][USERS];       // time, 0 = no
    uint64_t like[USERS][POSTS];
    struct m_post post[POSTS];
    struct m_comment comment[COMMENTS];
    uint32_t users, posts, comments;
    uint32_t named;                      // names given so far
};

// ---- what should be ----------------------------------------------------------------------------

static bool alive(const struct model *m, uint32_t u)
{
    return u < m->users && !m->gone[u];
}

// Who that is now; somebody else where that one is gone for good.
static uint32_t index_of(const struct model *m, uint64_t user)
{
    uint32_t i = 0;
    while (i + 1 < m->users && m->user[i] != user) i++;
    return i;
}

static uint32_t replies(const struct model *m, uint64_t comment)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->comments; i++)
        n += m->comment[i].there && m->comment[i].parent == comment;
    return n;
}

static struct m_comment *comment_of(struct model *m, uint64_t id)
{
    for (uint32_t i = 0; i < m->comments; i++)
        if (m->comment[i].id == id) return &m->comment[i];
    return NULL;
}

static void drop_comment(struct model *m, struct m_comment *c)
{
    if (replies(m, c->id) > 0) {
        c->placeholder = true;
        return;
    }
    c->there = false;
    struct m_comment *parent = comment_of(m, c->parent);
    if (parent != NULL && parent->there && parent->placeholder && replies(m, parent->id) == 0)
        drop_comment(m, parent);
}

static void drop_post(struct model *m, uint32_t p)
{
    m->post[p].there = false;
    for (uint32_t u = 0; u < USERS; u++) m->like[u][p] = 0;
    for (uint32_t i = 0; i < m->comments; i++)
        if (m->comment[i].post == m->post[p].id) m->comment[i].there = false;
}

static void drop_user(struct model *m, uint32_t u)
{
    m->gone[u] = true;
    for (uint32_t k = 0; k < USERS; k++) m->follow[u][k] = m->follow[k][u] = 0;
    for (uint32_t p = 0; p < m->posts; p++) {
        m->like[u][p] = 0;
        if (m->post[p].there && m->post[p].author == m->user[u]) drop_post(m, p);
    }
    for (uint32_t i = 0; i < m->comments; i++) {
        struct m_comment *c = &m->comment[i];
        if (c->there && !c->placeholder && c->author == m->user[u]) drop_comment(m, c);
    }
}

// ---- changes, and what they should answer ------------------------------------------------------

static void do_register(struct model *m)
{
    char name[24];
    if (m->users == USERS) return;
    snprintf(name, sizeof name, "user%u", m->named++);
    m->user[m->users] = make_user(m->w, name);
    m->gone[m->users++] = false;
}

static void do_follow(struct model *m, bool on)
{
    uint32_t a = rng_below(&m->rng, m->users), b = rng_below(&m->rng, m->users);
    if (!alive(m, a)) return;
    struct outcome o = say_id(m->w, on ? OP_follow : OP_unfollow, m->user[a], m->user[b]);
    if (a == b) {
        assert_int_equal(o.error, KITH_self_follow);
    } else if (!alive(m, b)) {
        assert_int_equal(o.error, KITH_not_found);
    } else {
        assert_int_equal(o.error, KITH_ok);
        assert_int_equal(o.changed, on == (m->follow[a][b] == 0));
        if (o.changed) m->follow[a][b] = on ? ++m->time : 0;
        uint32_t n = 0;
        for (uint32_t k = 0; k < m->users; k++) n += m->follow[k][b] != 0;
        assert_int_equal(o.count, n);
    }
}

static void do_like(struct model *m, bool on)
{
    if (m->posts == 0) return;
    uint32_t u = rng_below(&m->rng, m->users), p = rng_below(&m->rng, m->posts);
    if (!alive(m, u)) return;
    struct outcome o = say_id(m->w, on ? OP_like : OP_unlike, m->user[u], m->post[p].id);
    if (!m->post[p].there) {
        assert_int_equal(o.error, KITH_not_found);
        return;
    }
    assert_int_equal(o.changed, on == (m->like[u][p] == 0));
    if (o.changed) m->like[u][p] = on ? ++m->time : 0;
}

static void do_post(struct model *m)
{
    if (m->posts == POSTS) return;
    uint32_t u = rng_below(&m->rng, m->users);
    struct outcome o = say_post(m->w, m->user[u], "text");
    assert_int_equal(o.error, alive(m, u) ? KITH_ok : KITH_not_found);
    if (o.error == KITH_ok) m->post[m->posts++] = (struct m_post){o.id, m->user[u], true};
}

static void do_post_delete(struct model *m)
{
    if (m->posts == 0) return;
    uint32_t u = rng_below(&m->rng, m->users), p = rng_below(&m->rng, m->posts);
    struct m_post *post = &m->post[p];
    if (rng_below(&m->rng, 2)) u = index_of(m, post->author);
    struct outcome o = say_id(m->w, OP_post_delete, m->user[u], post->id);
    unsigned error = !post->there                    ? KITH_not_found
                     : post->author == m->user[u]    ? KITH_ok
                                                     : KITH_forbidden;
    assert_int_equal(o.error, error);
    if (error == KITH_ok) drop_post(m, p);
}

static void do_comment(struct model *m)
{
    if (m->posts == 0 || m->comments == COMMENTS) return;
    uint32_t u = rng_below(&m->rng, m->users), p = rng_below(&m->rng, m->posts);
    if (!alive(m, u)) return;
    struct m_comment *parent = NULL;
    if (m->comments > 0 && rng_below(&m->rng, 3) > 0)
        parent = &m->comment[rng_below(&m->rng, m->comments)];
    uint64_t post = parent != NULL && rng_below(&m->rng, 8) ? parent->post : m->post[p].id;
    bool there = false;
    for (uint32_t i = 0; i < m->posts; i++) there |= m->post[i].id == post && m->post[i].there;
    bool fits = parent == NULL || (parent->there && !parent->placeholder && parent->post == post);
    struct outcome o = say_comment(m->w, m->user[u], post, parent ? parent->id : 0);
    assert_int_equal(o.error, !there ? KITH_not_found : fits ? KITH_ok : KITH_wrong_parent);
    if (o.error != KITH_ok) return;
    m->comment[m->comments++] =
        (struct m_comment){o.id, post, m->user[u], parent ? parent->id : 0, true, false};
}

static void do_comment_delete(struct model *m)
{
    if (m->comments == 0) return;
    struct m_comment *c = &m->comment[rng_below(&m->rng, m->comments)];
    uint32_t u = rng_below(&m->rng, m->users);
    if (rng_below(&m->rng, 2)) u = index_of(m, c->author);
    uint64_t owner = 0;
    for (uint32_t i = 0; i < m->posts; i++)
        if (m->post[i].id == c->post) owner = m->post[i].author;
    struct outcome o = say_id(m->w, OP_comment_delete, m->user[u], c->id);
    bool mine = m->user[u] == c->author || m->user[u] == owner;
    unsigned error = !c->there || c->placeholder ? KITH_not_found
                     : mine                      ? KITH_ok
                                                 : KITH_forbidden;
    assert_int_equal(o.error, error);
    if (error == KITH_ok) drop_comment(m, c);
}

static void do_user_delete(struct model *m)
{
    uint32_t u = rng_below(&m->rng, m->users);
    struct outcome o = say_id(m->w, OP_user_delete, m->user[u], m->user[u]);
    assert_int_equal(o.error, alive(m, u) ? KITH_ok : KITH_not_found);
    if (o.error != KITH_ok) return;
    drop_user(m, u);
    // The place is free for somebody new.
    if (m->users < USERS) return;
    char name[24];
    snprintf(name, sizeof name, "user%u", m->named++);
    m->user[u] = make_user(m->w, name);
    m->gone[u] = false;
}

static void do_import(struct model *m)
{
    uint64_t rows[20][2];
    uint32_t n = 1 + rng_below(&m->rng, 20), applied = 0, refused = 0;
    uint32_t a[20], b[20];
    for (uint32_t i = 0; i < n; i++) {
        do a[i] = rng_below(&m->rng, m->users);
        while (!alive(m, a[i]));
        b[i] = rng_below(&m->rng, m->users);
        rows[i][0] = m->user[a[i]];
        rows[i][1] = m->user[b[i]];
    }
    struct outcome o = say_edges(m->w, EDGE_follow, rows, n);
    for (uint32_t i = 0; i < n; i++) {
        bool ok = a[i] != b[i] && alive(m, b[i]);
        refused += !ok;
        if (!ok || m->follow[a[i]][b[i]] != 0) continue;
        m->follow[a[i]][b[i]] = ++m->time;
        applied++;
    }
    assert_int_equal(o.count, applied);
    assert_int_equal(o.count3, refused);
}

static void change(struct model *m)
{
    m->w->now_ms += rng_below(&m->rng, 3);
    uint32_t what = rng_below(&m->rng, 100);
    if (what < 4 || m->users < 3) do_register(m);
    else if (what < 22) do_follow(m, true);
    else if (what < 32) do_follow(m, false);
    else if (what < 48) do_like(m, true);
    else if (what < 54) do_like(m, false);
    else if (what < 64) do_post(m);
    else if (what < 67) do_post_delete(m);
    else if (what < 88) do_comment(m);
    else if (what < 96) do_comment_delete(m);
    else if (what < 98) do_import(m);
    else do_user_delete(m);
}

// ---- what is -----------------------------------------------------------------------------------

static struct shard *owner(const struct model *m, uint64_t id)
{
    return &m->w->store->shard[store_core(m->w->store, id_slot(id))];
}

// All pages of an edge list against the times of the model: newest first, nothing else.
static void check_list(const struct model *m, uint64_t of, enum list_kind list,
                       const uint64_t *ids, const uint64_t *times, uint32_t n)
{
    struct page page = {.want = 3};
    uint64_t before = 0, last = UINT64_MAX;
    uint32_t found = 0, should = 0;
    for (uint32_t i = 0; i < n; i++) should += times[i] != 0;
    do {
        read_edges(owner(m, of), (struct edges_read){of, before, list}, &page);
        for (uint32_t i = 0; i < page.n; i++, found++) {
            uint32_t k = 0;
            while (k < n && (ids[k] != page.item[i].id || times[k] == 0)) k++;
            assert_in_range(k, 0, n - 1);
            assert_true(times[k] < last);
            last = times[k];
        }
        before = page.next;
    } while (before != 0);
    assert_int_equal(found, should);
}

static void check_edges(const struct model *m)
{
    for (uint32_t u = 0; u < m->users; u++) {
        if (!alive(m, u)) continue;
        uint64_t in[USERS];
        uint32_t following = 0, followers = 0;
        for (uint32_t k = 0; k < m->users; k++) {
            in[k] = m->follow[k][u];
            followers += in[k] != 0;
            following += m->follow[u][k] != 0;
        }
        const struct user *is = store_user(m->w->store, m->user[u]);
        assert_int_equal(is->followers, followers);
        assert_int_equal(is->following, following);
        check_list(m, m->user[u], LIST_followers, m->user, in, m->users);
        check_list(m, m->user[u], LIST_following, m->user, m->follow[u], m->users);
    }
}

static void check_comments(const struct model *m, uint64_t of, enum list_kind list)
{
    struct page page = {.want = 4};
    uint64_t from = 0;
    uint32_t k = 0;
    do {
        read_seq(owner(m, of), (struct seq_read){of, from, list, true}, &page);
        for (uint32_t i = 0; i < page.n; i++, k++) {
            const struct m_comment *c = m->comment;
            while (k < m->comments &&
                   !(c[k].there && (list == LIST_replies ? c[k].parent : c[k].post) == of))
                k++;
            assert_in_range(k, 0, m->comments - 1);
            assert_int_equal(page.item[i].id, c[k].id);
            const struct comment *is = store_comment(m->w->store, c[k].id);
            assert_int_equal((is->o.flags & OBJECT_TOMBSTONE) != 0, c[k].placeholder);
            assert_int_equal(is->replies, replies(m, c[k].id));
        }
        from = page.next;
    } while (from != 0);
    for (; k < m->comments; k++) {
        const struct m_comment *c = &m->comment[k];
        assert_false(c->there && (list == LIST_replies ? c->parent : c->post) == of);
    }
}

static void check_posts(const struct model *m)
{
    for (uint32_t p = 0; p < m->posts; p++) {
        const struct m_post *post = &m->post[p];
        const struct post *is = store_post(m->w->store, post->id);
        assert_int_equal(is != NULL, post->there);
        if (!post->there) continue;
        uint64_t in[USERS];
        uint32_t likes = 0, comments = 0;
        for (uint32_t u = 0; u < m->users; u++) likes += (in[u] = m->like[u][p]) != 0;
        for (uint32_t i = 0; i < m->comments; i++) {
            const struct m_comment *c = &m->comment[i];
            comments += c->post == post->id && c->there && !c->placeholder;
        }
        assert_int_equal(is->likes, likes);
        assert_int_equal(is->comments, comments);
        check_list(m, post->id, LIST_likers, m->user, in, m->users);
        check_comments(m, post->id, LIST_comments);
    }
    for (uint32_t i = 0; i < m->comments; i++)
        if (m->comment[i].there) check_comments(m, m->comment[i].id, LIST_replies);
}

static void replay_all(struct world *w)
{
    static const unsigned ways[][2] = {{1, 4}, {2, 64}, {3, 256}, {5, 1024}};
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct world_options opt = {.cores = ways[i][0], .partitions = ways[i][1], .deaf = i % 2};
        struct world *again = world_replay(&w->log, &opt);
        world_check_same(w, again);
        world_verify(again);
        world_free(again);
    }
}

static void test_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct world_options opt = {.cores = 1 + seed % 3, .partitions = 16, .fanout_max = 3};
        struct model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        m->w = world_new(&opt);
        m->rng.state = seed;
        for (uint32_t i = 0; i < STEPS; i++) {
            change(m);
            if (i % 100 > 0) continue;
            check_edges(m);
            check_posts(m);
            world_verify(m->w);
        }
        replay_all(m->w);
        world_free(m->w);
        free(m);
    }
}

// ---- consequences that come late ---------------------------------------------------------------

static void test_chaos(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 24; seed++) {
        struct chaos c = {.rng = {seed}};
        c.w = world_new(&(struct world_options){.cores = 1 + seed % 3, .partitions = 32});
        c.w->lazy = true;
        for (uint32_t i = 0; i < 1200; i++) {
            chaos_step(&c);
            for (uint32_t k = rng_below(&c.rng, 4); k > 0 && i % 300 > 30; k--) world_some(c.w);
            if (i % 97 == 0) world_verify(c.w);
        }
        // A crash here: what is owed is said by the next process.
        struct world *after = world_replay(&c.w->log, &(struct world_options){.cores = 2});
        world_check_same(c.w, after);
        world_settle(after);
        world_verify(after);
        replay_all(after);
        world_free(after);
        world_settle(c.w);
        world_verify(c.w);
        replay_all(c.w);
        world_free(c.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
