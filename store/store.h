// The state: partitions, the cores that own them, and the loop that applies log entries to them. No
// I/O, no clock, no randomness, no threads, no malloc: memory comes through each shard's pool.
//
//   released batch ──► shard_apply(entry) for every shard ──► outcome (decider) · owed · pushes
#ifndef KITH_STORE_STORE_H
#define KITH_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/fb.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/pool.h"
#include "core/quiet.h"
#include "store/objects.h"
#include "store/seq.h"
#include "store/timeline.h"

struct digest { uint64_t lo, hi; };   // sum modulo 2^128 of keyed hashes

// A hash table of private lists, by (owner, list): edge sets, sequences or streams.
struct listtable { struct ptable table; };

struct part {
    struct shard *shard;              // that owns it
    unsigned number;
    struct ptable objects;
    struct ptable names;              // the accounts partition's only
    struct listtable names_by_id;
    struct listtable edges, seqs, streams;
    uint32_t stream_kinds[STREAM_KINDS]; // streams by list - LIST_STREAMS
    struct digest objects_digest, edges_digest; // edges: and items of streams
    struct owed_table *owed;          // consequences not yet read back
    struct keys_table *keys;          // idempotency keys
    struct sources_table *sources;    // import chunks that are done
    struct job_list *jobs;            // cascades under way
    uint64_t place;                   // of the last entry applied here
    struct image *image;              // snapshot under way, NULL = none
};

// A post, and readers who are to have it.
struct push { uint64_t post; struct id_list readers; };

// What applying brings about beyond the state. All may be NULL (recovery, check).
struct shard_hooks {
    void *ctx;
    // The decider's word on e; e->ticket says whom to tell, and without one there is no call. With
    // ENTRY_ALL every shard calls it once, ticket or not, with its own share of the counts. Where a
    // consequence decides for its parent (register, user_rename, user_delete), e is the
    // consequence, with the parent's ticket; for import_users e is a head without a body.
    void (*outcome)(void *ctx, const struct entry *e, const struct outcome *o);
    // A post for readers who live on another core; that core calls shard_push.
    void (*push)(void *ctx, unsigned core, struct push push);
    // An author crossed the bound of followers, or posted above it: every other core calls
    // shard_pulled.
    void (*pulled)(void *ctx, uint64_t author);
    // A user of this shard was told of something.
    void (*noted)(void *ctx, uint64_t user);
};

// An address of a post's medium that is about to be shown.
struct media_shown {
    fb_str url;
    uint64_t author, viewer;          // viewer 0 = nobody
    bool narrow;                      // the post is not for everybody, or its author is private
};
// How it is shown; NULL: as it is. Asked while answers are built, on the shard's core; what it
// gives is valid until it is asked again. Never in apply: it may know a clock and secrets.
struct media_hook {
    void *ctx;
    fb_str (*show)(void *ctx, const struct media_shown *what);
};

// Consequences to hand to the log, oldest first.
struct owed_queue { struct owed_item *first, *last; };
// Where shard_job_next goes on, and how much is under way.
struct job_turn { uint32_t jobs, steps, part; };

enum {
    SCRATCH_BYTES = 4 << 20,          // four times an entry: what fb_verify lets a body unfold to
    JOB_STEPS_MAX = 64,               // steps of cascades under way, of one shard
    PUSH_MAX = 512,                   // readers of one call of the push hook
};

struct popular;
struct index;
struct listing;
struct hot;

struct shard {                        // what one core owns
    struct store *store;
    unsigned core;
    struct pool pool;
    struct quiet_limbo limbo;
    struct timelines timelines;
    struct seq binned;                // ids of its deleted posts that are kept (derived)
    uint64_t binned_at;               // where shard_overdue goes on
    struct entry *overdue;            // what it gave last
    struct seq open_posts;            // ids of the posts of this core's partitions that are for
                                      // everybody
    struct seq narrow_posts;          // and for whom the author chose (both derived)
    struct seq queue[DOC_QUEUES];     // documents that stand in queues (derived)
    struct popular *popular;          // users followed most (derived)
    struct pulled_set *pulled;        // authors above the bound (derived)
    struct index *index;              // terms of the texts (derived)
    struct listing *listing;          // tags and places (derived)
    struct hot *hot;                  // posts with recent engagement (derived)
    struct ptable devices;            // by their tokens (derived)
    struct shard_hooks hooks;
    struct media_hook media;
    uint64_t place, stamp;            // of the last entry applied by this shard
    uint64_t applying;                // place of the one in hand
    uint64_t applying_ms;             // and its time
    uint64_t applied, refused, owed, pushes, feed_hits, feed_misses;
    uint64_t feed_pulled, feed_read;  // authors merged at reads: who do not push; all of somebody's
    void *scratch;                    // SCRATCH_BYTES for building bodies in apply
    // Where shard_recount goes on, what it has looked at, and what it found to be otherwise.
    struct { unsigned part; uint64_t at, counters, drifted; } recount;
    struct owed_queue owed_queue;
    struct job_turn job_turn;
    struct entry *job_entry;          // what shard_job_next gave last
    uint64_t *push_readers;           // [cores][PUSH_MAX], while a post is fanned out
    struct image_run *image;          // snapshot under way, NULL = none
    uint8_t image_generation;         // of the newest snapshot: what it has bears it
    uint8_t images_failed;            // in a row
    struct mapping *mappings;         // all memory of the shard, for store_free
};

