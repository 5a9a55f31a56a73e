// What a second core brings, in process: the same log applied, then the same pages read, by one
// thread and by two with a half of the partitions each. A figure, not a test; one JSON object.
//
//   cores_rate [USERS] [FOLLOWS EACH] [POSTS] [PAGES]
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/id.h"
#include "kith_fb.h"
#include "tests/store/support_state.h"

enum { WANT = 20, BUFFER = 1 << 16, TIDY_EVERY = 64, THREADS = 2 };

struct crowd {
    uint64_t *id;
    uint32_t users, follows, posts, pages;
    struct rng rng;
};

// A thread's share of one measurement.
struct hand {
    struct world *w;
    const struct entry_log *log;
    const struct crowd *crowd;
    pthread_barrier_t *begin;
    unsigned core;
    uint64_t done, cpu_ns;
};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// ---- the log -----------------------------------------------------------------------------------

static void settle_in(struct world *w, struct crowd *c)
{
    char text[121];
    for (uint32_t i = 0; i < c->users; i++) {
        snprintf(text, sizeof text, "u%u", i);
        c->id[i] = make_user(w, text);
    }
    for (uint32_t i = 0; i < c->users; i++)
        for (uint32_t k = 0; k < c->follows; k++)
            say_id(w, OP_follow, c->id[i], c->id[rng_below(&c->rng, c->users)]);
    for (uint32_t i = 0; i < c->posts; i++) {
        snprintf(text, sizeof text, "%0120u", i);
        uint64_t author = c->id[rng_below(&c->rng, c->users)];
        uint64_t post = say_post(w, author, text).id;
        say_id(w, OP_like, c->id[rng_below(&c->rng, c->users)], post);
        say_comment(w, c->id[rng_below(&c->rng, c->users)], post, 0);
    }
}

// ---- what a thread does ------------------------------------------------------------------------

static void *apply_all(void *ctx)
{
    struct hand *h = ctx;
    struct store *s = h->w->store;
    struct shard *shard = &s->shard[h->core];
    pthread_barrier_wait(h->begin);
    uint64_t begin = cpu_ns();
    quiet_online(&s->quiet, h->core);
    for (size_t at = 0; at < h->log->n; h->done++) {
        const struct entry *e = (const struct entry *)(const void *)(h->log->bytes + at);
        shard_apply(shard, e);
        at += e->length;
        if (h->done % TIDY_EVERY != 0) continue;
        quiet_point(&s->quiet, h->core);
        shard_tidy(shard);
    }
    quiet_offline(&s->quiet, h->core);
    h->cpu_ns = cpu_ns() - begin;
    return NULL;
}

static void page_of(struct shard *shard, uint64_t viewer, fb_builder *b)
{
    struct store *s = shard->store;
    struct page page = {.want = WANT};
    struct sight sight[PAGE_MAX];
    struct view view = {s, shard, viewer};
    struct shown shown = {&page, sight, LIST_none, "cursor", true};
    read_feed(shard, (struct feed_read){.viewer = viewer, .seen = UINT64_MAX}, &page);
    struct eye eye;
    eye_open(&eye, &view);
    page_see(&eye, &page, (struct wanted){.kind = ENTITY_post, .followed = true}, sight);
    fb_restart(b);
    assert_int_not_equal(fb_finish(b, build_posts(b, &view, &shown)), 0);
}

static void *read_all(void *ctx)
{
    struct hand *h = ctx;
    struct store *s = h->w->store;
    const struct crowd *c = h->crowd;
    struct rng rng = {7};
    fb_builder b;
    uint8_t *buffer = malloc(BUFFER);
    assert_non_null(buffer);
    fb_init(&b, buffer, BUFFER);
    pthread_barrier_wait(h->begin);
    uint64_t begin = cpu_ns();
    quiet_online(&s->quiet, h->core);
    // Everybody once, so that the timelines are there, then at random; each thread its own readers.
    for (uint32_t i = 0; i < c->users + c->pages; i++) {
        uint64_t viewer = c->id[i < c->users ? i : rng_below(&rng, c->users)];
        if (store_core(s, id_slot(viewer)) != h->core) continue;
        page_of(&s->shard[h->core], viewer, &b);
        h->done++;
        quiet_point(&s->quiet, h->core);
    }
    quiet_offline(&s->quiet, h->core);
    h->cpu_ns = cpu_ns() - begin;
    free(buffer);
    return NULL;
}

// ---- measuring ---------------------------------------------------------------------------------

struct pace { double seconds, cpu_s; }; // cpu_s: of the thread that took longest

static struct pace run(struct hand *model, unsigned threads, void *(*work)(void *ctx))
{
    pthread_barrier_t begin;
    pthread_t thread[THREADS];
    struct hand hand[THREADS];
    struct pace pace = {0};
    pthread_barrier_init(&begin, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        hand[i] = *model;
        hand[i].core = i;
        hand[i].begin = &begin;
        assert_int_equal(pthread_create(&thread[i], NULL, work, &hand[i]), 0);
    }
    uint64_t t = clock_mono_ns();
    pthread_barrier_wait(&begin);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        double cpu_s = (double)hand[i].cpu_ns / 1e9;
        pace.cpu_s = cpu_s > pace.cpu_s ? cpu_s : pace.cpu_s;
    }
    pace.seconds = (double)(clock_mono_ns() - t) / 1e9;
    pthread_barrier_destroy(&begin);
    return pace;
}

static void say(const char *what, double n, const struct pace pace[THREADS])
{
    printf("\"%s_one_per_second\": %.0f, \"%s_two_per_second\": %.0f, \"%s_ratio\": %.3f, "
           "\"%s_cpu_ratio\": %.3f",
           what, n / pace[0].seconds, what, n / pace[1].seconds, what,
           pace[0].seconds / pace[1].seconds, what, pace[0].cpu_s / pace[1].cpu_s);
}

int main(int argc, char **argv)
{
    struct crowd c = {.users = argc > 1 ? (uint32_t)atoi(argv[1]) : 10000,
                      .follows = argc > 2 ? (uint32_t)atoi(argv[2]) : 50,
                      .posts = argc > 3 ? (uint32_t)atoi(argv[3]) : 100000,
                      .pages = argc > 4 ? (uint32_t)atoi(argv[4]) : 400000,
                      .rng = {1}};
    struct world_options opt = {.partitions = 256, .fanout_max = 100000, .deaf = true};
    struct world_options plain = {.partitions = 256, .fanout_max = 100000};
    struct world *made = world_new(&plain);
    struct pace applies[THREADS], reads[THREADS];
    c.id = calloc(c.users, sizeof *c.id);
    assert_non_null(c.id);
    settle_in(made, &c);
    for (unsigned threads = 1; threads <= THREADS; threads++) {
        opt.cores = threads;
        struct world *w = world_new(&opt);
        struct hand hand = {.w = w, .log = &made->log, .crowd = &c};
        for (unsigned i = 0; i < threads; i++) quiet_offline(&w->store->quiet, i);
        applies[threads - 1] = run(&hand, threads, apply_all);
        world_check_same(made, w);
        reads[threads - 1] = run(&hand, threads, read_all);
        world_free(w);
    }
    printf("{");
    say("applies", made->log.entries, applies);
    printf(", ");
    say("reads", (double)c.users + c.pages, reads);
    printf("}\n");
    free(c.id);
    world_free(made);
    return 0;
}
