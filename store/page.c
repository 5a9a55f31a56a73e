// Pages of ids: put together, and looked up.
#include "store/page.h"

#include <string.h>

#include "core/assert.h"
#include "store/doc.h"
#include "store/record.h"
#include "store/sees.h"
#include "store/store.h"

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

bool page_ranked(const void *ctx, struct page_item a, struct page_item b)
{
    (void)ctx;
    return a.stamp != b.stamp ? a.stamp > b.stamp : a.id > b.id;
}

// What the page is known to be complete down to; false: to the end.
static bool floor_of(const struct page *page, struct page_item *floor)
{
    if (page->n > 0)
        *floor = page->item[page->n - 1];
    else
        *floor = (struct page_item){page->next, page->next_stamp};
    return page->next != 0;
}

void page_merge_in(struct page *into, const struct page *from, struct page_order order)
{
    struct page a = *into;
    struct page_item floor = {0, 0}, other = {0, 0};
    bool more = floor_of(&a, &floor), cut = floor_of(from, &other);
    if (cut && (!more || order.before(order.ctx, other, floor))) floor = other;
    more |= cut;
    bool left = more;
    uint32_t i = 0, k = 0;
    into->n = 0;
    while (i < a.n || k < from->n) {
        bool both = i < a.n && k < from->n;
        bool first = k == from->n ||
                     (i < a.n && !order.before(order.ctx, from->item[k], a.item[i]));
        struct page_item item = first ? a.item[i] : from->item[k];
        if ((more && order.before(order.ctx, floor, item)) || into->n == into->want) {
            left = true;
            break;
        }
        if (first && both && from->item[k].id == item.id) k++;
        i += first;
        k += !first;
        into->item[into->n++] = item;
    }
    struct page_item last = into->n > 0 ? into->item[into->n - 1] : floor;
    into->next = left ? last.id : 0;
    into->next_stamp = left ? last.stamp : 0;
}

void page_keep(struct page *page, struct page_item item)
{
    uint32_t at = page->n;
    while (at > 0 && page_ranked(NULL, item, page->item[at - 1])) at--;
    bool full = page->n == page->want;
    if (full) page->next = 1; // what it is, is said at the end
    if (at == page->want) return;
    if (!full) page->n++;
    memmove(page->item + at + 1, page->item + at, (page->n - at - 1) * sizeof page->item[0]);
    page->item[at] = item;
}

// ---- the records behind a page ------------------------------------------------------------------

// Who wrote what this is, 0 = nobody or not there.
static uint64_t author_of(const struct object *o)
{
    if (o == NULL) return 0;
    if (o->kind == ENTITY_post) return ((const struct post *)o)->author;
    return o->kind == ENTITY_comment ? comment_writer((const struct comment *)o) : 0;
}

static bool comment_visible(struct eye *e, struct sight at)
{
    const struct comment *c = (const struct comment *)at.o;
    if (sees_post_id(e, comment_post(c)) == NULL) return false;
    // One by somebody gone stays as a placeholder while it has replies.
    return at.author != NULL ? sees_user(e, at.author) : c->replies > 0;
}

static bool visible(struct eye *e, struct sight at, struct wanted what)
{
    if (at.o == NULL || at.o->kind != what.kind || at.o->flags & OBJECT_HIDDEN) return false;
    struct seen_post post = {(const struct post *)at.o, at.author, what.followed};
    if (what.kind == ENTITY_post) return sees_post(e, post);
    if (doc_row(what.kind) != NULL) {
        const struct doc *d = (const struct doc *)at.o;
        return what.all ? store_account(e->view.store, d->owner) != NULL : sees_doc(e, d);
    }
    if (what.all) return object_user(at.o) != NULL;
    if (what.kind == ENTITY_user) return sees_user(e, (const struct user *)at.o);
    if (what.kind == ENTITY_comment) return comment_visible(e, at);
    return true; // what only its owner or an admin can ask for
}

void page_see(struct eye *e, struct page *page, struct wanted what, struct sight *sight)
{
    const struct store *s = e->view.store;
    enum entity kind = what.kind;
    uint64_t id[PAGE_MAX];
    const struct object *o[PAGE_MAX], *who[PAGE_MAX];
    ASSERT(page->n <= PAGE_MAX);
    for (uint32_t i = 0; i < page->n; i++) id[i] = page->item[i].id;
    unsigned lines = kind == ENTITY_user ? USER_LINES : POST_LINES;
    records_find(s, (struct record_wish){id, page->n, lines}, o);
    for (uint32_t i = 0; i < page->n; i++) id[i] = author_of(o[i]);
    if (kind != ENTITY_user) records_find(s, (struct record_wish){id, page->n, USER_LINES}, who);
    uint32_t n = 0;
    for (uint32_t i = 0; i < page->n; i++) {
        sight[n] = (struct sight){o[i], kind != ENTITY_user ? object_user(who[i]) : NULL};
        if (visible(e, sight[n], what)) page->item[n++] = page->item[i];
    }
    page->n = n;
}
