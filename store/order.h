// An order: pointers sorted by a comparison of what they point to. Blocks of up to 128, each wholly
// before the next, under one directory. Private to its core.
#ifndef KITH_STORE_ORDER_H
#define KITH_STORE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pool.h"

// Whether a comes before b. What is in an order may not change its place while it is there.
typedef bool (*order_before)(const void *a, const void *b);

struct order { uint32_t n, room; struct order_block **block; }; // all zero = empty

void order_insert(struct order *o, struct pool *pool, order_before before, const void *item);
void order_remove(struct order *o, struct pool *pool, order_before before, const void *item);
// Gives back the order's own memory; the items are the owner's.
void order_clear(struct order *o, struct pool *pool);

// The first that is not before `key` (NULL: the first of all), then those behind it. NULL = the
// end.
struct order_walk { const struct order *of; uint32_t block, at; };
const void *order_first(struct order_walk *w, const struct order *o, order_before before,
                        const void *key);
const void *order_next(struct order_walk *w);
// How many stand before the one that the walk gave last.
uint32_t order_behind(const struct order_walk *w);
// NULL = it is empty.
const void *order_last(const struct order *o);

#endif
