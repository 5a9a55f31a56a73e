#include "tools/kith_bench_graph.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "tools/kith_cli.h"
#include "tools/kith_edge_file.h"
#include "tools/kith_people.h"

struct graph {
    struct people people;      // numbers of the file; users are their places by rising number
    struct pair *edge;
    size_t n, cap;
    bool undirected;
};

static bool note_people(void *ctx, uint64_t u, uint64_t v)
{
    struct graph *g = ctx;
    people_number(&g->people, u);
    people_number(&g->people, v);
    return true;
}

static void add(struct graph *g, size_t from, size_t to)
{
    if (from == to)
        return;
    if (g->n == g->cap) {
        g->cap = 2 * g->cap + 1024;
        g->edge = realloc(g->edge, g->cap * sizeof *g->edge);
        ASSERT(g->edge != NULL);
    }
    g->edge[g->n++] = (struct pair){(uint32_t)from, (uint32_t)to};
}

static bool note_edge(void *ctx, uint64_t u, uint64_t v)
{
    struct graph *g = ctx;
    size_t from = people_find_number(&g->people, u), to = people_find_number(&g->people, v);
    add(g, from, to);
    if (g->undirected)
        add(g, to, from);
    return true;
}

static int by_follower(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

// Each edge once.
static void sort_edges(struct graph *g)
{
    size_t n = 0;
    qsort(g->edge, g->n, sizeof *g->edge, by_follower);
    for (size_t i = 0; i < g->n; i++)
        if (n == 0 || by_follower(&g->edge[i], &g->edge[n - 1]) != 0)
            g->edge[n++] = g->edge[i];
    g->n = n;
}

struct followed { uint32_t user, followers; };

static int by_followers(const void *a, const void *b)
{
    const struct followed *x = a, *y = b;
    if (x->followers != y->followers)
        return x->followers > y->followers ? -1 : 1;
    return (x->user > y->user) - (x->user < y->user);
}

static uint32_t *rank_users(const struct graph *g)
{
    size_t users = g->people.n;
    struct followed *all = calloc(users, sizeof *all);
    uint32_t *ranked = calloc(users, sizeof *ranked);
    ASSERT(all != NULL && ranked != NULL);
    for (uint32_t u = 0; u < users; u++)
        all[u].user = u;
    for (size_t i = 0; i < g->n; i++)
        all[g->edge[i].to].followers++;
    qsort(all, users, sizeof *all, by_followers);
    for (size_t i = 0; i < users; i++)
        ranked[i] = all[i].user;
    free(all);
    return ranked;
}

static bool read_file(struct graph *g, const char *path)
{
    struct edge_file people = {.take = note_people, .ctx = g};
    struct edge_file edges = {.take = note_edge, .ctx = g};
    if (!edge_file_read(&people, path))
        return failed(EXIT_FAILED, "%s", people.why) == EXIT_OK;
    people_sort(&g->people);
    if (!edge_file_read(&edges, path))
        return failed(EXIT_FAILED, "%s", edges.why) == EXIT_OK;
    sort_edges(g);
    return true;
}

int bench_graph_take(struct bench *b)
{
    struct graph g = {.undirected = b->opt.undirected};
    struct community *c = &b->world.community;
    int code = read_file(&g, b->opt.edges) ? EXIT_OK : EXIT_FAILED;
    if (code == EXIT_OK && (g.n == 0 || g.people.n > UINT32_MAX))
        code = failed(EXIT_FAILED, "%s: no edges, or too many people", b->opt.edges);
    if (code == EXIT_OK) {
        c->users = (uint32_t)g.people.n;
        c->edges = g.n;
        c->given = g.edge;
        c->ranked = rank_users(&g);
        g.edge = NULL;
    }
    people_free(&g.people);
    free(g.edge);
    return code;
}

void bench_graph_free(struct bench *b)
{
    free((void *)(uintptr_t)b->world.community.given);
    free((void *)(uintptr_t)b->world.community.ranked);
    b->world.community.given = NULL;
    b->world.community.ranked = NULL;
}
