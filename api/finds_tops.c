// Rankings of what every core has a share of (finds.h). Each round every core names its next
// hundred by its own numbers, and the sums of the named ones are looked up. What no core has named
// has at most the sum of the last numbers named: once enough of the others are above that, they are
// the page.
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/finds.h"
#include "api/lists.h"
#include "core/assert.h"
#include "store/listed.h"

enum { ROUNDS_MOST = 1024 };   // a hundred thousand of a core: what is beyond is not looked at

struct tops {
    uint64_t *seen;            // open addressing; 0 = free
    uint32_t seen_room, seen_n;
    struct page_item *item;    // id and sum, of those behind the cursor
    uint32_t n, room, rounds;
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

// What an item is ordered by, looked up once; the name lives until the turn ends.
struct ranked { struct page_item item; uint32_t count; const struct listed *any; };

// Most first; then of the trending ones those with more in all, then by name.
static int by_recent(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->item.stamp != y->item.stamp)
        return x->item.stamp > y->item.stamp ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->any == NULL || y->any == NULL)
        return x->any != NULL ? -1 : y->any != NULL;
    return listed_before(x->any, y->any) ? -1 : listed_before(y->any, x->any);
}

// Most first, then by id, which a cursor can say.
static int by_count(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->item.stamp != y->item.stamp)
        return x->item.stamp > y->item.stamp ? -1 : 1;
    return x->item.id < y->item.id ? -1 : x->item.id > y->item.id;
}

// The best into the page. false: no memory.
static bool best(const struct store *s, struct reading *g)
{
    struct tops *t = g->tops;
    bool recent = g->what.find.what == LISTED_BY_RECENT;
    struct ranked *all = malloc((t->n + 1) * sizeof *all);
    if (all == NULL)
        return false;
    for (uint32_t i = 0; i < t->n; i++) {
        struct listed_sum sum = listed_sum(s, t->item[i].id);
        all[i] = (struct ranked){t->item[i], sum.count, sum.any};
    }
    qsort(all, t->n, sizeof *all, recent ? by_recent : by_count);
    g->page.n = t->n < g->limit ? t->n : g->limit;
    for (uint32_t i = 0; i < g->page.n; i++)
        g->page.item[i] = all[i].item;
    free(all);
    return true;
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

static uint32_t above(const struct tops *t, uint64_t bound)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n; i++)
        n += t->item[i].stamp > bound;
    return n;
}

static void finish(struct reactor *r, struct request *q)
{
    struct reading *g = q->reading;
    if (!best(r->server->store, g)) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    g->page.next = g->page.next_stamp = 0;
    if (g->what.find.what == LISTED_BY_COUNT && g->tops->n > g->limit) {
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
    uint64_t bound = 0;
    bool more = false;
    if (g->tops == NULL)
        g->tops = calloc(1, sizeof *g->tops);
    bool memory = g->tops != NULL;
    for (unsigned c = 0; memory && c < cores; c++) {
        const struct page *page = cores == 1 ? &g->what.page : &g->asked[c].page;
        memory = take(r->server->store, g, page);
        more |= page->next != 0;
        if (page->next != 0)
            bound += page->item[page->n - 1].stamp;
    }
    if (!memory) {
        answer_error(r, q, KITH_overloaded);
        return;
    }
    bool enough = above(g->tops, bound) > g->limit;
    if (!more || enough || ++g->tops->rounds == ROUNDS_MOST) {
        finish(r, q);
        return;
    }
    q->run = ask_more;
    reactor_ready(r, q);
}
