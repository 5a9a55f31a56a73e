// Collecting ids (read.h): each function on the core that owns what it looks into, but for page_*.
#include "store/read.h"

#include <string.h>

#include "core/assert.h"
#include "core/id.h"
#include "store/fanout.h"
#include "store/record.h"
#include "store/store.h"

static const struct part *own_part(const struct shard *s, uint64_t owner)
{
    const struct part *p = store_part(s->store, id_slot(owner));
    ASSERT(p->shard == s);
    return p;
}

static void page_start(struct page *page)
{
    ASSERT(page->want > 0 && page->want <= PAGE_MAX);
    page->n = 0;
    page->next = 0;
}

// The first `want` of n ids; one more than wanted says that there is more.
static void page_fill(struct page *page, const uint64_t *id, uint32_t n)
{
    page_start(page);
    page->n = n < page->want ? n : page->want;
    for (uint32_t i = 0; i < page->n; i++) page->item[i] = (struct page_item){id[i], 0};
    if (n > page->want) page->next = id[page->n - 1];
}

// ---- lists -------------------------------------------------------------------------------------

void read_edges(const struct shard *s, uint64_t owner, enum list_kind list, uint64_t before,
                struct page *page)
{
    struct edge found[PAGE_MAX + 1];
    page_start(page);
    uint32_t n = edges_page(own_part(s, owner), (struct edge_at){owner, list}, before, found,
                            page->want + 1);
    page->n = n < page->want ? n : page->want;
    for (uint32_t i = 0; i < page->n; i++)
        page->item[i] = (struct page_item){found[i].other, found[i].stamp};
    if (n > page->want) page->next = found[page->n - 1].stamp;
}

void read_seq(const struct shard *s, struct seq_read what, struct page *page)
{
    uint64_t found[PAGE_MAX + 1];
    page_start(page);
    const struct part *p = own_part(s, what.owner);
    const struct seq *seq = seqs_find(p, (struct edge_at){what.owner, what.list});
    uint32_t n = what.ascending ? seq_above(seq, what.from, found, page->want + 1)
                                : seq_below(seq, what.from, found, page->want + 1);
    page_fill(page, found, n);
}

void read_all_posts(const struct shard *s, uint64_t before, struct page *page)
{
    uint64_t found[PAGE_MAX + 1];
    page_start(page);
    page_fill(page, found, seq_below(&s->all_posts, before, found, page->want + 1));
}

// ---- the highest ids of many lists -------------------------------------------------------------

// Descending, without repeats.
struct top {
    uint32_t n, max;
    uint64_t id[TIMELINE_MAX + 1];
};

static void top_init(struct top *t, uint32_t max)
{
    t->n = 0;
    t->max = max;
}

// false: it is below all of them and there is no room, so what is lower need not be tried.
static bool top_add(struct top *t, uint64_t id)
{
    if (t->n == t->max && id < t->id[t->n - 1]) return false;
    uint32_t low = 0, high = t->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->id[middle] > id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < t->n && t->id[low] == id) return true;
    if (t->n < t->max) t->n++;
    memmove(t->id + low + 1, t->id + low, (t->n - low - 1) * sizeof t->id[0]);
    t->id[low] = id;
    return true;
}

// The author's newest posts below `before`. Posts that are not among the newest lie below the
// floor.
static void top_recent(struct top *t, uint64_t *floor, const struct user *author, uint64_t before)
{
    const struct recent *r = atomic_load_explicit(&author->recent, memory_order_acquire);
    if (r == NULL) return;
    if (r->more && r->id[r->n - 1] > *floor) *floor = r->id[r->n - 1];
    for (uint32_t i = 0; i < r->n; i++) {
        if (before != 0 && r->id[i] >= before) continue;
        if (!top_add(t, r->id[i])) return;
    }
}

static void top_cut(struct top *t, uint64_t floor)
{
    while (t->n > 0 && t->id[t->n - 1] < floor) t->n--;
}

// ---- the home feed -----------------------------------------------------------------------------

static struct edge_at following_of(uint64_t viewer)
{
    return (struct edge_at){viewer, LIST_following};
}

enum { AT_ONCE = 16 };
struct some { const struct edge *followee; uint32_t n; };

