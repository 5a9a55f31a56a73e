// The devices of a core's users by their push tokens (derived): for whom there is anything to push
// at all, and who else had a token before its newest owner.
#ifndef KITH_STORE_DEVICES_H
#define KITH_STORE_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb.h"
#include "store/objects.h"

struct part;
struct shard;
struct store;

// A record of a device comes (old NULL), is replaced, or goes (fresh NULL).
void devices_moved(struct part *p, const struct object *old, const struct object *fresh);
// On the owner's core: the user's devices, newest first, at most max, that were there before the
// entry of this stamp.
struct device_room { const struct doc **out; uint32_t max; };
uint32_t devices_of(const struct shard *s, uint64_t user, uint64_t stamp, struct device_room room);
// Any core: the others that have this one's token, at most max.
uint32_t devices_of_token(const struct store *s, const struct doc *one, struct device_room room);
// The core's devices from position *at on, as ptable_walk.
bool devices_walk(const struct shard *s, uint64_t *at, bool (*fn)(void *ctx, void *record),
                  void *ctx);

#endif
