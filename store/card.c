// Cards (card.h).
//
//   record: | head | room: 0 … card | strings | cold |
#include "store/card.h"

#include <string.h>

#include "core/assert.h"

enum {
    CARD_BYTES = 20 + 48,      // vtable, and table with what aligns it
    STRING_BYTES = 4 + 4,      // length, NUL and padding
};

fb_ref card_text(fb_builder *b, const struct user *u, enum user_string which)
{
    uint32_t n;
    const char *s = user_string(u, which, &n);
    return n > 0 ? fb_string(b, s, n) : 0;
}

// First and last name, joined.
fb_ref card_full_name(fb_builder *b, const struct user *u)
{
    uint32_t first_n, last_n;
    const char *first = user_string(u, USER_first, &first_n);
    const char *last = user_string(u, USER_last, &last_n);
    if (first_n == 0 || last_n == 0)
        return first_n > 0 ? fb_string(b, first, first_n) : card_text(b, u, USER_last);
    uint32_t mark = b->scratch;
    char *joined = (char *)fb_scratch(b, first_n + 1 + last_n);
    if (joined == NULL) return 0;
    memcpy(joined, first, first_n);
    joined[first_n] = ' ';
    memcpy(joined + first_n + 1, last, last_n);
    fb_ref ref = fb_string(b, joined, first_n + 1 + last_n);
    b->scratch = mark;
    return ref;
}

void card_fields(fb_builder *b, const struct user *u, kt_new_Person *w)
{
    kt_put_Person_user_id(w, u->o.id);
    kt_put_Person_username(w, card_text(b, u, USER_username));
    kt_put_Person_full_name(w, card_full_name(b, u));
    kt_put_Person_first_name(w, card_text(b, u, USER_first));
    kt_put_Person_last_name(w, card_text(b, u, USER_last));
    kt_put_Person_avatar_url(w, card_text(b, u, USER_avatar));
    kt_put_Person_is_verified(w, u->o.flags & OBJECT_VERIFIED);
}

uint32_t card_room(const struct record_head *h)
{
    if (h->kind != ENTITY_user) return 0;
    uint32_t first = h->len[USER_first], last = h->len[USER_last];
    uint32_t n = CARD_BYTES + 5 * STRING_BYTES + 2 * (first + last) + 1;
    return record_pad(n + h->len[USER_username] + h->len[USER_avatar]);
}

void card_write(struct user *u)
{
    fb_builder b;
    fb_init(&b, u->data, u->card_room);
    kt_new_Person w = {0};
    card_fields(&b, u, &w);
    fb_ref ref = kt_end_Person(&b, &w);
    ASSERT(ref != 0 && b.used <= UINT16_MAX - 7);
    u->card_ref = (uint16_t)ref;
    u->card_n = (uint16_t)record_pad(b.used);
}

fb_ref card_put(fb_builder *b, const struct user *u)
{
    return fb_adopt(b, (const uint8_t *)u->data + u->card_room - u->card_n, u->card_n, u->card_ref);
}
