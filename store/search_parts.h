// What the two halves of store/search.h share: texts (search.c) and people (search_users.c).
#ifndef KITH_STORE_SEARCH_PARTS_H
#define KITH_STORE_SEARCH_PARTS_H

#include "store/search.h"

// One more item; the first that there is no room for says that there is more.
void search_take(struct page *page, uint64_t id, uint64_t stamp);
// The work of this turn is done; ids from `from` down, of this stamp, have not been looked at.
void search_stopped(struct page *page, uint64_t from, uint64_t stamp);
void search_users(struct shard *s, const struct search_read *what, struct page *page);

#endif
