// What the hot paths of the state cost in instructions: run under callgrind by
// tests/bench/test_budgets.py. One world makes the log; another one applies it, part by part, so
// that applying is counted without what makes the entries.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "core/fb_json_print.h"
#include "core/quiet.h"
#include "kith_fb.h"
#include "store/index.h"
#include "tests/bench/cost.h"
#include "tests/store/support_state.h"

enum {
    USERS = 300,
    FOLLOWS = 20,                   // of each user
    POSTS = 1000,
    READERS = 100,                  // followers of user 0, each with a timeline
    FANNED = 100,                   // posts of user 0
    LIKES = 1000,
    COMMENTS = 500,
    FOLLOWED = 500,                 // new follows
    PAGES = 300,
    GETS = 1000,
    WANT = 20,
    BUFFER = 1 << 16,
};

static struct world *made, *w;
static uint64_t user[USERS], post[POSTS];
static size_t applied;              // bytes of made's log that w has
static uint8_t buffer[BUFFER];
static char text[BUFFER];
static fb_builder b;

// ---- what happens ------------------------------------------------------------------------------

static void make_users(void)
{
    for (uint32_t i = 0; i < USERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%u", i);
        user[i] = make_user(made, name);
    }
}

static void follow(uint32_t from, uint32_t to)
{
    struct outcome o = say_id(made, OP_follow, user[from], user[to]);
    assert_int_equal(o.changed, 1);
}

static void make_follows(void)
{
    for (uint32_t i = 0; i < USERS; i++)
        for (uint32_t k = 0; k < FOLLOWS; k++)
            if ((i + 1 + 7 * k) % USERS != 0) follow(i, (i + 1 + 7 * k) % USERS);
    for (uint32_t i = 1; i <= READERS; i++) follow(i, 0);
}

static uint64_t make_post(uint32_t author, uint32_t number)
{
    char caption[121];
    snprintf(caption, sizeof caption, "%0120u", number);
    struct outcome o = say_post(made, user[author], caption);
    assert_int_equal(o.error, KITH_ok);
    return o.id;
}

static void make_likes(void)
{
    for (uint32_t i = 0; i < LIKES; i++) {
        uint64_t liked = post[(i * 13 + i / USERS) % POSTS];
        struct outcome o = say_id(made, OP_like, user[i % USERS], liked);
        assert_int_equal(o.changed, 1);
    }
}

static void make_comments(void)
{
    for (uint32_t i = 0; i < COMMENTS; i++) {
        struct outcome o = say_comment(made, user[i % USERS], post[i * 13 % POSTS], 0);
        assert_int_equal(o.error, KITH_ok);
    }
}

// ---- applying ----------------------------------------------------------------------------------

// Applies what was made since; gives the number of entries.
static unsigned catch_up(void)
{
    struct shard *s = &w->store->shard[0];
    unsigned n = 0;
    for (; applied < made->log.n; n++) {
        const struct entry *e = (const struct entry *)(const void *)(made->log.bytes + applied);
        shard_apply(s, e);
        quiet_point(&w->store->quiet, 0);
        shard_tidy(s);
        applied += e->length;
    }
    return n;
}

static void cost_apply(const char *path, unsigned n)
{
    struct shard *s = &w->store->shard[0];
    index_settle(s);
    cost_begin();
    unsigned entries = catch_up();
    index_settle(s);
    cost_end(path, entries);
    assert_int_equal(entries, n);   // no consequences
}

static void cost_post(void)
{
    uint64_t pushed = w->store->shard[0].timelines.pushed;
    for (uint32_t i = 0; i < FANNED; i++) make_post(0, POSTS + i);
    cost_apply("apply_post", FANNED);
    assert_int_equal(w->store->shard[0].timelines.pushed - pushed, FANNED * READERS);
}

// ---- reading -----------------------------------------------------------------------------------

struct seen { struct page page; struct sight sight[PAGE_MAX]; };

