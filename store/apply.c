// The loop's body: which halves of an entry lie here, the decider's key, the verb, what follows.
//
//   shard_apply ─► read back (owed) ─► key ─► decide ─► other ─► step of a job ─► outcome
#include "store/apply.h"

#include <string.h>

#include "core/assert.h"
#include "core/fb_verify.h"
#include "core/probe.h"
#include "kith_fb.h"
#include "store/audit.h"
#include "store/jobs.h"
#include "store/keys.h"
#include "store/owed.h"

static void note(struct apply *a)
{
    (void)a; // marks of api: what counts is that every shard says it has come so far
}

static const struct verb verb_mark = {.all = note};

static const struct verb *const verbs[OP_LIMIT] = {
    [OP_register] = &verb_register,
    [OP_login] = &verb_session_create,
    [OP_logout] = &verb_session_delete,
    [OP_token_refresh] = &verb_session_rotate,
    [OP_user_update] = &verb_user_update,
    [OP_user_delete] = &verb_user_delete,
    [OP_follow] = &verb_follow,
    [OP_follow_request] = &verb_follow_request,
    [OP_request_approve] = &verb_request_approve,
    [OP_post_create] = &verb_post_create,
    [OP_post_update] = &verb_post_update,
    [OP_post_delete] = &verb_post_delete,
    [OP_media_add] = &verb_media_add,
    [OP_media_remove] = &verb_media_remove,
    [OP_comment_create] = &verb_comment_create,
    [OP_comment_update] = &verb_comment_update,
    [OP_comment_delete] = &verb_comment_delete,
    [OP_post_restore] = &verb_post_restore,
    [OP_relisted] = &verb_relisted,
    [OP_settle] = &verb_settle,
    [OP_post_remove] = &verb_post_remove,
    [OP_post_reinstate] = &verb_post_reinstate,
    [OP_comment_remove] = &verb_comment_remove,
    [OP_comment_reinstate] = &verb_comment_reinstate,
    [OP_react] = &verb_react,
    [OP_unreact] = &verb_unreact,
    [OP_reacted] = &verb_reacted,
    [OP_import_users] = &verb_import_users,
    [OP_import_edges] = &verb_import_edges,
    [OP_import_posts] = &verb_import_posts,
    [OP_session_create] = &verb_session_create,
    [OP_session_rotate] = &verb_session_rotate,
    [OP_session_delete] = &verb_session_delete,
    [OP_user_create] = &verb_user_create,
    [OP_user_rename] = &verb_user_rename,
    [OP_user_apply] = &verb_user_apply,
    [OP_undo] = &verb_undo,
    [OP_unlink] = &verb_unlink_step,
    [OP_erase] = &verb_erase,
    [OP_snapshot_mark] = &verb_mark,
    [OP_digest_mark] = &verb_mark,
    [OP_digest_report] = &verb_mark,
    [OP_start] = &verb_mark,
    [OP_names_release] = &verb_names_release,
    [OP_audit_add] = &verb_audit_add,
    [OP_verify_email] = &verb_verify_email,
    [OP_verify_request] = &verb_ticket_make,
    [OP_forgot_password] = &verb_ticket_make,
    [OP_login_code] = &verb_ticket_make,
    [OP_ticket_make] = &verb_ticket_make,
    [OP_reset_password] = &verb_reset_password,
    [OP_totp_enable] = &verb_totp_enable,
    [OP_totp_confirm] = &verb_totp_confirm,
    [OP_totp_disable] = &verb_totp_disable,
    [OP_session_revoke] = &verb_session_revoke,
    [OP_session_revoke_all] = &verb_session_revoke_all,
    [OP_user_deactivate] = &verb_user_deactivate,
    [OP_role_set] = &verb_role_set,
    [OP_verified_set] = &verb_verified_set,
    [OP_oauth_link] = &verb_oauth_link,
    [OP_oauth_unlink] = &verb_oauth_unlink,
    [OP_notification_read] = &verb_notification_read,
    [OP_notifications_read] = &verb_notifications_read,
    [OP_notification_delete] = &verb_notification_delete,
    [OP_notification_preference_set] = &verb_preference_set,
    [OP_notify] = &verb_notify,
    [OP_withdraw] = &verb_withdraw,
    [OP_trim] = &verb_trim,
};

