// Records, sets of edges and streams to come, asked for in waves.
#include "store/ahead.h"

#include "core/assert.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/edges.h"
#include "store/hot.h"
#include "store/lists.h"
#include "store/record.h"
#include "store/seq.h"
#include "store/store.h"
#include "store/stream.h"

enum { AUTHOR_LINES = 2 };      // of a user's record, with the counts

// What is wanted of one wave: records, and sets with the edge that each is to get.
struct wave {
    uint64_t id[2 * AHEAD_EDGES];
    struct edge_wish wish[2 * AHEAD_EDGES];
    uint32_t ids, wishes;
};

// Comments that entries will make at this shard's posts.
struct born { uint64_t stamp[AHEAD_EDGES], post[AHEAD_EDGES]; uint32_t n; };

static void born_add(struct born *b, uint64_t stamp, uint64_t post)
{
    b->stamp[b->n] = stamp;
    b->post[b->n++] = post;
}

static bool is_own(const struct shard *s, uint64_t id)
{
    return id != 0 && store_part(s->store, id_slot(id))->shard == s;
}

static void want_end(struct wave *w, struct edge_at at, uint64_t other)
{
    w->id[w->ids++] = at.owner;
    // A comment is at its post's, whose list of them is no edge set.
    if (at.list != LIST_writer) w->wish[w->wishes++] = (struct edge_wish){at, other};
}

// Records, and the authors of those that are posts: a post is not there without its author.
static void ask_records(const struct store *s, const uint64_t *id, uint32_t n)
{
    const struct object *found[2 * AHEAD_EDGES];
    uint64_t author[2 * AHEAD_EDGES];
    uint32_t authors = 0;
    ASSERT(n <= 2 * AHEAD_EDGES);
    records_find(s, (struct record_wish){id, n, 1}, found);
    for (uint32_t i = 0; i < n; i++)
        if (found[i] != NULL && found[i]->kind == ENTITY_post)
            author[authors++] = ((const struct post *)found[i])->author;
    records_find(s, (struct record_wish){author, authors, 1}, found);
}

void ahead_records(const struct store *s, const uint64_t *id, uint32_t n)
{
    if (n < 2) return; // alone it would only come sooner by nothing
    for (uint32_t i = 0; i < n; i += 2 * AHEAD_EDGES)
        ask_records(s, id + i, n - i < 2 * AHEAD_EDGES ? n - i : 2 * AHEAD_EDGES);
}

void ahead_edges(const struct shard *s, const struct graph_edge *x, uint32_t n)
{
    struct wave w = {.ids = 0, .wishes = 0};
    ASSERT(n <= AHEAD_EDGES);
    for (uint32_t i = 0; i < n; i++) {
        if (x[i].kind <= EDGE_none || x[i].kind >= EDGE_COUNT) continue;
        enum list_kind forward = (enum list_kind)(2 * x[i].kind);
        enum list_kind reverse = (enum list_kind)(2 * x[i].kind + 1);
        if (is_own(s, x[i].from)) want_end(&w, (struct edge_at){x[i].from, forward}, x[i].to);
        if (is_own(s, x[i].to)) want_end(&w, (struct edge_at){x[i].to, reverse}, x[i].from);
    }
    edges_add_ahead(s->store, w.wish, w.wishes);
    ask_records(s->store, w.id, w.ids);
}

// A like or a comment counts as engagement at once.
static void ask_hot(const struct shard *s, const struct graph_edge *x, uint32_t n)
{
    uint64_t post[AHEAD_EDGES];
    uint32_t posts = 0;
    for (uint32_t i = 0; i < n; i++)
        if ((x[i].kind == EDGE_like || x[i].kind == EDGE_write) && is_own(s, x[i].to))
            post[posts++] = x[i].to;
    hot_ahead(s, post, posts);
}

// Whether somebody has muted, or has settings: most have not, which the table's word alone tells.
static void ask_deaf(const struct shard *s, uint64_t user)
{
    const struct part *p = store_part(s->store, id_slot(user));
    lists_spot(&p->edges, s->store, (struct edge_at){user, LIST_muting});
    lists_spot(&p->seqs, s->store, (struct edge_at){user, doc_list(ENTITY_settings)});
}

