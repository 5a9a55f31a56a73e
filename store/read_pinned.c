// A user's posts as a profile shows them: the pinned ones, then the others.
//
//   key   0 = from the beginning · PINNED | id = pinned ones below id, then all others ·
//         id = others below it
#include "core/assert.h"
#include "store/read.h"
#include "store/store.h"

// Ids have bit 63 clear.
static const uint64_t PINNED = UINT64_C(1) << 63;

static bool is_one_of(const uint64_t *ids, uint32_t n, uint64_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == id) return true;
    return false;
}

// false: the page is full and there is more.
static bool put(struct page *page, uint64_t id, uint64_t mark)
{
    if (page->n == page->want) return false;
    page->item[page->n++] = (struct page_item){id, 0};
    page->next = mark | id;
    return true;
}

void read_user_posts(const struct shard *s, uint64_t owner, uint64_t from, struct page *page)
{
    const struct part *p = store_part(s->store, id_slot(owner));
    uint64_t pin[PINS_MAX], found[PAGE_MAX + 1 + PINS_MAX];
    ASSERT(p->shard == s);
    ASSERT(page->want > 0 && page->want <= PAGE_MAX);
    page->n = 0;
    page->next = 0;
    uint32_t pins = seq_below(seqs_find(p, (struct edge_at){owner, LIST_pinned}), 0, pin, PINS_MAX);
    bool begins = from == 0 || from & PINNED;
    uint64_t below = from & ~PINNED;
    for (uint32_t i = 0; begins && i < pins; i++)
        if ((below == 0 || pin[i] < below) && !put(page, pin[i], PINNED)) return;
    const struct seq *posts = seqs_find(p, (struct edge_at){owner, LIST_posts});
    uint32_t n = seq_below(posts, begins ? 0 : below, found, page->want + 1 + pins);
    for (uint32_t i = 0; i < n; i++)
        if (!is_one_of(pin, pins, found[i]) && !put(page, found[i], 0)) return;
    page->next = 0;
}
