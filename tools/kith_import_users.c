// Users: those that edges and posts need, and those of a file.
#include "tools/kith_importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tools/kith_rows.h"

enum { SETTLE_MS = 30000 };

// ---- people of edges and posts -----------------------------------------------------------------

struct people_import {
    struct importer *im;
    struct people *people;
    struct import_counts *counts;
    size_t *missing;       // people whose id is not to be found yet
    size_t missing_n;
};

// tag: the first person of the request.
static bool take_ids(void *ctx, uint64_t tag, const struct answer *a)
{
    struct people_import *pi = ctx;
    if (a->head.status != 0) {
        char what[200];
        client_problem(a, what, sizeof what);
        snprintf(pi->im->why, sizeof pi->im->why, "users are refused: %s", what);
        return false;
    }
    fb_vec ids = kt_ImportedUsers_user_ids(a->table);
    for (uint32_t i = 0; i < ids.n && tag + i < pi->people->n; i++) {
        struct person *p = &pi->people->person[tag + i];
        p->id = fb_vec_u64(ids, i);
        if (p->id != 0)
            pi->counts->applied++;
        else
            pi->counts->refused++;
    }
    return true;
}

static fb_ref build_people(fb_builder *b, const struct people *p, size_t from, size_t n)
{
    uint32_t mark = fb_mark(b);
    for (size_t i = from; i < from + n; i++) {
        kt_new_ImportUser w = {0};
        kt_put_ImportUser_username(&w, fb_cstring(b, people_username(p, i)));
        if (p->person[i].created_ms != 0)
            kt_put_ImportUser_created_at(&w, p->person[i].created_ms);
        fb_push(b, kt_end_ImportUser(b, &w));
    }
    kt_new_ImportUsers w = {0};
    kt_put_ImportUsers_users(&w, fb_refs(b, mark));
    return kt_end_ImportUsers(b, &w);
}

static bool found_user(void *ctx, uint64_t tag, const struct answer *a)
{
    struct people_import *pi = ctx;
    if (a->head.status != 0)
        pi->missing[pi->missing_n++] = tag;
    return true;
}

static bool ask_for(struct importer *im, const struct people *p, size_t i)
{
    kt_new_UserGet w = {0};
    kt_put_UserGet_user_id(&w, p->person[i].id);
    struct pipeline_request r = {.op = OP_user_get, .tag = i};
    r.n = fb_finish(&im->builder, kt_end_UserGet(&im->builder, &w));
    r.body = fb_data(&im->builder);
    bool sent = pipeline_send(&im->pipeline, &r);
    fb_init(&im->builder, im->body, IMPORT_BODY_MAX);
    return sent;
}

