#include "tools/kith_import.h"

#include <sodium/core.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "tools/kith_cli.h"
#include "tools/kith_connect.h"
#include "tools/kith_importer.h"

struct options {
    struct connect_options connect;
    const char *users, *edges, *posts, *likes, *generate;
    bool undirected, force_progress, json;
    uint64_t gen_users, gen_edges, gen_posts, follow_authors;
};

enum phase { PHASE_USERS, PHASE_EDGES, PHASE_FOLLOWS, PHASE_POSTS, PHASE_LIKES, PHASES };
static const char *const phase_names[PHASES] = {"users", "edges", "follows", "posts", "likes"};

struct import {
    const struct options *o;
    struct importer im;
    struct community community;
    struct people graph, authors;
    struct import_counts counts[PHASES];
};

static bool import_made(struct import *i)
{
    for (uint32_t u = 0; u < i->community.users; u++)
        people_number(&i->graph, u);
    return import_people(&i->im, &i->graph, &i->counts[PHASE_USERS]) &&
           import_edges_made(&i->im, &i->community, &i->graph, &i->counts[PHASE_EDGES]) &&
           import_posts_made(&i->im, &i->community, &i->graph, &i->counts[PHASE_POSTS]);
}

static bool import_files(struct import *i)
{
    const struct options *o = i->o;
    struct importer *im = &i->im;
    struct import_edges edges = {o->edges, o->undirected, &i->graph};
    struct import_follow follow = {&i->graph, &i->authors, o->follow_authors};
    if (o->users != NULL && !import_users_file(im, o->users, &i->counts[PHASE_USERS]))
        return false;
    if (o->edges != NULL && (!import_edges_people(im, o->edges, &i->graph) ||
                             !import_people(im, &i->graph, &i->counts[PHASE_USERS]) ||
                             !import_edges_file(im, &edges, &i->counts[PHASE_EDGES])))
        return false;
    if (o->posts != NULL && (!import_posts_people(im, o->posts, &i->authors) ||
                             !import_people(im, &i->authors, &i->counts[PHASE_USERS]) ||
                             (o->follow_authors > 0 &&
                              !import_follow_authors(im, &follow, &i->counts[PHASE_FOLLOWS])) ||
                             !import_posts_file(im, o->posts, &i->authors,
                                                &i->counts[PHASE_POSTS])))
        return false;
    return o->likes == NULL || import_likes_file(im, o->likes, &i->counts[PHASE_LIKES]);
}

static void print_summary(const struct import *i, bool json, double seconds)
{
    printf("%s", json ? "{" : "");
    for (unsigned p = 0; p < PHASES; p++) {
        const struct import_counts *n = &i->counts[p];
        double rate = n->seconds > 0 ? (double)n->rows / n->seconds : 0;
        const char *format =
            json ? "\"%s\":{\"rows\":%llu,\"applied\":%llu,\"repeated\":%llu,\"refused\":%llu,"
                   "\"per_second\":%.0f},"
                 : "%-8s %llu rows: %llu applied, %llu repeated, %llu refused (%.0f/s)\n";
        if (n->rows > 0)
            printf(format, phase_names[p], (unsigned long long)n->rows,
                   (unsigned long long)n->applied, (unsigned long long)n->repeated,
                   (unsigned long long)n->refused, rate);
    }
    printf(json ? "\"retries\":%llu,\"seconds\":%.3f}\n"
                : "%llu requests sent again, %.2f seconds in all\n",
           (unsigned long long)i->im.pipeline.retries, seconds);
}

static int run(const struct options *o)
{
    struct client client;
    int code = connect_server(&client, &o->connect);
    if (code != EXIT_OK)
        return code;
    struct import i = {.o = o};
    importer_init(&i.im, &client);
    progress_init(&i.im.progress, o->force_progress);
    if (o->generate != NULL) {
        i.community = (struct community){.users = (uint32_t)o->gen_users,
                                         .edges = o->gen_edges, .posts = o->gen_posts};
        parse_u64(o->generate, &i.community.seed);
        community_init(&i.community);
    }
    uint64_t begin = clock_mono_ns();
    bool whole = o->generate != NULL ? import_made(&i) : import_files(&i);
    print_summary(&i, o->json, (double)(clock_mono_ns() - begin) / 1e9);
    uint64_t refused = 0;
    for (unsigned p = 0; p < PHASES; p++)
        refused += i.counts[p].refused;
    bool cut = client.fd < 0;
    if (!whole)
        failed(EXIT_FAILED, "%s", i.im.why);
    importer_free(&i.im);
    people_free(&i.graph);
    people_free(&i.authors);
    client_close(&client);
    return whole ? (refused > 0 ? EXIT_FAILED : EXIT_OK) : cut ? EXIT_CONNECT : EXIT_FAILED;
}

