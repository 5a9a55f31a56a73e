// A user's card: the table Person as it stands in every answer that shows him, written once, when
// his record is. Offsets in a FlatBuffer are relative, so that it is copied into an answer whole.
// Derived from the record: neither durable nor in the digest.
#ifndef KITH_STORE_CARD_H
#define KITH_STORE_CARD_H

#include "core/fb_build.h"
#include "kith_fb.h"
#include "store/objects.h"
#include "store/record.h"

// Bytes that are enough for the card of a record with this head, a multiple of 8.
uint32_t card_room(const struct record_head *h);
// At the end of the room that the record has for it.
void card_write(struct user *u);
// The card's reference in the answer.
fb_ref card_put(fb_builder *b, const struct user *u);
// The same fields, for a table that has others besides.
void card_fields(fb_builder *b, const struct user *u, kt_new_Person *w);
fb_ref card_full_name(fb_builder *b, const struct user *u);
fb_ref card_text(fb_builder *b, const struct user *u, enum user_string which);

#endif
