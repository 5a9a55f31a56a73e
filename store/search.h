// Searches: what a person wrote, as one core's answer from its index. Answers are ids; what they
// say, and whether the viewer may see them, comes from the records when a page is built.
//
//   posts, comments: every word of the query stands in the text, by its stem; words that say
//   nothing are passed over, a query of nothing else finds nothing. Which stems and which words
//   that are says the language of each text. "In quotes": as far from each other as there. #tag:
//   the post has the tag. A query of one word also finds the posts that have it as a tag, unless
//   it says nothing in English. Newest first; popular: of the newest that a turn's work finds, most
//   liked first.
//
//   users, best first: 6 the username is the query · 5 begins with it · 4 every word of it begins a
//   word of username or name · 3 (from three characters on) it stands in one of them · 2 all its
//   words stand in the bio · 1 username or full name is similar (trigrams, 3 of 10), the most
//   similar first. Within each newest first.
//
// A search does bounded work a turn; a page may come out short and say where to go on.
#ifndef KITH_STORE_SEARCH_H
#define KITH_STORE_SEARCH_H

#include <stdint.h>

#include "store/index.h"
#include "store/page.h"

struct shard;

enum search_kind { SEARCH_posts, SEARCH_popular, SEARCH_comments, SEARCH_users };

struct search_read {
    enum search_kind kind;
    struct language_text query;
    uint64_t before, before_stamp; // as page.next and page.next_stamp of the last page
};
void read_search(struct shard *s, const struct search_read *what, struct page *page);
// Ids of one term, below `before`.
struct term_read { enum index_kind kind; struct language_text term; uint64_t before; };
void read_term(struct shard *s, const struct term_read *what, struct page *page);

#endif
