#include "tools/kith_importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/ops.h"
#include "kith_fb.h"

enum { COMPLAINTS_MAX = 5 };

void importer_init(struct importer *im, struct client *c)
{
    memset(im, 0, sizeof *im);
    im->client = c;
    im->body = malloc(IMPORT_BODY_MAX);
    ASSERT(im->body != NULL);
    pipeline_init(&im->pipeline, c);
    fb_init(&im->builder, im->body, IMPORT_BODY_MAX);
}

void importer_free(struct importer *im)
{
    pipeline_free(&im->pipeline);
    free(im->body);
}

bool importer_broken(struct importer *im)
{
    if (im->why[0] == '\0')
        snprintf(im->why, sizeof im->why, "%.200s; run again to go on from here", im->client->why);
    return false;
}

// tag: how many rows the request had.
static bool count_answer(void *ctx, uint64_t tag, const struct answer *a)
{
    struct importer *im = ctx;
    struct import_counts *n = im->counts;
    if (a->head.status == 0) {
        n->applied += kt_ImportState_applied(a->table);
        n->repeated += kt_ImportState_repeated(a->table);
        n->refused += kt_ImportState_refused(a->table);
        return true;
    }
    char what[256];
    client_problem(a, what, sizeof what);
    unsigned status = kt_Problem_status(a->problem);
    if (status == 401 || status == 403 || status >= 500) {
        snprintf(im->why, sizeof im->why, "the server refuses: %.200s", what);
        return false;
    }
    n->refused += tag;
    if (im->complaints++ < COMPLAINTS_MAX)
        fprintf(stderr, "kith import: %llu rows refused: %s\n", (unsigned long long)tag, what);
    return true;
}

void importer_begin(struct importer *im, const char *what, struct import_counts *counts)
{
    im->counts = counts;
    im->pipeline.done = count_answer;
    im->pipeline.ctx = im;
    counts->seconds -= (double)clock_mono_ns() / 1e9;
    progress_begin(&im->progress, what);
}

bool importer_send(struct importer *im, uint16_t op, fb_ref root, uint32_t rows)
{
    struct pipeline_request r = {.op = op, .tag = rows};
    r.n = fb_finish(&im->builder, root);
    ASSERT(r.n > 0);
    r.body = fb_data(&im->builder);
    bool sent = pipeline_send(&im->pipeline, &r);
    fb_init(&im->builder, im->body, IMPORT_BODY_MAX);
    return sent || importer_broken(im);
}

bool importer_end(struct importer *im)
{
    bool whole = pipeline_drain(&im->pipeline);
    im->counts->seconds += (double)clock_mono_ns() / 1e9;
    progress_end(&im->progress, im->counts->rows);
    return whole || importer_broken(im);
}
