// What the parts of the model share.
#ifndef KITH_TESTS_SIM_SIM_MODEL_PARTS_H
#define KITH_TESTS_SIM_SIM_MODEL_PARTS_H

#include "core/ops.h"
#include "tests/sim/sim_model.h"

// An entry on its way through the model.
struct step {
    struct model *m;
    const struct entry *e;
    const void *body;
    struct expect *out;
};

struct model_object *model_new(struct model *m, uint64_t id, enum entity kind);
void model_text(char to[MODEL_TEXT], fb_str s);

// ---- ends
struct model_end *model_end(struct model *m, uint64_t owner, enum list_kind list, uint64_t other);
bool model_add(const struct step *s, struct model_end end);       // false: it was there
bool model_remove(struct model *m, struct model_end end);         // false: it was not

// ---- edges
struct model_edge { enum edge_kind kind; uint64_t from, to, stamp; bool together; };
struct model_end model_forward(struct model_edge x);
struct model_end model_reverse(struct model_edge x);
// Such an edge never is.
bool model_void(struct model_edge x);
// What the target says to it, its audience aside.
unsigned model_judge(struct model *m, struct model_edge x);
// At the target: s->out->error; true: the edge is new.
bool model_link_at_target(const struct step *s, struct model_edge x);
void model_link_at_actor(const struct step *s, struct model_edge x);
void model_owe_undo(const struct step *s, struct model_end end);

// ---- between two users                                         // sim_model_bond.c
// Whether the actor may act on a user, post or comment, as its owner's ends say.
bool model_may(struct model *m, uint64_t actor, const struct model_object *o);
// What goes with an edge at one of its ends, whatever becomes of the edge.
void model_go_along(struct model *m, struct model_edge x, bool at_to);
// Whether the user wants to be told of what the actor does.
bool model_hears(struct model *m, uint64_t user, uint64_t actor);
bool model_follow_refused(const struct step *s, struct model_edge x);
void model_request(const struct step *s, struct model_edge x);
void model_approve(const struct step *s, struct model_edge x);
void model_approve_again(const struct step *s, struct model_edge x);

// ---- consequences
void model_owe(const struct step *s, struct model_owed owed);     // place is filled in
bool model_owes_undo(const struct model *m, uint64_t slot_of, struct model_end end);
// The entry is such a one: it comes off the list, or was not on it.
void model_paid(const struct step *s, uint64_t owner, uint64_t other);

// ---- notifications
void model_tell(const struct step *s, struct model_note n);       // number is filled in
void model_untell(struct model *m, uint64_t to, uint64_t number, uint64_t entity);
void model_owe_note(const struct step *s, enum op op, struct model_note n);
// Those whom a consequence told of it hear no more.
void model_untell_named(const struct step *s, const struct model_object *o);

// ---- verbs; each fills s->out. false: not an operation of this part
bool model_account(const struct step *s);                         // sim_model_user.c
bool model_secret(const struct step *s);                          // sim_model_account.c
bool model_content(const struct step *s);                         // sim_model_post.c
bool model_edge(const struct step *s);                            // sim_model_edge.c
bool model_document(const struct step *s);                        // sim_model_doc.c
bool model_noted(const struct step *s);                           // sim_model_note.c
// A repeat under a known key: the end of the acting user does not know, and is told.
void model_again(const struct step *s);
// Whether nothing hangs on it any more.
bool model_bare(const struct model *m, const struct model_object *o);
bool model_settle(const struct step *s);                          // sim_model_settle.c
// The post is in the bin now, or out of it.
void model_settle_post(const struct step *s, const struct model_object *post);
bool model_react(const struct step *s);                           // sim_model_react.c
// The user's reaction becomes that of the typed stamp (0 = none), first at the post.
void model_set_reaction(const struct step *s, uint64_t user, uint64_t post, uint64_t stamp);
// The end of a reply's author made what the key's owner had made before.
void model_born_again(const struct step *s);
void model_comment_down(const struct step *s, uint64_t id);
// The same with the author's end.
void model_comment_erase(const struct step *s, struct model_object *c);
void model_end_session(struct model *m, uint64_t id);
void model_end_sessions(struct model *m, uint64_t user);
// Whether a session_create that is a login may be; takes from the user what it uses up.
unsigned model_login(const struct step *s, struct model_object *user);
// The user's address was changed, or may have been.
void model_new_address(const struct step *s, struct model_object *user);
void model_first_ticket(struct model_object *user, const void *user_record);
void model_doc_down(struct model *m, struct model_object *o);
void model_post_down(const struct step *s, struct model_object *post);

#endif
