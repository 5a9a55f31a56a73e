// Published records: every object lies in its partition's table, found by id from any core, changed
// by the owner alone. A record is immutable but for its atomic counters; a change replaces it whole
// and the old one is retired (core/quiet.h). The same table serves names and private lists.
//
//   root:    pointer (48 bits) | capacity << 48: of the only segment, or
//            pointer (48 bits) | depth << 48 | 1 << 63: of a map, which a small table has not
//   map:     | _Atomic u64 segment[1 << depth] |   by the first bits of the hash;
//                      a segment = pointer (48 bits) | capacity << 48
//   segment: | live | used | version | depth | _Atomic u64 word[capacity <= 4094] |
//              a word = pointer (48 bits) | 16 last bits of the hash << 48
//              0 = never used, 1 = removed (tombstone); linear probing
//
// A segment that is full is replaced by a larger copy, a full one of the largest size by two halves
// (extendible hashing): no insert moves more than some thousand words, however large the table is.
#ifndef KITH_STORE_OBJECTS_H
#define KITH_STORE_OBJECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/id.h"
#include "core/limits.h"
#include "core/pool.h"
#include "core/quiet.h"

struct shard;

struct ptable {
    _Atomic uint64_t root;            // 0 = empty
    uint32_t live, used;              // used counts tombstones too
    uint32_t version;                 // of the newest segment
};
// Whether the record behind `record` is the one that `key` means.
typedef bool (*ptable_match)(const void *record, const void *key);

// Any core. NULL if absent. All 64 bits of the hash must be mixed (core/hash.h).
void *ptable_find(const struct ptable *t, uint64_t hash, ptable_match match, const void *key);
// A find in two halves, so that the misses of many overlap: `spot` asks memory for the words that
// the search begins with, `guess` for the record that it probably ends at (NULL: there is none).
// Valid until the next quiet point.
struct ptable_spot { const struct ptable_segment *segment; uint32_t at, capacity; uint64_t hash; };
struct ptable_spot ptable_spot(const struct ptable *t, uint64_t hash);
const void *ptable_guess(struct ptable_spot spot);
void *ptable_find_from(struct ptable_spot spot, ptable_match match, const void *key);
// Owner only; the record must not be there yet. `rehash` gives a record's hash when the map grows;
// `kind` is what the memory of the table itself counts as.
struct ptable_env {
    struct shard *shard;
    enum mem_kind kind;
    uint64_t (*rehash)(void *ctx, const void *record);
    void *ctx;
};
// Room for so many records at once, in a table that is empty: where they come in the order of a
// walk, as from an image, one that grew with them would be full at one end and empty at the other.
void ptable_reserve(struct ptable *t, const struct ptable_env *env, uint32_t records);
void ptable_insert(struct ptable *t, const struct ptable_env *env, uint64_t hash, void *record);
// Owner only: puts `with` (NULL = removes) in the place of `record`, which must be there.
void ptable_replace(struct ptable *t, uint64_t hash, const void *record, void *with);
// Owner only: records from position *at on (0 = all) until fn returns false; *at is moved on to the
// record that fn refused, which comes first the next time. True = the end is reached. Between calls
// the table may change: what is there from the first call to the last comes at least once, and some
// of it again where the table grew. fn itself must not change the table.
bool ptable_walk(const struct ptable *t, uint64_t *at, bool (*fn)(void *ctx, void *record),
                 void *ctx);

// ---- records -----------------------------------------------------------------------------------

enum object_flag {
    OBJECT_GONE = 1,       // deleted: hidden from everybody, its edges are being taken down
    OBJECT_EDITED = 2,
    OBJECT_TOMBSTONE = 4,  // a deleted comment that still has replies, or a removed one
    OBJECT_VERIFIED = 8,
    OBJECT_INACTIVE = 16,  // a deactivated user: hidden, with all that is theirs, from everybody
    OBJECT_BINNED = 32,    // a deleted post that can be restored (store/bin.h)
    OBJECT_REMOVED = 64,   // with BINNED, or TOMBSTONE of a comment that is kept: by a moderator
};
enum { OBJECT_HIDDEN = OBJECT_GONE | OBJECT_BINNED };

