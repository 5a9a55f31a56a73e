// Reads in two halves: `collect` finds ids on the core that owns the list, `build` turns ids into
// an answer on the acting user's core, from published records and the user's own edges.
#ifndef KITH_STORE_READ_H
#define KITH_STORE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb_build.h"
#include "core/graph.h"
#include "store/page.h"
#include "store/sees.h"

struct shard;
struct top;

// ---- collect: on the owner's core --------------------------------------------------------------
// Edge list of `owner` (followers, following, likers), newest first, stamps below `before` (0 =
// newest).
struct edges_read { uint64_t owner, before; enum list_kind list; };
void read_edges(const struct shard *s, struct edges_read what, struct page *page);
// Sequence of `owner` (posts, comments, replies). ascending: ids above `from`, else below (0 = the
// end).
struct seq_read { uint64_t owner, from; enum list_kind list; bool ascending; };
void read_seq(const struct shard *s, struct seq_read what, struct page *page);
// Posts of `owner`, the pinned ones first; from: page->next of the page before, 0 = the beginning.
void read_user_posts(const struct shard *s, uint64_t owner, uint64_t from, struct page *page);
// All posts of this core's partitions that are for everybody, ids below `before`.
void read_all_posts(const struct shard *s, uint64_t before, struct page *page);
// Documents of this core's partitions in that queue (store/queues.h), ids below `before`.
void read_queue(const struct shard *s, uint64_t queue, uint64_t before, struct page *page);
// Home feed of `viewer`, on the viewer's core. true: the page is complete. false: older than what
// is at hand; ask every core with read_authors, merge with page_merge. `seen`: every core has
// applied up to this place, and what it pushed up to there has arrived.
struct feed_read { uint64_t viewer, before, seen; bool include_self; };
bool read_feed(struct shard *s, struct feed_read what, struct page *page);
// The viewer's timeline from what the authors publish; the floor, below which nobody has looked.
uint64_t feed_compute(struct shard *s, uint64_t viewer, struct top *t);
// Asks memory for what read_feed and the pages of these viewers of this core look at first.
enum { READ_AHEAD_MAX = 8 };
void read_ahead(const struct shard *s, struct id_list viewers);
// The users whose posts make the viewer's feed: returns how many; copies at most max into out.
uint32_t read_feed_authors(const struct shard *s, struct feed_read what, uint64_t *out,
                           uint32_t max);
// Posts of those of these authors that this core owns, ids below `before`, newest first.
void read_authors(const struct shard *s, struct id_list authors, uint64_t before,
                  struct page *page);

// ---- build: on the viewer's core (any core when viewer is 0) ------------------------------------
// viewer 0 = nobody. All return the reference of the finished table, 0 where the object is not
// there for the viewer.
fb_ref build_user(fb_builder *b, const struct view *v, uint64_t user);
// What is between the viewer and the user; the viewer's core.
fb_ref build_relationship(fb_builder *b, const struct view *v, uint64_t user);
fb_ref build_post(fb_builder *b, const struct view *v, uint64_t post);
fb_ref build_comment(fb_builder *b, const struct view *v, uint64_t comment);
// The same for who has just written it: he sees it, and asks no list of his. 0 where somebody likes
// it by now, or it is gone again. Any core.
fb_ref build_new_comment(fb_builder *b, const struct store *s, uint64_t comment);
// Whether this viewer is shown how many and who like the post.
bool likes_shown(const struct post *post, uint64_t viewer);
// Likes and all other reactions; by type, a table Reactions.
uint32_t reactions_count(const struct post *post);
fb_ref build_reactions(fb_builder *b, const struct post *post);
// Whole answers: tables Posts, Users, Comments. Of users `list` says which time is shown
// (followed_since for followers and following, liked_at for likers).
struct shown {
    const struct page *page;
    const struct sight *sight;   // by page_see, in the same turn
    enum list_kind list;
    const char *cursor;          // ready text, or NULL
    bool followed;               // by read_feed in this turn: the viewer follows every author
};
fb_ref build_posts(fb_builder *b, const struct view *v, const struct shown *what);
// An address of a post's medium as the viewer is to have it; valid until the next is asked for.
fb_str read_media_url(const struct view *v, struct sight at, fb_str url);
fb_ref build_comments(fb_builder *b, const struct view *v, const struct shown *what);
fb_ref build_users(fb_builder *b, const struct shown *what);
fb_ref build_mutuals(fb_builder *b, const struct shown *what, uint32_t count);
// The users of the page as sharers of the post, with what they said.
fb_ref build_shares(fb_builder *b, const struct view *v, uint64_t post, const struct shown *what);
// Bytes that are enough for a page of n posts (comments) with everything: build buffers.
enum { BUILD_MAX = 8 << 20 };

#endif
