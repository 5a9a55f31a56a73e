// Checks (check.h), by noun, in the order of ops.def.
#include "store/check.h"

#include <string.h>

#include "core/errors.h"
#include "core/fb_copy.h"
#include "core/id.h"
#include "core/language.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/store.h"

typedef unsigned (*check_fn)(const struct store *s, const struct entry *e, const void *body);

bool check_alive(const struct store *s, uint64_t user)
{
    return store_account(s, user) != NULL;
}

// A comment that is not a placeholder.
static const struct comment *living_comment(const struct store *s, uint64_t id)
{
    const struct comment *c = store_kept_comment(s, id);
    return c != NULL && !(c->o.flags & OBJECT_TOMBSTONE) ? c : NULL;
}

// ---- names -------------------------------------------------------------------------------------

void check_want(struct names_wanted *w, enum name_kind kind, fb_str text)
{
    if (text.n > 0) w->name[w->n++] = (struct name){kind, text.s, text.n};
}

unsigned check_names(const struct store *s, const struct names_wanted *w, uint64_t id)
{
    static const uint8_t taken[] = {
        [NAME_username] = KITH_username_taken,
        [NAME_email] = KITH_email_taken,
        [NAME_phone] = KITH_phone_taken,
        [NAME_identity] = KITH_identity_taken,
    };
    for (unsigned i = 0; i < w->n; i++) {
        if (w->name[i].n > CHECK_NAME_MAX) return KITH_invalid_field;
        uint64_t holder = names_find(s, w->name[i]);
        if (holder != 0 && holder != id) return taken[w->name[i].kind];
    }
    return KITH_ok;
}

static unsigned check_register(const struct store *s, const struct entry *e, const void *body)
{
    const kt_UserRecord *r = body;
    struct names_wanted w = {0};
    check_want(&w, NAME_username, kt_UserRecord_username(r));
    if (w.n == 0) return KITH_invalid_field;
    check_want(&w, NAME_email, kt_UserRecord_email(r));
    check_want(&w, NAME_phone, kt_UserRecord_phone_number(r));
    check_want(&w, NAME_identity, kt_UserRecord_identity(r));
    uint64_t wanted = kt_UserRecord_user_id(r);
    // An id that is yet to come belongs to who comes then.
    if (id_stamp(wanted) != 0 && e->stamp != 0 && id_ms(wanted) >= stamp_ms(e->stamp))
        return KITH_conflict;
    if (wanted >> 63) return KITH_conflict;
    return check_names(s, &w, 0);
}

static unsigned check_user_rename(const struct store *s, const struct entry *e, const void *body)
{
    const kt_UserUpdate *u = body;
    uint64_t id = kt_UserUpdate_user_id(u);
    if (e->actor != 0 && e->actor != id) return KITH_forbidden;
    struct names_wanted w = {0};
    if (kt_has_UserUpdate_username(u) && kt_UserUpdate_username(u).n == 0)
        return KITH_invalid_field;
    check_want(&w, NAME_username, kt_UserUpdate_username(u));
    check_want(&w, NAME_email, kt_UserUpdate_email(u));
    check_want(&w, NAME_phone, kt_UserUpdate_phone_number(u));
    return check_names(s, &w, id);
}

// ---- users and sessions ------------------------------------------------------------------------

static unsigned check_own(const struct store *s, const struct entry *e, uint64_t user)
{
    if (!check_alive(s, user)) return KITH_not_found;
    return e->actor == 0 || e->actor == user ? KITH_ok : KITH_forbidden;
}

static unsigned check_user_update(const struct store *s, const struct entry *e, const void *body)
{
    return check_own(s, e, kt_UserUpdate_user_id(body));
}

static unsigned check_user_delete(const struct store *s, const struct entry *e, const void *body)
{
    return check_own(s, e, kt_UserDelete_user_id(body));
}

static unsigned check_session_create(const struct store *s, const struct entry *e, const void *body)
{
    (void)e;
    if (!check_alive(s, kt_SessionCreate_user_id(body))) return KITH_not_found;
    fb_str hash = kt_SessionCreate_refresh_hash(body);
    return hash.n == sizeof((struct session){0}).refresh_hash ? KITH_ok : KITH_invalid_field;
}

