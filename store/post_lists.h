// The lists that a post stands in until it is gone, as its flags and rules say: its author's posts
// and one of the core's two lists of all, by whom it is for; or the author's archive; the pinned
// ones; or the bin alone.
#ifndef KITH_STORE_POST_LISTS_H
#define KITH_STORE_POST_LISTS_H

#include <stdint.h>

#include "store/objects.h"

struct part;
struct shard;

// With the author's counters; the author's newest posts are the caller's (store/post_record.h). The
// post has its own counters by then: it is published.
void post_lists_add(struct part *p, struct user *author, struct object *post);
void post_lists_remove(struct part *p, struct user *author, struct object *post);
// `fresh` has taken the place of `old` (record_swap).
void post_lists_move(struct part *p, struct user *author, struct object *old,
                     struct object *fresh);
// Which rules lead from one list to another.
enum { POST_LISTS_RULES = RULE_PINNED | RULE_ARCHIVED | RULE_FOLLOWERS | RULE_CLOSE_FRIENDS };
// The core's list that has it, if it is listed.
struct seq *post_lists_of_core(struct shard *s, const struct object *post);
// While a partition is loaded: the core's lists and the statistics come later.
void post_lists_load(struct part *p, struct user *author, const struct object *post);
uint32_t post_lists_pins(const struct part *p, uint64_t author);

#endif
