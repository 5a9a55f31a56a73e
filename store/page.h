// Pages of ids, and the records behind them.
#ifndef KITH_STORE_PAGE_H
#define KITH_STORE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/graph.h"
#include "core/id.h"
#include "core/limits.h"

struct eye;
struct object;
struct user;

struct page_item { uint64_t id, stamp; };  // stamp: of the edge, or 0
// A page of ids. `next` is the key to go on from (an id, or a stamp for edges), 0 = the end is
// reached.
struct page {
    uint32_t n, want;
    uint64_t next;
    uint64_t next_stamp;           // of lists in order of (stamp, id): belongs to next
    struct page_item item[PAGE_MAX];
};

// Both newest first, into `into`, at most into->want, next set where either has more.
void page_merge(struct page *into, const struct page *from);
// The same for other orders: whether item a comes before b. Equal ids are one item.
typedef bool (*page_before)(const void *ctx, struct page_item a, struct page_item b);
struct page_order { page_before before; const void *ctx; };
void page_merge_in(struct page *into, const struct page *from, struct page_order order);
// Highest stamp first, then highest id.
bool page_ranked(const void *ctx, struct page_item a, struct page_item b);
// An item into a page that is kept in this order; the last one falls out where there is no room.
void page_keep(struct page *page, struct page_item item);
// The records of a page's items and of who wrote them (NULL: nobody, or gone), found in waves;
// drops the items that the viewer may not see, next stays. sight has room for PAGE_MAX, sight[i]
// is item[i], valid until the core's next quiet point. followed: the viewer follows every author.
struct sight { const struct object *o; const struct user *author; };
// all: also users whom a block hides, and documents whosever they are.
struct wanted { enum entity kind; bool followed, all; };
void page_see(struct eye *e, struct page *page, struct wanted what, struct sight *sight);

#endif