// A wrong hash is not refused here: the session has to die of it.
static unsigned check_session_rotate(const struct store *s, const struct entry *e, const void *body)
{
    (void)e;
    if (store_session(s, kt_SessionRotate_session_id(body)) == NULL) return KITH_invalid_token;
    fb_str hash = kt_SessionRotate_new_hash(body);
    return hash.n == sizeof((struct session){0}).refresh_hash ? KITH_ok : KITH_invalid_field;
}

// Another's session is as good as none.
static unsigned check_session_revoke(const struct store *s, const struct entry *e, const void *body)
{
    const struct session *session = store_session(s, kt_SessionRevoke_session_id(body));
    if (session == NULL) return KITH_not_found;
    return e->actor == 0 || session->user == e->actor ? KITH_ok : KITH_not_found;
}

static unsigned check_user_deactivate(const struct store *s, const struct entry *e,
                                      const void *body)
{
    return check_own(s, e, kt_UserDeactivate_user_id(body));
}

// That an admin asks is the gate's matter: who is one lies in another slot.
static unsigned check_role_set(const struct store *s, const struct entry *e, const void *body)
{
    (void)e;
    return check_alive(s, kt_RoleSet_user_id(body)) ? KITH_ok : KITH_not_found;
}

static unsigned check_verified_set(const struct store *s, const struct entry *e, const void *body)
{
    (void)e;
    return check_alive(s, kt_VerifiedSet_user_id(body)) ? KITH_ok : KITH_not_found;
}

// ---- edges -------------------------------------------------------------------------------------

enum { LINK_SLOT = 4 };   // of the first field, which names what is linked (ops.def)

struct graph_edge check_edge_of(const struct entry *e, const void *body)
{
    const struct op_row *row = op_row(e->op);
    if (row == NULL || (row->link | row->unlink) == EDGE_none)
        return (struct graph_edge){EDGE_none, e->actor, 0};
    unsigned kind = row->link != EDGE_none ? row->link : row->unlink;
    uint64_t key = fb_sub_u64(body, LINK_SLOT), from = e->actor;
    if (row->from != NULL) from = fb_number_of(op_entry_type(row), body, row->from);
    return row->reverse ? (struct graph_edge){(enum edge_kind)kind, key, e->actor}
                        : (struct graph_edge){(enum edge_kind)kind, from, key};
}

uint64_t check_edge_actor(const struct entry *e, struct graph_edge x)
{
    return edge_row(x.kind)->from == ENTITY_user ? x.from : e->actor;
}

bool check_edge_from(const struct store *s, const struct entry *e, struct graph_edge x)
{
    unsigned kind = edge_row(x.kind)->from;
    if (kind == ENTITY_user) return check_alive(s, x.from);
    const struct doc *d = store_doc(s, x.from, kind);
    return d != NULL && d->owner == e->actor;
}

static bool is_there(const struct store *s, enum entity kind, uint64_t id)
{
    switch (kind) {
    case ENTITY_user: return check_alive(s, id);
    case ENTITY_post: return store_kept_post(s, id) != NULL;
    case ENTITY_comment: return living_comment(s, id) != NULL;
    case ENTITY_session:
    case ENTITY_audit:
    case ENTITY_share_text:
    case ENTITY_none:
    case ENTITY_COUNT: break;
    }
    return false;
}

unsigned check_edge(const struct store *s, struct graph_edge x)
{
    const struct edge_row *row = edge_row(x.kind);
    if (x.from == 0 || row == NULL) return KITH_forbidden;
    if (row->self != 0 && x.from == x.to) return row->self;
    return is_there(s, (enum entity)row->to, x.to) ? KITH_ok : KITH_not_found;
}

static unsigned check_link(const struct store *s, const struct entry *e, const void *body)
{
    if (e->actor == 0) return KITH_forbidden;
    struct graph_edge x = check_edge_of(e, body);
    // The other user is asked only who else would have to be there; a document was at ingest.
    bool there = !op_row(e->op)->reverse || x.from == e->actor || check_alive(s, x.from);
    return there ? check_edge(s, x) : KITH_not_found;
}

// ---- posts -------------------------------------------------------------------------------------

