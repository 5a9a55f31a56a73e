// Home feeds against a list of all posts: the same pages for any bound of fan-out, any number of
// cores, with timelines that come and go, with posts that are older than what is kept at hand.
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

enum { USERS = 10, POSTS = 4000 };

struct feeds {
    struct world *w;
    struct rng rng;
    uint64_t user[USERS];
    bool follow[USERS][USERS];
    bool gone[USERS];
    uint64_t post[POSTS];        // descending
    uint32_t by[POSTS];          // index of the author
    uint32_t posts, misses, chunks;
};

static struct shard *owner(const struct feeds *f, uint64_t id)
{
    return &f->w->store->shard[store_core(f->w->store, id_slot(id))];
}

static void keep(struct feeds *f, uint64_t id, uint32_t by)
{
    uint32_t at = f->posts++;
    assert_in_range(at, 0, POSTS - 1);
    for (; at > 0 && f->post[at - 1] < id; at--) {
        f->post[at] = f->post[at - 1];
        f->by[at] = f->by[at - 1];
    }
    f->post[at] = id;
    f->by[at] = by;
}

static void forget(struct feeds *f, uint32_t at)
{
    f->posts--;
    memmove(f->post + at, f->post + at + 1, (f->posts - at) * sizeof f->post[0]);
    memmove(f->by + at, f->by + at + 1, (f->posts - at) * sizeof f->by[0]);
}

// ---- a page as api puts it together ------------------------------------------------------------

static void from_all(struct feeds *f, struct feed_read what, struct page *page)
{
    uint64_t author[USERS + 1];
    uint32_t n = read_feed_authors(owner(f, what.viewer), what, author, USERS + 1);
    page->n = 0;
    page->next = 0;
    f->misses++;
    for (unsigned c = 0; c < f->w->store->cores; c++) {
        struct page part = {.want = page->want};
        read_authors(&f->w->store->shard[c], (struct id_list){author, n}, what.before, &part);
        page_merge(page, &part);
    }
}

static void collect(struct feeds *f, struct feed_read what, struct page *page)
{
    struct page one = {.want = page->want};
    page->n = 0;
    do {
        if (!read_feed(owner(f, what.viewer), what, &one)) from_all(f, what, &one);
        what.before = one.next;
        page_seen(f->w->store, &one, ENTITY_post, (struct sight[PAGE_MAX]){0});
        for (uint32_t i = 0; i < one.n; i++) page->item[page->n++] = one.item[i];
        one.want = page->want - page->n;
    } while (one.want > 0 && what.before != 0);
    page->next = what.before;
}

static bool shown(const struct feeds *f, uint32_t viewer, uint32_t by, bool self)
{
    return !f->gone[by] && (f->follow[viewer][by] || (self && viewer == by));
}

// The feed of one viewer from end to end.
static void check_feed(struct feeds *f, uint32_t viewer)
{
    struct feed_read what = {f->user[viewer], 0, UINT64_MAX, rng_below(&f->rng, 2)};
    struct page page = {.want = 1 + rng_below(&f->rng, 30)};
    uint32_t k = 0;
    do {
        collect(f, what, &page);
        for (uint32_t i = 0; i < page.n; i++, k++) {
            while (k < f->posts && !shown(f, viewer, f->by[k], what.include_self)) k++;
            assert_in_range(k, 0, f->posts - 1);
            assert_int_equal(page.item[i].id, f->post[k]);
        }
        what.before = page.next;
    } while (what.before != 0);
    for (; k < f->posts; k++) assert_false(shown(f, viewer, f->by[k], what.include_self));
}

// ---- changes -----------------------------------------------------------------------------------

