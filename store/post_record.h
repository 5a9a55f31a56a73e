// How a post's record is written from the bodies of entries, and the list of an author's newest
// posts.
#ifndef KITH_STORE_POST_RECORD_H
#define KITH_STORE_POST_RECORD_H

#include "kith_fb.h"
#include "store/apply.h"

// One medium on its way into a post: from a table of either kind, or from a URL alone.
struct medium {
    const kt_Media *media;
    const kt_MediaAdd *add;
    fb_str url;            // when it stands in place of the table's, or alone; n = 0: the table's
    uint64_t id;           // names it inside its post
    uint32_t order;        // display_order
};
struct media_list { struct medium item[MEDIA_MAX]; uint32_t n; };

// Sorted by display_order, those of one order as they came.
void media_sort(struct media_list *m);
void media_from_tables(struct media_list *m, fb_vec media);
void media_from_urls(struct media_list *m, fb_vec urls);
void media_from_url(struct media_list *m, fb_str url);

// What the record of a post is written from. Not owned.
struct post_draft {
    uint64_t id, author, updated_ms;
    unsigned rules, flags; // enum object_rule; object_flag
    unsigned language;     // that its author wrote when it was made
    uint64_t deleted_ms;   // of a post in the bin
    fb_str caption;
    struct media_list media;
    const fb_type *type;   // of `fields`: PostCreate, PostUpdate, ImportPost
    const void *fields;    // location, hashtags, mentions, reply_to_post_id where it has them, else
                           // those of `old`
    const kt_PostCreate *old;
    const struct post *was;// whose tags it has where `fields` has none
};
// Not published. NULL: too large.
struct object *post_record_write(struct apply *a, struct part *p, const struct post_draft *d);
// A draft that changes nothing.
struct post_draft post_draft_of(const struct post *post);

// The author's record shows the post among the newest, if it is one of them; or is made anew after
// one went.
void recent_add(struct part *p, struct user *author, uint64_t post);
void recent_remake(struct part *p, struct user *author);

#endif
