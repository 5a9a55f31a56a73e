#include "bench/frames.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/client.h"
#include "core/assert.h"
#include "core/fb_build.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"

#define ID_MARK UINT64_C(0x1d1d5afe1d1d5afe) // stands where a template's id goes
enum { HEAD = sizeof(struct frame_head), ECHO_ASK = 64 };

// ---- templates ---------------------------------------------------------------------------------

static const enum op ask_ops[ASK_KINDS] = {
    [ASK_PING] = OP_ping,           [ASK_ECHO] = OP_ping,
    [ASK_FEED] = OP_feed,           [ASK_LIKE] = OP_like,
    [ASK_UNLIKE] = OP_unlike,       [ASK_COMMENT] = OP_comment_create,
    [ASK_POST] = OP_post_create,    [ASK_FOLLOW] = OP_follow,
    [ASK_UNFOLLOW] = OP_unfollow,   [ASK_GET] = OP_post_get,
    [ASK_UPDATE] = OP_post_update,  [ASK_DELETE] = OP_post_delete,
    [ASK_LIKERS] = OP_likes,        [ASK_LIKE_COUNT] = OP_like_count,
    [ASK_USER] = OP_user_get,
    [ASK_SEARCH_POSTS] = OP_search_posts, [ASK_SEARCH_USERS] = OP_search_users,
    [ASK_SUGGEST] = OP_suggestions,
};

// The tables that hold nothing but an id, or nothing at all; 0 for those with text.
static fb_ref build_plain(fb_builder *b, enum ask_kind kind)
{
#define WITH_ID(table, field)                                                                      \
    {                                                                                              \
        kt_new_##table w = {0};                                                                    \
        kt_put_##table##_##field(&w, ID_MARK);                                                     \
        return kt_end_##table(b, &w);                                                              \
    }
    switch (kind) {
    case ASK_PING: {
        kt_new_Ping w = {0};
        return kt_end_Ping(b, &w);
    }
    case ASK_FEED: {
        kt_new_Feed w = {0};
        kt_put_Feed_limit(&w, PAGE_DEFAULT);
        return kt_end_Feed(b, &w);
    }
    case ASK_SUGGEST: {
        kt_new_SuggestionList w = {0};
        return kt_end_SuggestionList(b, &w);
    }
    case ASK_LIKE: WITH_ID(Like, post_id)
    case ASK_UNLIKE: WITH_ID(Unlike, post_id)
    case ASK_FOLLOW: WITH_ID(Follow, user_id)
    case ASK_UNFOLLOW: WITH_ID(Unfollow, user_id)
    case ASK_GET: WITH_ID(PostGet, post_id)
    case ASK_DELETE: WITH_ID(PostDelete, post_id)
    case ASK_LIKERS: WITH_ID(PostLikes, post_id)
    case ASK_LIKE_COUNT: WITH_ID(PostGet, post_id)
    case ASK_USER: WITH_ID(UserGet, user_id)
    case ASK_ECHO: case ASK_COMMENT: case ASK_POST: case ASK_UPDATE:
    case ASK_SEARCH_POSTS: case ASK_SEARCH_USERS: case ASK_KINDS:
        return 0;
    }
#undef WITH_ID
    return 0;
}

static void make_template(struct frames_template *t, enum ask_kind kind)
{
    uint8_t buf[1024];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    fb_ref root = build_plain(&b, kind);
    if (root == 0)
        return;
    struct client_request r = {.op = (uint16_t)ask_ops[kind]};
    r.body_n = fb_finish(&b, root);
    r.body = fb_data(&b);
    t->n = (uint32_t)client_frame_bytes(&r);
    ASSERT(r.body_n > 0 && t->n <= FRAMES_TEMPLATE);
    client_frame_write(t->bytes, &r, 0);
    uint64_t mark = ID_MARK;
    uint8_t *at = memmem(t->bytes, t->n, &mark, sizeof mark);
    t->id_at = at != NULL ? (uint32_t)(at - t->bytes) : 0;
}

