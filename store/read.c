// Collecting ids (read.h): each function on the core that owns what it looks into, but for page_*.
#include "store/read.h"

#include <string.h>

#include "core/assert.h"
#include "core/id.h"
#include "store/fanout.h"
#include "store/record.h"
#include "store/store.h"
#include "store/top.h"

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

void read_edges(const struct shard *s, struct edges_read what, struct page *page)
{
    struct edge found[PAGE_MAX + 1];
    page_start(page);
    struct edge_room room = {found, page->want + 1};
    uint32_t n = edges_page(own_part(s, what.owner), (struct edge_at){what.owner, what.list},
                            what.before, room);
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
    page_fill(page, found, seq_below(&s->open_posts, before, found, page->want + 1));
}

void read_queue(const struct shard *s, uint64_t queue, uint64_t before, struct page *page)
{
    uint64_t found[PAGE_MAX + 1];
    ASSERT(queue < DOC_QUEUES);
    page_start(page);
    page_fill(page, found, seq_below(&s->queue[queue], before, found, page->want + 1));
}

// ---- the home feed -----------------------------------------------------------------------------

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

static struct edge_at following_of(uint64_t viewer)
{
    return (struct edge_at){viewer, LIST_following};
}

// Whom the viewer follows, and who of them is muted.
struct followees {
    const struct part *part;
    const struct list_head *muting;
    struct edge_list all;
};

static struct followees followees_of(const struct part *p, uint64_t viewer)
{
    return (struct followees){p, edges_set(p, (struct edge_at){viewer, LIST_muting}),
                              edges_all(p, following_of(viewer))};
}

// 0: nobody whose posts are wanted.
static uint64_t followee(const struct followees *f, uint32_t i)
{
    uint64_t id = f->all.other[i];
    return f->muting != NULL && id != 0 && edges_in(f->part, f->muting, id) != 0 ? 0 : id;
}

enum { AT_ONCE = 16 };

// In waves, so that the misses overlap: the authors' records, their newest posts, then the ids.
static void compute_some(struct shard *s, struct merger *m, uint64_t *floor, struct id_list some)
{
    const struct object *found[AT_ONCE];
    const struct recent *recent[AT_ONCE];
    records_find(s->store, (struct record_wish){some.id, some.n, 2}, found);
    for (uint32_t i = 0; i < some.n; i++) {
        // Also who is deactivated: the timeline is kept, and he may come back to it.
        const struct user *author = object_account(found[i]);
        recent[i] = author == NULL ? NULL
                                   : atomic_load_explicit(&author->recent, memory_order_acquire);
        if (recent[i] == NULL) continue;
        for (unsigned line = 0; line < 3; line++)
            __builtin_prefetch((const char *)recent[i] + (size_t)line * 64);
    }
    for (uint32_t i = 0; i < some.n; i++) {
        const struct recent *r = recent[i];
        if (r == NULL) continue;
        // An author's posts that are not among the newest lie below the floor.
        if (r->more && r->id[r->n - 1] > *floor) *floor = r->id[r->n - 1];
        merger_add(m, (struct id_list){r->id, r->n});
    }
}

uint64_t feed_compute(struct shard *s, uint64_t viewer, struct top *t)
{
    struct merger m;
    merger_init(&m, s->scratch, TIMELINE_MAX + 1);
    uint64_t floor = 0;
    struct followees f = followees_of(own_part(s, viewer), viewer);
    s->feed_read += f.all.n;
    for (uint32_t i = 0; i < f.all.n; i += AT_ONCE) {
        uint32_t n = f.all.n - i < AT_ONCE ? f.all.n - i : AT_ONCE;
        uint64_t id[AT_ONCE];
        for (uint32_t k = 0; k < n; k++) id[k] = followee(&f, i + k);
        compute_some(s, &m, &floor, (struct id_list){id, n});
    }
    struct id_list all = merger_end(&m);
    top_init(t, TIMELINE_MAX + 1);
    t->n = all.n;
    memcpy(t->id, all.id, all.n * sizeof t->id[0]);
    top_cut(t, floor);
    if (t->n > TIMELINE_MAX) {
        t->n = TIMELINE_MAX;
        floor = t->id[t->n - 1];
    }
    return floor;
}

