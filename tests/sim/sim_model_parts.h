// What the parts of the model share.
#ifndef KITH_TESTS_SIM_SIM_MODEL_PARTS_H
#define KITH_TESTS_SIM_SIM_MODEL_PARTS_H

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

// ---- consequences
void model_owe(const struct step *s, struct model_owed owed);     // place is filled in
bool model_owes_undo(const struct model *m, uint64_t slot_of, struct model_end end);
// The entry is such a one: it comes off the list, or was not on it.
void model_paid(const struct step *s, uint64_t owner, uint64_t other);

// ---- verbs; each fills s->out. false: not an operation of this part
bool model_account(const struct step *s);                         // sim_model_user.c
bool model_content(const struct step *s);                         // sim_model_post.c
bool model_edge(const struct step *s);                            // sim_model_edge.c
// A repeat under a known key: the end of the acting user does not know, and is told.
void model_again(const struct step *s);
// Whether nothing hangs on it any more.
bool model_bare(const struct model *m, const struct model_object *o);
bool model_react(const struct step *s);                           // sim_model_react.c
// The user's reaction becomes that of the typed stamp (0 = none), first at the post.
void model_set_reaction(const struct step *s, uint64_t user, uint64_t post, uint64_t stamp);
// The end of a reply's author made what the key's owner had made before.
void model_born_again(const struct step *s);
void model_comment_down(struct model *m, uint64_t id);
void model_end_session(struct model *m, uint64_t id);
void model_post_down(struct model *m, struct model_object *post);

#endif