// An echo's request: a bare head, and how many bytes the answer is to have.
static void make_echo(struct frames *f)
{
    struct frames_template *t = &f->made[ASK_ECHO];
    struct frame_head head = {.length = ECHO_ASK - HEAD, .op = OP_ping, .magic = FRAME_MAGIC,
                              .place = f->echo_bytes - HEAD};
    memcpy(t->bytes, &head, sizeof head);
    t->n = ECHO_ASK;
}

// ---- requests ----------------------------------------------------------------------------------

static fb_ref build_comment(fb_builder *b, const struct world *w, const struct ask *a)
{
    kt_new_CommentCreate t = {0};
    kt_put_CommentCreate_post_id(&t, w->post[a->post]);
    kt_put_CommentCreate_content(
        &t, fb_cstring(b, community_comment(&w->community, a->text)));
    return kt_end_CommentCreate(b, &t);
}

static fb_ref build_text(fb_builder *b, const struct world *w, const struct ask *a)
{
    struct made_post made;
    community_post(&w->community, a->text, &made);
    fb_ref caption = fb_string(b, made.text, made.text_n);
    if (a->kind == ASK_UPDATE) {
        kt_new_PostUpdate t = {0};
        kt_put_PostUpdate_post_id(&t, w->post[a->post]);
        kt_put_PostUpdate_caption(&t, caption);
        return kt_end_PostUpdate(b, &t);
    }
    kt_new_PostCreate t = {0};
    kt_put_PostCreate_caption(&t, caption);
    return kt_end_PostCreate(b, &t);
}

const struct query *frames_query(const struct frames *f, const struct ask *a, struct query *room)
{
    if (a->kind == ASK_SEARCH_POSTS)
        queries_draw_post(f->queries, a->text, room);
    else if (a->kind == ASK_SEARCH_USERS)
        queries_draw_user(f->queries, a->text, room);
    else
        return NULL;
    return room;
}

static fb_ref build_search(fb_builder *b, const struct ask *a, const struct query *query)
{
    fb_ref text = fb_string(b, query->s, query->n);
    if (a->kind == ASK_SEARCH_POSTS) {
        kt_new_PostSearch t = {0};
        kt_put_PostSearch_query(&t, text);
        return kt_end_PostSearch(b, &t);
    }
    kt_new_Search t = {0};
    kt_put_Search_query(&t, text);
    return kt_end_Search(b, &t);
}

static fb_ref build_worded(const struct frames *f, fb_builder *b, const struct ask *a)
{
    struct query room;
    const struct query *query = frames_query(f, a, &room);
    if (query != NULL)
        return build_search(b, a, query);
    return a->kind == ASK_COMMENT ? build_comment(b, f->world, a) : build_text(b, f->world, a);
}

static size_t write_text(const struct frames *f, const struct job *job, uint8_t *at)
{
    uint8_t buf[FRAMES_REQUEST_MAX - HEAD];
    fb_builder b;
    fb_init(&b, buf, sizeof buf);
    const struct ask *a = &job->ask;
    fb_ref root = build_worded(f, &b, a);
    struct client_request r = {.op = (uint16_t)ask_ops[a->kind], .actor = f->world->user[a->actor]};
    r.body_n = fb_finish(&b, root);
    r.body = fb_data(&b);
    ASSERT(r.body_n > 0);
    client_frame_write(at, &r, job->slot + 1);
    return client_frame_bytes(&r);
}

static size_t frames_write(void *ctx, struct job *job, uint8_t *at)
{
    struct frames *f = ctx;
    const struct ask *a = &job->ask;
    const struct frames_template *t = &f->made[a->kind];
    if (f->model != NULL)
        model_sent(f->model, job);
    if (t->n == 0)
        return write_text(f, job, at);
    memcpy(at, t->bytes, t->n);
    uint32_t number = job->slot + 1;
    memcpy(at + offsetof(struct frame_head, request), &number, sizeof number);
    if (a->kind == ASK_PING || a->kind == ASK_ECHO)
        return t->n;
    uint64_t actor = f->world->user[a->actor];
    memcpy(at + offsetof(struct frame_head, actor), &actor, sizeof actor);
    if (t->id_at > 0) {
        bool user = a->kind == ASK_FOLLOW || a->kind == ASK_UNFOLLOW || a->kind == ASK_USER;
        uint64_t id = user ? f->world->user[a->other] : f->world->post[a->post];
        memcpy(at + t->id_at, &id, sizeof id);
    }
    return t->n;
}

