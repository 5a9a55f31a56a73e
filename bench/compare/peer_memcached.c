// memcached, for pages alone: it has no sets to change and nothing that lasts.
//
//   t:U    the newest twenty posts of the reader's timeline, as "1234 1230 ..."
//   p:P    "created likes comments author text"
//   l:U:P  there when the reader likes the post
//
// A page is a get, then a get of its twenty posts and twenty marks together: two round trips.
#include <stdlib.h>

#include "bench/compare/fill.h"
#include "bench/compare/peer.h"

enum { REQUEST_MAX = 2048 };

static size_t write_request(void *ctx, struct job *job, uint8_t *at)
{
    struct bytes b = {at, 0, REQUEST_MAX};
    const struct first_trip *ids = peer_first(ctx, job);
    if (job->step == 0) {
        BYTES_PUT(&b, "get t:");
        bytes_number(&b, job->ask.actor);
        BYTES_PUT(&b, "\r\n");
        return b.n;
    }
    BYTES_PUT(&b, "get");
    for (unsigned i = 0; i < ids->n; i++) {
        BYTES_PUT(&b, " p:");
        bytes_number(&b, ids->id[i]);
    }
    for (unsigned i = 0; i < ids->n; i++) {
        BYTES_PUT(&b, " l:");
        bytes_number(&b, job->ask.actor);
        BYTES_PUT(&b, ":");
        bytes_number(&b, ids->id[i]);
    }
    BYTES_PUT(&b, "\r\n");
    return b.n;
}

// VALUE <key> <flags> <bytes>, a line end, the bytes, a line end. n = 0: END, or no value.
struct value { const char *key, *data; size_t n; };

// Bytes of the line and its value; 0 where it is not whole.
static size_t next(const char *at, size_t n, struct value *out)
{
    const char *stop = memchr(at, '\n', n);
    *out = (struct value){0};
    if (stop == NULL)
        return 0;
    size_t line = (size_t)(stop + 1 - at);
    if (*at != 'V')
        return line;
    const char *size = stop;
    while (size[-1] != ' ')
        size--;
    *out = (struct value){at + 6, stop + 1, number_at(size)};
    return line + out->n + 2 <= n ? line + out->n + 2 : 0;
}

static size_t whole(void *ctx, const uint8_t *in, size_t n, uint32_t *slot)
{
    (void)ctx;
    (void)slot;
    size_t at = 0, step;
    struct value v;
    while ((step = next((const char *)in + at, n - at, &v)) > 0) {
        at += step;
        if (v.key == NULL)
            return at;
    }
    return 0;
}

static enum verdict take_ids(struct first_trip *ids, const uint8_t *answer, size_t n)
{
    struct value v;
    next((const char *)answer, n, &v);
    ids->n = 0;
    for (size_t at = 0; at < v.n && ids->n < PAGE_POSTS;) {
        ids->id[ids->n++] = number_at(v.data + at);
        const char *space = memchr(v.data + at, ' ', v.n - at);
        at = space != NULL ? (size_t)(space + 1 - v.data) : v.n;
    }
    return ids->n > 0 ? VERDICT_AGAIN : VERDICT_DONE;
}

static const char *word(const char *at, const char *end)
{
    const char *space = memchr(at, ' ', (size_t)(end - at));
    return space != NULL ? space + 1 : end;
}

static void take_post(struct item *item, const struct value *v)
{
    const char *end = v->data + v->n, *likes = word(v->data, end), *comments = word(likes, end);
    const char *author = word(comments, end), *text = word(author, end);
    *item = (struct item){.created_ms = number_at(v->data), .likes = (uint32_t)number_at(likes),
                          .comments = (uint32_t)number_at(comments), .author = author,
                          .text = text, .author_n = (size_t)(text - author - 1),
                          .text_n = (size_t)(end - text)};
}

static enum verdict judge(void *ctx, struct job *job, const uint8_t *answer, size_t n)
{
    struct peer *p = ctx;
    const struct first_trip *ids = peer_first(p, job);
    struct page page = {.reader = job->ask.actor};
    struct value v;
    if (job->step == 0 && job->ask.kind == ASK_FEED)
        return take_ids(peer_first(p, job), answer, n);
    for (size_t at = 0; at < n;) {
        at += next((const char *)answer + at, n - at, &v);
        if (v.key == NULL || (v.key[0] == 'p' && page.n == PAGE_POSTS))
            break;
        if (v.key[0] == 'p') {
            take_post(&page.item[page.n++], &v);
            continue;
        }
        uint64_t post = number_at(strchr(v.key + 2, ':') + 1);
        for (unsigned i = 0; i < ids->n; i++)
            page.item[i].liked |= ids->id[i] == post;
    }
    if (p->page != NULL)
        p->page(p->page_ctx, &page);
    return page.n == ids->n ? VERDICT_DONE : VERDICT_WRONG;
}

static int greeted(const uint8_t *in, size_t n)
{
    return in[n - 1] == '\n';
}

static int open_one(void *ctx, unsigned i, int *fd, char *why)
{
    (void)i;
    struct bytes hello = {(uint8_t *)(uintptr_t) "version\r\n", 9, 9};
    struct greeting g = {&hello, greeted};
    return peer_open(ctx, &g, fd, why);
}

void memcached_driver(struct peer *p, struct driver *out)
{
    *out = (struct driver){.system = "memcached", .in_order = true, .request_max = REQUEST_MAX,
                           .open = open_one, .write = write_request, .whole = whole,
                           .judge = judge, .ctx = p, .first_error = p->first_error};
}

void memcached_load(const struct load *l, FILE *to)
{
    const struct community *c = l->community;
    struct fill f;
    char line[600];
    fill_begin(&f, c, PAGE_POSTS);
    for (uint32_t u = 0; u < c->users; u++) {
        int n = 0;
        for (uint32_t i = 0; i < f.timeline_n[u]; i++)
            n += snprintf(line + n, sizeof line - (size_t)n, "%s%u", i > 0 ? " " : "",
                          f.timeline[(size_t)u * f.kept + i]);
        fprintf(to, "set t:%u 0 0 %d noreply\r\n%.*s\r\n", u, n, n, line);
    }
    for (uint64_t i = 0; i < c->posts; i++) {
        struct made_post made;
        fill_post(&f, i, &made);
        int n = snprintf(line, sizeof line, "%llu 0 0 u%u %.*s",
                         (unsigned long long)made.created_ms, made.author, (int)made.text_n,
                         made.text);
        fprintf(to, "set p:%llu 0 0 %d noreply\r\n%s\r\n", (unsigned long long)i, n, line);
    }
    fill_end(&f);
}
