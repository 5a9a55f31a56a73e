#include "bench/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/pipeline.h"
#include "core/assert.h"
#include "core/fb_build.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"

enum { BODY_BYTES = FRAME_MAX, SETTLE_TRIES = 5000 };

// What one step of the making needs: requests in flight and a builder.
struct step {
    struct world *w;
    struct pipeline p;
    fb_builder b;
    uint8_t *body;
    uint64_t *applied;          // where the counts of ImportState go
    bool missing;               // a user is not to be read yet
};

static void step_begin(struct step *s, struct world *w)
{
    memset(s, 0, sizeof *s);
    s->w = w;
    s->body = malloc(BODY_BYTES);
    ASSERT(s->body != NULL);
    fb_init(&s->b, s->body, BODY_BYTES);
    pipeline_init(&s->p, w->client);
    s->p.ctx = s;
}

static bool step_send(struct step *s, struct pipeline_request r, fb_ref root)
{
    r.n = fb_finish(&s->b, root);
    ASSERT(r.n > 0);
    r.body = fb_data(&s->b);
    bool sent = pipeline_send(&s->p, &r);
    fb_init(&s->b, s->body, BODY_BYTES);
    return sent;
}

static bool step_end(struct step *s, bool whole)
{
    whole = whole && pipeline_drain(&s->p);
    if (!whole && s->w->why[0] == '\0')
        snprintf(s->w->why, sizeof s->w->why, "%.200s", s->w->client->why);
    pipeline_free(&s->p);
    free(s->body);
    return whole;
}

static bool refused(struct step *s, const struct answer *a)
{
    client_problem(a, s->w->why, sizeof s->w->why);
    return false;
}

static bool take_state(void *ctx, uint64_t tag, const struct answer *a)
{
    struct step *s = ctx;
    (void)tag;
    if (a->head.status != 0)
        return refused(s, a);
    *s->applied += kt_ImportState_applied(a->table);
    return true;
}

// ---- users -------------------------------------------------------------------------------------

static bool take_users(void *ctx, uint64_t tag, const struct answer *a)
{
    struct step *s = ctx;
    if (a->head.status != 0)
        return refused(s, a);
    fb_vec ids = kt_ImportedUsers_user_ids(a->table);
    for (uint32_t i = 0; i < ids.n && tag + i < s->w->community.users; i++)
        s->w->user[tag + i] = fb_vec_u64(ids, i);
    return true;
}

static fb_ref build_user(struct step *s, uint32_t i)
{
    const struct world *w = s->w;
    struct made_person person;
    kt_new_ImportUser u = {0};
    if (w->named) {
        community_person(&w->community, i, &person);
        kt_put_ImportUser_first_name(&u, fb_cstring(&s->b, person.first));
        kt_put_ImportUser_last_name(&u, fb_cstring(&s->b, person.last));
        kt_put_ImportUser_bio(&u, fb_cstring(&s->b, person.bio));
        kt_put_ImportUser_avatar_url(&u, fb_cstring(&s->b, person.avatar));
    } else {
        snprintf(person.username, sizeof person.username, "u%u", i);
    }
    kt_put_ImportUser_username(&u, fb_cstring(&s->b, person.username));
    kt_put_ImportUser_created_at(&u, w->when.end_ms - w->when.span_ms - 1000 * (uint64_t)(i + 1));
    return kt_end_ImportUser(&s->b, &u);
}

static bool make_users(struct world *w)
{
    struct step s;
    step_begin(&s, w);
    s.p.done = take_users;
    bool whole = true;
    for (uint32_t i = 0; i < w->community.users && whole; i += IMPORT_USERS_MAX) {
        uint32_t mark = fb_mark(&s.b);
        for (uint32_t k = i; k < i + IMPORT_USERS_MAX && k < w->community.users; k++)
            fb_push(&s.b, build_user(&s, k));
        kt_new_ImportUsers u = {0};
        kt_put_ImportUsers_users(&u, fb_refs(&s.b, mark));
        whole = step_send(&s, (struct pipeline_request){.op = OP_import_users, .tag = i},
                          kt_end_ImportUsers(&s.b, &u));
    }
    return step_end(&s, whole);
}