unsigned check_new_post(const struct entry *e, const void *body)
{
    const kt_PostCreate *p = body;
    if (e->actor == 0) return KITH_forbidden;
    if (kt_PostCreate_reply_to_post_id(p) != 0 && kt_PostCreate_is_pinned(p))
        return KITH_not_to_be_pinned;
    uint32_t media = kt_PostCreate_media(p).n;
    if (media == 0) media = kt_PostCreate_media_urls(p).n;
    if (media == 0) media = kt_PostCreate_image_url(p).n > 0;
    if (media > MEDIA_MAX) return KITH_too_many_media;
    return media > 0 || kt_PostCreate_caption(p).n > 0 ? KITH_ok : KITH_empty_post;
}

static unsigned check_post_create(const struct store *s, const struct entry *e, const void *body)
{
    unsigned error = check_new_post(e, body);
    if (error != KITH_ok) return error;
    uint64_t parent = kt_PostCreate_reply_to_post_id(body);
    bool there = parent != 0 ? store_kept_post(s, parent) != NULL : check_alive(s, e->actor);
    return there ? KITH_ok : KITH_not_found;
}

static unsigned check_author(const struct store *s, const struct entry *e, uint64_t id)
{
    const struct post *p = store_kept_post(s, id);
    if (p == NULL) return KITH_not_found;
    return p->author == e->actor ? KITH_ok : KITH_forbidden;
}

static uint32_t media_count(const struct store *s, uint64_t id)
{
    const void *cold = post_cold(store_kept_post(s, id));
    return cold != NULL ? kt_PostCreate_media(kt_root_PostCreate(cold)).n : 0;
}

static unsigned check_post_update(const struct store *s, const struct entry *e, const void *body)
{
    const kt_PostUpdate *u = body;
    uint64_t id = kt_PostUpdate_post_id(u);
    unsigned error = check_author(s, e, id);
    if (error != KITH_ok) return error;
    const struct post *p = store_kept_post(s, id);
    uint32_t media = media_count(s, id), text = p->o.text_n;
    if (kt_has_PostUpdate_caption(u)) text = kt_PostUpdate_caption(u).n;
    if (kt_has_PostUpdate_media(u))
        media = kt_PostUpdate_media(u).n;
    else if (kt_has_PostUpdate_image_url(u) && kt_PostUpdate_image_url(u).n > 0)
        media = media > 0 ? media : 1;
    else if (kt_has_PostUpdate_image_url(u))
        media = media > 0 ? media - 1 : 0;
    if (media > MEDIA_MAX) return KITH_too_many_media;
    return text > 0 || media > 0 ? KITH_ok : KITH_empty_post;
}

// Of reactions; to take one back is an act of the same kind.
static unsigned check_react(const struct store *s, const struct entry *e, const void *body)
{
    if (e->actor == 0) return KITH_forbidden;
    return store_kept_post(s, kt_React_post_id(body)) != NULL ? KITH_ok : KITH_not_found;
}

static unsigned check_post_delete(const struct store *s, const struct entry *e, const void *body)
{
    return check_author(s, e, kt_PostDelete_post_id(body));
}

// Who deleted it can restore it; to others it is not there.
static unsigned check_post_restore(const struct store *s, const struct entry *e, const void *body)
{
    uint64_t id = kt_PostRestore_post_id(body);
    const struct object *o = store_find(s, id);
    bool binned = o != NULL && (o->flags & OBJECT_HIDDEN) == OBJECT_BINNED;
    if (!binned || o->flags & OBJECT_REMOVED) return check_author(s, e, id);
    uint64_t author = ((const struct post *)o)->author;
    return author == e->actor && check_alive(s, author) ? KITH_ok : KITH_not_found;
}

static unsigned check_media_add(const struct store *s, const struct entry *e, const void *body)
{
    uint64_t id = kt_MediaAdd_post_id(body);
    unsigned error = check_author(s, e, id);
    if (error != KITH_ok) return error;
    return media_count(s, id) < MEDIA_MAX ? KITH_ok : KITH_too_many_media;
}

