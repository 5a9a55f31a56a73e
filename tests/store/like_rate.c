// What applying a like costs in process, without network or log: a figure, not a test.
//
//   like_rate [USERS] [POSTS] [LIKES]
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/ahead.h"
#include "tests/store/support_state.h"

enum { ENTRY_BYTES = 128, BODY_BYTES = 64 };

// The next place's entry: u likes p.
static void make(struct world *w, struct entry *e, uint64_t user, uint64_t post)
{
    _Alignas(8) uint8_t body[BODY_BYTES];
    fb_builder b;
    fb_init(&b, body, sizeof body);
    kt_new_Like like = {0};
    kt_put_Like_post_id(&like, post);
    size_t n = fb_finish(&b, kt_end_Like(&b, &like));
    assert_true(n > 0 && sizeof *e + n <= ENTRY_BYTES);
    *e = (struct entry){.length = (uint32_t)(sizeof *e + n), .op = OP_like, .actor = user};
    memcpy(e + 1, fb_data(&b), n);
    assert_int_equal(store_route(w->store, e), KITH_ok);
    e->place = ++w->place;
    e->stamp = w->stamp += 2;
}

struct crowd { uint64_t *user, *post; uint32_t users, posts; };

static void fill(struct world *w, struct crowd *c, struct rng *rng)
{
    char name[16];
    for (uint32_t i = 0; i < c->users; i++) {
        snprintf(name, sizeof name, "u%u", i);
        c->user[i] = make_user(w, name);
    }
    for (uint32_t i = 0; i < c->posts; i++)
        c->post[i] = say_post(w, c->user[rng_below(rng, c->users)], "a post").id;
}

int main(int argc, char **argv)
{
    struct crowd c = {.users = argc > 1 ? (uint32_t)atoi(argv[1]) : 10000,
                      .posts = argc > 2 ? (uint32_t)atoi(argv[2]) : 100000};
    uint32_t likes = argc > 3 ? (uint32_t)atoi(argv[3]) : 400000;
    struct rng rng = {1};
    struct world *w = world_new(&(struct world_options){.partitions = 256});
    uint8_t *entries = aligned_alloc(64, (size_t)likes * ENTRY_BYTES);
    c.user = calloc(c.users, sizeof *c.user);
    c.post = calloc(c.posts, sizeof *c.post);
    assert_true(c.user != NULL && c.post != NULL && entries != NULL);
    fill(w, &c, &rng);
    for (uint32_t i = 0; i < likes; i++)
        make(w, (struct entry *)(void *)(entries + (size_t)i * ENTRY_BYTES),
             c.user[rng_below(&rng, c.users)], c.post[rng_below(&rng, c.posts)]);
    struct memory_report before, after;
    store_memory(w->store, &before);
    uint64_t from = clock_mono_ns();
    for (uint32_t i = 0; i < likes; i++) {
        const struct entry *next[AHEAD_EDGES];
        uint32_t n = 0;
        for (; n < AHEAD_EDGES && i + n < likes; n++)
            next[n] = (const void *)(entries + (size_t)(i + n) * ENTRY_BYTES);
        if (i % AHEAD_EDGES == 0) shard_ahead(&w->store->shard[0], next, n);
        shard_apply(&w->store->shard[0], next[0]);
    }
    uint64_t ns = clock_mono_ns() - from, bytes = 0;
    store_memory(w->store, &after);
    for (unsigned k = 0; k < MEM_KINDS; k++) bytes += after.used[k] - before.used[k];
    printf("%.0f ns, %.0f bytes a like\n", (double)ns / likes, (double)bytes / likes);
    free(c.user);
    free(c.post);
    free(entries);
    world_free(w);
    return 0;
}
