// Rankings of what every core has a share of (finds.h). Each round every core names its next
// hundred by its own numbers, and the sums of the named ones are looked up. What no core has named
// has at most the sum of the last numbers named: once enough of the others are above that, they are
// the page. Of all tags, whose order in a core is by number and id as that of the page, those that
// equal the sum are settled too, up to the highest last id: what is unnamed and equals it has been
// equal in each core, and so lies behind each one's last.
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/finds.h"
#include "api/lists.h"
#include "core/assert.h"
#include "store/listed.h"

struct top_item { uint64_t id; struct listed_sum sum; };

struct tops {
    uint64_t *seen;            // open addressing; 0 = free
    uint32_t seen_room, seen_n;
    struct page_item *item;    // id and sum, of those behind the cursor
    uint32_t n, room;
    uint32_t look_at;          // so many of them before it is looked again whether they are enough
};

bool finds_ranks(const struct find *f)
{
    return f->kind == FIND_TOP;
}

void finds_free(struct tops *t)
{
    if (t == NULL)
        return;
    free(t->seen);
    free(t->item);
    free(t);
}

// Whether it was new; false too where there is no memory.
static bool see(struct tops *t, uint64_t id)
{
    if (2 * (t->seen_n + 1) > t->seen_room) {
        uint32_t room = t->seen_room > 0 ? 2 * t->seen_room : 1024;
        uint64_t *seen = calloc(room, sizeof *seen);
        if (seen == NULL)
            return false;
        for (uint32_t i = 0; i < t->seen_room; i++) {
            uint32_t at = (uint32_t)t->seen[i] & (room - 1);
            for (; t->seen[i] != 0 && seen[at] != 0; at = (at + 1) & (room - 1))
                ;
            if (t->seen[i] != 0)
                seen[at] = t->seen[i];
        }
        free(t->seen);
        t->seen = seen;
        t->seen_room = room;
    }
    uint32_t at = (uint32_t)id & (t->seen_room - 1);
    for (; t->seen[at] != 0; at = (at + 1) & (t->seen_room - 1))
        if (t->seen[at] == id)
            return false;
    t->seen[at] = id;
    t->seen_n++;
    return true;
}

static bool add(struct tops *t, struct page_item item)
{
    if (t->n == t->room) {
        uint32_t room = t->room > 0 ? 2 * t->room : 256;
        struct page_item *to = realloc(t->item, room * sizeof *to);
        if (to == NULL)
            return false;
        t->item = to;
        t->room = room;
    }
    t->item[t->n++] = item;
    return true;
}

// Most first; then of the trending ones those with more in all, then by name; of all tags by id.
static int compare(const struct store *s, bool recent, const struct page_item *a,
                   const struct page_item *b)
{
    if (a->stamp != b->stamp)
        return a->stamp > b->stamp ? -1 : 1;
    if (!recent)
        return a->id < b->id ? -1 : 1;
    struct listed_sum x = listed_sum(s, a->id), y = listed_sum(s, b->id);
    if (x.count != y.count)
        return x.count > y.count ? -1 : 1;
    if (x.any == NULL || y.any == NULL)
        return x.any != NULL ? -1 : 1;
    return listed_before(x.any, y.any) ? -1 : 1;
}

// The best `want` to the front.
static void select_best(const struct store *s, const struct tops *t, bool recent, uint32_t want)
{
    for (uint32_t i = 0; i < want && i < t->n; i++) {
        uint32_t best = i;
        for (uint32_t k = i + 1; k < t->n; k++)
            if (compare(s, recent, &t->item[k], &t->item[best]) < 0)
                best = k;
        struct page_item swap = t->item[i];
        t->item[i] = t->item[best];
        t->item[best] = swap;
    }
}

static bool behind(const struct question *from, struct page_item item)
{
    if (from->key == 0)
        return true;
    return item.stamp != from->key_stamp ? item.stamp < from->key_stamp : item.id > from->key;
}

// What a core named. Whether there was memory for it.
static bool take(const struct store *s, struct reading *g, const struct page *page)
{
    bool recent = g->what.find.what == LISTED_BY_RECENT;
    for (uint32_t i = 0; i < page->n; i++) {
        if (!see(g->tops, page->item[i].id))
            continue;
        struct listed_sum sum = listed_sum(s, page->item[i].id);
        struct page_item item = {page->item[i].id, recent ? sum.recent : sum.count};
        if (item.stamp > 0 && behind(&g->what, item) && !add(g->tops, item))
            return false;
    }
    return true;
}

// Nothing unnamed comes before those above `bound`. Each look is at a quarter more than the last.
static bool enough(struct tops *t, struct page_item bound, uint32_t limit)
{
    uint32_t n = 0;
    if (t->n < t->look_at)
        return false;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct page_item *item = &t->item[i];
        n += item->stamp > bound.stamp || (item->stamp == bound.stamp && item->id <= bound.id);
    }
    t->look_at = t->n + t->n / 4;
    return n > limit;
}

static void finish(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    bool recent = g->what.find.what == LISTED_BY_RECENT;
    select_best(r->server->store, g->tops, recent, g->limit);
    g->page.n = g->tops->n < g->limit ? g->tops->n : g->limit;
    if (g->page.n > 0)
        memcpy(g->page.item, g->tops->item, g->page.n * sizeof g->page.item[0]);
    g->page.next = g->page.next_stamp = 0;
    if (!recent && g->tops->n > g->limit) {
        g->page.next = g->page.item[g->page.n - 1].id;
        g->page.next_stamp = g->page.item[g->page.n - 1].stamp;
    }
    lists_build(r, q);
}

static void ask_more(struct reactor *r, struct request *q)
{
    lists_ask_all(r, q, true);
}

void finds_rank(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    unsigned cores = r->server->cores;
    bool recent = g->what.find.what == LISTED_BY_RECENT;
    struct page_item bound = {0, 0};
    bool more = false, memory = true;
    if (g->tops == NULL)
        g->tops = calloc(1, sizeof *g->tops);
    memory = g->tops != NULL;
    for (unsigned c = 0; memory && c < cores; c++) {
        const struct page *page = cores == 1 ? &g->what.page : &g->asked[c].page;
        memory = take(r->server->store, g, page);
        more |= page->next != 0;
        if (page->next == 0)
            continue;
        const struct page_item *last = &page->item[page->n - 1];
        bound.stamp += last->stamp;
        if (!recent && last->id > bound.id)
            bound.id = last->id;
    }
    if (!memory) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    if (!more || enough(g->tops, bound, g->limit)) {
        finish(r, q);
        return;
    }
    q->run = ask_more;
    reactor_ready(r, q);
}
