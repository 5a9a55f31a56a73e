#include "bench/compare/fill.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

#define YEAR_2025_MS UINT64_C(1735689600000)
#define YEAR_MS (UINT64_C(365) * 86400 * 1000)

struct time_span fill_span(void)
{
    return (struct time_span){YEAR_2025_MS, YEAR_MS};
}

static void *room(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    ASSERT(p != NULL);
    return p;
}

static void fill_edges(struct fill *f)
{
    struct community_edges edges;
    community_edges_begin(&edges, f->c);
    while (community_edges_next(&edges, &f->edge[f->edges])) {
        f->first[f->edge[f->edges].to + 1]++;
        f->following[f->edge[f->edges].from]++;
        f->edges++;
    }
    community_edges_end(&edges);
    for (uint32_t u = 0; u < f->c->users; u++)
        f->first[u + 1] += f->first[u];
    uint32_t *at = room(f->c->users, sizeof *at);
    for (uint64_t i = 0; i < f->edges; i++) {
        uint32_t to = f->edge[i].to;
        f->follower[f->first[to] + at[to]++] = f->edge[i].from;
    }
    free(at);
}

// From the newest post on, until a timeline is full.
static void fill_timelines(struct fill *f)
{
    struct made_post made;
    for (uint64_t i = f->c->posts; i-- > 0;) {
        fill_post(f, i, &made);
        f->posts[made.author]++;
        for (uint32_t k = f->first[made.author]; k < f->first[made.author + 1]; k++) {
            uint32_t reader = f->follower[k];
            if (f->timeline_n[reader] < f->kept)
                f->timeline[(size_t)reader * f->kept + f->timeline_n[reader]++] = (uint32_t)i;
        }
    }
}

void fill_begin(struct fill *f, const struct community *c, uint32_t kept)
{
    *f = (struct fill){.c = c, .kept = kept};
    uint64_t edges_max = c->edges + (c->star ? c->users : 0);
    f->edge = room(edges_max, sizeof *f->edge);
    f->follower = room(edges_max, sizeof *f->follower);
    f->first = room(c->users + 1, sizeof *f->first);
    f->following = room(c->users, sizeof *f->following);
    f->posts = room(c->users, sizeof *f->posts);
    f->timeline = room((size_t)c->users * kept, sizeof *f->timeline);
    f->timeline_n = room(c->users, sizeof *f->timeline_n);
    fill_edges(f);
    fill_timelines(f);
}

void fill_post(const struct fill *f, uint64_t i, struct made_post *out)
{
    community_post_in(f->c, i, fill_span(), out);
}

void fill_end(struct fill *f)
{
    free(f->edge);
    free(f->follower);
    free(f->first);
    free(f->following);
    free(f->posts);
    free(f->timeline);
    free(f->timeline_n);
}