// ---- answers -----------------------------------------------------------------------------------

static size_t frames_whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    struct frame_head head;
    if (n < sizeof head)
        return 0;
    memcpy(&head, in, sizeof head);
    if (head.magic != FRAME_MAGIC || head.request == 0 || head.length > FRAME_MAX)
        return DRIVER_NONSENSE;
    *slot = head.request - 1;
    return n >= sizeof head + head.length ? sizeof head + head.length : 0;
}

static enum verdict refused(struct frames *f, struct answer *a)
{
    if (f->first_error[0] == '\0' && client_check(a))
        client_problem(a, f->first_error, sizeof f->first_error);
    return VERDICT_REFUSED;
}

bool frames_finds(enum ask_kind kind)
{
    return kind == ASK_SEARCH_POSTS || kind == ASK_SEARCH_USERS || kind == ASK_SUGGEST;
}

void frames_count(struct frames *f, enum ask_kind kind, const void *table)
{
    fb_vec rows = kind == ASK_SUGGEST        ? kt_Suggestions_suggestions(table)
                  : kind == ASK_SEARCH_POSTS ? kt_Posts_posts(table)
                                             : kt_Users_users(table);
    f->searched[kind]++;
    f->found[kind] += rows.n;
}

static enum verdict frames_judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct frames *f = ctx;
    struct answer a;
    memcpy(&a.head, answer, sizeof a.head);
    a.payload = answer + sizeof a.head;
    if (job->ask.kind == ASK_ECHO)
        return n == f->echo_bytes ? VERDICT_DONE : VERDICT_WRONG;
    if (a.head.status != 0)
        return refused(f, &a);
    if (frames_finds(job->ask.kind) && client_check(&a))
        frames_count(f, job->ask.kind, a.table);
    if (f->model == NULL || f->answers++ % f->validate_every != 0)
        return VERDICT_DONE;
    f->validated++;
    char why[DRIVER_WHY] = "an answer has not its declared shape";
    if (client_check(&a) && model_agrees(f->model, job, a.table, why))
        return VERDICT_DONE;
    if (f->first_error[0] == '\0')
        snprintf(f->first_error, sizeof f->first_error, "%s", why);
    return VERDICT_WRONG;
}

static int frames_open(void *ctx, unsigned i, int *fd, char *why)
{
    struct frames *f = ctx;
    struct client client;
    (void)i;
    int err = client_open(&client, f->address);
    if (err == 0 && f->service_key != NULL) {
        struct client_identity who = {.service_key = f->service_key};
        err = client_hello(&client, &who);
    }
    if (err != 0)
        snprintf(why, DRIVER_WHY, "%.255s", client.why);
    else if ((*fd = dup(client.fd)) < 0) // O_NONBLOCK belongs to what both share
        err = errno;
    client_close(&client);
    return err;
}

void frames_reset(struct frames *f)
{
    f->answers = f->validated = 0;
    f->first_error[0] = '\0';
    memset(f->searched, 0, sizeof f->searched);
    memset(f->found, 0, sizeof f->found);
}

void frames_init(struct frames *f, struct driver *out)
{
    frames_reset(f);
    memset(f->made, 0, sizeof f->made);
    for (unsigned k = 0; k < ASK_KINDS; k++)
        make_template(&f->made[k], (enum ask_kind)k);
    make_echo(f);
    *out = (struct driver){
        .system = "kith", .request_max = FRAMES_REQUEST_MAX, .open = frames_open,
        .write = frames_write, .whole = frames_whole, .judge = frames_judge, .ctx = f,
        .first_error = f->first_error,
    };
}
