// The bin: deleted posts, hidden from everybody with all that hangs on them kept, until they are
// restored or erased; and comments that a moderator removed, placeholders that keep what they said.
// Whether one is overdue is known to who has a clock; an entry says so.
#ifndef KITH_STORE_BIN_H
#define KITH_STORE_BIN_H

#include <stdint.h>

struct entry;
struct object;
struct post;
struct shard;

// Milliseconds since 1970; 0: it is not in the bin.
uint64_t post_deleted_ms(const struct post *post);
// The same of a post or a comment.
uint64_t bin_deleted_ms(const struct object *o);

// An erasure of a post or comment of this shard that was deleted before this time, as a whole
// entry, valid until the next call; NULL = none was met. At most *budget of them are looked at,
// which is counted down; the next call goes on where this one ended. What was given and is not
// applied yet may come again: the second does nothing.
const struct entry *shard_overdue(struct shard *s, uint64_t before_ms, uint32_t *budget);

#endif