// Who is told: of a like or a comment whose the post is, which lies in the same slot.
static uint64_t told_of(const struct shard *s, const struct graph_edge *x)
{
    if (!is_own(s, x->to)) return 0;
    if (x->kind == EDGE_follow) return x->to;
    if (x->kind != EDGE_like && x->kind != EDGE_write) return 0;
    const struct object *o = store_find(s->store, x->to);
    return o != NULL && o->kind == ENTITY_post ? ((const struct post *)o)->author : 0;
}

// A like, a follow or a comment is told to somebody.
static void ask_streams(const struct shard *s, const struct graph_edge *x, uint32_t n)
{
    struct edge_at at[AHEAD_EDGES];
    uint32_t streams = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t told = told_of(s, &x[i]);
        if (told != 0) {
            at[streams++] = (struct edge_at){told, LIST_notifications};
            ask_deaf(s, told);
        }
    }
    streams_ahead(s->store, at, streams);
}

// New comments: where they will stand in the table of records, and the lists of their posts.
static void ask_places(const struct shard *s, const struct born *b)
{
    struct edge_at at[AHEAD_EDGES];
    for (uint32_t i = 0; i < b->n; i++) {
        uint64_t id = id_make(b->stamp[i], id_slot(b->post[i]));
        ptable_spot(&store_part(s->store, id_slot(id))->objects, record_hash(s->store, id));
        at[i] = (struct edge_at){b->post[i], LIST_comments};
    }
    seqs_ahead(s->store, at, b->n);
}

// Authors, with the list of their newest posts, which is copied.
static void ask_authors(const struct store *s, const uint64_t *author, uint32_t n)
{
    const struct object *found[AHEAD_EDGES];
    records_find(s, (struct record_wish){author, n, AUTHOR_LINES}, found);
    for (uint32_t i = 0; i < n; i++)
        if (found[i] != NULL && found[i]->kind == ENTITY_user)
            __builtin_prefetch(atomic_load_explicit(&((const struct user *)found[i])->recent,
                                                    memory_order_relaxed));
}

void ahead_posts(const struct shard *s, const struct ahead_post *x, uint32_t n)
{
    uint64_t author[AHEAD_EDGES];
    struct edge_at at[AHEAD_EDGES];
    uint32_t own = 0;
    ASSERT(n <= AHEAD_EDGES);
    for (uint32_t i = 0; i < n; i++) {
        if (!is_own(s, x[i].author)) continue;
        ptable_spot(&store_part(s->store, id_slot(x[i].id))->objects,
                    record_hash(s->store, x[i].id));
        author[own] = x[i].author;
        at[own++] = (struct edge_at){x[i].author, LIST_posts};
    }
    if (own < 2) return; // alone it would only come sooner by nothing
    ask_authors(s->store, author, own);
    seqs_ahead(s->store, at, own);
}

void shard_ahead(const struct shard *s, const struct entry *const *e, uint32_t n)
{
    struct graph_edge edge[AHEAD_EDGES];
    struct born comments = {.n = 0};
    struct ahead_post post[AHEAD_EDGES];
    uint32_t edges = 0, posts = 0;
    ASSERT(n <= AHEAD_EDGES);
    for (uint32_t i = 0; i < n; i++) {
        if (e[i]->op == OP_post_create) {
            uint64_t id = id_make(e[i]->stamp, id_slot(e[i]->actor));
            post[posts++] = (struct ahead_post){e[i]->actor, id};
            continue;
        }
        const void *body = fb_root(entry_body(e[i]));
        struct graph_edge x = check_edge_of(e[i], body);
        if (e[i]->op == OP_comment_create) {
            x = (struct graph_edge){EDGE_write, x.from, kt_CommentCreate_post_id(body)};
            if (is_own(s, x.to)) born_add(&comments, e[i]->stamp, x.to);
        }
        if (x.kind != EDGE_none) edge[edges++] = x;
    }
    if (posts > 1) ahead_posts(s, post, posts);
    if (edges < 2) return; // alone it would only come sooner by nothing
    ahead_edges(s, edge, edges);
    ask_places(s, &comments);
    ask_hot(s, edge, edges);
    ask_streams(s, edge, edges);
}
