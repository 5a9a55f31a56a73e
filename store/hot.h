// Posts with recent engagement: likes and comments of the current hour and the 24 before it,
// counted alike. The hours are those of the log's stamps, or of the reader's clock if that is
// ahead. Derived, private to each core, of its own posts. Every post's score is kept; in order are
// only the first of them (ranking.h).
#ifndef KITH_STORE_HOT_H
#define KITH_STORE_HOT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/objects.h"
#include "store/page.h"
#include "store/ranking.h"

struct part;

enum {
    HOT_HOURS = 25,
    HOT_RANKED = RANKING_SHOWN, // posts of a core that a reader gets to see
    HOT_AHEAD = 24,
};

struct hot {
    struct ptable table;       // hot_post by id
    struct ranking ranked;     // the first by score
    uint64_t hour;             // the current one, since 1970
};

// A like or a comment that was made at this stamp comes (+1) or goes (-1).
void hot_moved(struct part *p, uint64_t post, uint64_t stamp, int by);
// The post is gone.
void hot_drop(struct part *p, uint64_t post);
// All of a post's likes, or comments: at load, or when it comes back.
void hot_likes(struct part *p, uint64_t post);
void hot_comments(struct part *p, uint64_t post);
// It is so late by now.
void hot_advance(struct shard *s, uint64_t now_ms);
// Asks memory for what `hot_moved` looks at for n posts, at most HOT_AHEAD (ahead.h).
void hot_ahead(const struct shard *s, const uint64_t *post, uint32_t n);
// Highest score first, then newest; behind page->next of the last page, if there was one. The end
// comes after HOT_RANKED posts.
void read_hot(const struct shard *s, struct page_item after, struct page *page);

#endif
