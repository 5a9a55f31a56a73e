// bench.c - what the FlatBuffers runtime costs: a page of 20 posts, built, verified, printed, read.
#define _POSIX_C_SOURCE 200809L // clock_gettime
#include "kith_fb.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"

enum { POSTS = 20, ROUNDS = 20000, TRIES = 9 };

static uint64_t memory[8192];
static char text[65536];
static fb_builder b;
static size_t bytes, text_bytes;

static const char caption[] =
    "A long walk by the sea with #friends and a dog, 2024 in \xe2\x80\x9cwinter\xe2\x80\x9d";

static fb_ref build_post(uint64_t i)
{
    kt_new_Person author = {0};
    kt_put_Person_user_id(&author, 1000 + i);
    kt_put_Person_username(&author, fb_string(&b, "username_17", 11));
    kt_put_Person_full_name(&author, fb_string(&b, "Some Full Name", 14));
    kt_put_Person_avatar_url(&author, fb_string(&b, "https://cdn.example.org/a/17.jpg", 32));
    kt_put_Person_is_verified(&author, i & 1);
    kt_new_Post p = {0};
    kt_put_Post_author(&p, kt_end_Person(&b, &author));
    kt_put_Post_post_id(&p, UINT64_C(880000000000000000) + i);
    kt_put_Post_user_id(&p, 1000 + i);
    kt_put_Post_caption(&p, fb_string(&b, caption, sizeof caption - 1));
    kt_put_Post_post_type(&p, fb_string(&b, "text", 4));
    kt_put_Post_created_at(&p, UINT64_C(1734689730123) + i * 1000);
    kt_put_Post_updated_at(&p, UINT64_C(1734689730123) + i * 1000);
    kt_put_Post_like_count(&p, (uint32_t)i * 17);
    kt_put_Post_comment_count(&p, (uint32_t)i);
    kt_put_Post_share_count(&p, 0);
    kt_put_Post_liked(&p, i & 1);
    kt_put_Post_following(&p, true);
    return kt_end_Post(&b, &p);
}

static void build(void)
{
    fb_init(&b, memory, sizeof memory);
    kt_new_Posts page = {0};
    uint32_t mark = fb_mark(&b);
    for (uint64_t i = 0; i < POSTS; i++) fb_push(&b, build_post(i));
    kt_put_Posts_posts(&page, fb_refs(&b, mark));
    kt_put_Posts_next_cursor(&page, fb_string(&b, "b3BhcXVl", 8));
    bytes = fb_finish(&b, kt_end_Posts(&b, &page));
}

static void verify(void)
{
    if (fb_verify(fb_data(&b), bytes, &kt_desc_Posts, NULL) != FB_OK) abort();
}

static void print(void)
{
    text_bytes = fb_json_print(text, sizeof text, fb_root(fb_data(&b)), &kt_desc_Posts, 0);
    if (text_bytes == 0) abort();
}

static void print_full(void)
{
    const void *page = fb_root(fb_data(&b));
    if (!fb_json_print(text, sizeof text, page, &kt_desc_Posts, FB_JSON_FULL)) abort();
}

static void parse(void)
{
    static uint64_t other[8192];
    fb_builder into;
    fb_json_error err;
    fb_init(&into, other, sizeof other);
    if (!fb_json_parse(&into, text, text_bytes, &kt_desc_Posts, &err)) abort();
}

static void measure(const char *name, void (*what)(void))
{
    double best = 1e9;
    for (int i = 0; i < TRIES; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (int j = 0; j < ROUNDS; j++) what();
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
        if (ns / ROUNDS < best) best = ns / ROUNDS;
    }
    printf("%-12s %8.0f ns\n", name, best);
}

int main(void)
{
    measure("build", build);
    measure("verify", verify);
    measure("print full", print_full);
    measure("print", print);
    measure("parse", parse);
    printf("%zu bytes, JSON %zu bytes\n", bytes, text_bytes);
    return 0;
}
