// Visibility (sees.h).
#include "store/sees.h"

#include "core/id.h"
#include "store/doc.h"
#include "store/edges.h"
#include "store/record.h"
#include "store/store.h"

// What lies between a viewer and an author, however it was found out.
struct bond { bool blocked, follows, close; };

static bool post_allows(const struct post *p, const struct user *author, struct bond bond)
{
    if (bond.blocked || p->o.rules & RULE_ARCHIVED) return false;
    if (p->o.rules & RULE_CLOSE_FRIENDS) return bond.close;
    return bond.follows || !((p->o.rules & RULE_FOLLOWERS) | (author->o.rules & RULE_PRIVATE));
}

static bool is_narrow(const struct post *p, const struct user *author)
{
    return p->o.rules & (RULE_FOLLOWERS | RULE_CLOSE_FRIENDS) || author->o.rules & RULE_PRIVATE;
}

// ---- by the viewer's lists ---------------------------------------------------------------------

void eye_open(struct eye *e, const struct view *v)
{
    *e = (struct eye){.view = *v};
    if (v->viewer == 0 || v->shard == NULL) return;
    const struct part *p = store_part(v->store, id_slot(v->viewer));
    e->part = p->shard == v->shard ? p : NULL;
}

// Most have no blocks, which their counts tell.
static void look(struct eye *e)
{
    uint64_t viewer = e->view.viewer;
    const struct user *u = store_account(e->view.store, viewer);
    if (u == NULL || u->blocking > 0)
        e->blocking = edges_set(e->part, (struct edge_at){viewer, LIST_blocking});
    if (u == NULL || u->blockers > 0)
        e->blockers = edges_set(e->part, (struct edge_at){viewer, LIST_blockers});
    e->known = true;
}

static bool blocked(struct eye *e, uint64_t user)
{
    if (e->part == NULL) return false;
    if (!e->known) look(e);
    return edges_in(e->part, e->blocking, user) != 0 || edges_in(e->part, e->blockers, user) != 0;
}

static bool has(const struct eye *e, enum list_kind list, uint64_t user)
{
    struct edge_at at = {e->view.viewer, list};
    return e->part != NULL && edges_find(e->part, at, user) != 0;
}

// Only what is not for everybody (`narrow`) has to be allowed by a list.
static struct bond bond_with(struct eye *e, uint64_t author, bool narrow)
{
    struct bond bond = {.blocked = blocked(e, author)};
    if (bond.blocked || !narrow) return bond;
    bond.follows = has(e, LIST_following, author);
    bond.close = has(e, LIST_close_friend_of, author);
    return bond;
}

bool sees_user(struct eye *e, const struct user *u)
{
    if (u == NULL) return false;
    if (u->o.id == e->view.viewer) return true;
    return object_user(&u->o) != NULL && !blocked(e, u->o.id);
}

bool sees_author(struct eye *e, const struct user *author)
{
    if (!sees_user(e, author)) return false;
    if (author->o.id == e->view.viewer || !(author->o.rules & RULE_PRIVATE)) return true;
    return has(e, LIST_following, author->o.id);
}

bool sees_post(struct eye *e, struct seen_post what)
{
    const struct user *author = what.author;
    if (author == NULL) return false;
    if (author->o.id == e->view.viewer) return true;
    // Who follows is not blocked: a block ends both follows. So most of a feed needs no list.
    unsigned narrow = RULE_ARCHIVED | RULE_CLOSE_FRIENDS;
    if (what.followed && !(what.post->o.rules & narrow)) return true;
    return post_allows(what.post, author, bond_with(e, author->o.id, is_narrow(what.post, author)));
}

const struct user *sees_user_id(struct eye *e, uint64_t id)
{
    const struct user *u = store_user(e->view.store, id);
    return sees_user(e, u) ? u : NULL;
}

const struct post *sees_post_id(struct eye *e, uint64_t id)
{
    const struct post *p = store_post(e->view.store, id);
    if (p == NULL) return NULL;
    const struct user *author = store_user(e->view.store, p->author);
    return sees_post(e, (struct seen_post){p, author, false}) ? p : NULL;
}

const struct comment *sees_comment_id(struct eye *e, uint64_t id)
{
    const struct comment *c = store_comment(e->view.store, id);
    if (c == NULL || sees_post_id(e, comment_post(c)) == NULL) return NULL;
    if (c->o.flags & OBJECT_REMOVED) return c->replies > 0 ? c : NULL;
    // A placeholder is nobody's; so is a comment by somebody gone.
    const struct user *author = store_user(e->view.store, c->author);
    return author == NULL || sees_user(e, author) ? c : NULL;
}

// ---- by the author's lists ---------------------------------------------------------------------

static uint64_t author_of(const struct part *p, const struct object *o)
{
    if (o->kind == ENTITY_post) return ((const struct post *)o)->author;
    const struct object *post = record_find(p, comment_post((const struct comment *)o));
    return post != NULL ? ((const struct post *)post)->author : 0;
}

static bool between(const struct part *p, uint64_t author, enum list_kind list, uint64_t actor)
{
    return edges_find(p, (struct edge_at){author, list}, actor) != 0;
}

bool sees_block_at(const struct part *p, const struct user *user, uint64_t other)
{
    return (user->blocking > 0 && between(p, user->o.id, LIST_blocking, other)) ||
           (user->blockers > 0 && between(p, user->o.id, LIST_blockers, other));
}

bool sees_doc(struct eye *e, const struct doc *d)
{
    const struct user *owner = store_user(e->view.store, d->owner);
    if (owner == NULL || d->owner == e->view.viewer) return owner != NULL;
    return doc_open(d) && sees_author(e, owner);
}

bool sees_at(const struct part *p, uint64_t actor, const struct object *target)
{
    // A post lies in its author's slot, a comment in its post's.
    bool of_user = target->kind == ENTITY_user;
    uint64_t author = of_user ? target->id : author_of(p, target);
    if (author == actor) return true;
    // Who is deactivated is refused before: that is not for ever, as what is decided here is.
    const struct user *u = object_account(of_user ? target : record_find(p, author));
    if (u == NULL || sees_block_at(p, u, actor)) return false;
    if (of_user) return true;
    const struct object *post = target;
    if (target->kind == ENTITY_comment)
        post = record_find(p, comment_post((const struct comment *)target));
    struct bond bond = {0};
    if (is_narrow((const struct post *)post, u)) {
        bond.follows = between(p, author, LIST_followers, actor);
        bond.close = between(p, author, LIST_close_friends, actor);
    }
    return post_allows((const struct post *)post, u, bond);
}