// From here on posts are pushed. An author's core publishes, then looks whether feeds are read; the
// fences see to it that either it knows of this reader, or he sees what it has published.
static void feeds_are_read(struct store *s)
{
    if (!atomic_load_explicit(&s->feeds_read, memory_order_relaxed))
        atomic_store_explicit(&s->feeds_read, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

// The same ids below `before`, at most max, of a timeline that is made now and kept if it may be.
static uint64_t read_computed(struct shard *s, struct feed_read what, struct top *page)
{
    struct top all;
    feeds_are_read(s->store);
    uint64_t floor = feed_compute(s, what.viewer, &all);
    if (timeline_ready(&s->timelines, what.viewer, what.seen))
        timeline_put(s, what.viewer, (struct timeline_fill){all.id, all.n, floor});
    page->n = 0;
    for (uint32_t i = 0; i < all.n && page->n < page->max; i++)
        if (what.before == 0 || all.id[i] < what.before) page->id[page->n++] = all.id[i];
    return floor;
}

static uint64_t read_timeline(struct shard *s, struct feed_read what, struct top *page)
{
    const struct timeline *t = timeline_find(&s->timelines, what.viewer);
    if (t == NULL) {
        s->feed_misses++;
        return read_computed(s, what, page);
    }
    s->feed_hits++;
    page->n = timeline_below(t, what.before, page->id, page->max);
    return timeline_floor(t);
}

struct merge {
    struct shard *s;
    struct top *top;
    uint64_t floor, before;
};

static void merge_author(struct merge *m, uint64_t author)
{
    const struct user *u = store_account(m->s->store, author);
    m->s->feed_pulled++;
    if (u != NULL) top_recent(m->top, &m->floor, u, m->before);
}

// Followed authors who do not push: those of the shorter list that are in the longer one.
static void merge_pulled(struct merge *m, uint64_t viewer)
{
    const struct shard *s = m->s;
    if (pulled_count(s) == 0) return;
    const struct part *p = own_part(s, viewer);
    struct followees f = followees_of(p, viewer);
    if (f.all.n < pulled_slots(s)) {
        for (uint32_t i = 0; i < f.all.n; i++) {
            uint64_t author = followee(&f, i);
            if (author != 0 && pulled_has(s, author)) merge_author(m, author);
        }
        return;
    }
    for (uint32_t i = 0; i < pulled_slots(s); i++) {
        uint64_t author = pulled_at(s, i);
        if (author == 0 || edges_find(p, following_of(viewer), author) == 0) continue;
        bool muted = f.muting != NULL && edges_in(p, f.muting, author) != 0;
        if (!muted) merge_author(m, author);
    }
}

bool read_feed(struct shard *s, struct feed_read what, struct page *page)
{
    page_start(page);
    struct top top;
    top_init(&top, page->want + 1);
    uint64_t floor = read_timeline(s, what, &top);
    struct merge m = {s, &top, floor, what.before};
    merge_pulled(&m, what.viewer);
    if (what.include_self) merge_author(&m, what.viewer);
    top_cut(&top, m.floor);
    if (top.n < page->want && m.floor > 0) return false;
    page_fill(page, top.id, top.n);
    // Down to the floor it is complete; below it nobody has looked.
    if (top.n == page->want && m.floor > 0) page->next = top.id[top.n - 1];
    return true;
}

void read_ahead(const struct shard *s, struct id_list viewers)
{
    struct edge_at at[2 * READ_AHEAD_MAX];
    ASSERT(viewers.n <= READ_AHEAD_MAX);
    for (uint32_t i = 0; i < viewers.n; i++) {
        at[2 * i] = following_of(viewers.id[i]);
        at[2 * i + 1] = (struct edge_at){viewers.id[i], LIST_liked};
    }
    timeline_ahead(&s->timelines, viewers);
    edges_sets_ahead(s->store, at, 2 * viewers.n);
}

uint32_t read_feed_authors(const struct shard *s, struct feed_read what, uint64_t *out,
                           uint32_t max)
{
    uint32_t found = 0;
    struct followees f = followees_of(own_part(s, what.viewer), what.viewer);
    for (uint32_t i = 0; i < f.all.n; i++) {
        uint64_t author = followee(&f, i);
        if (author == 0) continue;
        if (found < max) out[found] = author;
        found++;
    }
    if (!what.include_self) return found;
    if (found < max) out[found] = what.viewer;
    return found + 1;
}

void read_authors(const struct shard *s, struct id_list authors, uint64_t before,
                  struct page *page)
{
    page_start(page);
    struct top top;
    top_init(&top, page->want + 1);
    for (uint32_t i = 0; i < authors.n; i++) {
        uint64_t author = authors.id[i];
        const struct part *p = store_part(s->store, id_slot(author));
        if (p->shard != s || store_user(s->store, author) == NULL) continue;
        const struct seq *posts = seqs_find(p, (struct edge_at){author, LIST_posts});
        uint64_t id[PAGE_MAX + 1];
        uint32_t found = seq_below(posts, before, id, page->want + 1);
        for (uint32_t k = 0; k < found; k++)
            if (!top_add(&top, id[k])) break;
    }
    page_fill(page, top.id, top.n);
}