static unsigned check_media_remove(const struct store *s, const struct entry *e, const void *body)
{
    uint64_t id = kt_MediaRemove_post_id(body);
    unsigned error = check_author(s, e, id);
    if (error != KITH_ok) return error;
    const struct post *p = store_kept_post(s, id);
    if (media_count(s, id) == 0) return KITH_not_found;
    fb_vec media = kt_PostCreate_media(kt_root_PostCreate(post_cold(p)));
    for (uint32_t i = 0; i < media.n; i++) {
        if (kt_Media_media_id(kt_at_Media(media, i)) != kt_MediaRemove_media_id(body)) continue;
        return media.n == 1 && p->o.text_n == 0 ? KITH_empty_post : KITH_ok;
    }
    return KITH_not_found;
}

// ---- comments ----------------------------------------------------------------------------------

static unsigned check_comment_create(const struct store *s, const struct entry *e, const void *body)
{
    const kt_CommentCreate *n = body;
    if (e->actor == 0) return KITH_forbidden;
    if (store_kept_post(s, kt_CommentCreate_post_id(n)) == NULL) return KITH_not_found;
    if (kt_CommentCreate_content(n).n == 0) return KITH_empty_comment;
    if (kt_CommentCreate_language(n) >= LANGUAGES) return KITH_invalid_field;
    uint64_t parent = kt_CommentCreate_parent_id(n), post = kt_CommentCreate_post_id(n);
    if (parent == 0) return KITH_ok;
    // Comments of one post lie in one slot: no need to look into another.
    if (id_slot(parent) != id_slot(post)) return KITH_wrong_parent;
    const struct comment *c = living_comment(s, parent);
    return c != NULL && comment_post(c) == post ? KITH_ok : KITH_wrong_parent;
}

static unsigned check_comment_update(const struct store *s, const struct entry *e, const void *body)
{
    const struct comment *c = living_comment(s, kt_CommentUpdate_comment_id(body));
    if (c == NULL) return KITH_not_found;
    if (e->actor == 0 || c->author != e->actor) return KITH_forbidden;
    return kt_CommentUpdate_content(body).n > 0 ? KITH_ok : KITH_empty_comment;
}

static unsigned check_comment_delete(const struct store *s, const struct entry *e, const void *body)
{
    const struct comment *c = living_comment(s, kt_CommentDelete_comment_id(body));
    if (c == NULL) return KITH_not_found;
    if (e->actor == 0) return KITH_forbidden;
    if (c->author == e->actor) return KITH_ok;
    return store_kept_post(s, comment_post(c))->author == e->actor ? KITH_ok : KITH_forbidden;
}

// ---- moderation --------------------------------------------------------------------------------

// Who may is judged at the gate (api/gate.c): the moderator's role lies in another slot.
static unsigned check_post_remove(const struct store *s, const struct entry *e, const void *body)
{
    (void)e;
    return store_kept_post(s, kt_PostRemove_post_id(body)) != NULL ? KITH_ok : KITH_not_found;
}

// What its author deleted is the author's to restore.
static unsigned check_post_reinstate(const struct store *s, const struct entry *e,
                                     const void *body)
{
    (void)e;
    uint64_t id = kt_PostReinstate_post_id(body);
    const struct object *o = store_find(s, id);
    if (o == NULL || !(o->flags & OBJECT_REMOVED))
        return store_kept_post(s, id) != NULL ? KITH_ok : KITH_not_found;
    bool kept = o->kind == ENTITY_post && (o->flags & OBJECT_HIDDEN) == OBJECT_BINNED;
    return kept && check_alive(s, ((const struct post *)o)->author) ? KITH_ok : KITH_not_found;
}

static unsigned check_comment_remove(const struct store *s, const struct entry *e,
                                     const void *body)
{
    (void)e;
    return living_comment(s, kt_CommentRemove_comment_id(body)) != NULL ? KITH_ok : KITH_not_found;
}

static unsigned check_comment_reinstate(const struct store *s, const struct entry *e,
                                        const void *body)
{
    (void)e;
    const struct comment *c = store_kept_comment(s, kt_CommentReinstate_comment_id(body));
    return c != NULL && c->author != 0 ? KITH_ok : KITH_not_found;
}

// ---- notifications -----------------------------------------------------------------------------

