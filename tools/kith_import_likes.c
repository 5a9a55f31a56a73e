// Likes: rows that name who likes and what, a post or a comment. They go one by one, each as the
// user who likes, since what may be liked by whom is judged for each.
#include "tools/kith_importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "kith_fb.h"
#include "tools/kith_cli.h"
#include "tools/kith_rows.h"

enum { L_USER, L_POST, L_COMMENT, L_COLUMNS };
static const char *const like_columns[L_COLUMNS] = {
    "user_id,user,liker_id",
    "post_id,post",
    "comment_id,comment",
};
enum { COMPLAINTS_MAX = 20 };

// An answer is the state of the post or comment; it is the same however often it is asked for.
static bool count_like(void *ctx, uint64_t tag, const struct answer *a)
{
    struct importer *im = ctx;
    if (a->head.status == 0) {
        im->counts->applied++;
        return true;
    }
    char what[256];
    client_problem(a, what, sizeof what);
    unsigned status = kt_Problem_status(a->problem);
    if (status == 401 || status >= 500) {
        snprintf(im->why, sizeof im->why, "the server refuses: %.200s", what);
        return false;
    }
    im->counts->refused++;
    if (im->complaints++ < COMPLAINTS_MAX)
        fprintf(stderr, "kith import: record %llu refused: %s\n", (unsigned long long)tag, what);
    return true;
}

// What is wrong with the row by itself; NULL: nothing. id: of who likes, and of what.
static const char *judge(const struct cell *cell, uint64_t id[L_COLUMNS])
{
    for (unsigned i = 0; i < L_COLUMNS; i++)
        id[i] = 0;
    if (!parse_u64(cell[L_USER].s, &id[L_USER]) || id[L_USER] == 0)
        return "no user_id";
    if ((cell[L_POST].n > 0) == (cell[L_COMMENT].n > 0))
        return cell[L_POST].n > 0 ? "a like is of one thing, and here are a post and a comment"
                                  : "a like is of a post or of a comment, and here is neither";
    unsigned what = cell[L_POST].n > 0 ? L_POST : L_COMMENT;
    return parse_u64(cell[what].s, &id[what]) && id[what] != 0 ? NULL : "no id of what is liked";
}

static bool send_like(struct importer *im, const uint64_t id[L_COLUMNS], uint64_t record)
{
    fb_builder *b = &im->builder;
    fb_ref root;
    if (id[L_POST] != 0) {
        kt_new_Like w = {0};
        kt_put_Like_post_id(&w, id[L_POST]);
        root = kt_end_Like(b, &w);
    } else {
        kt_new_CommentLike w = {0};
        kt_put_CommentLike_comment_id(&w, id[L_COMMENT]);
        root = kt_end_CommentLike(b, &w);
    }
    struct pipeline_request r = {.op = id[L_POST] != 0 ? OP_like : OP_comment_like,
                                 .actor = id[L_USER], .tag = record};
    r.n = fb_finish(b, root);
    r.body = fb_data(b);
    bool sent = pipeline_send(&im->pipeline, &r);
    fb_init(b, im->body, IMPORT_BODY_MAX);
    return sent || importer_broken(im);
}

static bool take_row(struct importer *im, const struct rows *rows, const struct cell *cell)
{
    uint64_t id[L_COLUMNS];
    const char *wrong = judge(cell, id);
    im->counts->rows++;
    if (wrong == NULL)
        return send_like(im, id, rows->source.records);
    im->counts->refused++;
    if (im->complaints++ < COMPLAINTS_MAX)
        fprintf(stderr, "kith import: %s: record %llu refused: %s\n", rows->source.path,
                (unsigned long long)rows->source.records, wrong);
    return true;
}

bool import_likes_file(struct importer *im, const char *path, struct import_counts *counts)
{
    struct rows rows;
    struct cell cell[L_COLUMNS];
    if (rows_open(&rows, path, like_columns, L_COLUMNS) != 0) {
        snprintf(im->why, sizeof im->why, "%s", rows.why);
        return false;
    }
    importer_begin(im, "likes", counts);
    im->pipeline.done = count_like;
    int got;
    bool whole = true;
    while (whole && (got = rows_next(&rows, cell)) == 1) {
        whole = take_row(im, &rows, cell);
        progress_show(&im->progress, counts->rows, rows.source.bytes_read, rows.source.bytes_all);
    }
    if (whole && got < 0) {
        snprintf(im->why, sizeof im->why, "%s", rows.why);
        whole = false;
    }
    rows_close(&rows);
    return importer_end(im) && whole;
}
