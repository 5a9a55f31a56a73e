// How the published records of objects.h come and go, and what of them is durable: a head and data,
// the same bytes for digests and for images. Counters, the newest posts and activity are derived.
#ifndef KITH_STORE_RECORD_H
#define KITH_STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/graph.h"
#include "core/id.h"
#include "store/objects.h"

struct part;
struct shard;
struct store;
struct digest;

//            word[0..3]                     n[0]       n[1]    len[0..7]
//   user     updated, last login            strings_n  cold_n  the strings; gender
//   post     author, updated                caption_n  cold_n   tagged
//   comment  post, author, parent, updated  content_n  told_n * 8
//   session  user, expires                 device_n
//   audit    user, actor, address           value              act, by, done
//   share    post, author                  content_n
//   document owner, updated                            n
struct record_head {
    uint64_t id;
    uint64_t word[4];
    uint32_t n[2];
    uint16_t len[8];
    uint32_t data_n;       // bytes of data, a multiple of 8
    uint8_t kind, flags, rules, language;
};
_Static_assert(sizeof(struct record_head) == 72, "part of images");

enum { COMMENT_TOLD_MAX = MENTIONS_MAX + 1 };
_Static_assert(COMMENT_TOLD_MAX <= UINT8_MAX, "told_n");

struct record_head record_head(const struct object *o);
const void *record_data(const struct object *o, uint32_t *n);
// The data of a living record that is not published yet, to be written.
void *record_data_of(struct object *o);
// Whether head and data make a record that every reader may trust: for bytes from disk.
bool record_sound(const struct record_head *h, const void *data);
// Bytes that the data of such a head has: what its lengths say, each part padded.
uint32_t record_data_size(const struct record_head *h);

// A record with this head, not published; data zeroed, counters 0. Owned by the caller until
// published.
struct object *record_new(struct part *p, const struct record_head *h);
// Publishes a new one; its id must be free.
void record_insert(struct part *p, struct object *o);
// Puts `fresh` in the place of `old` with old's counters; old is retired.
void record_swap(struct part *p, struct object *old, struct object *fresh);
// A copy of old with these flags added, in its place.
struct object *record_flag(struct part *p, struct object *old, unsigned flags);
void record_remove(struct part *p, struct object *old);
// Own partition: the record or NULL.
struct object *record_find(const struct part *p, uint64_t id);
// The records of n ids (NULL = absent, or the id is 0), as store_find gives them: in waves, so that
// the misses overlap. `lines` of 64 bytes of each are asked for. Any core.
enum { POST_LINES = 4, USER_LINES = 6 };   // that an answer usually reads
struct record_wish { const uint64_t *id; uint32_t n; unsigned lines; };
void records_find(const struct store *s, struct record_wish ids, const struct object **out);
// Keyed hash of the durable content.
struct digest record_digest(const struct store *s, const struct object *o);
// Where an id lies in the tables.
uint64_t record_hash(const struct store *s, uint64_t id);

static inline uint32_t record_pad(uint32_t n) { return (n + 7) & ~(uint32_t)7; }

#endif