static void import_old(struct feeds *f)
{
    uint32_t by = rng_below(&f->rng, USERS);
    if (f->gone[by]) return;
    fb_builder *b = world_body(f->w);
    kt_new_ImportPosts all = {0};
    uint32_t mark = fb_mark(b);
    uint64_t ms = f->w->now_ms - 1000 - rng_below(&f->rng, 3000);
    for (uint32_t i = 0; i < 40; i++) {
        kt_new_ImportPost p = {0};
        kt_put_ImportPost_user_id(&p, f->user[by]);
        kt_put_ImportPost_caption(&p, fb_cstring(b, "old"));
        kt_put_ImportPost_created_at(&p, ms);
        fb_push(b, kt_end_ImportPost(b, &p));
    }
    kt_put_ImportPosts_posts(&all, fb_refs(b, mark));
    kt_put_ImportPosts_source_lo(&all, 9);
    kt_put_ImportPosts_chunk(&all, f->chunks++);
    fb_ref body = kt_end_ImportPosts(b, &all);
    uint64_t had[PAGE_MAX];
    const struct part *p = store_part(f->w->store, id_slot(f->user[by]));
    struct outcome o = world_say(f->w, (struct change){OP_import_posts, 0, body, NULL});
    assert_int_equal(o.count, 40);
    // What is new in that millisecond.
    const struct seq *posts = seqs_find(p, (struct edge_at){f->user[by], LIST_posts});
    uint32_t n = seq_above(posts, id_make(stamp_make(ms, 0), 0) - 1, had, PAGE_MAX);
    for (uint32_t i = 0; i < n && id_ms(had[i]) == ms; i++) {
        bool known = false;
        for (uint32_t k = 0; k < f->posts; k++) known |= f->post[k] == had[i];
        if (!known) keep(f, had[i], by);
    }
}

static void delete_user(struct feeds *f)
{
    uint32_t u = rng_below(&f->rng, USERS);
    if (f->gone[u] || rng_below(&f->rng, 30) > 0) return;
    f->gone[u] = true;
    say_id(f->w, OP_user_delete, f->user[u], f->user[u]);
    for (uint32_t k = 0; k < USERS; k++) f->follow[u][k] = f->follow[k][u] = false;
}

static void change(struct feeds *f)
{
    uint32_t a = rng_below(&f->rng, USERS), b = rng_below(&f->rng, USERS);
    uint32_t what = rng_below(&f->rng, 40);
    f->w->now_ms += rng_below(&f->rng, 8);
    if (what == 0) {
        import_old(f);
    } else if (what == 1) {
        delete_user(f);
    } else if (what < 6 && a != b && !f->gone[a] && !f->gone[b]) {
        f->follow[a][b] = rng_below(&f->rng, 3) > 0;
        say_id(f->w, f->follow[a][b] ? OP_follow : OP_unfollow, f->user[a], f->user[b]);
    } else if (what < 9 && f->posts > 0) {
        uint32_t at = rng_below(&f->rng, f->posts);
        if (f->gone[f->by[at]]) return;
        struct outcome o = say_id(f->w, OP_post_delete, f->user[f->by[at]], f->post[at]);
        assert_int_equal(o.error, KITH_ok);
        forget(f, at);
    } else if (!f->gone[a]) {
        keep(f, say_post(f->w, f->user[a], "post").id, a);
    }
}

static void run(unsigned seed, const struct world_options *opt)
{
    struct feeds *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->w = world_new(opt);
    f->rng.state = seed;
    f->w->lazy = seed % 2;
    char name[16];
    for (uint32_t i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "u%u", i);
        f->user[i] = make_user(f->w, name);
    }
    for (uint32_t i = 0; i < 1800; i++) {
        change(f);
        uint32_t viewer = rng_below(&f->rng, USERS);
        if (i % 7 == 0 && !f->gone[viewer]) check_feed(f, viewer);
        if (f->w->lazy && i % 5 == 0) world_some(f->w);
    }
    assert_true(f->misses > 0);
    world_settle(f->w);
    world_verify(f->w);
    world_free(f->w);
    free(f);
}

static void test_pushed(void **state)
{
    (void)state;
    run(1, &(struct world_options){.cores = 1, .fanout_max = 1000000});
    run(2, &(struct world_options){.cores = 3, .fanout_max = 1000000});
}