// What cannot go together. CLI_GO_ON or EXIT_USAGE.
static int judge(const struct command *c, const struct options *o)
{
    uint64_t seed;
    bool files = o->users != NULL || o->edges != NULL || o->posts != NULL || o->likes != NULL;
    if (!files && o->generate == NULL)
        return usage_error(c, "what? --users, --edges, --posts, --likes or --generate");
    if (files && o->generate != NULL)
        return usage_error(c, "--generate does not go with files");
    if (o->generate != NULL && !parse_u64(o->generate, &seed))
        return usage_error(c, "--generate takes a number, not \"%s\"", o->generate);
    if (o->generate != NULL && (o->gen_users < 2 || o->gen_users > 100000000 ||
                                o->gen_edges > o->gen_users * (o->gen_users - 1) / 2))
        return usage_error(c, "--gen-users is at least 2, and --gen-edges at most half of all "
                              "pairs of them");
    if (o->follow_authors > 0 && (o->edges == NULL || o->posts == NULL))
        return usage_error(c, "--follow-authors needs --edges (who follows) and --posts (whom)");
    if (o->undirected && o->edges == NULL)
        return usage_error(c, "--undirected needs --edges");
    return CLI_GO_ON;
}

static const char import_more[] =
    "Users of a graph are called n<number>, made so many seconds after 2010-01-01. Authors of\n"
    "posts become users when their first row was posted; a name that somebody holds means that\n"
    "user. A reader u follows, with --follow-authors N, the authors (u * 7 + k * 13) mod AUTHORS\n"
    "for k below N, counted in the order of their first row. Posts are CSV with a header line or\n"
    "one JSON object a line; columns: author|author_id|username|handle,\n"
    "content|caption|text|body, created_at|publish_date|date, image_url, hashtags. Files may be\n"
    "packed with zstd. A row of likes names user_id and one of post_id and comment_id.\n"
    "\n"
    "A row that is there already is counted as repeated: an import that was interrupted is\n"
    "finished by running it again. Exit code 1: rows were refused; 4: no server.\n";

int kith_import(int argc, char **argv)
{
    struct options o = {.gen_users = 100000, .gen_edges = 5000000, .gen_posts = 1000000};
    const struct option options[] = {
        CONNECT_OPTIONS(o.connect),
        {"users", 0, OPTION_TEXT, "FILE", NULL, "users: CSV or NDJSON", &o.users},
        {"edges", 0, OPTION_TEXT, "FILE", NULL, "who follows whom: lines \"u v\"", &o.edges},
        {"undirected", 0, OPTION_FLAG, NULL, NULL, "each edge both ways", &o.undirected},
        {"posts", 0, OPTION_TEXT, "FILE", NULL, "posts: CSV or NDJSON", &o.posts},
        {"likes", 0, OPTION_TEXT, "FILE", NULL, "who likes which post or comment: CSV or NDJSON",
         &o.likes},
        {"follow-authors", 0, OPTION_NUMBER, "N", "0", "authors that each of the graph follows",
         &o.follow_authors},
        {"generate", 0, OPTION_TEXT, "SEED", NULL, "a made-up community", &o.generate},
        {"gen-users", 0, OPTION_NUMBER, "N", "100000", "its users", &o.gen_users},
        {"gen-edges", 0, OPTION_NUMBER, "N", "5000000", "its follows", &o.gen_edges},
        {"gen-posts", 0, OPTION_NUMBER, "N", "1000000", "its posts", &o.gen_posts},
        {"progress", 0, OPTION_FLAG, NULL, "on a terminal", "show how far it is",
         &o.force_progress},
        {"json", 0, OPTION_FLAG, NULL, NULL, "the summary as JSON", &o.json},
        {0},
    };
    const struct command command = {
        .name = "import",
        .purpose = "Loads users, follows and posts into a running server.",
        .usage = "--edges FILE | --posts FILE | --users FILE | --likes FILE | --generate SEED "
                 "[options]",
        .examples =
            "  kith import --service-key-file key --edges friends.txt.zst --undirected\n"
            "  kith import --service-key-file key --edges friends.txt --posts tweets.csv.zst "
            "--follow-authors 10\n"
            "  kith import --service-key-file key --generate 1 --gen-users 1000000\n",
        .options = options,
        .more = import_more,
    };
    struct words rest;
    int code = options_parse(&command, (struct words){argc, argv}, &rest);
    if (code != CLI_GO_ON)
        return code;
    code = judge(&command, &o);
    if (code != CLI_GO_ON)
        return code;
    if (sodium_init() < 0)
        return failed(EXIT_FAILED, "libsodium cannot be started");
    return run(&o);
}
