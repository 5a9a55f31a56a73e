// Accounts beyond names: tokens that were sent, the second factor, sessions that are ended, what is
// hidden, roles, and the audit log.
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

static uint64_t now_ms(const struct step *s) { return stamp_ms(s->e->stamp); }

static void hash_text(char to[MODEL_HASH], fb_str hash)
{
    memset(to, 0, MODEL_HASH);
    memcpy(to, hash.s, hash.n < MODEL_HASH - 1 ? hash.n : MODEL_HASH - 1);
}

static bool hash_is(const char *kept, fb_str hash)
{
    char text[MODEL_HASH];
    hash_text(text, hash);
    return strcmp(kept, text) == 0;
}

// The user that the entry is about; NULL, and refused.
static struct model_object *user_of(const struct step *s, uint64_t id)
{
    struct model_object *u = model_user(s->m, id);
    s->out->id = id;
    s->out->error = u != NULL ? KITH_ok : KITH_not_found;
    return u;
}

void model_end_sessions(struct model *m, uint64_t user)
{
    static uint64_t id[MODEL_OBJECTS];
    unsigned n = model_list(m, user, LIST_sessions, id);
    for (unsigned i = 0; i < n; i++)
        model_end_session(m, id[i]);
}

// ---- tickets -----------------------------------------------------------------------------------

static void put_ticket(struct model_object *u, const kt_Ticket *t)
{
    struct model_ticket *to = &u->secrets.ticket[kt_Ticket_kind(t) & 3];
    *to = (struct model_ticket){.kind = kt_Ticket_kind(t), .expires_ms = kt_Ticket_expires_at(t)};
    hash_text(to->hash, kt_Ticket_hash(t));
}

static void drop_ticket(struct model_object *u, unsigned kind)
{
    u->secrets.ticket[kind].kind = 0;
}

static bool ticket_right(const struct step *s, struct model_object *u, struct model_ticket like)
{
    const struct model_ticket *t = &u->secrets.ticket[like.kind];
    return t->kind == like.kind && now_ms(s) < t->expires_ms && strcmp(t->hash, like.hash) == 0;
}

static void put_verify(struct model_object *u, fb_str hash, uint64_t expires_ms)
{
    struct model_ticket *t = &u->secrets.ticket[kt_TicketKind_verify_email];
    if (hash.n == 0)
        return;
    *t = (struct model_ticket){.kind = kt_TicketKind_verify_email, .expires_ms = expires_ms};
    hash_text(t->hash, hash);
}

void model_first_ticket(struct model_object *user, const void *user_record)
{
    const kt_UserRecord *r = user_record;
    put_verify(user, kt_UserRecord_verify_hash(r), kt_UserRecord_verify_expires(r));
}

void model_new_address(const struct step *s, struct model_object *user)
{
    const kt_UserUpdate *u = s->body;
    fb_str email = kt_UserUpdate_email(u);
    bool same = strlen(user->name[1]) == email.n && memcmp(user->name[1], email.s, email.n) == 0;
    if (!kt_has_UserUpdate_email(u) || same)
        return;
    drop_ticket(user, kt_TicketKind_verify_email);
    drop_ticket(user, kt_TicketKind_reset_password);
    put_verify(user, kt_UserUpdate_verify_hash(u), kt_UserUpdate_verify_expires(u));
}

// Answered alike, whether there is somebody or not.
static void ticket_make(const struct step *s)
{
    struct model_object *u = user_of(s, kt_TicketMake_user_id(s->body));
    if (u != NULL)
        put_ticket(u, kt_TicketMake_ticket(s->body));
    s->out->error = KITH_ok;
}

static void ticket_use(const struct step *s)
{
    bool reset = s->e->op == OP_reset_password;
    struct model_ticket like = {.kind = reset ? kt_TicketKind_reset_password
                                              : kt_TicketKind_verify_email};
    struct model_object *u = user_of(s, kt_TicketUse_user_id(s->body));
    if (u == NULL)
        return;
    hash_text(like.hash, kt_TicketUse_hash(s->body));
    if (!ticket_right(s, u, like)) {
        s->out->error = KITH_token_spent;
        return;
    }
    drop_ticket(u, like.kind);
    if (!reset)
        return;
    drop_ticket(u, kt_TicketKind_login_code);
    model_end_sessions(s->m, u->id);
}

// ---- the second factor -------------------------------------------------------------------------

static bool recover(struct model_secrets *x, fb_str hash)
{
    for (unsigned i = 0; i < x->recoveries; i++) {
        if (!hash_is(x->recovery[i], hash))
            continue;
        memcpy(x->recovery[i], x->recovery[--x->recoveries], MODEL_HASH);
        return true;
    }
    return false;
}