// Every operation that only makes or takes away an edge has the same two verbs.
static const struct verb *verb_of(unsigned op)
{
    const struct op_row *row = op_row(op);
    if (row == NULL || verbs[op] != NULL) return row != NULL ? verbs[op] : NULL;
    if (row->doc != DOC_none) return &verb_doc;
    if (row->link != EDGE_none) return &verb_link;
    return row->unlink != EDGE_none ? &verb_unlink : NULL;
}

struct part *apply_half(const struct apply *a, unsigned slot)
{
    struct part *p = store_part(a->s->store, slot);
    if (p->shard != a->s || p->place >= a->e->place) return NULL;
    if (a->e->flags & ENTRY_ALL) return p;
    for (unsigned i = 0; i < a->e->slot_count; i++)
        if (a->e->slots[i] == slot) return p;
    return NULL;
}

// ---- consequences ------------------------------------------------------------------------------

enum { BUILDER_BYTES = (sizeof(fb_builder) + 15) / 16 * 16 };

fb_builder *apply_build(struct apply *a)
{
    fb_builder *b = a->s->scratch;
    fb_init(b, (uint8_t *)a->s->scratch + BUILDER_BYTES, SCRATCH_BYTES - BUILDER_BYTES);
    return b;
}

bool apply_owe(struct apply *a, struct consequence c, fb_ref body)
{
    fb_builder *b = a->s->scratch;
    size_t tail = sizeof(struct entry_parent), head = sizeof(struct entry) + tail;
    size_t n = fb_finish(b, body);
    if (n == 0 || head + n > ENTRY_MAX) return false;
    struct entry *e = fb_prepend(b, head);
    if (e == NULL) return false;
    struct part *p = store_part(a->s->store, c.slot);
    ASSERT(p->shard == a->s);

    struct entry made = {
        .length = (uint32_t)(head + n),
        .op = (uint16_t)c.op,
        .flags = ENTRY_CONSEQUENCE,
        .actor = c.actor,
        // Who waits is known to this process alone; an entry that is read back owes nobody an
        // answer.
        .ticket = a->s->hooks.outcome != NULL ? c.ticket : 0,
    };
    struct entry_parent parent = {
        .place = a->e->place,
        .ordinal = a->ordinal++,
        .decider = (uint16_t)c.slot,
    };
    memcpy(e, &made, sizeof made);
    memcpy(e + 1, &parent, sizeof parent);
    unsigned routed = store_route(a->s->store, e);
    ASSERT(routed == KITH_ok);
    owed_add(p, e);
    return true;
}

void apply_wait(struct apply *a, struct part *p, uint32_t n)
{
    if (a->s->hooks.outcome == NULL || a->e->ticket == 0) return;
    owed_wait(p, a->e, &a->out, n);
    a->silent = true;
}

void apply_owe_undo(struct apply *a, struct edge_at at, uint64_t other, uint64_t stamp)
{
    if (id_slot(at.owner) == id_slot(other)) return;
    fb_builder *b = apply_build(a);
    kt_new_Undo w = {0};
    kt_put_Undo_place(&w, a->e->place);
    kt_put_Undo_stamp(&w, stamp);
    kt_put_Undo_kind(&w, (uint8_t)at.list);
    kt_put_Undo_owner(&w, at.owner);
    kt_put_Undo_other(&w, other);
    struct consequence c = {OP_undo, id_slot(other), 0, 0};
    bool owed = apply_owe(a, c, kt_end_Undo(b, &w));
    ASSERT(owed);
}

// ---- the entry ---------------------------------------------------------------------------------

// A consequence that its decider owed has come; the last one of those that somebody waits for
// answers.
static void read_back(const struct apply *a)
{
    const struct entry_parent *parent = entry_parent(a->e);
    struct part *p = parent != NULL ? apply_half(a, parent->decider) : NULL;
    if (p == NULL || !owed_clear(p, parent->place, parent->ordinal)) return;
    struct entry head;
    struct outcome o;
    if (!owed_waited(p, parent->place, &head, &o)) return;
    const struct shard_hooks *hooks = &a->s->hooks;
    o.place = a->e->place;
    if (hooks->outcome != NULL) hooks->outcome(hooks->ctx, &head, &o);
}

