// The model that --validate asks: a page as it should be passes, and each way of being wrong is
// found.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/model.h"
#include "core/fb_build.h"
#include "core/fb_verify.h"
#include "core/id.h"
#include "kith_fb.h"

enum { USERS = 60, POSTS = 900, VIEWER = 7, BODY = 64 << 10 };
#define END_MS UINT64_C(1735689600000)
#define SPAN_MS (UINT64_C(86400000) * 30)

// What is wrong with a page.
enum fault {
    NONE, ORDER, MISSING, SHORT, TEXT, AUTHOR, STRANGER, NAME, UNFOLLOWED, COMMENTS, FAULTS,
};

struct fixture { struct world world; struct model model; uint32_t newest[POSTS]; unsigned n; };

static bool follows(const struct world *w, uint32_t from, uint32_t to)
{
    struct community_edges e;
    struct pair p;
    bool found = false;
    community_edges_begin(&e, &w->community);
    while (community_edges_next(&e, &p))
        found |= p.from == from && p.to == to;
    community_edges_end(&e);
    return found;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct world *w = &f->world;
    w->community = (struct community){.seed = 5, .users = USERS, .edges = USERS * 12,
                                      .posts = POSTS};
    community_init(&w->community);
    w->when = (struct time_span){END_MS, SPAN_MS};
    w->user = calloc(USERS, sizeof *w->user);
    w->post = calloc(POSTS, sizeof *w->post);
    for (uint32_t u = 0; u < USERS; u++)
        w->user[u] = id_make(stamp_make(END_MS - SPAN_MS - 1000 * (u + 1), 0), u);
    for (uint32_t p = 0; p < POSTS; p++) {
        struct made_post made;
        community_post_in(&w->community, p, w->when, &made);
        w->post[p] = id_make(stamp_make(made.created_ms, 0), made.author);
    }
    // The slow way to the viewer's page: all posts, newest first, of those whom it follows.
    for (uint32_t p = POSTS; p-- > 0;)
        if (follows(w, VIEWER, community_author(&w->community, p)))
            f->newest[f->n++] = p;
    model_init(&f->model, w);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    model_free(&f->model);
    free(f->world.user);
    free(f->world.post);
    free(f);
    return 0;
}

static uint32_t stranger(const struct fixture *f)
{
    uint32_t u = 0;
    while (u == VIEWER || follows(&f->world, VIEWER, u))
        u++;
    return u;
}

// Post number p of the community as an answer has it; `fault` on the fourth of a page.
static fb_ref build_post(fb_builder *b, const struct fixture *f, uint32_t p, enum fault fault)
{
    const struct world *w = &f->world;
    struct made_post made;
    char name[24];
    community_post_in(&w->community, p, w->when, &made);
    uint32_t author = fault == STRANGER ? stranger(f) : made.author;
    snprintf(name, sizeof name, "u%u", fault == NAME ? author + 1 : author);
    kt_new_Person person = {0};
    kt_put_Person_user_id(&person, w->user[fault == AUTHOR ? author ^ 1 : author]);
    kt_put_Person_username(&person, fb_cstring(b, name));
    fb_ref by = kt_end_Person(b, &person);
    fb_ref caption = fb_string(b, made.text, made.text_n - (fault == TEXT));
    kt_new_Post post = {0};
    // A stranger's post cannot be one of the community's: those have their authors.
    kt_put_Post_post_id(&post, w->post[p] + (fault == STRANGER ? 1u << SLOT_BITS : 0));
    kt_put_Post_user_id(&post, w->user[author]);
    kt_put_Post_author(&post, by);
    kt_put_Post_caption(&post, caption);
    kt_put_Post_comment_count(&post, fault == COMMENTS ? 1 : 2);
    kt_put_Post_following(&post, fault != UNFOLLOWED);
    return kt_end_Post(b, &post);
}

static bool judge(struct fixture *f, enum fault fault, uint64_t sent_ns, char *why)
{
    uint8_t *body = aligned_alloc(8, BODY);
    fb_builder b;
    fb_init(&b, body, BODY);
    uint32_t mark = fb_mark(&b);
    unsigned n = fault == SHORT ? PAGE_DEFAULT - 1 : PAGE_DEFAULT;
    for (unsigned i = 0, at = 0; i < n; i++, at++) {
        at += fault == MISSING && i == 3;
        uint32_t p = f->newest[at];
        if (fault == ORDER && (i == 3 || i == 4))
            p = f->newest[at ^ 7]; // 3 and 4 change places
        fb_push(&b, build_post(&b, f, p, i == 3 ? fault : NONE));
    }
    kt_new_Posts posts = {0};
    kt_put_Posts_posts(&posts, fb_refs(&b, mark));
    size_t size = fb_finish(&b, kt_end_Posts(&b, &posts));
    fb_limits limits = {.tables = 1000};
    assert_int_equal(fb_verify(fb_data(&b), size, &kt_desc_Posts, &limits), FB_OK);
    struct job job = {.ask = {.kind = ASK_FEED, .actor = VIEWER}, .sent_ns = sent_ns};
    bool agrees = model_agrees(&f->model, &job, fb_root(fb_data(&b)), why);
    free(body);
    return agrees;
}

static void test_pages(void **state)
{
    static const char *const said[FAULTS] = {
        [ORDER] = "not newest first",       [MISSING] = "misses a post",
        [SHORT] = "misses a post",          [TEXT] = "not the text",
        [AUTHOR] = "somebody else's name",  [STRANGER] = "who is not followed",
        [NAME] = "not the name",            [UNFOLLOWED] = "not marked as followed",
        [COMMENTS] = "fewer comments",
    };
    struct fixture *f = *state;
    assert_true(f->n > 2 * PAGE_DEFAULT);
    for (unsigned fault = NONE; fault < FAULTS; fault++) {
        char why[DRIVER_WHY] = "";
        // Sent after everything that was seen before.
        bool agrees = judge(f, (enum fault)fault, UINT64_MAX, why);
        if (agrees != (fault == NONE))
            fail_msg("fault %u: %s", fault, why);
        if (fault != NONE && strstr(why, said[fault]) == NULL)
            fail_msg("fault %u: \"%s\" instead of \"%s\"", fault, why, said[fault]);
    }
}

// What went out before the higher count was seen may show the lower one.
static void test_counts_under_way(void **state)
{
    char why[DRIVER_WHY] = "";
    assert_true(judge(*state, NONE, 1, why));
    assert_true(judge(*state, COMMENTS, 1, why));
}

static void test_follows_since(void **state)
{
    struct fixture *f = *state;
    char why[DRIVER_WHY] = "";
    assert_false(judge(f, STRANGER, 1, why));
    struct job follow = {.ask = {.kind = ASK_FOLLOW, .actor = VIEWER, .other = stranger(f)}};
    model_sent(&f->model, &follow);
    // Its place among the newest is its own now, but the post that it stands for is missing.
    assert_false(judge(f, STRANGER, 1, why));
    assert_non_null(strstr(why, "misses a post"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_follows_since, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
