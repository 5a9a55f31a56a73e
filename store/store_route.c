// Which slots an entry concerns, and whether an entry from disk is one that this program could have
// made.
#include <string.h>

#include "core/errors.h"
#include "core/fb_verify.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/check.h"
#include "store/doc.h"
#include "store/store.h"

// Slots in the order of the halves; one that is named already is not named twice.
static void add_slot(struct entry *e, unsigned slot)
{
    for (unsigned i = 0; i < e->slot_count; i++)
        if (e->slots[i] == slot) return;
    e->slots[e->slot_count++] = (uint16_t)slot;
}

static void add_id(struct entry *e, uint64_t id)
{
    add_slot(e, id_slot(id));
}

// The acting user's half; nobody has none.
static void add_actor(struct entry *e)
{
    if (e->actor != 0) add_id(e, e->actor);
}

static void all_slots(struct entry *e, uint32_t rows)
{
    e->flags |= ENTRY_ALL;
    e->slots[0] = (uint16_t)(rows > 0 ? rows - 1 : 0);
}

static void route_import_edges(struct entry *e, const void *body)
{
    all_slots(e, kt_ImportEdges_from(body).n);
}

static void route_import_posts(struct entry *e, const void *body)
{
    all_slots(e, kt_ImportPosts_posts(body).n);
}

static void route_mark(struct entry *e, const void *body)
{
    (void)body;
    all_slots(e, 0);
}

static void route_accounts(struct entry *e, const void *body)
{
    (void)body;
    add_slot(e, ACCOUNTS_SLOT);
}

static void route_user_create(struct entry *e, const void *body)
{
    add_id(e, kt_UserRecord_user_id(body));
    add_slot(e, ACCOUNTS_SLOT);
}

static void route_user_apply(struct entry *e, const void *body)
{
    add_id(e, kt_UserUpdate_user_id(body));
    add_slot(e, ACCOUNTS_SLOT);
}

static void route_names_release(struct entry *e, const void *body)
{
    add_slot(e, ACCOUNTS_SLOT);
    add_id(e, kt_NamesRelease_user_id(body));
}

static void route_session_create(struct entry *e, const void *body)
{
    add_id(e, kt_SessionCreate_user_id(body));
}

static void route_session_rotate(struct entry *e, const void *body)
{
    add_id(e, kt_SessionRotate_session_id(body));
}

static void route_session_delete(struct entry *e, const void *body)
{
    add_id(e, kt_SessionDelete_session_id(body));
}

static void route_user_update(struct entry *e, const void *body)
{
    add_id(e, kt_UserUpdate_user_id(body));
}

static void route_user_delete(struct entry *e, const void *body)
{
    add_id(e, kt_UserDelete_user_id(body));
}

static void route_edge(struct entry *e, const void *body)
{
    struct graph_edge x = check_edge_of(e, body);
    add_id(e, x.to);
    if (x.from != 0) add_id(e, x.from);
}

static void route_doc(struct entry *e, const void *body)
{
    struct doc_call c = doc_call_of(op_row(e->op), e->actor, body);
    add_id(e, c.owner != 0 ? c.owner : c.id);
}

// What it answers has the word, as far as it may be answered.
static void route_post_create(struct entry *e, const void *body)
{
    uint64_t parent = kt_PostCreate_reply_to_post_id(body);
    if (parent != 0) add_id(e, parent);
    add_id(e, e->actor);
}

static void route_post_update(struct entry *e, const void *body)
{
    add_id(e, kt_PostUpdate_post_id(body));
}

static void route_post_delete(struct entry *e, const void *body)
{
    add_id(e, kt_PostDelete_post_id(body));
}

static void route_media_add(struct entry *e, const void *body)
{
    add_id(e, kt_MediaAdd_post_id(body));
}

static void route_media_remove(struct entry *e, const void *body)
{
    add_id(e, kt_MediaRemove_post_id(body));
}

static void route_comment_create(struct entry *e, const void *body)
{
    add_id(e, kt_CommentCreate_post_id(body));
    add_actor(e);
}

static void route_comment_update(struct entry *e, const void *body)
{
    add_id(e, kt_CommentUpdate_comment_id(body));
}

static void route_comment_delete(struct entry *e, const void *body)
{
    add_id(e, kt_CommentDelete_comment_id(body));
}

