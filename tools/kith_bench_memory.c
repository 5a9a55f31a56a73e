// The scenario memory: a community is put into a private server part by part, and what the process
// holds more after each part is what that part takes. State that the server counts itself is told
// beside it: the rest is the allocator's, the log's buffers, code.
#include "tools/kith_bench_special.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/limits.h"
#include "core/pool.h"
#include "tools/kith_cli.h"

enum { LIKES_A_POST = 2, POSTS_A_COMMENT = 2 };

// A part, its parts' names in the report, and how many there are of them.
struct part {
    const char *each_bytes, *state_bytes, *count;
    double n, content;         // content: bytes of each one's text
    const char *content_bytes; // its name, NULL where it has none
};

struct held { double resident, state, kind[MEM_KINDS]; };

// What is held when nothing has changed for a while: an idle core tells of its state four times a
// second.
static struct held look(const struct bench *b)
{
    enum { TRIES = 8, PAUSE_NS = 400000000, SAME_BYTES = 64 << 10 };
    struct held last = {0}, now = {.resident = -SAME_BYTES - 1, .state = -1};
    for (unsigned i = 0; i < TRIES && (fabs(now.resident - last.resident) > SAME_BYTES ||
                                       now.state != last.state); i++) {
        last = now;
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
        now.resident = (double)process_resident_bytes(b->server.pid);
        now.state = bench_server_metric(&b->server, "kith_memory_bytes{");
    }
    for (unsigned k = 0; k < MEM_KINDS; k++) {
        char line[64];
        snprintf(line, sizeof line, "kith_memory_bytes{kind=\"%s\"}", mem_kind_names[k]);
        now.kind[k] = bench_server_metric(&b->server, line);
    }
    return now;
}

// Of what the state takes of the part: how much is of each kind. Words are indexed, people told of
// what was done, and posts ranked: that is not the thing's own, and is seen here.
static void note_kinds(struct bench *b, const struct part *p, const struct held *before,
                       const struct held *now)
{
    enum { PARTS = WORLD_PARTS + 1, NAME_BYTES = 64 };
    static char name[PARTS * MEM_KINDS][NAME_BYTES];
    static unsigned names;
    int stem = (int)strcspn(p->state_bytes, "_");
    for (unsigned k = 0; k < MEM_KINDS; k++) {
        double each = bench_ratio(now->kind[k] - before->kind[k], p->n);
        if (fabs(each) < 0.05)
            continue;
        ASSERT(names < PARTS * MEM_KINDS);
        snprintf(name[names], NAME_BYTES, "%.*s_of_%s_bytes", stem, p->state_bytes,
                 mem_kind_names[k]);
        bench_note(b, name[names++], each, "B");
    }
}

static void note_part(struct bench *b, const struct part *p, struct held *before)
{
    struct held now = look(b);
    bench_note(b, p->count, p->n, "");
    if (p->content_bytes != NULL)
        bench_note(b, p->content_bytes, p->content, "B");
    bench_note(b, p->each_bytes, bench_ratio(now.resident - before->resident, p->n) - p->content,
               "B");
    bench_note(b, p->state_bytes, bench_ratio(now.state - before->state, p->n) - p->content, "B");
    note_kinds(b, p, before, &now);
    *before = now;
}

// ---- how many, and how long their texts --------------------------------------------------------

static double post_content(const struct community *c)
{
    double bytes = 0;
    struct made_post made;
    for (uint64_t i = 0; i < c->posts; i++) {
        community_post(c, i, &made);
        bytes += (double)made.text_n;
    }
    return bench_ratio(bytes, (double)c->posts);
}

static double comment_content(const struct world *w)
{
    double bytes = 0;
    for (uint64_t i = 0; i < w->comments; i++)
        bytes += (double)strlen(community_comment(&w->community, i));
    return bench_ratio(bytes, (double)w->comments);
}

// Each author's posts by number, oldest first: post[first[u]] up to post[first[u + 1]].
struct authors { uint32_t *first, *post; };

static struct authors authors_of(const struct community *c)
{
    struct authors a = {calloc(c->users + 2, sizeof *a.first),
                        calloc(c->posts + 1, sizeof *a.post)};
    ASSERT(a.first != NULL && a.post != NULL);
    for (uint64_t i = 0; i < c->posts; i++)
        a.first[community_author(c, i) + 2]++;
    for (uint32_t u = 1; u <= c->users; u++)
        a.first[u + 1] += a.first[u];
    for (uint32_t i = 0; i < c->posts; i++)
        a.post[a.first[community_author(c, i) + 1]++] = i;
    return a;
}

