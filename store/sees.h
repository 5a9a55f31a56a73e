// Who may see what: the one place that decides, for all lists, objects and acts.
//
// What there is to know of two users lies at both of them: a block, a follow and a close friend are
// edges with an end at each. So the same question is answered on the viewer's core from the
// viewer's lists (reads), and where the author's slot decides from the author's lists (acts).
#ifndef KITH_STORE_SEES_H
#define KITH_STORE_SEES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/objects.h"

struct list_head;
struct part;
struct shard;
struct store;

// Who looks, on which core. viewer 0 = nobody: what is public. shard NULL or not the viewer's: the
// viewer's own lists are not at hand, and what only they could allow is hidden.
struct view { const struct store *store; const struct shard *shard; uint64_t viewer; };

// A view with the viewer's lists, each looked up when it is first needed. Valid for one turn.
struct eye {
    struct view view;
    const struct part *part;                  // the viewer's, NULL = not at hand
    bool known;                               // the two lists below are looked up
    const struct list_head *blocking, *blockers;
};
void eye_open(struct eye *e, const struct view *v);

// Whether the user is there for the viewer: not gone, not deactivated, no block between them.
bool sees_user(struct eye *e, const struct user *u);
// Whether the viewer may see what this author shows to everybody who may see the author's posts.
bool sees_author(struct eye *e, const struct user *author);
// The author is the post's, NULL = gone. `followed`: the viewer is known to follow the author.
struct seen_post { const struct post *post; const struct user *author; bool followed; };
bool sees_post(struct eye *e, struct seen_post what);
// The same by id, with the record: NULL = hidden, which is as if it were not there.
const struct user *sees_user_id(struct eye *e, uint64_t id);
const struct post *sees_post_id(struct eye *e, uint64_t id);
const struct comment *sees_comment_id(struct eye *e, uint64_t id);

// Whether a document is for the viewer's eyes: its owner's, or open to whom its owner shows posts.
bool sees_doc(struct eye *e, const struct doc *d);

// At the slot of what is acted on: whether `actor` may act on this user, post or comment.
bool sees_at(const struct part *p, uint64_t actor, const struct object *target);
// At the slot of `user`: whether there is a block between the two.
bool sees_block_at(const struct part *p, const struct user *user, uint64_t other);

#endif