static void route_react(struct entry *e, const void *body)
{
    add_id(e, kt_React_post_id(body));
}

static void route_reacted(struct entry *e, const void *body)
{
    add_id(e, kt_Reacted_user_id(body));
    add_id(e, kt_Reacted_post_id(body));
}

static void route_post_restore(struct entry *e, const void *body)
{
    add_id(e, kt_PostRestore_post_id(body));
}

static void route_post_remove(struct entry *e, const void *body)
{
    add_id(e, kt_PostRemove_post_id(body));
}

static void route_post_reinstate(struct entry *e, const void *body)
{
    add_id(e, kt_PostReinstate_post_id(body));
}

static void route_comment_remove(struct entry *e, const void *body)
{
    add_id(e, kt_CommentRemove_comment_id(body));
}

static void route_comment_reinstate(struct entry *e, const void *body)
{
    add_id(e, kt_CommentReinstate_comment_id(body));
}

static void route_relisted(struct entry *e, const void *body)
{
    add_id(e, kt_Relisted_owner(body));
    add_id(e, kt_Relisted_item(body));
}

static void route_settle(struct entry *e, const void *body)
{
    add_id(e, kt_Settle_post_id(body));
}

static void route_undo(struct entry *e, const void *body)
{
    add_id(e, kt_Undo_owner(body));
    add_id(e, kt_Undo_other(body));
}

static void route_unlink(struct entry *e, const void *body)
{
    add_id(e, kt_Unlink_to(body));
    if (kt_Unlink_from(body) != 0) add_id(e, kt_Unlink_from(body));
}

static void route_erase(struct entry *e, const void *body)
{
    add_id(e, kt_Erase_object_id(body));
}

static void route_session_revoke(struct entry *e, const void *body)
{
    add_id(e, kt_SessionRevoke_session_id(body));
}

static void route_actor(struct entry *e, const void *body)
{
    (void)body;
    add_id(e, e->actor);
}

static void route_user_deactivate(struct entry *e, const void *body)
{
    add_id(e, kt_UserDeactivate_user_id(body));
}

static void route_role_set(struct entry *e, const void *body)
{
    add_id(e, kt_RoleSet_user_id(body));
}

static void route_verified_set(struct entry *e, const void *body)
{
    add_id(e, kt_VerifiedSet_user_id(body));
}

static void route_ticket_make(struct entry *e, const void *body)
{
    add_id(e, kt_TicketMake_user_id(body));
}

static void route_ticket_use(struct entry *e, const void *body)
{
    add_id(e, kt_TicketUse_user_id(body));
}

static void route_totp(struct entry *e, const void *body)
{
    add_id(e, kt_TotpChange_user_id(body));
}

static void route_audit_add(struct entry *e, const void *body)
{
    add_id(e, kt_AuditAdd_user_id(body));
    add_slot(e, kt_AuditAdd_decider(body) % SLOTS);
}

static void route_notify(struct entry *e, const void *body)
{
    add_id(e, kt_Notify_to(body));
    add_id(e, kt_Notify_entity(body)); // where it is owed
}

static void route_trim(struct entry *e, const void *body)
{
    add_id(e, kt_Trim_owner(body));
}

typedef void (*route_fn)(struct entry *e, const void *body);

