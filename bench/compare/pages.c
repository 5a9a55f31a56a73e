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

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct pages_kith *k = ctx;
    struct page page = {.reader = job->ask.actor};
    struct answer a = {.payload = answer + sizeof a.head};
    enum verdict verdict = k->inner.judge(k->inner.ctx, job, answer, n);
    memcpy(&a.head, answer, sizeof a.head);
    if (verdict != VERDICT_DONE || job->ask.kind != ASK_FEED)
        return verdict;
    if (!client_check(&a))
        return VERDICT_WRONG;
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