// What its owner has set, and all that read or act on it keep to (store/sees.h).
enum object_rule {
    RULE_PRIVATE = 2,        // user: posts are for followers
    RULE_FINDABLE = 4,       // user: by who has the address or number (api/contacts.h)
    RULE_FOLLOWERS = 4,      // post: its audience
    RULE_CLOSE_FRIENDS = 8,
    RULE_ARCHIVED = 16,      // post: for its author alone
    RULE_PINNED = 32,
    RULE_NO_COMMENTS = 64,
    RULE_NO_LIKES = 128,
};
enum { USER_RULES = RULE_PRIVATE | RULE_FINDABLE,
       POST_RULES = RULE_FOLLOWERS | RULE_CLOSE_FRIENDS | RULE_ARCHIVED | RULE_PINNED |
                    RULE_NO_COMMENTS | RULE_NO_LIKES };

enum { TEXT_BITS = 24 };
_Static_assert(ENTRY_MAX >> TEXT_BITS == 0, "texts come in entries");

// First bytes of every published object.
struct object {
    uint64_t id;
    uint32_t text_n : TEXT_BITS; // bytes of a post's caption or a comment's content, without NUL
    uint32_t language : 8; // enum language, of what is written; of a user: of what they will write
    uint8_t kind;          // enum entity
    uint8_t flags;         // enum object_flag
    uint8_t image;         // generation of the last snapshot that has it (owner only)
    uint8_t rules;         // enum object_rule
};

// Whether searches, rankings and counts come to it; who may see it is said by store/sees.h.
static inline bool object_listed(const struct object *o)
{
    return !(o->flags & OBJECT_HIDDEN) && !(o->rules & RULE_ARCHIVED);
}

// Newest post ids of an author, newest first. Immutable; replaced whole.
struct recent {
    uint32_t n;            // <= RECENT_MAX
    uint32_t more;         // 1: the author has older posts than these
    uint64_t id[];
};

struct user {
    struct object o;
    uint16_t card_n, card_ref;                // bytes of the card, and the table in it
    uint32_t card_room;                       // bytes of data[] that end in the card
    uint64_t updated_ms, last_login_ms;       // since 1970
    _Atomic uint64_t last_active_ms;          // coarse, not logged
    _Atomic uint64_t counted_ms;              // when one of the counts below moved (derived)
    _Atomic uint32_t followers, following, posts;
    _Atomic uint32_t blocking, blockers;      // most users have none, and then nobody looks
    _Atomic uint32_t received;                // likes of the posts (derived)
    // bytes, without NUL
    uint16_t username_n, first_n, last_n, avatar_n, email_n, phone_n, password_n;
    uint8_t gender, zero;
    _Atomic(struct recent *) recent;          // NULL = no posts
    uint32_t cold_n;                          // bytes of the cold part, 0 = none
    uint32_t strings_n;                       // bytes of all strings with their NULs, padded to 8
    // the card (store/card.h), next to the head for pages read both; strings in the order of the
    // lengths above, each with a NUL; padded to 8; then the cold part: a verified FlatBuffers table
    // User with only the rarely shown fields (bio, cover_url, location, website, external_links,
    // profile_category, business_info, date_of_birth)
    char data[];
};
static inline const char *user_strings(const struct user *u) { return u->data + u->card_room; }

enum { UPDATED_BITS = 42, COLD_BITS = 20, TAGGED_BITS = 2 };   // until the year 2109; 1 MiB
_Static_assert(UPDATED_BITS + COLD_BITS + TAGGED_BITS == 64 && ENTRY_MAX >> COLD_BITS == 0,
               "one word");
enum { REACTIONS = 5 };       // types of reaction beside the like (kith.fbs: Reaction)

// What most posts have none of: made with the first one, and kept as long as the post.
struct post_rare {
    _Atomic uint32_t saves, shares, replies;
    _Atomic uint32_t reacted[REACTIONS];      // by type, from 1 on: likes are not among them
};
extern const struct post_rare post_rare_none; // all 0

struct post {
    struct object o;
    uint64_t author;
    uint64_t updated_ms : UPDATED_BITS;       // since 1970
    uint64_t cold_n : COLD_BITS;              // bytes of the cold part, 0 = none
    uint64_t tagged : TAGGED_BITS;            // tags that are kept as places in the caption
    _Atomic uint32_t likes, comments;
    _Atomic(struct post_rare *) rare;         // NULL = none of these yet
    // caption and a NUL, then the places of its tags, padded to 8; then the cold part: a verified
    // FlatBuffers table PostCreate with only media, location, hashtags (unless `tagged`), mentions,
    // mention_ids, reply_to_post_id, deleted_at
    char data[];
};
_Static_assert(offsetof(struct post, data) == 48, "the cold part is aligned; posts are many");

