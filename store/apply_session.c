// Sessions: born in their user's slot, dead with the user.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/record.h"
#include "store/user_record.h"

enum { EXPIRED_PER_LOGIN_MAX = 8 }; // sessions that a login clears away

static struct edge_at sessions_of(uint64_t user)
{
    return (struct edge_at){user, LIST_sessions};
}

static void end_session(struct part *p, struct session *s)
{
    seqs_remove(p, sessions_of(s->user), s->o.id);
    record_remove(p, &s->o);
}

// Old sessions of the user go: those that are over, and the oldest if there are too many.
static void clear_old(struct apply *a, struct part *p, uint64_t user)
{
    uint64_t id[EXPIRED_PER_LOGIN_MAX];
    const struct seq *all = seqs_find(p, sessions_of(user));
    if (all == NULL) return;
    uint32_t over = all->count < SESSIONS_PER_USER_MAX ? 0 : all->count - SESSIONS_PER_USER_MAX + 1;
    uint32_t n = seq_above(all, 0, id, EXPIRED_PER_LOGIN_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct session *s = (struct session *)record_find(p, id[i]);
        ASSERT(s != NULL);
        if (i < over || s->expires_ms <= stamp_ms(a->e->stamp)) end_session(p, s);
    }
}

void sessions_end(struct part *p, uint64_t user)
{
    uint64_t id;
    while (seq_above(seqs_find(p, sessions_of(user)), 0, &id, 1) == 1) {
        struct session *s = (struct session *)record_find(p, id);
        ASSERT(s != NULL);
        end_session(p, s);
    }
}

static void insert_session(struct part *p, uint64_t id, const kt_SessionCreate *c)
{
    fb_str hash = kt_SessionCreate_refresh_hash(c), device = kt_SessionCreate_device(c);
    struct record_head h = {.id = id, .kind = ENTITY_session};
    h.word[0] = kt_SessionCreate_user_id(c);
    h.word[1] = kt_SessionCreate_expires_at(c);
    h.n[0] = device.n;
    struct object *o = record_new(p, &h);
    char *data = record_data_of(o);
    memcpy(data, hash.s, hash.n);
    if (device.n > 0) memcpy(data + hash.n, device.s, device.n);
    record_insert(p, o);
    seqs_add(p, sessions_of(h.word[0]), id);
}

// ---- who may log in ----------------------------------------------------------------------------

// A code that was sent is good once, and for so many tries.
static unsigned judge_sent(struct secrets *s, fb_str hash, uint64_t now)
{
    struct ticket *t = secrets_find(s, kt_TicketKind_login_code);
    if (ticket_is(t, hash, now)) return KITH_ok;
    if (t != NULL && ++t->tries >= CODE_TRIES_MAX) secrets_spend(s, kt_TicketKind_login_code);
    return KITH_wrong_credentials;
}

static unsigned judge_second(struct user_state *u, const kt_SessionCreate *c)
{
    fb_str recovery = kt_SessionCreate_recovery_hash(c);
    uint64_t step = kt_SessionCreate_totp_step(c);
    if (!u->two_factor) return KITH_ok;
    if (recovery.n > 0) return secrets_recover(&u->secrets, recovery) ? KITH_ok : KITH_wrong_code;
    if (step == 0) return KITH_two_factor_required;
    if (step <= u->secrets.totp_step) return KITH_wrong_code;
    u->secrets.totp_step = step;
    return KITH_ok;
}

// What stands in the way of a login; what it uses up is taken from the state. Who does not know the
// code that was sent is not told what else there is to know of the account.
static unsigned judge_login(struct user_state *u, const kt_SessionCreate *c, uint64_t now)
{
    fb_str sent = kt_SessionCreate_code_hash(c);
    unsigned error = sent.n > 0 ? judge_sent(&u->secrets, sent, now) : KITH_ok;
    if (error != KITH_ok) return error;
    if ((u->flags & OBJECT_INACTIVE) && !kt_SessionCreate_reactivate(c))
        return KITH_account_inactive;
    error = judge_second(u, c);
    if (error != KITH_ok) return error;
    if (sent.n > 0) secrets_spend(&u->secrets, kt_TicketKind_login_code);
    u->flags &= ~(unsigned)OBJECT_INACTIVE;
    u->last_login_ms = now;
    if (kt_SessionCreate_password_hash(c).n > 0) u->password = kt_SessionCreate_password_hash(c);
    return KITH_ok;
}