static void test_pulled(void **state)
{
    (void)state;
    run(3, &(struct world_options){.cores = 1, .fanout_max = 0});
    run(4, &(struct world_options){.cores = 3, .fanout_max = 0});
}

static void test_both(void **state)
{
    (void)state;
    run(5, &(struct world_options){.cores = 1, .fanout_max = 2});
    run(6, &(struct world_options){.cores = 3, .fanout_max = 2});
    run(7, &(struct world_options){.cores = 2, .fanout_max = 4});
}

static void test_few_timelines(void **state)
{
    (void)state;
    run(8, &(struct world_options){.cores = 2, .fanout_max = 3, .timelines_max = 2});
}

// ---- all posts ---------------------------------------------------------------------------------

static void test_all_posts(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 3});
    char name[16];
    uint64_t last = UINT64_MAX, before = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < 45; i++) {
        snprintf(name, sizeof name, "u%u", i);
        say_post(w, make_user(w, name), "x");
    }
    do {
        struct page page = {.want = 20};
        for (unsigned c = 0; c < w->store->cores; c++) {
            struct page part = {.want = 20};
            read_all_posts(&w->store->shard[c], before, &part);
            page_merge(&page, &part);
        }
        assert_int_equal(page.n, n < 40 ? 20 : 5);
        for (uint32_t i = 0; i < page.n; i++, n++) {
            assert_true(page.item[i].id < last);
            last = page.item[i].id;
        }
        before = page.next;
    } while (before != 0);
    assert_int_equal(n, 45);
    world_free(w);
}

// ---- what is shown -----------------------------------------------------------------------------

// The table; the builder is ready for the next one, which will stand where this one does.
static const void *built(struct world *w, fb_ref ref)
{
    assert_true(fb_finish(&w->b, ref) > 0);
    const void *root = fb_root(fb_data(&w->b));
    world_body(w);
    return root;
}

// ---- cores at different places ------------------------------------------------------------------

static const struct entry *entry_at(const struct entry_log *log, uint64_t place)
{
    size_t at = 0;
    const struct entry *e;
    do {
        e = (const struct entry *)(const void *)(log->bytes + at);
        at += e->length;
    } while (e->place < place);
    return e;
}

static void apply_core(struct world *w, const struct entry_log *log, unsigned core, uint64_t to)
{
    struct shard *s = &w->store->shard[core];
    for (uint64_t place = s->place + 1; place <= to; place++) shard_apply(s, entry_at(log, place));
}

// The reader's core has the whole log; the author's core comes after it, entry by entry, while the
// feed is read again and again: it may lack what is not there yet, but in the end it is right.
static void lagging(const struct entry_log *log, struct feed_read what, uint32_t want)
{
    struct world *w = world_new(&(struct world_options){.cores = 2, .fanout_max = 1000});
    unsigned core = store_core(w->store, id_slot(what.viewer));
    struct shard *author = &w->store->shard[1 - core], *reader = &w->store->shard[core];
    uint64_t last = 0;
    struct page page = {.want = 20};
    for (size_t at = 0; at < log->n;) {
        const struct entry *e = (const struct entry *)(const void *)(log->bytes + at);
        last = e->place;
        at += e->length;
    }
    apply_core(w, log, core, last);
    while (author->place < last) {
        apply_core(w, log, 1 - core, author->place + 1);
        what.seen = author->place;
        assert_true(read_feed(reader, what, &page));
    }
    assert_true(read_feed(reader, what, &page));
    assert_int_equal(page.n, want);
    world_free(w);
}

static void test_cores_apart(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 2, .fanout_max = 1000});
    uint64_t a = make_user(w, "a"), b = a;
    for (char name[] = "b"; store_core(w->store, id_slot(b)) == store_core(w->store, id_slot(a));
         name[0]++)
        b = make_user(w, name);
    say_post(w, a, "before");
    say_id(w, OP_follow, b, a);
    say_post(w, a, "while");
    lagging(&w->log, (struct feed_read){.viewer = b}, 2);
    say_id(w, OP_unfollow, b, a);
    lagging(&w->log, (struct feed_read){.viewer = b}, 0);
    say_post(w, a, "while not");
    say_id(w, OP_follow, b, a);
    say_post(w, a, "after");
    lagging(&w->log, (struct feed_read){.viewer = b}, 4);
    world_free(w);
}