// Whether it is there, only the core that has the stream knows.
static unsigned check_own_stream(const struct store *s, const struct entry *e, const void *body)
{
    (void)body;
    if (e->actor == 0) return KITH_forbidden;
    return check_alive(s, e->actor) ? KITH_ok : KITH_not_found;
}

// ---- the table ---------------------------------------------------------------------------------

static const check_fn checks[OP_LIMIT] = {
    [OP_register] = check_register,
    [OP_login] = check_session_create,
    [OP_token_refresh] = check_session_rotate,
    [OP_user_update] = check_user_update,
    [OP_user_delete] = check_user_delete,
    [OP_post_create] = check_post_create,
    [OP_post_update] = check_post_update,
    [OP_post_delete] = check_post_delete,
    [OP_media_add] = check_media_add,
    [OP_media_remove] = check_media_remove,
    [OP_comment_create] = check_comment_create,
    [OP_comment_update] = check_comment_update,
    [OP_comment_delete] = check_comment_delete,
    [OP_post_restore] = check_post_restore,
    [OP_post_remove] = check_post_remove,
    [OP_post_reinstate] = check_post_reinstate,
    [OP_comment_remove] = check_comment_remove,
    [OP_comment_reinstate] = check_comment_reinstate,
    [OP_react] = check_react,
    [OP_unreact] = check_react,
    [OP_session_create] = check_session_create,
    [OP_session_rotate] = check_session_rotate,
    [OP_user_rename] = check_user_rename,
    [OP_session_revoke] = check_session_revoke,
    [OP_user_deactivate] = check_user_deactivate,
    [OP_role_set] = check_role_set,
    [OP_verified_set] = check_verified_set,
    [OP_notification_read] = check_own_stream,
    [OP_notifications_read] = check_own_stream,
    [OP_notification_delete] = check_own_stream,
    [OP_notification_preference_set] = check_own_stream,
};

unsigned check_decider(const struct store *s, const struct entry *e)
{
    const struct op_row *row = op_row(e->op);
    if (row == NULL) return KITH_ok;
    check_fn check = checks[e->op];
    if (check == NULL && row->doc != DOC_none) check = check_doc;
    if (check == NULL && (row->link | row->unlink) != EDGE_none) check = check_link;
    return check != NULL ? check(s, e, fb_root(entry_body(e))) : KITH_ok;
}

// Whether the operation needs its acting user to be there, as the half at the actor will judge.
static bool needs_actor(unsigned op)
{
    const struct op_row *row = op_row(op);
    return row != NULL && row->also == ALSO_ACTOR;
}

// Whether the acting user may see what he acts on. The decider does not ask that: what hides can
// show again, and a decider's refusals are final (apply.h).
static bool target_visible(const struct store *s, const struct entry *e)
{
    const void *body = fb_root(entry_body(e));
    struct graph_edge x = check_edge_of(e, body);
    const struct edge_row *edge = edge_row(x.kind);
    uint64_t post = 0;
    if (x.kind == EDGE_follow) return store_user(s, x.to) != NULL;
    if (edge != NULL && edge->to == ENTITY_comment) return store_comment(s, x.to) != NULL;
    // What is in a collection can be taken out of it.
    if (edge != NULL && edge->to == ENTITY_post && edge->from == ENTITY_user) post = x.to;
    if (e->op == OP_react || e->op == OP_unreact) post = kt_React_post_id(body);
    if (e->op == OP_comment_create) post = kt_CommentCreate_post_id(body);
    if (e->op == OP_post_create) post = kt_PostCreate_reply_to_post_id(body);
    return post == 0 || store_post(s, post) != NULL;
}

unsigned store_check(const struct store *s, const struct entry *e)
{
    unsigned error = check_decider(s, e);
    if (error != KITH_ok) return error;
    if (!target_visible(s, e)) return KITH_not_found;
    if (needs_actor(e->op) && !check_alive(s, e->actor)) return KITH_not_found;
    if (e->op == OP_user_rename) {
        const kt_UserUpdate *u = kt_root_UserUpdate(entry_body(e));
        if (!check_alive(s, kt_UserUpdate_user_id(u))) return KITH_not_found;
    }
    return KITH_ok;
}