// In waves, so that the misses overlap: the authors' records, their newest posts, then the ids.
static void compute_some(struct shard *s, struct top *t, uint64_t *floor, struct some some)
{
    const struct user *author[AT_ONCE];
    for (uint32_t i = 0; i < some.n; i++)
        if (some.followee[i].other != 0) record_ahead(s->store, some.followee[i].other);
    for (uint32_t i = 0; i < some.n; i++) {
        author[i] = store_user(s->store, some.followee[i].other);
        if (author[i] == NULL) continue;
        __builtin_prefetch(atomic_load_explicit(&author[i]->recent, memory_order_relaxed));
    }
    for (uint32_t i = 0; i < some.n; i++)
        if (author[i] != NULL) top_recent(t, floor, author[i], 0);
}

static struct timeline *compute(struct shard *s, uint64_t viewer)
{
    struct top t;
    top_init(&t, TIMELINE_MAX + 1);
    uint64_t floor = 0;
    uint32_t n;
    const struct edge *followee = edges_all(own_part(s, viewer), following_of(viewer), &n);
    for (uint32_t i = 0; i < n; i += AT_ONCE)
        compute_some(s, &t, &floor, (struct some){followee + i, n - i < AT_ONCE ? n - i : AT_ONCE});
    top_cut(&t, floor);
    if (t.n > TIMELINE_MAX) {
        t.n = TIMELINE_MAX;
        floor = t.id[t.n - 1];
    }
    return timeline_put(s, viewer, (struct timeline_fill){t.id, t.n, floor});
}

struct merge {
    struct shard *s;
    struct top *top;
    uint64_t floor, before;
};

static void merge_author(struct merge *m, uint64_t author)
{
    const struct user *u = store_user(m->s->store, author);
    if (u != NULL) top_recent(m->top, &m->floor, u, m->before);
}

// Followed authors who do not push: those of the shorter list that are in the longer one.
static void merge_pulled(struct merge *m, uint64_t viewer)
{
    const struct shard *s = m->s;
    const struct part *p = own_part(s, viewer);
    uint32_t n;
    const struct edge *followee = edges_all(p, following_of(viewer), &n);
    if (pulled_count(s) == 0) return;
    if (n < pulled_slots(s)) {
        for (uint32_t i = 0; i < n; i++)
            if (followee[i].other != 0 && pulled_has(s, followee[i].other))
                merge_author(m, followee[i].other);
        return;
    }
    for (uint32_t i = 0; i < pulled_slots(s); i++) {
        uint64_t author = pulled_at(s, i);
        if (author != 0 && edges_find(p, following_of(viewer), author) != 0)
            merge_author(m, author);
    }
}

bool read_feed(struct shard *s, struct feed_read what, struct page *page)
{
    page_start(page);
    struct timeline *t = timeline_find(&s->timelines, what.viewer);
    if (t != NULL) s->feed_hits++;
    else s->feed_misses++;
    if (t == NULL) t = compute(s, what.viewer);

    struct top top;
    top_init(&top, page->want + 1);
    struct merge m = {s, &top, timeline_floor(t), what.before};
    uint64_t id[PAGE_MAX + 1];
    uint32_t n = timeline_below(t, what.before, id, page->want + 1);
    for (uint32_t i = 0; i < n; i++) top_add(&top, id[i]);
    merge_pulled(&m, what.viewer);
    if (what.include_self) merge_author(&m, what.viewer);
    top_cut(&top, m.floor);
    if (top.n < page->want && m.floor > 0) return false;
    page_fill(page, top.id, top.n);
    // Down to the floor it is complete; below it nobody has looked.
    if (top.n == page->want && m.floor > 0) page->next = top.id[top.n - 1];
    return true;
}

uint32_t read_feed_authors(const struct shard *s, struct feed_read what, uint64_t *out,
                           uint32_t max)
{
    uint32_t n, found = 0;
    const struct part *p = own_part(s, what.viewer);
    const struct edge *followee = edges_all(p, following_of(what.viewer), &n);
    for (uint32_t i = 0; i < n; i++) {
        if (followee[i].other == 0) continue;
        if (found < max) out[found] = followee[i].other;
        found++;
    }
    if (!what.include_self) return found;
    if (found < max) out[found] = what.viewer;
    return found + 1;
}

