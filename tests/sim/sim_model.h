// The slow, obvious model: reads the log's entries one by one and says what each must have come to.
// Objects, and the two ends of everything that hangs on them; nothing is counted, all is looked up.
#ifndef KITH_TESTS_SIM_SIM_MODEL_H
#define KITH_TESTS_SIM_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/fb.h"
#include "core/graph.h"
#include "core/limits.h"

enum {
    MODEL_OBJECTS = 1 << 17,
    MODEL_ENDS = 1 << 19,
    MODEL_KEYS = 16384,
    MODEL_NAMES = 4096,
    MODEL_OWED = 4096,
    MODEL_CHUNKS = 8192,
    MODEL_BUCKETS = 1 << 16,
    MODEL_TEXT = 64,
    MODEL_MEDIA = 10,
    MODEL_PARTITIONS = 16,
    MODEL_NOTES = 1 << 20,
    MODEL_NAMED = 8,
    MODEL_SESSIONS = 64,           // of one user; above it the oldest end
    MODEL_HASH = 24,               // characters of a hash that are kept
};

// What a user's record holds and nobody is shown.
struct model_ticket { unsigned kind; char hash[MODEL_HASH]; uint64_t expires_ms; unsigned tries; };
struct model_secrets {
    bool two_factor;
    char totp[48];
    uint64_t step;
    char recovery[10][MODEL_HASH];
    unsigned recoveries;
    struct model_ticket ticket[4]; // by kind; kind 0 = none
};

struct model_medium { uint64_t id; uint32_t order; };

// What a post's author has set.
struct model_rules { unsigned audience; bool archived, pinned, no_comments, no_likes; };

struct model_object {
    uint64_t id, author;           // of a post, a comment (0 = nobody), a session, a document
    uint64_t post, parent;         // of a comment
    int next, next_alike;          // in its bucket, of its kind: index + 1
    uint8_t kind;                  // enum entity
    bool there;                    // the record is; it may be gone all the same
    bool gone;                     // hidden, its cascade under way
    bool binned;                   // a deleted post that can be restored
    uint64_t deleted_ms;
    bool tombstone;
    struct model_rules rules;
    bool removed;                  // by a moderator, who can restore it
    bool is_private;               // of a user
    uint8_t language;              // enum language: of a text, or that a user writes
    bool chosen, open;             // of documents: the sole one; others see it
    uint64_t said_ms;              // when it was put last
    unsigned queue;                // and what the field says by which they stand in queues
    char text[MODEL_TEXT];         // bio, caption, content, or the begin of the session's hash
    char made[24];                 // the text that it began with; of a document, its key
    char name[3][MODEL_TEXT];      // of a user: username, e-mail address, phone number
    struct model_medium medium[MODEL_MEDIA];
    unsigned media, tags, mentions;
    bool given, placed;            // has the tag "given", the place "here"
    bool hidden, badge;            // of a user: deactivated, verified
    unsigned role;
    struct model_secrets secrets;
    uint64_t named[MODEL_NAMED];   // who were told of it by consequences
    unsigned nameds;
};

// Somebody was told.
struct model_note {
    uint64_t number, to, actor, entity;
    uint8_t type;
    bool read, silent, hidden;     // hidden: what it is about is in the bin
    int next;                      // in its bucket, or among those that are free
};

// One end of an edge, or an item of a sequence (then the stamp is the item).
struct model_end {
    uint64_t owner, other, stamp, place; // place: of the entry that made it
    uint8_t list;                  // enum list_kind
    int next;                      // in its bucket
};

struct model_name { unsigned kind; char text[MODEL_TEXT]; uint64_t id, place; };

// A consequence that has to come, once.
struct model_owed {
    uint64_t place, owner, other;
    uint16_t op;
    uint8_t list;                  // of an undo
    unsigned partition;
};

struct expect {
    unsigned error;
    uint64_t id;
    uint32_t count, repeated, refused;
    bool counted;
    bool orphan;                   // a consequence that nothing owed
    uint64_t undone;               // place of an edge that was taken back though both ends live
};
struct model_key { uint64_t actor, hi, lo, request; struct expect was; };

