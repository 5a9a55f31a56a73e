// Sessions: born in their user's slot, dead with the user.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/record.h"
#include "store/user_record.h"

enum {
    SESSIONS_PER_USER_MAX = 64,  // above it the oldest ends
    EXPIRED_PER_LOGIN_MAX = 8,   // sessions that a login clears away
};

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

static void insert_session(struct part *p, uint64_t id, const struct session *like)
{
    struct record_head h = {.id = id, .kind = ENTITY_session};
    h.word[0] = like->user;
    h.word[1] = like->expires_ms;
    struct object *o = record_new(p, &h);
    memcpy(record_data_of(o), like->refresh_hash, sizeof like->refresh_hash);
    record_insert(p, o);
}

static void decide_create(struct apply *a, struct part *p)
{
    const kt_SessionCreate *c = a->body;
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    uint64_t user = kt_SessionCreate_user_id(c), id = id_make(a->e->stamp, id_slot(user));
    struct user_login login = {
        .last_login_ms = kt_SessionCreate_login(c) ? stamp_ms(a->e->stamp) : 0,
        .password = kt_SessionCreate_password_hash(c),
    };
    if (login.last_login_ms != 0 || login.password.n > 0) {
        struct object *old = record_find(p, user);
        struct object *fresh = user_record_login(p, (struct user *)old, login);
        if (fresh == NULL) {
            apply_refuse(a, KITH_too_large);
            return;
        }
        record_swap(p, old, fresh);
    }
    clear_old(a, p, user);
    struct session like = {.user = user, .expires_ms = kt_SessionCreate_expires_at(c)};
    memcpy(like.refresh_hash, kt_SessionCreate_refresh_hash(c).s, sizeof like.refresh_hash);
    insert_session(p, id, &like);
    seqs_add(p, sessions_of(user), id);
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
    memcpy(record_data_of(fresh), kt_SessionRotate_new_hash(r).s, sizeof old->refresh_hash);
    record_swap(p, &old->o, fresh);
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