static const route_fn routes[OP_LIMIT] = {
    [OP_register] = route_accounts,
    [OP_login] = route_session_create,
    [OP_logout] = route_session_delete,
    [OP_token_refresh] = route_session_rotate,
    [OP_user_update] = route_user_update,
    [OP_user_delete] = route_user_delete,
    [OP_post_create] = route_post_create,
    [OP_post_update] = route_post_update,
    [OP_post_delete] = route_post_delete,
    [OP_media_add] = route_media_add,
    [OP_media_remove] = route_media_remove,
    [OP_comment_create] = route_comment_create,
    [OP_comment_update] = route_comment_update,
    [OP_comment_delete] = route_comment_delete,
    [OP_post_restore] = route_post_restore,
    [OP_relisted] = route_relisted,
    [OP_settle] = route_settle,
    [OP_post_remove] = route_post_remove,
    [OP_post_reinstate] = route_post_reinstate,
    [OP_comment_remove] = route_comment_remove,
    [OP_comment_reinstate] = route_comment_reinstate,
    [OP_react] = route_react,
    [OP_unreact] = route_react,
    [OP_reacted] = route_reacted,
    [OP_import_users] = route_accounts,
    [OP_import_edges] = route_import_edges,
    [OP_import_posts] = route_import_posts,
    [OP_session_create] = route_session_create,
    [OP_session_rotate] = route_session_rotate,
    [OP_session_delete] = route_session_delete,
    [OP_user_create] = route_user_create,
    [OP_user_rename] = route_accounts,
    [OP_user_apply] = route_user_apply,
    [OP_undo] = route_undo,
    [OP_unlink] = route_unlink,
    [OP_erase] = route_erase,
    [OP_snapshot_mark] = route_mark,
    [OP_digest_mark] = route_mark,
    [OP_digest_report] = route_mark,
    [OP_start] = route_mark,
    [OP_names_release] = route_names_release,
    [OP_verify_email] = route_ticket_use,
    [OP_verify_request] = route_ticket_make,
    [OP_forgot_password] = route_ticket_make,
    [OP_login_code] = route_ticket_make,
    [OP_ticket_make] = route_ticket_make,
    [OP_reset_password] = route_ticket_use,
    [OP_totp_enable] = route_totp,
    [OP_totp_confirm] = route_totp,
    [OP_totp_disable] = route_totp,
    [OP_session_revoke] = route_session_revoke,
    [OP_session_revoke_all] = route_actor,
    [OP_user_deactivate] = route_user_deactivate,
    [OP_role_set] = route_role_set,
    [OP_verified_set] = route_verified_set,
    [OP_oauth_link] = route_accounts,
    [OP_oauth_unlink] = route_accounts,
    [OP_audit_add] = route_audit_add,
    [OP_notification_read] = route_actor,
    [OP_notifications_read] = route_actor,
    [OP_notification_delete] = route_actor,
    [OP_notification_preference_set] = route_actor,
    [OP_notify] = route_notify,
    [OP_withdraw] = route_notify,
    [OP_trim] = route_trim,
};

static route_fn route_of(unsigned op)
{
    const struct op_row *row = op_row(op);
    if (row == NULL || routes[op] != NULL) return row != NULL ? routes[op] : NULL;
    if (row->doc != DOC_none && row->kind != OPK_READ) return route_doc;
    return row->link != EDGE_none || row->unlink != EDGE_none ? route_edge : NULL;
}

static void route(struct entry *head, const void *body)
{
    head->flags &= (uint8_t)~ENTRY_ALL;
    head->slot_count = 0;
    memset(head->slots, 0, sizeof head->slots);
    route_of(head->op)(head, body);
}

unsigned store_route(const struct store *s, struct entry *e)
{
    (void)s;
    if (route_of(e->op) == NULL) return KITH_unknown_operation;
    route(e, fb_root(entry_body(e)));
    return KITH_ok;
}

// What the shapes do not say and apply relies on.
static bool rows_valid(const struct entry *e)
{
    const void *body = fb_root(entry_body(e));
    if (e->op == OP_import_users) return kt_ImportUsers_users(body).n <= IMPORT_USERS_MAX;
    if (e->op == OP_import_posts) return kt_ImportPosts_posts(body).n <= CHUNK_ROWS;
    if (e->op != OP_import_edges) return true;
    uint32_t n = kt_ImportEdges_from(body).n;
    return n == kt_ImportEdges_to(body).n && n <= IMPORT_EDGES_MAX;
}

bool store_entry_valid(const struct entry *e)
{
    const struct op_row *row = op_row(e->op);
    if (row == NULL || route_of(e->op) == NULL || e->actor >> 63) return false;
    if (e->place == 0 || e->stamp == 0 || e->stamp >> (63 - SLOT_BITS)) return false;
    const fb_type *type = op_entry_type(row);
    if (fb_verify(entry_body(e), entry_body_size(e), type, NULL) != FB_OK) return false;
    const struct entry_parent *parent = entry_parent(e);
    if (parent != NULL && parent->decider >= SLOTS) return false;
    struct entry head = *e;
    route(&head, fb_root(entry_body(e)));
    return rows_valid(e) && head.slot_count == e->slot_count && head.flags == e->flags &&
           memcmp(head.slots, e->slots, sizeof e->slots) == 0;
}