struct store {
    unsigned cores, partitions;
    uint64_t hash_key[2];             // seeds tables and digests: of this log
    uint32_t fanout_max;              // followers above which an author is pulled
    _Atomic bool feeds_read;          // since the start: until then nobody has a timeline
    _Atomic uint32_t unindexed;       // cores whose index is being made: nobody searches
    struct quiet quiet;
    struct shard *shard;              // [cores]
    struct part *part;                // [partitions]
    void *(*map)(void *ctx, size_t bytes);
    void (*unmap)(void *ctx, void *p, size_t bytes);
    void *ctx;
    size_t bytes;                     // of this block, with shard[] and part[]
};

struct store_options {
    unsigned cores, partitions;
    uint64_t hash_key[2];
    uint32_t fanout_max;
    uint32_t timelines_max;           // per core
    bool unindexed;                   // nobody will search: no index, tags or hot posts
    void *(*map)(void *ctx, size_t bytes);             // as of struct pool
    void (*unmap)(void *ctx, void *p, size_t bytes);
    void *ctx;
};

// All memory comes from opt->map. Hooks are set on the shards afterwards.
struct store *store_new(const struct store_options *opt);
void store_free(struct store *s);

static inline struct part *store_part(const struct store *s, unsigned slot)
{
    return &s->part[slot & (s->partitions - 1)];
}
static inline unsigned store_core(const struct store *s, unsigned slot)
{
    return (slot & (s->partitions - 1)) % s->cores;
}
// Any core, between two quiet points: the record, or NULL. GONE records are returned too.
struct object *store_find(const struct store *s, uint64_t id);
// o as a user that others may see: NULL if it is NULL, gone, deactivated, or something else.
const struct user *object_user(const struct object *o);
// The same, NULL if it is gone, hidden or of another kind: what readers ask.
const struct user *store_user(const struct store *s, uint64_t id);
const struct post *store_post(const struct store *s, uint64_t id);       // and its author is there
const struct comment *store_comment(const struct store *s, uint64_t id); // and its post is there
const struct session *store_session(const struct store *s, uint64_t id);
// The same with those who are deactivated: what deciders ask, whose refusals are final, and
// whatever is kept for the day that they come back.
const struct user *object_account(const struct object *o);
const struct user *store_account(const struct store *s, uint64_t id);
const struct post *store_kept_post(const struct store *s, uint64_t id);
const struct comment *store_kept_comment(const struct store *s, uint64_t id);
// Whose the post or comment is, kept or not, or who the user is; 0 = nobody, or nothing is left.
uint64_t store_author(const struct store *s, uint64_t id);

// The user did something at now_ms: remembered in steps of ACTIVE_STEP_MS, and not kept over a
// start. Any core.
enum { ACTIVE_STEP_MS = 30000 };
void store_active(const struct store *s, uint64_t user, uint64_t now_ms);

// ---- changes -----------------------------------------------------------------------------------

// The ingest's half of a check: refuses what published records already show to be refused. body is
// the entry's body. Any core. KITH_ok or the error.
unsigned store_check(const struct store *s, const struct entry *e);
// Which slots an entry of this operation concerns: fills slots, slot_count, flags (ENTRY_ALL,
// slots[0]) of e from its op, actor and body. KITH_ok, or not_found where the object that would say
// so is absent.
unsigned store_route(const struct store *s, struct entry *e);

// Applies e to every partition of the shard that it concerns. e is sound (entry_is_sound) and its
// body verified. Entries come in order of place, all of them, to every shard.
void shard_apply(struct shard *s, const struct entry *e);
// Whether the body verifies against its operation's shape: before shard_apply, for bytes from disk.
bool store_entry_valid(const struct entry *e);

// Consequences owed and not yet handed to the log since the start, oldest first: a whole entry
// (place and stamp 0), valid until the next call; NULL = none. Only while serving; after recovery
// it yields all that is still owed, in (place, ordinal) order.
const struct entry *shard_owed_next(struct shard *s);
// Next step of a job (cascade of a deleted object) as a whole entry; at most 64 steps are under way
// a shard.
const struct entry *shard_job_next(struct shard *s);

// From other cores' hooks.
void shard_push(struct shard *s, struct push push);
void shard_pulled(struct shard *s, uint64_t author);
// Housekeeping between turns: frees retired memory, bounded work.
void shard_tidy(struct shard *s);

// ---- whole state -------------------------------------------------------------------------------
struct store_digest { struct digest objects, edges; };
// Sums of the shard's partitions (owner) as kept in apply.
void shard_digest(const struct shard *s, struct store_digest *into);

struct memory_report { uint64_t used[MEM_KINDS], count[MEM_KINDS], mapped; };
void store_memory(const struct store *s, struct memory_report *out);

// Compares everything with everything: digests computed anew, edges with mirrors, counters with
// sets, names both ways, sequences with objects, owed empty of orphans. Calls say(ctx, line) for
// each finding. Single-threaded, nothing else running. Returns the number of findings.
struct store_counts { uint64_t users, posts, comments, sessions, follows, likes, names, owed, keys,
                      gone, documents, notes,
                      binned,    // posts; with their comments and likes in no other
                      feeds; };  // compared with their definition
struct store_audit { struct store_counts counts; struct store_digest anew; };
uint64_t store_verify(struct store *s, struct store_audit *out,
                      void (*say)(void *ctx, const char *line), void *ctx);

#endif