// A tag that the caption has, where it stands. Most posts have no others, and few.
struct tag_place { uint16_t at, n; };
enum { TAGGED_MAX = (1 << TAGGED_BITS) - 1 };

static inline const struct post_rare *post_rare(const struct post *p)
{
    const struct post_rare *r = atomic_load_explicit(&p->rare, memory_order_acquire);
    return r != NULL ? r : &post_rare_none;
}

// Reactions that are no likes.
static inline uint32_t post_reacted(const struct post *p)
{
    const struct post_rare *r = post_rare(p);
    uint32_t n = 0;
    if (r == &post_rare_none) return 0;
    for (unsigned i = 0; i < REACTIONS; i++) n += r->reacted[i];
    return n;
}

struct comment {
    struct object o;
    uint64_t author;
    uint64_t post_stamp : STAMP_BITS;         // of its post's id, whose slot is its own
    uint64_t told_n : 8;
    uint64_t answers : 1;                     // it has a parent
    uint64_t changed : 1;                     // since it was made
    uint64_t zero : 1;
    _Atomic uint32_t replies, likes;
    // content and a NUL, padded to 8; then the ids of those whom a consequence told of it; then,
    // where the bits say so, the parent's id, and when it was changed, in ms since 1970
    char data[];
};
_Static_assert(offsetof(struct comment, data) == 40, "a short one fills a block of 64");

static inline uint64_t comment_post(const struct comment *c)
{
    return id_make(c->post_stamp, id_slot(c->o.id));
}
// 0 = none.
uint64_t comment_parent(const struct comment *c);
uint64_t comment_updated_ms(const struct comment *c);
// Those whom a consequence told of it: told_n ids.
uint64_t comment_told(const struct comment *c, uint32_t i);

// Who wrote it, as readers are told: nobody has written what a moderator removed.
static inline uint64_t comment_writer(const struct comment *c)
{
    return c->o.flags & OBJECT_REMOVED ? 0 : c->author;
}

// What somebody said when sharing a post. Its id is made of the stamp of the share, an edge, and
// the post's slot: so it is found from there, and is there as long as the edge (store/shares.h).
struct share_text {
    struct object o;
    uint64_t post, author;
    char data[];
};

struct session {
    struct object o;
    uint64_t user;
    uint64_t expires_ms;
    _Atomic uint64_t used_ms;                 // coarse, not logged; 0 = not since the start
    uint32_t device_n, zero;                  // bytes, without NUL
    char refresh_hash[64];                    // hex of BLAKE2b-256
    char device[];                            // and a NUL, padded to 8; nothing where it is empty
};

struct audit {
    struct object o;                          // text_n: bytes of the reason
    uint64_t user, actor;                     // 0 = nobody
    uint64_t address[2];                      // as in struct entry_audit
    uint32_t value;
    uint16_t act;                             // enum op
    uint8_t by, done;
    // Where a reason was given: id of what the act was about, then the text and a NUL, padded to 8.
    char data[];
};
// 0 and "" where none was given.
uint64_t audit_object(const struct audit *a);
const char *audit_reason(const struct audit *a);

// A document (store/doc.h): all that makes its kind is a row of graph.def.
struct doc {
    struct object o;
    uint64_t owner, updated_ms;
    _Atomic uint32_t count;                   // items that its edges lead to
    uint32_t n;                               // bytes of the content
    char data[];                              // a verified table, as the row says
};

// Strings of a user record, NUL-terminated.
enum user_string { USER_username, USER_first, USER_last, USER_avatar, USER_email, USER_phone,
                   USER_password, USER_STRINGS };
const char *user_string(const struct user *u, enum user_string which, uint32_t *n);
const void *user_cold(const struct user *u);  // NULL = none
static inline const char *post_caption(const struct post *p) { return p->data; }
const void *post_cold(const struct post *p);
struct tag_place post_tag_place(const struct post *p, uint32_t i);  // i < p->tagged
// Bytes of the caption with its NUL and what is known of its tags, padded.
static inline uint32_t caption_size(uint32_t text_n, uint32_t tagged)
{
    return (text_n + 1 + tagged * (uint32_t)sizeof(struct tag_place) + 7) & ~(uint32_t)7;
}

#endif
