// The slow, obvious model: reads the log's entries one by one and says what each must have come to.
// Arrays and loops, nothing else.
#ifndef KITH_TESTS_SIM_SIM_MODEL_H
#define KITH_TESTS_SIM_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"

enum {
    MODEL_USERS = 64,
    MODEL_POSTS = 4096,
    MODEL_COMMENTS = 4096,
    MODEL_KEYS = 16384,
    MODEL_TEXT = 32
};

struct model_post {
    uint64_t id, author;
    bool gone;
    char text[MODEL_TEXT];
    bool liked[MODEL_USERS];       // by index of the user
    uint32_t likes, comments;
};
struct model_comment { uint64_t id, post, author; bool gone; char text[MODEL_TEXT]; };
struct model_user {
    uint64_t id;
    bool gone;
    char bio[MODEL_TEXT];
    uint32_t followers, following, posts;
};

struct expect { unsigned error; uint64_t id; uint32_t count; bool counted; };
struct model_key { uint64_t actor, hi, lo, request; struct expect was; };

struct model {
    struct model_user user[MODEL_USERS];
    unsigned users;
    bool follows[MODEL_USERS][MODEL_USERS];
    struct model_post post[MODEL_POSTS];
    unsigned posts;
    struct model_comment comment[MODEL_COMMENTS];
    unsigned comments;
    struct model_key key[MODEL_KEYS];
    unsigned keys;
    uint64_t entries, by_op[256];
};

// What the entry comes to, and the state after it. false: the entry is none that a client sends.
bool model_apply(struct model *m, const struct entry *e, struct expect *out);
int model_user(const struct model *m, uint64_t id);       // index, -1
struct model_post *model_post(struct model *m, uint64_t id); // NULL
// The ids of the viewer's feed, newest first; returns how many.
unsigned model_feed(const struct model *m, uint64_t viewer, uint64_t *out, unsigned max);

#endif