static void totp_change(const struct step *s)
{
    const kt_TotpChange *t = s->body;
    struct model_object *u = user_of(s, kt_TotpChange_user_id(t));
    if (u == NULL)
        return;
    struct model_secrets *x = &u->secrets;
    fb_str key = kt_TotpChange_key(t);
    bool same = strlen(x->totp) == key.n && memcmp(x->totp, key.s, key.n) == 0;
    bool newer = kt_TotpChange_step(t) > x->step;
    fb_vec codes = kt_TotpChange_recovery(t);
    if (s->e->op == OP_totp_disable) {
        bool right = newer || recover(x, kt_TotpChange_recovery_hash(t));
        s->out->error = !x->two_factor ? KITH_two_factor_off : right ? KITH_ok : KITH_wrong_code;
        if (s->out->error == KITH_ok)
            *x = (struct model_secrets){.ticket = {x->ticket[0], x->ticket[1], x->ticket[2],
                                                   x->ticket[3]}};
    } else if (x->two_factor) {
        s->out->error = KITH_two_factor_on;
    } else if (s->e->op == OP_totp_enable) {
        memset(x->totp, 0, sizeof x->totp);
        memcpy(x->totp, key.s, key.n);
        x->step = x->recoveries = 0;
    } else if (!same || !newer) {
        s->out->error = KITH_wrong_code;
    } else {
        x->two_factor = true;
        x->step = kt_TotpChange_step(t);
        x->recoveries = codes.n;
        for (uint32_t i = 0; i < codes.n; i++)
            hash_text(x->recovery[i], fb_vec_str(codes, i));
    }
}

// ---- logins ------------------------------------------------------------------------------------

static unsigned second(struct model_secrets *x, const kt_SessionCreate *c)
{
    fb_str code = kt_SessionCreate_recovery_hash(c);
    uint64_t step = kt_SessionCreate_totp_step(c);
    if (!x->two_factor)
        return KITH_ok;
    if (code.n > 0)
        return recover(x, code) ? KITH_ok : KITH_wrong_code;
    if (step == 0)
        return KITH_two_factor_required;
    if (step <= x->step)
        return KITH_wrong_code;
    x->step = step;
    return KITH_ok;
}

unsigned model_login(const struct step *s, struct model_object *user)
{
    const kt_SessionCreate *c = s->body;
    fb_str sent = kt_SessionCreate_code_hash(c);
    struct model_ticket like = {.kind = kt_TicketKind_login_code};
    struct model_ticket *t = &user->secrets.ticket[like.kind];
    hash_text(like.hash, sent);
    if (sent.n > 0 && !ticket_right(s, user, like)) {
        if (t->kind != 0 && ++t->tries >= CODE_TRIES_MAX)
            t->kind = 0;
        return KITH_wrong_credentials;
    }
    if (user->hidden && !kt_SessionCreate_reactivate(c))
        return KITH_account_inactive;
    unsigned error = second(&user->secrets, c);
    if (error != KITH_ok)
        return error;
    if (sent.n > 0)
        t->kind = 0;
    user->hidden = false;
    return KITH_ok;
}

static void session_revoke(const struct step *s)
{
    uint64_t id = kt_SessionRevoke_session_id(s->body);
    struct model_object *o = model_find(s->m, id);
    bool there = o != NULL && o->kind == ENTITY_session && model_shown(s->m, o->author);
    bool own = there && (s->e->actor == 0 || s->e->actor == o->author);
    s->out->error = own ? KITH_ok : KITH_not_found;
    if (own)
        model_end_session(s->m, id);
}

static void session_revoke_all(const struct step *s) { model_end_sessions(s->m, s->e->actor); }

// ---- what is set -------------------------------------------------------------------------------

static void deactivate(const struct step *s)
{
    uint64_t id = kt_UserDeactivate_user_id(s->body);
    struct model_object *u = user_of(s, id);
    if (u == NULL)
        return;
    if (s->e->actor != 0 && s->e->actor != id) {
        s->out->error = KITH_forbidden;
        return;
    }
    u->hidden = true;
    model_end_sessions(s->m, id);
}

static void role_set(const struct step *s)
{
    struct model_object *u = user_of(s, kt_RoleSet_user_id(s->body));
    if (u != NULL)
        u->role = kt_RoleSet_role(s->body);
}

static void verified_set(const struct step *s)
{
    struct model_object *u = user_of(s, kt_VerifiedSet_user_id(s->body));
    if (u != NULL)
        u->badge = kt_VerifiedSet_is_verified(s->body);
}

// A slot keeps so many: the oldest goes.
static void make_room(struct model *m, unsigned slot)
{
    struct model_object *oldest = NULL;
    if (m->audits[slot]++ < AUDITS_PER_SLOT)
        return;
    for (struct model_object *o = NULL; (o = model_next(m, ENTITY_audit, o)) != NULL;)
        if (id_slot(o->id) == slot && (oldest == NULL || o->id < oldest->id))
            oldest = o;
    ASSERT(oldest != NULL);
    oldest->there = false;
    m->audits[slot]--;
}

static void audit_add(const struct step *s)
{
    uint64_t user = kt_AuditAdd_user_id(s->body);
    model_paid(s, user, 0);
    s->out->id = id_make(s->e->stamp, id_slot(user));
    make_room(s->m, id_slot(user));
    model_new(s->m, s->out->id, ENTITY_audit)->author = user;
}

bool model_secret(const struct step *s)
{
    static void (*const verbs[OP_LIMIT])(const struct step *) = {
        [OP_ticket_make] = ticket_make,
        [OP_verify_email] = ticket_use,
        [OP_reset_password] = ticket_use,
        [OP_totp_enable] = totp_change,
        [OP_totp_confirm] = totp_change,
        [OP_totp_disable] = totp_change,
        [OP_session_revoke] = session_revoke,
        [OP_session_revoke_all] = session_revoke_all,
        [OP_user_deactivate] = deactivate,
        [OP_role_set] = role_set,
        [OP_verified_set] = verified_set,
        [OP_audit_add] = audit_add,
    };
    if (s->e->op >= OP_LIMIT || verbs[s->e->op] == NULL)
        return false;
    verbs[s->e->op](s);
    return true;
}