// A key counts in the slot that decides: how slots are grouped into partitions must not be seen.
static struct entry_key key_in_slot(const struct entry *e)
{
    struct entry_key key = *entry_key(e);
    key.key_hi ^= (e->slots[0] + UINT64_C(1)) << 48;
    return key;
}

// Whether the key was seen before; then the outcome is what it was.
static bool seen_before(struct apply *a, struct part *p)
{
    if (entry_key(a->e) == NULL) return false;
    struct entry_key key = key_in_slot(a->e);
    keys_expire(p, a->e->stamp);
    const struct key_item *known = keys_find(p, &key);
    if (known == NULL) return false;
    if (known->key.request == key.request)
        a->out = known->outcome;
    else
        apply_refuse(a, KITH_idempotency_mismatch);
    return true;
}

static void decide(struct apply *a, struct part *p, const struct verb *v)
{
    if (seen_before(a, p)) {
        if (!a->together && v->again != NULL) v->again(a, p);
        return;
    }
    v->decide(a, p);
    if (a->together && v->other != NULL && a->out.error == KITH_ok) v->other(a, p);
    if (entry_audit(a->e) != NULL) audit_owe(a);
    if (entry_key(a->e) == NULL) return;
    struct key_item item = {key_in_slot(a->e), a->e->stamp, a->out};
    keys_put(p, &item);
}

static void answer(const struct apply *a)
{
    struct shard *s = a->s;
    if (a->out.error == KITH_ok) s->applied++;
    else s->refused++;
    bool wanted = a->e->ticket != 0 || (a->e->flags & ENTRY_ALL);
    if (!a->silent && wanted && s->hooks.outcome != NULL)
        s->hooks.outcome(s->hooks.ctx, a->e, &a->out);
}

static void apply_halves(struct apply *a, const struct verb *v)
{
    const struct entry *e = a->e;
    ASSERT(v->decide != NULL);
    a->together = e->slot_count == 1;
    struct part *p = apply_half(a, e->slots[0]);
    struct part *q = e->slot_count > 1 ? apply_half(a, e->slots[1]) : NULL;
    if (p != NULL || q != NULL) read_back(a);
    if (p != NULL) decide(a, p, v);
    // Ordinals of their own: both ends may owe, and both may lie in one partition.
    a->ordinal = OWED_PER_ENTRY_MAX;
    if (q != NULL && v->other != NULL) v->other(a, q);
    if ((e->op == OP_unlink || e->op == OP_erase || e->op == OP_trim) && e->actor != 0) {
        struct part *job = apply_half(a, id_slot(e->actor));
        if (job != NULL) jobs_stepped(job, e->actor);
    }
    if (p != NULL) answer(a);
}

static void mark_places(struct shard *s, const struct entry *e)
{
    struct store *store = s->store;
    if (e->flags & ENTRY_ALL) {
        for (unsigned i = s->core; i < store->partitions; i += store->cores)
            store->part[i].place = e->place;
    } else {
        for (unsigned i = 0; i < e->slot_count; i++) {
            struct part *p = store_part(store, e->slots[i]);
            if (p->shard == s) p->place = e->place;
        }
    }
}

void shard_apply(struct shard *s, const struct entry *e)
{
    // A state that was loaded from an image has what came before the image's mark.
    if (e->place <= s->place) return;
    ASSERT(e->stamp > s->stamp);
    const struct verb *v = verb_of(e->op);
    ASSERT(v != NULL);

    s->applying = e->place;
    s->applying_ms = stamp_ms(e->stamp);
    struct apply a = {
        .s = s,
        .e = e,
        .body = fb_root(entry_body(e)),
        .out = {.place = e->place},
    };
    if (e->flags & ENTRY_ALL) {
        ASSERT(v->all != NULL);
        v->all(&a);
        answer(&a);
    } else {
        apply_halves(&a, v);
    }
    mark_places(s, e);
    s->place = e->place;
    s->stamp = e->stamp + entry_stamps(e) - 1;
    PROBE(entry_applied, e->op, e->place, s->core);
}