static unsigned log_in(struct apply *a, struct part *p, uint64_t user)
{
    const kt_SessionCreate *c = a->body;
    struct object *old = record_find(p, user);
    struct user_state state;
    user_state((struct user *)old, &state);
    unsigned error = judge_login(&state, c, stamp_ms(a->e->stamp));
    // A wrong code is a try less.
    bool keep = error == KITH_ok || kt_SessionCreate_code_hash(c).n > 0;
    struct object *fresh =
        keep ? user_record_state(a, p, (struct user *)old, &state) : NULL;
    if (fresh != NULL) record_swap(p, old, fresh);
    return keep && fresh == NULL ? KITH_too_large : error;
}

static void decide_create(struct apply *a, struct part *p)
{
    const kt_SessionCreate *c = a->body;
    uint64_t user = kt_SessionCreate_user_id(c), id = id_make(a->e->stamp, id_slot(user));
    unsigned error = check_decider(a->s->store, a->e);
    if (error == KITH_ok && kt_SessionCreate_login(c)) error = log_in(a, p, user);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    clear_old(a, p, user);
    insert_session(p, id, c);
    a->out.id = id;
    a->out.changed = 1;
}

// A refresh token that was used before is a stolen one, on one side or the other: the session ends.
static void decide_rotate(struct apply *a, struct part *p)
{
    const kt_SessionRotate *r = a->body;
    a->out.id = kt_SessionRotate_session_id(r);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct session *old = (struct session *)record_find(p, a->out.id);
    fb_str given = kt_SessionRotate_old_hash(r);
    a->out.changed = 1;
    bool same = given.n == sizeof old->refresh_hash &&
                memcmp(given.s, old->refresh_hash, sizeof old->refresh_hash) == 0;
    if (!same || old->expires_ms <= stamp_ms(a->e->stamp)) {
        end_session(p, old);
        apply_refuse(a, KITH_invalid_token);
        return;
    }
    struct record_head h = record_head(&old->o);
    h.word[1] = kt_SessionRotate_expires_at(r);
    struct object *fresh = record_new(p, &h);
    char *data = record_data_of(fresh);
    memcpy(data, kt_SessionRotate_new_hash(r).s, sizeof old->refresh_hash);
    memcpy(data + sizeof old->refresh_hash, old->device, old->device_n);
    record_swap(p, &old->o, fresh);
}

static void decide_revoke(struct apply *a, struct part *p)
{
    uint64_t id = kt_SessionRevoke_session_id(a->body);
    a->out.id = id;
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    end_session(p, (struct session *)record_find(p, id));
    a->out.changed = 1;
}

static void decide_revoke_all(struct apply *a, struct part *p)
{
    sessions_end(p, a->e->actor);
    a->out.changed = 1;
}

static void decide_delete(struct apply *a, struct part *p)
{
    a->out.id = kt_SessionDelete_session_id(a->body);
    struct object *o = record_find(p, a->out.id);
    if (o == NULL || o->kind != ENTITY_session) return;
    end_session(p, (struct session *)o);
    a->out.changed = 1;
}

const struct verb verb_session_create = {decide_create, NULL, NULL, NULL};
const struct verb verb_session_rotate = {decide_rotate, NULL, NULL, NULL};
const struct verb verb_session_delete = {decide_delete, NULL, NULL, NULL};
const struct verb verb_session_revoke = {decide_revoke, NULL, NULL, NULL};
const struct verb verb_session_revoke_all = {decide_revoke_all, NULL, NULL, NULL};
