// A store under test and the log that made it: entries get place and stamp here, every shard
// applies every entry in this one thread, hooks are connected, consequences and cascades become
// entries again.
#ifndef KITH_TESTS_STORE_SUPPORT_STATE_H
#define KITH_TESTS_STORE_SUPPORT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/errors.h"
#include "core/fb_build.h"
#include "core/ops.h"
#include "store/read.h"
#include "store/store.h"

// A stream of numbers from a seed.
struct rng { uint64_t state; };
uint64_t rng_next(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n);

struct world_options {
    unsigned cores, partitions;     // 0 = 1, 16
    uint32_t fanout_max;
    uint32_t timelines_max;         // 0 = any number
    bool deaf;                      // no hooks: as in recovery
};

struct entry_log {
    uint8_t *bytes;
    size_t n, capacity;
    uint32_t entries;
};

struct ear { struct world *world; unsigned core; }; // of one shard's hooks

struct world {
    struct store *store;
    struct ear ear[CORES_MAX];
    struct entry_log log;
    uint64_t place, stamp, now_ms;
    uint64_t ticket;                // of the last change said
    bool answered;                  // it has an outcome
    struct outcome outcome;
    uint64_t noted;                 // notifications made
    uint32_t shares;                // outcomes of an entry for all: one from each shard
    bool lazy;                      // consequences wait for world_settle or world_some
    bool untidy;                    // no housekeeping between entries
    uint8_t *build, *entry;
    fb_builder b;
    // Called before each entry is applied, NULL = nothing.
    void (*before)(void *ctx, struct world *w);
    void *ctx;
};

struct world *world_new(const struct world_options *opt);
void world_free(struct world *w);

// A builder for the body of the next change.
fb_builder *world_body(struct world *w);
struct change {
    enum op op;
    uint64_t actor;
    fb_ref body;
    const struct entry_key *key;
};
// Logs and applies it; gives its outcome, waiting for the consequence that answers. Unless lazy,
// all that follows is settled too.
struct outcome world_say(struct world *w, struct change c);
// One consequence or step of a cascade becomes an entry. false: there is none.
bool world_some(struct world *w);
void world_settle(struct world *w);
// The entry gets its place and is applied by all shards.
void world_put(struct world *w, struct entry *e);

// A new world of these options that applied the same log, entries [from, to) by place.
struct world *world_replay(const struct entry_log *log, const struct world_options *opt);
void world_apply_log(struct world *w, const struct entry_log *log, uint64_t after);

struct store_digest world_digest(const struct world *w);
void world_check_same(const struct world *a, const struct world *b);
// store_verify has nothing to say, and the digests it computes are those kept.
void world_verify(struct world *w);

// ---- changes in short --------------------------------------------------------------------------

struct outcome say_register(struct world *w, const char *name);
// The user's id, made without ado.
uint64_t make_user(struct world *w, const char *name);
struct outcome say_id(struct world *w, enum op op, uint64_t actor, uint64_t id);
struct outcome say_post(struct world *w, uint64_t actor, const char *caption);
struct outcome say_comment(struct world *w, uint64_t actor, uint64_t post, uint64_t parent);
struct outcome say_edges(struct world *w, unsigned kind, uint64_t (*row)[2], uint32_t n);

// Random changes of everything by ids known so far, of things that may be gone, with keys now and
// then.
enum chaos_kind { CHAOS_USER, CHAOS_POST, CHAOS_COMMENT, CHAOS_SESSION, CHAOS_DOCUMENT,
                  CHAOS_KINDS };
struct chaos {
    struct world *w;
    struct rng rng;
    uint64_t id[CHAOS_KINDS][64];   // a ring each
    uint32_t n[CHAOS_KINDS], chunks;
};
void chaos_step(struct chaos *c);
// One of the ids known; remembers the id of what was made (of no kind: nothing).
uint64_t chaos_any(struct chaos *c, unsigned kind);
void chaos_known(struct chaos *c, unsigned kind, struct outcome o);

// The records behind a page as nobody in particular sees them.
void page_seen(const struct store *s, struct page *page, enum entity kind, struct sight *sight);

#endif