struct model {
    struct model_object object[MODEL_OBJECTS];
    struct model_end end[MODEL_ENDS];
    int object_bucket[MODEL_BUCKETS], end_bucket[MODEL_BUCKETS]; // index + 1, 0 = empty
    int note_bucket[MODEL_BUCKETS];
    unsigned audits[SLOTS];        // records of acts, by the slot of whom they concern
    int of_kind[ENTITY_COUNT];     // index + 1 of the newest object of a kind
    int free_end, free_note;       // index + 1 of those that are free again
    struct model_name name[MODEL_NAMES];
    struct model_owed owed[MODEL_OWED];
    struct model_key key[MODEL_KEYS];
    struct { uint64_t hi, lo; uint32_t chunk; } chunk[MODEL_CHUNKS];
    struct model_note note[MODEL_NOTES];
    struct { uint64_t user; unsigned type, bits; } preference[MODEL_NAMES];
    unsigned objects, ends, names, oweds, keys, chunks, notes, preferences;
    uint64_t entries;
};

void model_reset(struct model *m);
// At a quiet moment: forgets keys that nobody asks with again, and objects that are no more.
void model_tidy(struct model *m);
// What the entry comes to, and the state after it. false: it changes nothing and answers nobody.
bool model_apply(struct model *m, const struct entry *e, struct expect *out);

struct model_object *model_find(struct model *m, uint64_t id);    // the record, gone or not
// The objects of a kind, one after the other, gone or not; `at` begins as NULL.
struct model_object *model_next(struct model *m, unsigned kind, const struct model_object *at);
struct model_object *model_user(struct model *m, uint64_t id);    // NULL if nobody may see it
struct model_object *model_post(struct model *m, uint64_t id);
struct model_object *model_comment(struct model *m, uint64_t id);
// Whether others may see it: neither it nor whose it is is deactivated.
bool model_shown(struct model *m, uint64_t id);
struct model_object *model_doc(struct model *m, uint64_t id, unsigned kind);
const char *model_doc_text(unsigned kind); // the field of a document's content that is its text
// The items of a list, newest first; out has room for MODEL_OBJECTS. Returns how many.
unsigned model_list(const struct model *m, uint64_t owner, enum list_kind list, uint64_t *out);
unsigned model_count(const struct model *m, uint64_t owner, enum list_kind list);
bool model_between(struct model *m, uint64_t owner, enum list_kind list, uint64_t other);
uint64_t model_stamp(struct model *m, uint64_t owner, enum list_kind list, uint64_t other);
// index + 1 of the first end of what may be the list, 0 = none; the next ones by .next.
int model_first(const struct model *m, uint64_t owner, enum list_kind list);
unsigned model_received(const struct model *m, uint64_t user); // likes of the user's posts
unsigned model_reactions(const struct model *m, uint64_t post, unsigned type);
unsigned model_comments(struct model *m, uint64_t post); // those that are not placeholders
// Whether the viewer is shown a user, post or comment, as the viewer's own ends say. 0 = nobody.
bool model_shows(struct model *m, uint64_t viewer, const struct model_object *o);
// The same for an item of a list whose owner the viewer is shown.
bool model_lists(struct model *m, uint64_t viewer, uint64_t id);
// The ids of what is in the user's list of notifications and leads to what the user is shown,
// newest first; out has room for MODEL_NOTES. unread: as they are counted.
unsigned model_notes(struct model *m, uint64_t user, uint64_t *out, unsigned *unread);
// The same of all above a number, silent ones too, oldest first: as events bring them.
unsigned model_events(struct model *m, uint64_t user, uint64_t after, uint64_t *out);
// What the user did, newest first, as far as what it was done to is there for the user.
unsigned model_acts(struct model *m, uint64_t user, uint64_t *out);
const struct model_note *model_note(struct model *m, uint64_t user, uint64_t id);
unsigned model_channels(const struct model *m, uint64_t user, unsigned type);
// The ids of the viewer's feed, and of all posts that the viewer is shown, newest first; returns
// how many.
unsigned model_feed(struct model *m, uint64_t viewer, uint64_t *out, unsigned max);
unsigned model_all_posts(struct model *m, uint64_t viewer, uint64_t *out, unsigned max);

#endif
