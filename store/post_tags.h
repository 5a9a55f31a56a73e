// A post's tags. Most stand in its caption: then the record has their places there, of four bytes
// each, and no table with their words.
#ifndef KITH_STORE_POST_TAGS_H
#define KITH_STORE_POST_TAGS_H

#include "core/fb.h"
#include "store/objects.h"

// All of them, wherever they are kept; valid as long as the record.
struct post_tags {
    const struct post *of;     // that has their places, NULL: they are apart
    fb_vec apart;
    uint32_t n;
};
struct post_tags post_tags(const struct post *post);
fb_str post_tag(const struct post_tags *tags, uint32_t i);
// How many of them are kept as places in this caption: all or none.
uint16_t tags_place(fb_str caption, const struct post_tags *tags,
                    struct tag_place place[TAGGED_MAX]);

#endif
