// Tags in their post's caption, and apart from it (post_tags.h).
#include "store/post_tags.h"

#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"

struct post_tags post_tags(const struct post *post)
{
    if (post->tagged > 0) return (struct post_tags){post, {0}, (uint32_t)post->tagged};
    const void *cold = post_cold(post);
    fb_vec apart = {0};
    if (cold != NULL) apart = kt_PostCreate_hashtags(kt_root_PostCreate(cold));
    return (struct post_tags){NULL, apart, apart.n};
}

fb_str post_tag(const struct post_tags *tags, uint32_t i)
{
    ASSERT(i < tags->n);
    if (tags->of == NULL) return fb_vec_str(tags->apart, i);
    struct tag_place place = post_tag_place(tags->of, i);
    return (fb_str){post_caption(tags->of) + place.at, place.n};
}

// Where the caption has this tag behind a '#'; n 0: nowhere.
static struct tag_place place_of(fb_str caption, fb_str tag)
{
    const char *end = caption.s + caption.n, *at = caption.s;
    while (tag.n > 0 && (at = memchr(at, '#', (size_t)(end - at))) != NULL) {
        at++;
        if (at - caption.s > UINT16_MAX || end - at < tag.n) break;
        if (memcmp(at, tag.s, tag.n) == 0)
            return (struct tag_place){(uint16_t)(at - caption.s), (uint16_t)tag.n};
    }
    return (struct tag_place){0};
}

uint16_t tags_place(fb_str caption, const struct post_tags *tags,
                    struct tag_place place[TAGGED_MAX])
{
    if (tags->n > TAGGED_MAX) return 0;
    for (uint32_t i = 0; i < tags->n; i++) {
        place[i] = place_of(caption, post_tag(tags, i));
        if (place[i].n == 0) return 0;
    }
    return (uint16_t)tags->n;
}