// A user is made by a later entry than the one that claimed his name: an edge or a post sent at
// once could come before it. When a user can be read, all that is sent from then on comes after
// him.
static bool settle(struct people_import *pi)
{
    struct people *p = pi->people;
    struct importer *im = pi->im;
    size_t *asked = malloc((p->n + 1) * sizeof *asked), asked_n = 0;
    pi->missing = malloc((p->n + 1) * sizeof *pi->missing);
    ASSERT(asked != NULL && pi->missing != NULL);
    for (size_t i = 0; i < p->n; i++)
        if (p->person[i].id != 0)
            asked[asked_n++] = i;
    im->pipeline.done = found_user;
    uint64_t deadline = clock_mono_ns() + (uint64_t)SETTLE_MS * 1000000;
    bool whole = true;
    while (whole && asked_n > 0) {
        pi->missing_n = 0;
        for (size_t i = 0; i < asked_n && whole; i++)
            whole = ask_for(im, p, asked[i]);
        whole = whole && pipeline_drain(&im->pipeline);
        size_t *swap = asked;
        asked = pi->missing;
        pi->missing = swap;
        asked_n = pi->missing_n;
        if (whole && asked_n > 0 && clock_mono_ns() > deadline) {
            // Deleted since an earlier import, most likely: what is theirs will be refused.
            fprintf(stderr, "kith import: %zu users cannot be read\n", asked_n);
            break;
        }
        if (asked_n > 0)
            nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    free(asked);
    free(pi->missing);
    return whole || importer_broken(im);
}

// The user who holds the name.
static bool take_holder(void *ctx, uint64_t tag, const struct answer *a)
{
    struct people_import *pi = ctx;
    if (a->head.status == 0) {
        pi->people->person[tag].id = kt_User_user_id(a->table);
        pi->counts->refused--;
        pi->counts->repeated++;
    }
    return true;
}

// A name that somebody holds already, made at another time, means that user.
static bool find_holders(struct people_import *pi)
{
    struct importer *im = pi->im;
    bool whole = true;
    im->pipeline.done = take_holder;
    for (size_t i = 0; i < pi->people->n && whole; i++) {
        if (pi->people->person[i].id != 0)
            continue;
        kt_new_UserByName w = {0};
        const char *username = people_username(pi->people, i);
        kt_put_UserByName_username(&w, fb_cstring(&im->builder, username));
        struct pipeline_request r = {.op = OP_user_by_name, .tag = i};
        r.n = fb_finish(&im->builder, kt_end_UserByName(&im->builder, &w));
        r.body = fb_data(&im->builder);
        whole = pipeline_send(&im->pipeline, &r);
        fb_init(&im->builder, im->body, IMPORT_BODY_MAX);
    }
    return whole && pipeline_drain(&im->pipeline);
}

bool import_people(struct importer *im, struct people *p, struct import_counts *counts)
{
    struct people_import pi = {.im = im, .people = p, .counts = counts};
    importer_begin(im, "users", counts);
    im->pipeline.done = take_ids;
    im->pipeline.ctx = &pi;
    bool whole = true;
    for (size_t i = 0; i < p->n && whole; i += IMPORT_USERS_MAX) {
        size_t n = p->n - i < IMPORT_USERS_MAX ? p->n - i : IMPORT_USERS_MAX;
        struct pipeline_request r = {.op = OP_import_users, .tag = i};
        r.n = fb_finish(&im->builder, build_people(&im->builder, p, i, n));
        r.body = fb_data(&im->builder);
        whole = pipeline_send(&im->pipeline, &r);
        fb_init(&im->builder, im->body, IMPORT_BODY_MAX);
        counts->rows += n;
        progress_show(&im->progress, counts->rows, i, p->n);
    }
    whole = whole && pipeline_drain(&im->pipeline);
    whole = whole && find_holders(&pi) && settle(&pi);
    return importer_end(im) && (whole || importer_broken(im));
}

// ---- a file of users ---------------------------------------------------------------------------

enum { U_USERNAME, U_EMAIL, U_PHONE, U_PASSWORD, U_FIRST, U_LAST, U_BIO, U_AVATAR, U_CREATED,
       U_COLUMNS };
static const char *const user_columns[U_COLUMNS] = {
    "username,author,handle,screen_name,login",
    "email,e-mail,mail",
    "phone_number,phone",
    "password_hash,hashed_password",
    "first_name,given_name",
    "last_name,family_name",
    "bio,description",
    "avatar_url,avatar,profile_picture",
    "created_at,joined,registered_at,date",
};

static fb_ref user_row(fb_builder *b, const struct cell *cell)
{
    fb_ref ref[U_COLUMNS];
    for (unsigned i = 0; i < U_CREATED; i++)
        ref[i] = cell[i].n > 0 ? fb_string(b, cell[i].s, cell[i].n) : 0;
    kt_new_ImportUser w = {0};
    kt_put_ImportUser_username(&w, ref[U_USERNAME]);
    if (ref[U_EMAIL] != 0)
        kt_put_ImportUser_email(&w, ref[U_EMAIL]);
    if (ref[U_PHONE] != 0)
        kt_put_ImportUser_phone_number(&w, ref[U_PHONE]);
    if (ref[U_PASSWORD] != 0)
        kt_put_ImportUser_password_hash(&w, ref[U_PASSWORD]);
    if (ref[U_FIRST] != 0)
        kt_put_ImportUser_first_name(&w, ref[U_FIRST]);
    if (ref[U_LAST] != 0)
        kt_put_ImportUser_last_name(&w, ref[U_LAST]);
    if (ref[U_BIO] != 0)
        kt_put_ImportUser_bio(&w, ref[U_BIO]);
    if (ref[U_AVATAR] != 0)
        kt_put_ImportUser_avatar_url(&w, ref[U_AVATAR]);
    uint64_t ms = rows_time(cell[U_CREATED]);
    if (ms != 0)
        kt_put_ImportUser_created_at(&w, ms);
    return kt_end_ImportUser(b, &w);
}

// tag: how many rows the request had.
static bool count_ids(void *ctx, uint64_t tag, const struct answer *a)
{
    struct importer *im = ctx;
    if (a->head.status != 0) {
        char what[200];
        client_problem(a, what, sizeof what);
        fprintf(stderr, "kith import: %llu users refused: %s\n", (unsigned long long)tag, what);
        im->counts->refused += tag;
        return kt_Problem_status(a->problem) == 422 || kt_Problem_status(a->problem) == 400;
    }
    fb_vec ids = kt_ImportedUsers_user_ids(a->table);
    for (uint32_t i = 0; i < ids.n; i++)
        *(fb_vec_u64(ids, i) != 0 ? &im->counts->applied : &im->counts->refused) += 1;
    return true;
}

static bool send_users(struct importer *im, uint32_t *mark, uint32_t *n)
{
    if (*n == 0)
        return true;
    kt_new_ImportUsers w = {0};
    kt_put_ImportUsers_users(&w, fb_refs(&im->builder, *mark));
    bool sent = importer_send(im, OP_import_users, kt_end_ImportUsers(&im->builder, &w), *n);
    *mark = fb_mark(&im->builder);
    *n = 0;
    return sent;
}

bool import_users_file(struct importer *im, const char *path, struct import_counts *counts)
{
    struct rows rows;
    struct cell cell[U_COLUMNS];
    if (rows_open(&rows, path, user_columns, U_COLUMNS) != 0) {
        snprintf(im->why, sizeof im->why, "%s", rows.why);
        return false;
    }
    importer_begin(im, "users", counts);
    im->pipeline.done = count_ids;
    uint32_t n = 0, mark = fb_mark(&im->builder);
    int got;
    bool whole = true;
    while (whole && (got = rows_next(&rows, cell)) == 1) {
        counts->rows++;
        if (cell[U_USERNAME].n == 0) {
            counts->refused++;
            continue;
        }
        fb_push(&im->builder, user_row(&im->builder, cell));
        if (++n == IMPORT_USERS_MAX)
            whole = send_users(im, &mark, &n);
        progress_show(&im->progress, counts->rows, rows.source.bytes_read, rows.source.bytes_all);
    }
    if (whole && got < 0)
        snprintf(im->why, sizeof im->why, "%s", rows.why);
    whole = whole && got == 0 && send_users(im, &mark, &n);
    rows_close(&rows);
    return importer_end(im) && whole;
}
