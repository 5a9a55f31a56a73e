// The slow, obvious model: reads the log's entries one by one and says what each must have come to.
// Objects, and the two ends of everything that hangs on them; nothing is counted, all is looked up.
#ifndef KITH_TESTS_SIM_SIM_MODEL_H
#define KITH_TESTS_SIM_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/fb.h"
#include "core/graph.h"

enum {
    MODEL_OBJECTS = 8192,
    MODEL_ENDS = 32768,
    MODEL_KEYS = 8192,
    MODEL_NAMES = 512,
    MODEL_OWED = 512,
    MODEL_CHUNKS = 512,
    MODEL_BUCKETS = 8192,
    MODEL_TEXT = 64,
    MODEL_MEDIA = 10,
    MODEL_PARTITIONS = 16,
    MODEL_SESSIONS = 64,           // of one user; above it the oldest end
};

struct model_medium { uint64_t id; uint32_t order; };

struct model_object {
    uint64_t id, author;           // author: of a post, a comment (0 = nobody any more), a session
    uint64_t post, parent;         // of a comment
    int next;                      // in its bucket
    uint8_t kind;                  // enum entity
    bool there;                    // the record is; it may be gone all the same
    bool gone;                     // hidden, its cascade under way
    bool binned;                   // a deleted post that can be restored
    uint64_t deleted_ms;
    bool tombstone;
    char text[MODEL_TEXT];         // bio, caption, content, or the begin of the session's hash
    char made[24];                 // the text that it began with
    char name[3][MODEL_TEXT];      // of a user: username, e-mail address, phone number
    struct model_medium medium[MODEL_MEDIA];
    unsigned media, tags, mentions;
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
    int free_end;                  // index + 1 of ends that are free again
    struct model_name name[MODEL_NAMES];
    struct model_owed owed[MODEL_OWED];
    struct model_key key[MODEL_KEYS];
    struct { uint64_t hi, lo; uint32_t chunk; } chunk[MODEL_CHUNKS];
    unsigned objects, ends, names, oweds, keys, chunks;
    uint64_t entries;
};

void model_reset(struct model *m);
// What the entry comes to, and the state after it. false: it changes nothing and answers nobody.
bool model_apply(struct model *m, const struct entry *e, struct expect *out);

struct model_object *model_find(struct model *m, uint64_t id);    // the record, gone or not
struct model_object *model_user(struct model *m, uint64_t id);    // NULL if nobody may see it
struct model_object *model_post(struct model *m, uint64_t id);
struct model_object *model_comment(struct model *m, uint64_t id);
// The items of a list, newest first; out has room for MODEL_OBJECTS. Returns how many.
unsigned model_list(const struct model *m, uint64_t owner, enum list_kind list, uint64_t *out);
unsigned model_count(const struct model *m, uint64_t owner, enum list_kind list);
unsigned model_reactions(const struct model *m, uint64_t post, unsigned type);
unsigned model_comments(struct model *m, uint64_t post); // those that are not placeholders
// The ids of the viewer's feed, and of all posts, newest first; returns how many.
unsigned model_feed(struct model *m, uint64_t viewer, uint64_t *out, unsigned max);
unsigned model_all_posts(struct model *m, uint64_t *out, unsigned max);

#endif
