// Idempotency keys of a partition's decisions: the newest IDEMPOTENCY_PER_PARTITION, none older
// than IDEMPOTENCY_MS by the stamps of the entries. In images.
//
//   ring[capacity] of items, numbered on and on: first <= number < last · index: key → place in the
//   ring
#ifndef KITH_STORE_KEYS_H
#define KITH_STORE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"

struct part;

struct key_item {
    struct entry_key key;
    uint64_t stamp;           // of the entry that used it
    struct outcome outcome;
};
_Static_assert(sizeof(struct key_item) == 64, "part of images");

// Forgets what is too old at this stamp.
void keys_expire(struct part *p, uint64_t stamp);
// What was decided under this key, NULL = nothing. Valid until the next put.
const struct key_item *keys_find(const struct part *p, const struct entry_key *key);
// The key must be unknown; its stamp is not below those before.
void keys_put(struct part *p, const struct key_item *item);
// Numbers of the oldest and one past the newest; an item by its number.
uint64_t keys_first(const struct part *p);
uint64_t keys_last(const struct part *p);
const struct key_item *keys_at(const struct part *p, uint64_t number);

#endif