static void test_build(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_options){.cores = 1});
    uint64_t a = make_user(w, "a"), b = make_user(w, "b");
    struct page page = {.want = 20};
    for (uint32_t i = 0; i < 3; i++) say_post(w, a, "text");
    say_id(w, OP_follow, b, a);
    read_all_posts(&w->store->shard[0], 0, &page);
    say_id(w, OP_like, b, page.item[1].id);
    struct view view = {w->store, &w->store->shard[0], b};
    struct sight sight[PAGE_MAX];
    page_seen(w->store, &page, ENTITY_post, sight);
    world_body(w);
    struct shown shown_posts = {&page, sight, LIST_none, "next", false};
    const kt_Posts *posts = built(w, build_posts(&w->b, &view, &shown_posts));
    fb_vec all = kt_Posts_posts(posts);
    assert_int_equal(all.n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const kt_Post *p = kt_at_Post(all, i);
        assert_int_equal(kt_Post_liked(p), i == 1);
        assert_true(kt_Post_following(p));
        assert_string_equal(kt_Post_post_type(p).s, "text");
        assert_string_equal(kt_Person_full_name(kt_Post_author(p)).s, "First a");
        assert_ptr_equal(kt_Post_author(p), kt_Post_author(kt_at_Post(all, 0)));
        assert_int_equal(kt_Post_created_at(p), id_ms(page.item[i].id));
    }
    assert_string_equal(kt_Posts_next_cursor(posts).s, "next");

    const kt_User *u = built(w, build_user(&w->b, &view, a));
    assert_true(kt_User_following(u));
    assert_int_equal(kt_User_followers_count(u), 1);
    assert_false(kt_has_User_email(u));
    u = built(w, build_user(&w->b, &view, b));
    assert_string_equal(kt_User_email(u).s, "b@example.org");
    assert_true(kt_has_User_last_login_at(u));
    assert_string_equal(kt_User_bio(u).s, "about me");

    struct page likers = {.want = 20};
    read_edges(&w->store->shard[0], (struct edges_read){page.item[1].id, 0, LIST_likers}, &likers);
    page_seen(w->store, &likers, ENTITY_user, sight);
    struct shown shown_users = {&likers, sight, LIST_likers, NULL, false};
    const kt_Users *users = built(w, build_users(&w->b, &shown_users));
    assert_int_equal(kt_Users_users(users).n, 1);
    assert_int_equal(kt_Person_user_id(kt_at_Person(kt_Users_users(users), 0)), b);
    assert_true(kt_has_Person_liked_at(kt_at_Person(kt_Users_users(users), 0)));

    uint64_t c = say_comment(w, b, page.item[0].id, 0).id,
             d = say_comment(w, a, page.item[0].id, c).id;
    say_id(w, OP_comment_delete, b, c);
    world_body(w);
    const kt_Comment *shown = built(w, build_comment(&w->b, &view, c));
    assert_true(kt_Comment_is_deleted(shown));
    assert_null(kt_Comment_author(shown));
    assert_int_equal(kt_Comment_content(shown).n, 0);
    shown = built(w, build_comment(&w->b, &view, d));
    assert_int_equal(kt_Comment_parent_id(shown), c);
    assert_int_equal(kt_Comment_user_id(shown), a);
    assert_int_equal(build_post(&w->b, &view, 4711), 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pushed),        cmocka_unit_test(test_pulled),
        cmocka_unit_test(test_both),          cmocka_unit_test(test_few_timelines),
        cmocka_unit_test(test_all_posts),     cmocka_unit_test(test_cores_apart),
        cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
