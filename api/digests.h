// Digest marks: entries at which every core notes the sum over its partitions, so that the whole
// state has one number at one place. The control thread asks for them and writes the report into
// the log.
#ifndef KITH_API_DIGESTS_H
#define KITH_API_DIGESTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/ring.h"
#include "store/store.h"

struct reactor;
struct server;

// What one core has noted.
struct digest_slot {
    _Alignas(64) _Atomic uint64_t number; // of the mark; written last
    uint64_t place;
    struct store_digest sum;
};

struct digests {
    struct digest_slot *slot;  // [cores]
    // the rest: by the control thread
    uint64_t number;           // of the last mark asked for
    bool pending;              // its sums are not all there
    uint64_t place;            // of the last whole one, 0 = none yet
    struct store_digest sum;
};

int digests_init(struct digests *d, const struct server *s); // 0 or ENOMEM
void digests_free(struct digests *d);
// A core has applied a mark.
void digests_mark(struct reactor *r, const struct entry *e);
// Asks for a mark; false: one is pending, or the queue is full.
bool digests_ask(struct digests *d, const struct server *s, struct ring *queue);
// Whether a mark has become whole: then its report was logged, and place and sum are its.
bool digests_step(struct digests *d, const struct server *s, struct ring *queue);

#endif
