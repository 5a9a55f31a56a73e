// Accounts beyond names and sessions: one-time tokens, the second factor, deactivation, and what
// admins set. All of it lies in the user's record and is decided in the user's slot.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/record.h"
#include "store/user_record.h"

// The user's record on its way to another state.
struct changing {
    struct apply *a;
    struct part *p;
    struct user *user;
    struct user_state state;
};

// false: refused.
static bool begin(struct changing *c, uint64_t id)
{
    c->a->out.id = id;
    unsigned error = check_decider(c->a->s->store, c->a->e);
    if (error == KITH_ok && !check_alive(c->a->s->store, id)) error = KITH_not_found;
    if (error != KITH_ok) {
        apply_refuse(c->a, error);
        return false;
    }
    c->user = (struct user *)record_find(c->p, id);
    user_state(c->user, &c->state);
    return true;
}

static void end(struct changing *c)
{
    struct object *fresh = user_record_state(c->a, c->p, c->user, &c->state);
    if (fresh == NULL) {
        apply_refuse(c->a, KITH_too_large);
        return;
    }
    record_swap(c->p, &c->user->o, fresh);
    c->a->out.changed = 1;
}

// ---- one-time tokens ---------------------------------------------------------------------------

// Asked for by somebody who may not exist: that is found out here, after the log, so that waiting
// for the answer tells nobody.
static void decide_ticket_make(struct apply *a, struct part *p)
{
    const kt_TicketMake *t = a->body;
    const kt_Ticket *ticket = kt_TicketMake_ticket(t);
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, kt_TicketMake_user_id(t))) return;
    secrets_ticket(&c.state.secrets, (struct ticket){
                                         .kind = (kt_TicketKind)kt_Ticket_kind(ticket),
                                         .hash = kt_Ticket_hash(ticket),
                                         .expires_ms = kt_Ticket_expires_at(ticket),
                                     });
    end(&c);
}

// false: the token is not that one, or it is over.
static bool spend(struct changing *c, kt_TicketKind kind)
{
    const kt_TicketUse *t = c->a->body;
    if (!begin(c, kt_TicketUse_user_id(t))) return false;
    const struct ticket *ticket = secrets_find(&c->state.secrets, kind);
    if (!ticket_is(ticket, kt_TicketUse_hash(t), stamp_ms(c->a->e->stamp))) {
        apply_refuse(c->a, KITH_token_spent);
        return false;
    }
    secrets_spend(&c->state.secrets, kind);
    return true;
}

static void decide_verify_email(struct apply *a, struct part *p)
{
    struct changing c = {.a = a, .p = p};
    if (!spend(&c, kt_TicketKind_verify_email)) return;
    c.state.email_verified = true;
    end(&c);
}

// Whoever knew the old password is out.
static void decide_reset_password(struct apply *a, struct part *p)
{
    const kt_TicketUse *t = a->body;
    struct changing c = {.a = a, .p = p};
    if (!spend(&c, kt_TicketKind_reset_password)) return;
    c.state.password = kt_TicketUse_password_hash(t);
    secrets_spend(&c.state.secrets, kt_TicketKind_login_code);
    end(&c);
    sessions_end(p, kt_TicketUse_user_id(t));
}

const struct verb verb_ticket_make = {decide_ticket_make, NULL, NULL, NULL};
const struct verb verb_verify_email = {decide_verify_email, NULL, NULL, NULL};
const struct verb verb_reset_password = {decide_reset_password, NULL, NULL, NULL};

// ---- the second factor -------------------------------------------------------------------------

static void decide_totp_enable(struct apply *a, struct part *p)
{
    const kt_TotpChange *t = a->body;
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, kt_TotpChange_user_id(t))) return;
    if (c.state.two_factor) {
        apply_refuse(a, KITH_two_factor_on);
        return;
    }
    c.state.secrets.totp = kt_TotpChange_key(t);
    c.state.secrets.totp_step = 0;
    c.state.secrets.recoveries = 0;
    end(&c);
}

// The code was found right for this key; meanwhile there may be another one.
static void decide_totp_confirm(struct apply *a, struct part *p)
{
    const kt_TotpChange *t = a->body;
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, kt_TotpChange_user_id(t))) return;
    struct secrets *s = &c.state.secrets;
    fb_str key = kt_TotpChange_key(t);
    bool same = key.n == s->totp.n && memcmp(key.s, s->totp.s, key.n) == 0;
    if (c.state.two_factor || !same || kt_TotpChange_step(t) <= s->totp_step) {
        apply_refuse(a, c.state.two_factor ? KITH_two_factor_on : KITH_wrong_code);
        return;
    }
    fb_vec codes = kt_TotpChange_recovery(t);
    c.state.two_factor = true;
    s->totp_step = kt_TotpChange_step(t);
    s->recoveries = 0;
    for (uint32_t i = 0; i < codes.n && i < RECOVERY_CODES; i++)
        s->recovery[s->recoveries++] = fb_vec_str(codes, i);
    end(&c);
}

static void decide_totp_disable(struct apply *a, struct part *p)
{
    const kt_TotpChange *t = a->body;
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, kt_TotpChange_user_id(t))) return;
    struct secrets *s = &c.state.secrets;
    bool fresh = kt_TotpChange_step(t) > s->totp_step;
    bool right = fresh || secrets_recover(s, kt_TotpChange_recovery_hash(t));
    if (!c.state.two_factor || !right) {
        apply_refuse(a, c.state.two_factor ? KITH_wrong_code : KITH_two_factor_off);
        return;
    }
    c.state.two_factor = false;
    s->totp.n = s->recoveries = 0;
    s->totp_step = 0;
    end(&c);
}

const struct verb verb_totp_enable = {decide_totp_enable, NULL, NULL, NULL};
const struct verb verb_totp_confirm = {decide_totp_confirm, NULL, NULL, NULL};
const struct verb verb_totp_disable = {decide_totp_disable, NULL, NULL, NULL};

// ---- flags and roles ---------------------------------------------------------------------------

// Nothing of the user's is touched but the flag by which readers judge: so all comes back whole.
static void decide_user_deactivate(struct apply *a, struct part *p)
{
    uint64_t id = kt_UserDeactivate_user_id(a->body);
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, id)) return;
    c.state.flags |= OBJECT_INACTIVE;
    end(&c);
    sessions_end(p, id);
}

static void decide_role_set(struct apply *a, struct part *p)
{
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, kt_RoleSet_user_id(a->body))) return;
    c.state.role = (kt_Role)kt_RoleSet_role(a->body);
    end(&c);
}

static void decide_verified_set(struct apply *a, struct part *p)
{
    struct changing c = {.a = a, .p = p};
    if (!begin(&c, kt_VerifiedSet_user_id(a->body))) return;
    if (kt_VerifiedSet_is_verified(a->body)) c.state.flags |= OBJECT_VERIFIED;
    else c.state.flags &= ~(unsigned)OBJECT_VERIFIED;
    end(&c);
}

const struct verb verb_user_deactivate = {decide_user_deactivate, NULL, NULL, NULL};
const struct verb verb_role_set = {decide_role_set, NULL, NULL, NULL};
const struct verb verb_verified_set = {decide_verified_set, NULL, NULL, NULL};
