// An entry under way in one shard, and what its functions share. An operation is a verb: `decide`
// runs where slots[0] lies and has the word; `other` runs where the entry's other end lies, at its
// own place in the same order, and never waits for the decider: what a refusal leaves there is
// undone by a consequence.
//
// That suffices because refusals are final. An id is never given twice, and what is gone stays
// gone, so whatever is refused for a pair (from, to) now is refused for it later: an end that finds
// the edge there already keeps the first one's stamp and needs no memory of who else tried. Where a
// refusal is not final (a bulk row came before its user, an idempotency key was seen before), an
// undo for that pair is owed, and until it is read back the pair is refused (owed_undo).
//
// Halves in one slot are judged together. Halves in different slots never are, even in one
// partition: otherwise the log would depend on how slots are grouped.
#ifndef KITH_STORE_APPLY_H
#define KITH_STORE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/errors.h"
#include "core/fb_build.h"
#include "core/graph.h"
#include "core/id.h"
#include "core/ops.h"
#include "store/edges.h"
#include "store/store.h"

struct apply {
    struct shard *s;
    const struct entry *e;
    const void *body;        // the entry's table
    struct outcome out;      // of the decider
    bool silent;             // a consequence will answer
    bool together;           // both ends lie in one slot
    uint32_t ordinal;        // of the next consequence
};

struct verb {
    void (*decide)(struct apply *a, struct part *p);
    void (*other)(struct apply *a, struct part *p);
    // The key was seen before: takes back what `other` did for nothing. p is the decider's.
    void (*again)(struct apply *a, struct part *p);
    void (*all)(struct apply *a); // of entries for every slot
};

// The partition of the slot, if it is this shard's and has not seen the entry.
struct part *apply_half(const struct apply *a, unsigned slot);
static inline void apply_refuse(struct apply *a, unsigned error) { a->out.error = (uint16_t)error; }

// ---- consequences ------------------------------------------------------------------------------

// An empty builder on the shard's scratch; what an earlier one built there is gone.
fb_builder *apply_build(struct apply *a);
// Owes an entry whose body is that builder's table; its slots follow from op and body. false: the
// body is too large, nothing is owed.
struct consequence {
    enum op op;
    unsigned slot;           // where it is decided that it is owed
    uint64_t actor, ticket;
};
bool apply_owe(struct apply *a, struct consequence c, fb_ref body);
// The outcome is told when n consequences of this entry are read back at its decider.
void apply_wait(struct apply *a, struct part *p, uint32_t n);
// Owes an undo of (at.owner, at.list, other, stamp), decided at `other`. Nothing where the ends are
// one slot.
void apply_owe_undo(struct apply *a, struct edge_at at, uint64_t other, uint64_t stamp);

// ---- what hangs on objects ---------------------------------------------------------------------

// Adds to and removes from an edge set, with the counter of its owner and the owner's timeline.
bool end_add(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp);
bool end_remove(struct part *p, struct edge_at at, uint64_t other, uint64_t *stamp);
// The size of the set that a reply shows.
uint32_t end_count(const struct part *p, struct edge_at at);
// Moves a counter of the record by +1 or -1.
void counter_move(_Atomic uint32_t *counter, int by);

// The comment goes: whole, or to a placeholder if it has replies; placeholders above it that have
// lost their last reply go too. The author's end is the caller's.
void comment_take_down(struct apply *a, struct part *p, uint64_t comment);
// The same with the author's end.
void comment_erase(struct apply *a, struct part *p, uint64_t comment);
// One of the post's comments is there more (+1), or less (-1).
void comment_count(struct part *p, uint64_t post, int by);
// The text of a new share, if it has one, is kept; goes with the edge of that stamp.
void share_text_add(struct apply *a, struct part *p);
void share_text_drop(struct part *p, uint64_t post, uint64_t stamp);
// A like takes the place of another reaction by the same user. At the post; returns how many
// consequences follow, at most one.
struct graph_edge;
uint32_t reaction_clear(struct apply *a, struct part *p, struct graph_edge like);
// A reply is taken back: what it answers is not there for its author.
void post_unborn(struct apply *a, struct part *p, uint64_t post);
// The post is gone: hidden, out of all lists but its own; then its job begins, or it is erased at
// once if nothing hangs on it.
void post_take_down(struct apply *a, struct part *p, uint64_t post);

// All sessions of the user end.
void sessions_end(struct part *p, uint64_t user);

// ---- verbs, by noun ----------------------------------------------------------------------------

extern const struct verb verb_register, verb_user_create, verb_user_update, verb_user_rename,
    verb_user_apply, verb_user_delete, verb_names_release, verb_import_users;
extern const struct verb verb_session_create, verb_session_rotate, verb_session_delete,
    verb_session_revoke, verb_session_revoke_all;
extern const struct verb verb_ticket_make, verb_verify_email, verb_reset_password, verb_totp_enable,
    verb_totp_confirm, verb_totp_disable;
extern const struct verb verb_oauth_link, verb_oauth_unlink;
extern const struct verb verb_user_deactivate, verb_role_set, verb_verified_set;
extern const struct verb verb_link, verb_unlink, verb_undo, verb_unlink_step, verb_import_edges;
extern const struct verb verb_follow, verb_follow_request, verb_request_approve;
extern const struct verb verb_post_create, verb_post_update, verb_post_delete, verb_media_add,
    verb_media_remove, verb_import_posts, verb_erase;
extern const struct verb verb_doc;
extern const struct verb verb_react, verb_unreact, verb_reacted, verb_post_restore, verb_relisted,
    verb_settle;
extern const struct verb verb_comment_create, verb_comment_update, verb_comment_delete;
extern const struct verb verb_post_remove, verb_post_reinstate, verb_comment_remove,
    verb_comment_reinstate;
extern const struct verb verb_notification_read, verb_notifications_read, verb_notification_delete,
    verb_preference_set, verb_notify, verb_withdraw, verb_trim;

#endif