void read_authors(const struct shard *s, const uint64_t *author, uint32_t n, uint64_t before,
                  struct page *page)
{
    page_start(page);
    struct top top;
    top_init(&top, page->want + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct part *p = store_part(s->store, id_slot(author[i]));
        if (p->shard != s || store_user(s->store, author[i]) == NULL) continue;
        const struct seq *posts = seqs_find(p, (struct edge_at){author[i], LIST_posts});
        uint64_t id[PAGE_MAX + 1];
        uint32_t found = seq_below(posts, before, id, page->want + 1);
        for (uint32_t k = 0; k < found; k++)
            if (!top_add(&top, id[k])) break;
    }
    page_fill(page, top.id, top.n);
}

// ---- pages -------------------------------------------------------------------------------------

static uint64_t last_id(const struct page *page)
{
    return page->n > 0 ? page->item[page->n - 1].id : page->next;
}

void page_merge(struct page *into, const struct page *from)
{
    struct page a = *into;
    // Below the end of a page that has more, nothing is known to be complete.
    uint64_t floor = a.next != 0 ? last_id(&a) : 0;
    if (from->next != 0 && last_id(from) > floor) floor = last_id(from);
    uint32_t i = 0, k = 0;
    bool more = floor != 0;
    into->n = 0;
    while (i < a.n || k < from->n) {
        bool first = k == from->n || (i < a.n && a.item[i].id >= from->item[k].id);
        struct page_item item = first ? a.item[i] : from->item[k];
        if (item.id < floor || into->n == into->want) {
            more = true;
            break;
        }
        if (first && k < from->n && from->item[k].id == item.id) k++;
        i += first;
        k += !first;
        into->item[into->n++] = item;
    }
    into->next = more ? (into->n > 0 ? into->item[into->n - 1].id : floor) : 0;
}

// Nobody may see it any more. A comment by somebody gone stays as a placeholder while it has
// replies.
static bool visible(const struct store *s, uint64_t id, enum entity kind)
{
    switch (kind) {
    case ENTITY_user: return store_user(s, id) != NULL;
    case ENTITY_post: return store_post(s, id) != NULL;
    case ENTITY_session: return store_session(s, id) != NULL;
    case ENTITY_comment: {
        const struct comment *c = store_comment(s, id);
        return c != NULL && (c->replies > 0 || store_user(s, c->author) != NULL);
    }
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return false;
}

// Who wrote what this is, 0 = nobody or not there.
static uint64_t author_of(const struct object *o)
{
    if (o == NULL) return 0;
    if (o->kind == ENTITY_post) return ((const struct post *)o)->author;
    return o->kind == ENTITY_comment ? ((const struct comment *)o)->author : 0;
}

// The heads of the items, then those of their authors: in waves, so that the misses overlap.
static void ask_heads(const struct store *s, const struct page *page, enum entity kind)
{
    for (uint32_t i = 0; i < page->n; i++) record_ahead(s, page->item[i].id);
    if (kind != ENTITY_post && kind != ENTITY_comment) return;
    for (uint32_t i = 0; i < page->n; i++) {
        uint64_t author = author_of(store_find(s, page->item[i].id));
        if (author != 0) record_ahead(s, author);
    }
}

void page_filter(const struct store *s, struct page *page, enum entity kind)
{
    uint32_t n = 0;
    ask_heads(s, page, kind);
    for (uint32_t i = 0; i < page->n; i++)
        if (visible(s, page->item[i].id, kind)) page->item[n++] = page->item[i];
    page->n = n;
}

// The lines of a record behind its head.
static void ask_rest(const struct object *o)
{
    const char *p = (const char *)o;
    for (uint32_t at = 64; at < o->bytes && at < 512; at += 64) __builtin_prefetch(p + at);
}

void page_prefetch(const struct store *s, const struct page *page, enum entity kind)
{
    ask_heads(s, page, kind);
    for (uint32_t i = 0; i < page->n; i++) {
        const struct object *o = store_find(s, page->item[i].id);
        if (o == NULL) continue;
        ask_rest(o);
        uint64_t author = author_of(o);
        const struct object *who = author != 0 ? store_find(s, author) : NULL;
        if (who != NULL) ask_rest(who);
    }
}
