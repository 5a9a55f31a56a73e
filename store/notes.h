// Notifications: who is told of an act, by the act itself. Each is an item of the recipient's
// stream, with the stamp of the entry that made it as its number, so its id is id_make of that and
// the recipient's slot.
//
// A like, a follow, a comment is decided in the slot of whom it is told to: the item is appended in
// that apply, and the edge's (the comment's) own stamp finds it again when the edge goes. Who is
// mentioned or answered lives elsewhere: the decider owes a `notify`, and a `withdraw` later.
//
//   item: entity what it is about · other the post of a comment · bits channels · data enum entity
#ifndef KITH_STORE_NOTES_H
#define KITH_STORE_NOTES_H

#include "core/notes.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/record.h"
#include "store/stream.h"

struct note {
    uint64_t to, actor, entity;
    enum note_type type;
    enum entity kind;          // of `entity`
};

// Whether the recipient is to hear of the actor at all: asked where the recipient lives, by what is
// there. Not for oneself, nobody tells the gone, and nobody is told of whom he mutes, nor of
// another while one of the two blocks the other.
bool may_notify(const struct part *p, uint64_t recipient, uint64_t actor);
// The channels (enum note_channel) that are open for this type to this user, in whose slot it is
// asked.
unsigned notes_channels(const struct part *p, uint64_t user, enum note_type type);

// In the recipient's slot: the item, if it may be.
void notes_add(struct apply *a, struct part *p, const struct note *n);
// The recipient lives anywhere: a consequence, owed in the slot of `entity`.
void notes_owe(struct apply *a, const struct note *n);
void notes_owe_withdraw(struct apply *a, const struct note *n);
// What a user of this part was told at this stamp about this is hidden, or shown again.
struct noted_at { uint64_t user, stamp, entity; };
void notes_show(struct part *p, struct noted_at at, bool shown);
// The edge to `other` went at this end: so does what was told of it.
void notes_edge_gone(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp);

// ---- by noun -----------------------------------------------------------------------------------

// The edge was added at `to`, by its `from`. Who approves a request is not told of the follow.
void notes_of_edge(struct apply *a, struct part *p, struct graph_edge x);
// Everybody but the author whom a new post names. An edit tells nobody anew; who is named no more
// hears no more. And when the post is deleted, and when it goes.
void notes_of_post(struct apply *a, const struct post *post);
void notes_of_edit(struct apply *a, const struct post *before, const struct post *after);
void notes_of_post_binned(struct apply *a, const struct post *post);
void notes_of_post_gone(struct apply *a, const struct post *post);
// Those who are told of the comment of this entry, each once: first the author of what it answers,
// then the author of its post, then whom it names. The post's author lives in the comment's slot;
// the others' ids are kept in its record.
struct comment_told {
    uint64_t id[COMMENT_TOLD_MAX]; // but the post's author
    uint32_t n;
    uint64_t asker;                // author of what it answers, 0 = nobody to be told
};
void notes_hearers(const struct apply *a, const struct part *p, struct comment_told *told);
void notes_of_comment(struct apply *a, struct part *p, const struct comment_told *told);
void notes_of_comment_gone(struct apply *a, struct part *p, const struct comment *c);
// Its post is hidden: those of its record hear no more of it.
void notes_of_comment_hidden(struct apply *a, const struct comment *c);

#endif
