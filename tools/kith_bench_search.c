// The scenario search: texts and people, made up or of a file, and what is asked of them drawn from
// their own words and names.
#include "tools/kith_bench_special.h"

#include <sodium/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/vocabulary.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/fb_build.h"
#include "core/ops.h"
#include "core/pool.h"
#include "kith_fb.h"
#include "tools/kith_cli.h"
#include "tools/kith_importer.h"

// ---- made up -----------------------------------------------------------------------------------

static void draw_from_made(struct bench *b)
{
    const struct community *c = &b->world.community;
    for (uint64_t i = 0; i < c->posts; i++) {
        struct made_post made;
        community_post_in(c, i, bench_span(), &made);
        queries_add_text(&b->queries, made.text, made.text_n);
    }
    for (uint32_t i = 0; i < c->users; i++) {
        struct made_person person;
        community_person(c, i, &person);
        queries_add_name(&b->queries, person.username, strlen(person.username));
    }
}

static int make_texts(struct bench *b)
{
    zipf_init(&b->words, VOCABULARY_WORDS, 1);
    b->world.community.words = &b->words;
    b->world.named = true;
    int code = bench_prepare(b, MIX_SEARCH, false);
    if (code == EXIT_OK)
        draw_from_made(b);
    return code;
}

// ---- of a file ---------------------------------------------------------------------------------

static void take_text(void *ctx, const struct post_cells *row)
{
    queries_add_text(ctx, row->text.s, row->text.n);
}

static bool import_texts(struct bench *b, struct importer *im, struct people *authors)
{
    struct import_counts users = {0}, posts = {0};
    if (!import_posts_people(im, b->opt.texts, authors) || !import_people(im, authors, &users) ||
        !import_posts_file(im, b->opt.texts, authors, &posts) ||
        !import_posts_each(im, b->opt.texts, (struct post_taker){take_text, &b->queries}))
        return failed(EXIT_FAILED, "%s", im->why) == EXIT_OK;
    if (users.refused + posts.refused > 0)
        return failed(EXIT_FAILED, "%s: %llu rows are refused", b->opt.texts,
                      (unsigned long long)(users.refused + posts.refused)) == EXIT_OK;
    if (authors->n < 2 || authors->n > UINT32_MAX || b->queries.text.n == 0)
        return failed(EXIT_FAILED, "%s: no two authors, or no words", b->opt.texts) == EXIT_OK;
    b->world.community = (struct community){.seed = b->opt.seed, .users = (uint32_t)authors->n,
                                            .posts = posts.rows};
    return true;
}

static void know_authors(struct bench *b, const struct people *authors)
{
    b->world.user = calloc(authors->n, sizeof *b->world.user);
    ASSERT(b->world.user != NULL);
    for (size_t i = 0; i < authors->n; i++) {
        const char *name = people_username(authors, i);
        b->world.user[i] = authors->person[i].id;
        queries_add_name(&b->queries, name, strlen(name));
    }
    community_init(&b->world.community);
}

static int take_texts(struct bench *b)
{
    struct client client = {.fd = -1};
    struct importer im;
    struct people authors = {0};
    if (sodium_init() < 0)
        return failed(EXIT_FAILED, "libsodium cannot be started");
    int code = bench_connect(b, &client);
    if (code != EXIT_OK)
        return code;
    uint64_t begin = clock_mono_ns();
    importer_init(&im, &client);
    progress_init(&im.progress, false);
    bool whole = import_texts(b, &im, &authors);
    if (whole)
        know_authors(b, &authors);
    importer_free(&im);
    people_free(&authors);
    client_close(&client);
    b->world_seconds = (double)(clock_mono_ns() - begin) / 1e9;
    if (whole)
        bench_aim(b, MIX_SEARCH);
    return whole ? EXIT_OK : EXIT_FAILED;
}

// ---- the run -----------------------------------------------------------------------------------

// The words of new posts go into the index before the next search, which waits for it.
static int search_once(struct bench *b)
{
    enum { TRIES = 100, PAUSE_NS = 100000000 };
    uint8_t body[512];
    struct client c = {.fd = -1};
    struct query query;
    int code = bench_connect(b, &c);
    if (code != EXIT_OK)
        return code;
    queries_draw_post(&b->queries, 0, &query);
    fb_builder w;
    fb_init(&w, body, sizeof body);
    kt_new_PostSearch t = {0};
    kt_put_PostSearch_query(&t, fb_string(&w, query.s, query.n));
    fb_ref root = kt_end_PostSearch(&w, &t);
    struct client_request r = {.op = OP_search_posts, .actor = b->world.user[0]};
    r.body_n = fb_finish(&w, root);
    r.body = fb_data(&w);
    struct answer a = {.head = {.status = 1}};
    int err = 0;
    for (unsigned i = 0; i < TRIES && err == 0 && a.head.status != 0; i++) {
        if (i > 0)
            nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
        err = client_call(&c, &r, &a);
    }
    if (err != 0 || a.head.status != 0)
        code = failed(EXIT_FAILED, "nothing can be searched: %s", c.why);
    client_close(&c);
    return code;
}

static void note_index(struct bench *b)
{
    char line[64];
    snprintf(line, sizeof line, "kith_memory_bytes{kind=\"%s\"}", mem_kind_names[MEM_index]);
    double index = b->server.target == NULL ? bench_server_metric(&b->server, line) : 0;
    double text = (double)b->queries.text_bytes;
    bench_note(b, "texts_mb", text / 1e6, "MB");
    bench_note(b, "words", b->queries.word.n, "");
    if (index <= 0)
        return;
    bench_note(b, "index_mb", index / 1e6, "MB");
    bench_note(b, "index_ratio", bench_ratio(index, text), "");
}

int bench_search(struct bench *b)
{
    int code = bench_server_start(&b->server);
    if (code == EXIT_OK)
        code = b->opt.texts != NULL ? take_texts(b) : make_texts(b);
    if (code == EXIT_OK)
        code = search_once(b);
    if (code == EXIT_OK)
        code = bench_measure(b);
    if (code != EXIT_OK)
        return code;
    bench_note_found(b, ASK_SEARCH_POSTS, "post_hits_per_query");
    bench_note_found(b, ASK_SEARCH_USERS, "user_hits_per_query");
    note_index(b);
    return EXIT_OK;
}