// One reader's: an author shows the newest RECENT_MAX posts, and a timeline begins above what any
// of them no longer shows.
static double entries_of(const struct authors *a, const uint32_t *followee, uint32_t n)
{
    uint32_t floor = 0;
    double entries = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t begin = a->first[followee[i]], end = a->first[followee[i] + 1];
        if (end - begin > RECENT_MAX && a->post[end - RECENT_MAX] > floor)
            floor = a->post[end - RECENT_MAX];
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t begin = a->first[followee[i]], at = a->first[followee[i] + 1];
        for (; at > begin && a->post[at - 1] >= floor; at--)
            entries++;
    }
    return entries < TIMELINE_MAX ? entries : TIMELINE_MAX;
}

// Of all timelines when everybody has read.
static double timeline_entries(const struct community *c)
{
    struct authors a = authors_of(c);
    uint32_t *followee = calloc(c->users, sizeof *followee), n = 0;
    ASSERT(followee != NULL);
    struct community_edges edges;
    struct pair e = {0};
    double entries = 0;
    uint32_t reader = 0;
    community_edges_begin(&edges, c);
    while (community_edges_next(&edges, &e)) {
        if (e.from != reader)
            entries += entries_of(&a, followee, n), n = 0;
        reader = e.from;
        followee[n++] = e.to;
    }
    community_edges_end(&edges);
    entries += entries_of(&a, followee, n);
    free(followee);
    free(a.first);
    free(a.post);
    return entries;
}

// ---- the scenario ------------------------------------------------------------------------------

static struct part part_of(const struct bench *b, enum world_part part)
{
    const struct world *w = &b->world;
    const struct community *c = &w->community;
    switch (part) {
    case WORLD_USERS:
        return (struct part){"user_bytes", "user_state_bytes", "users", c->users, 0, NULL};
    case WORLD_FOLLOWS:
        return (struct part){"edge_bytes", "edge_state_bytes", "edges", (double)w->edges_applied,
                             0, NULL};
    case WORLD_POSTS:
        return (struct part){"post_bytes_besides_content", "post_state_bytes_besides_content",
                             "posts", (double)c->posts, post_content(c),
                             "post_content_bytes"};
    case WORLD_LIKES:
        return (struct part){"like_bytes", "like_state_bytes", "likes", (double)w->likes_applied,
                             0, NULL};
    case WORLD_COMMENTS:
        return (struct part){"comment_bytes_besides_content",
                             "comment_state_bytes_besides_content", "comments",
                             (double)w->comments_applied, comment_content(w),
                             "comment_content_bytes"};
    case WORLD_PARTS: break;
    }
    ASSERT(false);
    return (struct part){0};
}

static int fill(struct bench *b, struct held *held)
{
    struct world *w = &b->world;
    struct client c = {.fd = -1};
    int code = bench_connect(b, &c);
    w->client = &c;
    w->when = bench_span();
    w->want_posts = true;
    w->likes = LIKES_A_POST * w->community.posts;
    w->comments = w->community.posts / POSTS_A_COMMENT;
    for (unsigned i = 0; i < WORLD_PARTS && code == EXIT_OK; i++) {
        if (!world_make_part(w, (enum world_part)i)) {
            code = failed(EXIT_FAILED, "the community cannot be made: %s", w->why);
            break;
        }
        struct part part = part_of(b, (enum world_part)i);
        note_part(b, &part, held);
    }
    w->client = NULL;
    client_close(&c);
    return code;
}

int bench_memory(struct bench *b)
{
    if (b->server.target != NULL)
        return failed(EXIT_USAGE, "the scenario memory needs a private server: no --target");
    community_init(&b->world.community);
    int code = bench_server_start(&b->server);
    if (code != EXIT_OK)
        return code;
    struct held held = look(b);
    bench_note(b, "empty_mb", held.resident / 1e6, "MB");
    if ((code = fill(b, &held)) != EXIT_OK)
        return code;
    bench_retarget(b, MIX_FEED);
    if ((code = bench_read_once(b)) != EXIT_OK)
        return code;
    struct part timelines = {"timeline_entry_bytes", "timeline_entry_state_bytes",
                             "timeline_entries", timeline_entries(&b->world.community), 0, NULL};
    note_part(b, &timelines, &held);
    bench_note(b, "resident_mb", held.resident / 1e6, "MB");
    bench_note(b, "state_mb", held.state / 1e6, "MB");
    bench_note(b, "state_of_resident", bench_ratio(held.state, held.resident), "");
    return EXIT_OK;
}
