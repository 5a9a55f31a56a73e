// What the tables beside the primitives tell a snapshot under way (store/image.c answers), as
// image_hooks.h does for the primitives. Only while p->image is set.
#ifndef KITH_STORE_IMAGE_PARTS_H
#define KITH_STORE_IMAGE_PARTS_H

#include <stdint.h>

struct part;
struct source;

// The oldest idempotency key, of this number, is about to be forgotten.
void image_before_key(struct part *p, uint64_t number);
// A source is about to get a bit.
void image_before_source(struct part *p, struct source *s);

#endif
