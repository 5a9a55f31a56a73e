// What a page of the home feed costs in process, without network or log: a figure, not a test.
//
//   feed_rate [USERS] [FOLLOWS EACH] [POSTS] [PAGES]
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "kith_fb.h"
#include "tests/store/support_state.h"

enum { WANT = 20, BUFFER = 1 << 16 };

static uint8_t buffer[BUFFER];
static fb_builder b;

static uint64_t *people(struct world *w, uint32_t n)
{
    uint64_t *id = calloc(n, sizeof *id);
    assert_non_null(id);
    for (uint32_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%u", i);
        id[i] = make_user(w, name);
    }
    return id;
}

struct crowd { uint64_t *id; uint32_t users, follows, posts; struct rng rng; };

static void follow(struct world *w, struct crowd *c)
{
    for (uint32_t i = 0; i < c->users; i++)
        for (uint32_t k = 0; k < c->follows; k++)
            say_id(w, OP_follow, c->id[i], c->id[rng_below(&c->rng, c->users)]);
}

static void post(struct world *w, struct crowd *c)
{
    char text[121];
    for (uint32_t i = 0; i < c->posts; i++) {
        snprintf(text, sizeof text, "%0120u", i);
        say_post(w, c->id[rng_below(&c->rng, c->users)], text);
    }
}

struct spent { uint64_t collect, see, build, bytes; };

static void page_of(struct store *s, uint64_t viewer, struct spent *spent)
{
    struct page page = {.want = WANT};
    struct sight sight[PAGE_MAX];
    struct view view = {s, &s->shard[0], viewer};
    struct shown shown = {&page, sight, LIST_none, "cursor", true};
    uint64_t t0 = clock_mono_ns();
    read_feed(&s->shard[0], (struct feed_read){.viewer = viewer, .seen = UINT64_MAX}, &page);
    uint64_t t1 = clock_mono_ns();
    struct eye eye;
    eye_open(&eye, &view);
    page_see(&eye, &page, (struct wanted){ENTITY_post, true, false}, sight);
    uint64_t t2 = clock_mono_ns();
    fb_restart(&b);
    spent->bytes += fb_finish(&b, build_posts(&b, &view, &shown));
    uint64_t t3 = clock_mono_ns();
    spent->collect += t1 - t0;
    spent->see += t2 - t1;
    spent->build += t3 - t2;
}

int main(int argc, char **argv)
{
    struct crowd c = {.users = argc > 1 ? (uint32_t)atoi(argv[1]) : 10000,
                      .follows = argc > 2 ? (uint32_t)atoi(argv[2]) : 50,
                      .posts = argc > 3 ? (uint32_t)atoi(argv[3]) : 100000,
                      .rng = {1}};
    struct world *w = world_new(&(struct world_options){.partitions = 256, .fanout_max = 100000});
    c.id = people(w, c.users);
    follow(w, &c);
    post(w, &c);
    uint32_t rounds = argc > 4 ? (uint32_t)atoi(argv[4]) : 200000;
    struct spent spent = {0};
    fb_init(&b, buffer, sizeof buffer);
    for (uint32_t i = 0; i < c.users; i++) page_of(w->store, c.id[i], &spent);
    printf("first time: %.2f us a page\n", (double)spent.collect / 1e3 / c.users);
    spent = (struct spent){0};
    for (uint32_t i = 0; i < rounds; i++)
        page_of(w->store, c.id[rng_below(&c.rng, c.users)], &spent);
    printf("collect %.2f us, see %.2f us, build %.2f us; %.0f bytes\n",
           (double)spent.collect / 1e3 / rounds, (double)spent.see / 1e3 / rounds,
           (double)spent.build / 1e3 / rounds, (double)spent.bytes / rounds);
    free(c.id);
    world_free(w);
    return 0;
}
