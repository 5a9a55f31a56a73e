#include "bench/compare/pages.h"

#include "api/client.h"
#include "bench/compare/fill.h"
#include "kith_fb.h"

// Posts of the community are told by their time, as no two share it.
static void print_number(const struct community *c, uint64_t created_ms)
{
    struct time_span when = fill_span();
    uint64_t begin = when.end_ms - when.span_ms, step = when.span_ms / c->posts;
    if (created_ms < begin || created_ms >= begin + step * c->posts)
        printf("new");
    else
        printf("%llu", (unsigned long long)((created_ms - begin) / step));
}

void pages_print(void *ctx, const struct page *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        const struct item *item = &p->item[i];
        printf("%u.%u ", p->reader, i);
        print_number(ctx, item->created_ms);
        printf(" %.*s %u %u %d %.*s\n", (int)item->author_n, item->author, item->likes,
               item->comments, item->liked, (int)item->text_n, item->text);
    }
}

void pages_print_graph(const struct graph_answer *a)
{
    const struct ask *q = a->ask;
    if (q->kind == ASK_LIKE_COUNT) {
        printf("count %u %llu\n", q->post, (unsigned long long)a->count);
    } else if (q->kind == ASK_USER) {
        printf("link %u %u %.*s %d\n", q->actor, q->other, (int)a->text[0].n, a->text[0].at,
               a->linked);
    } else if (q->kind == ASK_GET) {
        printf("node %u %.*s\n", q->post, (int)a->text[0].n, a->text[0].at);
    } else {
        printf("likers %u", q->post);
        for (unsigned i = 0; i < a->n; i++)
            printf(" %.*s", (int)a->text[i].n, a->text[i].at);
        printf("\n");
    }
}

static void add_text(struct graph_answer *a, fb_str text)
{
    a->text[a->n].at = text.s;
    a->text[a->n++].n = text.n;
}

static void print_graph_of(const struct ask *ask, const void *table)
{
    struct graph_answer a = {.ask = ask};
    if (ask->kind == ASK_LIKE_COUNT) {
        a.count = kt_LikeCount_like_count(table);
    } else if (ask->kind == ASK_GET) {
        add_text(&a, kt_Post_caption(table));
    } else if (ask->kind == ASK_USER) {
        add_text(&a, kt_User_username(table));
        a.linked = kt_User_following(table);
    } else if (ask->kind == ASK_LIKERS) {
        fb_vec users = kt_Users_users(table);
        for (uint32_t i = 0; i < users.n && i < PAGE_POSTS; i++)
            add_text(&a, kt_Person_username(kt_at_Person(users, i)));
    } else {
        return;
    }
    pages_print_graph(&a);
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct pages_kith *k = ctx;
    struct page page = {.reader = job->ask.actor};
    struct answer a = {.payload = answer + sizeof a.head};
    enum verdict verdict = k->inner.judge(k->inner.ctx, job, answer, n);
    memcpy(&a.head, answer, sizeof a.head);
    if (verdict != VERDICT_DONE || (!k->graph && job->ask.kind != ASK_FEED))
        return verdict;
    if (!client_check(&a))
        return VERDICT_WRONG;
    if (k->graph) {
        print_graph_of(&job->ask, a.table);
        return VERDICT_DONE;
    }
    fb_vec posts = kt_Posts_posts(a.table);
    for (; page.n < posts.n && page.n < PAGE_POSTS; page.n++) {
        const kt_Post *post = kt_at_Post(posts, page.n);
        fb_str author = kt_Person_username(kt_Post_author(post)), text = kt_Post_caption(post);
        page.item[page.n] = (struct item){
            .created_ms = kt_Post_created_at(post), .likes = kt_Post_like_count(post),
            .comments = kt_Post_comment_count(post), .liked = kt_Post_liked(post),
            .author = author.s, .author_n = author.n, .text = text.s, .text_n = text.n};
    }
    pages_print(k->community, &page);
    return VERDICT_DONE;
}

static int open_one(void *ctx, unsigned i, int *fd, char *why)
{
    struct pages_kith *k = ctx;
    return k->inner.open(k->inner.ctx, i, fd, why);
}

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    struct pages_kith *k = ctx;
    return k->inner.write(k->inner.ctx, job, at);
}

static size_t whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    struct pages_kith *k = ctx;
    return k->inner.whole(k->inner.ctx, in, n, slot);
}

void pages_of_kith(struct pages_kith *k, const struct driver *frames, struct driver *out)
{
    k->inner = *frames;
    *out = *frames;
    out->open = open_one;
    out->write = write_request;
    out->whole = whole;
    out->judge = judge;
    out->ctx = k;
}
