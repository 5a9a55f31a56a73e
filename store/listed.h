// Tags and places: what posts share by name. Each core knows those of its own posts, with how many
// there are in all and in the last day; a reader adds up the cores. Derived, beside the index.
//
//   listed (published, found by any core under its id) ◄── by name · by count · by recent uses
#ifndef KITH_STORE_LISTED_H
#define KITH_STORE_LISTED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/id.h"
#include "store/index.h"
#include "store/order.h"
#include "store/page.h"

struct store;

struct listed {
    uint64_t id;                   // of kind and name: the same on every core, below 2^63
    _Atomic uint64_t newest;       // post that has it
    _Atomic uint32_t count;        // posts that have it, of this core
    _Atomic uint32_t recent;       // of them, those of the window (changed when looked at)
    uint8_t kind;                  // INDEX_tag or INDEX_place
    uint16_t name_n;
    char name[];                   // folded
};

enum { LISTED_ORDERS = 2 };        // of tags, of places

struct listing {                   // of one core
    struct ptable table;
    struct order by_name[LISTED_ORDERS];
    struct order by_count, by_recent; // of tags; by_recent: of those with any
    uint64_t floor;                // ids from here on are recent
};

// A post has it or has it no more; the postings have moved already. Owner.
void listed_add(struct shard *s, struct index_place at, uint64_t post);
// Many posts have it, ascending; beforehand, while nothing is listed, where the window begins.
void listed_add_all(struct shard *s, struct index_place at, struct id_list posts);
void listed_begin(struct shard *s);
void listed_remove(struct shard *s, struct index_place at, uint64_t post);
// The window follows the log, so that no reader finds a day's work to do: before a post comes,
// while it is neither here nor in the list of all posts.
void listed_follow(struct shard *s);
// The window now begins at this time; of those that fall out at most `most` (0: all) at once.
// Whether all are out. It never moves back.
bool listed_advance(struct shard *s, uint64_t begin_ms, uint32_t most);

// Any core: one core's share, NULL = it has none; and what all have together.
const struct listed *listed_find(const struct shard *s, uint64_t id);
struct listed_sum { const struct listed *any; uint64_t newest; uint32_t count, recent; };
struct listed_sum listed_sum(const struct store *s, uint64_t id);
uint64_t listed_id(const struct store *s, enum index_kind kind, struct language_text folded);

// Owner: ids of those behind `after` (0 = from the first).
// By name, those whose name begins with `prefix` (places: has words that begin as its words do).
struct listed_read { enum index_kind kind; struct language_text query; uint64_t after; };
void read_listed(struct shard *s, const struct listed_read *what, struct page *page);
// Most first, then by id, with this core's own numbers as stamps; behind the page's last item, if
// it has any.
enum listed_rank { LISTED_BY_COUNT, LISTED_BY_RECENT };
void read_listed_top(const struct shard *s, enum listed_rank rank, struct page *page);
// Whether a name comes before another; shorter first where one begins the other.
bool listed_before(const struct listed *a, const struct listed *b);

#endif