static void collect(struct seen *v, uint32_t reader)
{
    v->page = (struct page){.want = WANT};
    struct feed_read what = {.viewer = user[reader], .seen = UINT64_MAX};
    read_feed(&w->store->shard[0], what, &v->page);
}

static void see(struct seen *v, uint32_t reader)
{
    struct view view = {w->store, &w->store->shard[0], user[reader]};
    struct eye eye;
    eye_open(&eye, &view);
    page_see(&eye, &v->page, (struct wanted){.kind = ENTITY_post, .followed = true}, v->sight);
}

static size_t build(const struct seen *v, uint32_t reader)
{
    struct view view = {w->store, &w->store->shard[0], user[reader]};
    struct shown shown = {&v->page, v->sight, LIST_none, "cursor", true};
    fb_restart(&b);
    return fb_finish(&b, build_posts(&b, &view, &shown));
}

static void cost_timeline(void)
{
    static struct seen v;
    cost_begin();
    for (uint32_t i = 1; i <= READERS; i++) collect(&v, i);
    cost_end("timeline", READERS);
    assert_int_equal(w->store->shard[0].timelines.computed, READERS);
}

static void cost_feed(void)
{
    static struct seen v[PAGES];
    cost_begin();
    for (uint32_t i = 0; i < PAGES; i++) collect(&v[i], 1 + i % READERS);
    cost_end("feed_collect", PAGES);
    cost_begin();
    for (uint32_t i = 0; i < PAGES; i++) see(&v[i], 1 + i % READERS);
    cost_end("feed_see", PAGES);
    cost_begin();
    size_t least = BUFFER;
    for (uint32_t i = 0; i < PAGES; i++) {
        size_t n = build(&v[i], 1 + i % READERS);
        least = n < least ? n : least;
    }
    cost_end("feed_build", PAGES);
    assert_true(least > WANT * 120);
    least = BUFFER;
    cost_begin();
    for (uint32_t i = 0; i < PAGES; i++) {
        size_t n = fb_json_print(text, sizeof text, fb_root(fb_data(&b)), &kt_desc_Posts,
                                 FB_JSON_FULL);
        least = n < least ? n : least;
    }
    cost_end("feed_json", PAGES);
    assert_true(least > WANT * 120);
    for (uint32_t i = 0; i < PAGES; i++) assert_int_equal(v[i].page.n, WANT);
    assert_int_equal(w->store->shard[0].timelines.computed, READERS);
}

static void cost_gets(void)
{
    struct view view = {w->store, &w->store->shard[0], 0};
    size_t bytes = 0;
    cost_begin();
    for (uint32_t i = 0; i < GETS; i++) {
        fb_restart(&b);
        bytes += fb_finish(&b, build_user(&b, &view, user[i % USERS]));
    }
    cost_end("get_user", GETS);
    assert_true(bytes > GETS * 100);
    bytes = 0;
    cost_begin();
    for (uint32_t i = 0; i < GETS; i++) {
        fb_restart(&b);
        bytes += fb_finish(&b, build_post(&b, &view, post[i % POSTS]));
    }
    cost_end("get_post", GETS);
    assert_true(bytes > GETS * 120);
}

int main(void)
{
    struct world_options opt = {.partitions = 256, .fanout_max = READERS};
    made = world_new(&opt);
    w = world_new(&opt);
    fb_init(&b, buffer, sizeof buffer);
    make_users();
    make_follows();
    for (uint32_t i = 0; i < POSTS; i++) post[i] = make_post(1 + i % (USERS - 1), i);
    catch_up();
    cost_timeline();
    cost_post();
    cost_feed();
    make_likes();
    cost_apply("apply_like", LIKES);
    make_comments();
    cost_apply("apply_comment", COMMENTS);
    for (uint32_t i = 0; i < FOLLOWED; i++) follow(i % USERS, (i + 140 + i / USERS) % USERS);
    cost_apply("apply_follow", FOLLOWED);
    cost_gets();
    world_check_same(made, w);
    world_free(made);
    world_free(w);
    return 0;
}