static bool take_user(void *ctx, uint64_t tag, const struct answer *a)
{
    struct step *s = ctx;
    (void)tag;
    s->missing |= a->head.status != 0;
    return true;
}

// A user is made by a later entry than the one that claims the name: waits until all can be read.
static bool settle_users(struct world *w)
{
    bool whole = true, missing = true;
    for (unsigned tries = 0; whole && missing && tries < SETTLE_TRIES; tries++) {
        struct step s;
        step_begin(&s, w);
        s.p.done = take_user;
        for (uint32_t i = 0; i < w->community.users && whole && !s.missing; i++) {
            kt_new_UserGet u = {0};
            kt_put_UserGet_user_id(&u, w->user[i]);
            whole = step_send(&s, (struct pipeline_request){.op = OP_user_get},
                              kt_end_UserGet(&s.b, &u));
        }
        whole = step_end(&s, whole);
        missing = s.missing;
        if (missing)
            nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    if (whole && missing)
        snprintf(w->why, sizeof w->why, "users that were imported cannot be read");
    return whole && !missing;
}

// ---- edges -------------------------------------------------------------------------------------

bool world_edges(struct world *w, const struct world_edges *e)
{
    struct step s;
    step_begin(&s, w);
    s.p.done = take_state;
    s.applied = e->applied;
    bool whole = true;
    for (size_t i = 0; i < e->n && whole; i += IMPORT_EDGES_MAX) {
        size_t n = e->n - i < IMPORT_EDGES_MAX ? e->n - i : IMPORT_EDGES_MAX;
        fb_ref from = fb_vector(&s.b, e->from + i, n, 8), to = fb_vector(&s.b, e->to + i, n, 8);
        kt_new_ImportEdges t = {0};
        kt_put_ImportEdges_kind(&t, e->like ? kt_EdgeKind_like : kt_EdgeKind_follow);
        kt_put_ImportEdges_from(&t, from);
        kt_put_ImportEdges_to(&t, to);
        whole = step_send(&s, (struct pipeline_request){.op = OP_import_edges},
                          kt_end_ImportEdges(&s.b, &t));
    }
    return step_end(&s, whole);
}

static bool make_follows(struct world *w)
{
    size_t n = 0, all = w->community.edges + (w->community.star ? w->community.users : 0);
    uint64_t *from = malloc((all + 1) * sizeof *from), *to = malloc((all + 1) * sizeof *to);
    ASSERT(from != NULL && to != NULL);
    struct community_edges edges;
    struct pair pair;
    community_edges_begin(&edges, &w->community);
    while (community_edges_next(&edges, &pair)) {
        from[n] = w->user[pair.from];
        to[n++] = w->user[pair.to];
    }
    community_edges_end(&edges);
    bool whole = world_edges(w, &(struct world_edges){.from = from, .to = to, .n = n,
                                                     .applied = &w->edges_applied});
    free(from);
    free(to);
    return whole;
}

static bool make_likes(struct world *w)
{
    if (w->posts == 0 || w->likes == 0)
        return true;
    uint64_t *from = malloc(w->likes * sizeof *from), *to = malloc(w->likes * sizeof *to);
    ASSERT(from != NULL && to != NULL);
    for (uint64_t i = 0; i < w->likes; i++) {
        struct pair like = community_like(&w->community, i);
        from[i] = w->user[like.from];
        to[i] = w->post[like.to];
    }
    bool whole = world_edges(w, &(struct world_edges){.like = true, .from = from, .to = to,
                                                     .n = w->likes, .applied = &w->likes_applied});
    free(from);
    free(to);
    return whole;
}

// ---- posts -------------------------------------------------------------------------------------

static fb_ref build_posts(struct step *s, uint64_t from, uint64_t n)
{
    const struct world *w = s->w;
    uint32_t mark = fb_mark(&s->b);
    for (uint64_t i = from; i < from + n; i++) {
        struct made_post made;
        community_post_in(&w->community, i, w->when, &made);
        fb_ref text = fb_string(&s->b, made.text, made.text_n);
        kt_new_ImportPost p = {0};
        kt_put_ImportPost_user_id(&p, w->user[made.author]);
        kt_put_ImportPost_created_at(&p, made.created_ms);
        kt_put_ImportPost_caption(&p, text);
        uint32_t tags = fb_mark(&s->b);
        for (char *tag = strchr(made.text, '#'); tag != NULL; tag = strchr(tag + 1, '#'))
            fb_push(&s->b, fb_string(&s->b, tag + 1, strcspn(tag + 1, " ")));
        kt_put_ImportPost_hashtags(&p, fb_refs(&s->b, tags));
        fb_push(&s->b, kt_end_ImportPost(&s->b, &p));
    }
    kt_new_ImportPosts t = {0};
    kt_put_ImportPosts_posts(&t, fb_refs(&s->b, mark));
    kt_put_ImportPosts_source_hi(&t, UINT64_C(0x6d61646520757020)); // "made up "
    kt_put_ImportPosts_source_lo(&t, w->community.seed);
    kt_put_ImportPosts_chunk(&t, (uint32_t)(from / CHUNK_ROWS));
    return kt_end_ImportPosts(&s->b, &t);
}

static bool make_posts(struct world *w)
{
    struct step s;
    step_begin(&s, w);
    s.p.done = take_state;
    s.applied = &w->posts_applied;
    bool whole = true;
    for (uint64_t i = 0; i < w->community.posts && whole; i += CHUNK_ROWS) {
        uint64_t n = w->community.posts - i < CHUNK_ROWS ? w->community.posts - i : CHUNK_ROWS;
        whole = step_send(&s, (struct pipeline_request){.op = OP_import_posts},
                          build_posts(&s, i, n));
    }
    return step_end(&s, whole);
}

// Which post of the community one of this author and time is; false where it is none of it.
static bool post_number(const struct world *w, uint64_t id, uint32_t author, uint32_t *number)
{
    uint64_t begin = w->when.end_ms - w->when.span_ms, ms = id_ms(id);
    uint64_t step = w->when.span_ms / w->community.posts;
    if (step == 0 || ms < begin || (ms - begin) / step >= w->community.posts)
        return false;
    struct made_post made;
    *number = (uint32_t)((ms - begin) / step);
    community_post_in(&w->community, *number, w->when, &made);
    return made.created_ms == ms && made.author == author;
}

// A list of posts that goes on after its first page.
struct more { uint32_t author; char cursor[CURSOR_MAX + 1]; };
struct finding {
    struct step s;
    struct more *more;          // pages still to be asked for
    size_t more_n, more_cap;
};

static void note_more(struct finding *f, uint32_t author, fb_str cursor)
{
    if (f->more_n == f->more_cap) {
        f->more_cap = f->more_cap * 2 + 64;
        f->more = realloc(f->more, f->more_cap * sizeof *f->more);
        ASSERT(f->more != NULL);
    }
    struct more *m = &f->more[f->more_n++];
    m->author = author;
    snprintf(m->cursor, sizeof m->cursor, "%.*s", (int)cursor.n, cursor.s);
}

static bool take_posts(void *ctx, uint64_t tag, const struct answer *a)
{
    struct finding *f = ctx;
    struct world *w = f->s.w;
    if (a->head.status != 0)
        return refused(&f->s, a);
    fb_vec posts = kt_Posts_posts(a->table);
    for (uint32_t i = 0; i < posts.n; i++) {
        uint32_t number;
        uint64_t id = kt_Post_post_id(kt_at_Post(posts, i));
        if (post_number(w, id, (uint32_t)tag, &number)) {
            w->posts += w->post[number] == 0;
            w->post[number] = id;
        }
    }
    if (kt_Posts_next_cursor(a->table).n > 0)
        note_more(f, (uint32_t)tag, kt_Posts_next_cursor(a->table));
    return true;
}

static bool ask_posts(struct finding *f, uint32_t author, const char *cursor)
{
    struct step *s = &f->s;
    kt_new_UserList t = {0};
    if (cursor != NULL)
        kt_put_UserList_cursor(&t, fb_cstring(&s->b, cursor));
    kt_put_UserList_user_id(&t, s->w->user[author]);
    kt_put_UserList_limit(&t, PAGE_MAX);
    return step_send(s, (struct pipeline_request){.op = OP_user_posts, .tag = author},
                     kt_end_UserList(&s->b, &t));
}

// All of each user's: their ids are the server's to give.
static bool find_posts(struct world *w)
{
    struct finding f = {0};
    step_begin(&f.s, w);
    f.s.p.done = take_posts;
    f.s.p.ctx = &f;
    w->post = calloc(w->community.posts + 1, sizeof *w->post);
    ASSERT(w->post != NULL);
    bool whole = true;
    for (uint32_t i = 0; i < w->community.users && whole; i++)
        whole = ask_posts(&f, i, NULL);
    whole = whole && pipeline_drain(&f.s.p);
    while (whole && f.more_n > 0) {
        struct more *more = f.more;
        size_t n = f.more_n;
        f.more = NULL;
        f.more_n = f.more_cap = 0;
        for (size_t i = 0; i < n && whole; i++)
            whole = ask_posts(&f, more[i].author, more[i].cursor);
        whole = whole && pipeline_drain(&f.s.p);
        free(more);
    }
    free(f.more);
    whole = step_end(&f.s, whole);
    if (whole && w->posts < w->community.posts)
        snprintf(w->why, sizeof w->why, "%zu of %llu posts were found", w->posts,
                 (unsigned long long)w->community.posts);
    return whole && w->posts == w->community.posts;
}

static bool take_comment(void *ctx, uint64_t tag, const struct answer *a)
{
    struct step *s = ctx;
    (void)tag;
    if (a->head.status != 0)
        return refused(s, a);
    s->w->comments_applied++;
    return true;
}

static bool make_comments(struct world *w)
{
    struct step s;
    step_begin(&s, w);
    s.p.done = take_comment;
    bool whole = true;
    for (uint64_t i = 0; i < w->comments && whole && w->posts > 0; i++) {
        struct pair by = community_commented(&w->community, i);
        kt_new_CommentCreate t = {0};
        kt_put_CommentCreate_post_id(&t, w->post[by.to]);
        kt_put_CommentCreate_content(&t, fb_cstring(&s.b, community_comment(&w->community, i)));
        struct pipeline_request r = {.op = OP_comment_create,
                                     .actor = w->user[by.from]};
        whole = step_send(&s, r, kt_end_CommentCreate(&s.b, &t));
    }
    return step_end(&s, whole);
}

// ---- counting ----------------------------------------------------------------------------------

struct counting { struct step s; struct world_counts *to; };

static bool take_counts(void *ctx, uint64_t tag, const struct answer *a)
{
    struct counting *c = ctx;
    (void)tag;
    // What was deleted counts for nothing.
    if (a->head.status != 0)
        return true;
    if (a->head.op == OP_user_get) {
        c->to->followers += kt_User_followers_count(a->table);
        c->to->posts += kt_User_posts_count(a->table);
    } else {
        c->to->likes += kt_Post_like_count(a->table);
        c->to->comments += kt_Post_comment_count(a->table);
    }
    return true;
}

bool world_count(struct world *w, struct world_counts *out)
{
    struct counting c = {.to = out};
    *out = (struct world_counts){0};
    step_begin(&c.s, w);
    c.s.p.done = take_counts;
    c.s.p.ctx = &c;
    bool whole = true;
    for (uint32_t i = 0; i < w->community.users && whole; i++) {
        kt_new_UserGet t = {0};
        kt_put_UserGet_user_id(&t, w->user[i]);
        whole = step_send(&c.s, (struct pipeline_request){.op = OP_user_get},
                          kt_end_UserGet(&c.s.b, &t));
    }
    for (uint64_t i = 0; w->post != NULL && i < w->community.posts && whole; i++) {
        kt_new_PostGet t = {0};
        kt_put_PostGet_post_id(&t, w->post[i]);
        whole = step_send(&c.s, (struct pipeline_request){.op = OP_post_get},
                          kt_end_PostGet(&c.s.b, &t));
    }
    return step_end(&c.s, whole);
}

// ---- feeds that must be complete ---------------------------------------------------------------

struct newest { struct step s; struct world_newest *n; uint64_t id[PAGE_MAX]; uint32_t have; };

static bool take_newest(void *ctx, uint64_t tag, const struct answer *a)
{
    struct newest *f = ctx;
    (void)tag;
    if (a->head.status != 0)
        return refused(&f->s, a);
    fb_vec posts = kt_Posts_posts(a->table);
    for (uint32_t i = 0; i < posts.n && f->have < f->n->posts; i++)
        f->id[f->have++] = kt_Post_post_id(kt_at_Post(posts, i));
    return true;
}

static bool take_feed(void *ctx, uint64_t tag, const struct answer *a)
{
    struct newest *f = ctx;
    (void)tag;
    if (a->head.status != 0)
        return refused(&f->s, a);
    fb_vec posts = kt_Posts_posts(a->table);
    bool complete = posts.n >= f->have;
    for (uint32_t i = 0; i < f->have && complete; i++)
        complete = kt_Post_post_id(kt_at_Post(posts, i)) == f->id[i];
    f->n->feeds++;
    f->n->incomplete += !complete;
    return true;
}

bool world_newest(struct world *w, struct world_newest *n)
{
    struct newest f = {.n = n};
    step_begin(&f.s, w);
    n->posts = n->posts < PAGE_MAX ? n->posts : PAGE_MAX;
    f.s.p.done = take_newest;
    f.s.p.ctx = &f;
    kt_new_UserList of = {0};
    kt_put_UserList_user_id(&of, w->user[n->author]);
    kt_put_UserList_limit(&of, n->posts);
    bool whole = step_send(&f.s, (struct pipeline_request){.op = OP_user_posts,
                                                           .actor = w->user[n->author]},
                           kt_end_UserList(&f.s.b, &of)) && pipeline_drain(&f.s.p);
    f.s.p.done = take_feed;
    for (uint32_t i = 0; i < w->community.users && whole; i++) {
        if (i == n->author)
            continue;
        kt_new_Feed feed = {0};
        kt_put_Feed_limit(&feed, n->posts);
        whole = step_send(&f.s, (struct pipeline_request){.op = OP_feed, .actor = w->user[i]},
                          kt_end_Feed(&f.s.b, &feed));
    }
    whole = step_end(&f.s, whole);
    n->posts = f.have;
    return whole;
}

bool world_make_part(struct world *w, enum world_part part)
{
    switch (part) {
    case WORLD_USERS:
        w->user = calloc(w->community.users, sizeof *w->user);
        ASSERT(w->user != NULL);
        return make_users(w) && settle_users(w);
    case WORLD_FOLLOWS: return make_follows(w);
    case WORLD_POSTS: return make_posts(w) && (!w->want_posts || find_posts(w));
    case WORLD_LIKES: return make_likes(w);
    case WORLD_COMMENTS: return make_comments(w);
    case WORLD_PARTS: break;
    }
    ASSERT(false);
    return false;
}

bool world_make(struct world *w)
{
    bool whole = true;
    for (unsigned part = 0; part < WORLD_PARTS && whole; part++)
        whole = world_make_part(w, (enum world_part)part);
    return whole;
}

void world_free(struct world *w)
{
    free(w->user);
    free(w->post);
}
