// Pages of ids: put together, and looked up.
#include "store/page.h"

#include "core/assert.h"
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

// ---- the records behind a page ------------------------------------------------------------------

// Who wrote what this is, 0 = nobody or not there.
static uint64_t author_of(const struct object *o)
{
    if (o == NULL) return 0;
    if (o->kind == ENTITY_post) return ((const struct post *)o)->author;
    return o->kind == ENTITY_comment ? ((const struct comment *)o)->author : 0;
}

static bool comment_visible(struct eye *e, struct sight at)
{
    const struct comment *c = (const struct comment *)at.o;
    if (sees_post_id(e, c->post) == NULL) return false;
    // One by somebody gone stays as a placeholder while it has replies.
    return at.author != NULL ? sees_user(e, at.author) : c->replies > 0;
}

static bool visible(struct eye *e, struct sight at, struct wanted what)
{
    if (at.o == NULL || at.o->kind != what.kind || at.o->flags & OBJECT_HIDDEN) return false;
    if (what.kind == ENTITY_user) return sees_user(e, (const struct user *)at.o);
    if (what.kind == ENTITY_comment) return comment_visible(e, at);
    struct seen_post post = {(const struct post *)at.o, at.author, what.followed};
    return sees_post(e, post);
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
