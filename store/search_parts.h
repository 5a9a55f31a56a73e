// What the two halves of store/search.h share: texts (search.c) and people (search_users.c).
#ifndef KITH_STORE_SEARCH_PARTS_H
#define KITH_STORE_SEARCH_PARTS_H

#include "store/hunt.h"
#include "store/search.h"

// One more item; the first that there is no room for says that there is more.
void search_take(struct page *page, uint64_t id, uint64_t stamp);
// The work of this turn is done; ids from `from` down, of this stamp, have not been looked at.
void search_stopped(struct page *page, uint64_t from, uint64_t stamp);

// Words are looked for in the texts of each language by a hunt of its own: room for their lists,
// and the languages in which there are texts of the kind here.
struct search_room { struct posting_walk *walk; uint32_t lists, spoken; };
_Static_assert((int)LANGUAGES < (int)HUNTS, "a bit and a hunt each, and one hunt that is of none");
struct search_room search_room(const struct shard *s, struct posting_walk *room,
                               enum index_kind kind);
// Begins one more, which does not share yet.
struct hunt *search_hunt(struct hunts *all, struct search_room room);
struct search_words { enum index_kind kind; enum language language; const struct terms *words; };
void search_words(const struct shard *s, struct hunt *h, struct search_words what);

void search_users(struct shard *s, const struct search_read *what, struct page *page);

#endif
