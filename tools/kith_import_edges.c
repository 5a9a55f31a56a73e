// Edges: of a list "u v", made up, or by the rule that gives readers authors to follow.
#include "tools/kith_importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tools/kith_edge_file.h"

// Edges on their way into one request.
struct edge_batch {
    struct importer *im;
    uint32_t n;
    uint64_t from[IMPORT_EDGES_MAX], to[IMPORT_EDGES_MAX];
};

static bool flush_edges(struct edge_batch *b)
{
    if (b->n == 0)
        return true;
    fb_builder *fb = &b->im->builder;
    fb_ref from = fb_vector(fb, b->from, b->n, 8), to = fb_vector(fb, b->to, b->n, 8);
    kt_new_ImportEdges w = {0};
    kt_put_ImportEdges_kind(&w, kt_EdgeKind_follow);
    kt_put_ImportEdges_from(&w, from);
    kt_put_ImportEdges_to(&w, to);
    uint32_t n = b->n;
    b->n = 0;
    return importer_send(b->im, OP_import_edges, kt_end_ImportEdges(fb, &w), n);
}

static bool add_edge(struct edge_batch *b, uint64_t from, uint64_t to)
{
    b->im->counts->rows++;
    if (from == 0 || to == 0) { // one of the users was refused
        b->im->counts->refused++;
        return true;
    }
    b->from[b->n] = from;
    b->to[b->n++] = to;
    return b->n < IMPORT_EDGES_MAX || flush_edges(b);
}

// ---- a file ------------------------------------------------------------------------------------

static bool take_people(void *ctx, uint64_t u, uint64_t v)
{
    people_number(ctx, u);
    people_number(ctx, v);
    return true;
}

// An import that was broken off while taking edges has its own words.
static bool not_read(struct importer *im, const struct edge_file *f)
{
    if (f->why[0] != '\0')
        snprintf(im->why, sizeof im->why, "%s", f->why);
    return false;
}

bool import_edges_people(struct importer *im, const char *path, struct people *p)
{
    struct edge_file f = {.take = take_people, .ctx = p};
    if (!edge_file_read(&f, path))
        return not_read(im, &f);
    people_sort(p);
    return true;
}

struct file_edges {
    struct edge_file file;
    struct edge_batch batch;
    const struct import_edges *edges;
};

static bool take_edge(void *ctx, uint64_t u, uint64_t v)
{
    struct file_edges *f = ctx;
    const struct people *p = f->edges->people;
    uint64_t from = p->person[people_find_number(p, u)].id;
    uint64_t to = p->person[people_find_number(p, v)].id;
    if (!add_edge(&f->batch, from, to) || (f->edges->undirected && !add_edge(&f->batch, to, from)))
        return false;
    progress_show(&f->batch.im->progress, f->batch.im->counts->rows, f->file.source.bytes_read,
                  f->file.source.bytes_all);
    return true;
}

bool import_edges_file(struct importer *im, const struct import_edges *e,
                       struct import_counts *counts)
{
    struct file_edges *f = calloc(1, sizeof *f);
    ASSERT(f != NULL);
    f->file = (struct edge_file){.take = take_edge, .ctx = f};
    f->batch.im = im;
    f->edges = e;
    importer_begin(im, "edges", counts);
    bool whole = edge_file_read(&f->file, e->path) ? flush_edges(&f->batch)
                                                   : not_read(im, &f->file);
    free(f);
    return importer_end(im) && whole;
}

// ---- made up, and by rule ----------------------------------------------------------------------

bool import_edges_made(struct importer *im, const struct community *c, struct people *people,
                       struct import_counts *counts)
{
    struct edge_batch *b = calloc(1, sizeof *b);
    ASSERT(b != NULL);
    b->im = im;
    struct community_edges edges;
    struct pair pair;
    importer_begin(im, "edges", counts);
    community_edges_begin(&edges, c);
    bool whole = true;
    while (whole && community_edges_next(&edges, &pair)) {
        whole = add_edge(b, people->person[pair.from].id, people->person[pair.to].id);
        progress_show(&im->progress, edges.made, edges.made, c->edges);
    }
    community_edges_end(&edges);
    whole = whole && flush_edges(b);
    free(b);
    return importer_end(im) && whole;
}

bool import_follow_authors(struct importer *im, const struct import_follow *f,
                           struct import_counts *counts)
{
    struct edge_batch *b = calloc(1, sizeof *b);
    ASSERT(b != NULL);
    b->im = im;
    importer_begin(im, "follows", counts);
    bool whole = true;
    for (size_t i = 0; i < f->readers->n && whole && f->authors->n > 0; i++) {
        const struct person *reader = &f->readers->person[i];
        for (uint64_t k = 0; k < f->each && whole; k++) {
            uint64_t at = (reader->key * 7 + k * 13) % f->authors->n;
            whole = add_edge(b, reader->id, f->authors->person[at].id);
        }
        progress_show(&im->progress, counts->rows, i, f->readers->n);
    }
    whole = whole && flush_edges(b);
    free(b);
    return importer_end(im) && whole;
}
