// The session behind a token is looked up at every request, so that a logout holds at once on every
// core.
#include "api/gate.h"

#include "api/request.h"
#include "core/clock.h"
#include "store/store.h"
#include "store/user_record.h"

enum { USED_STEP_MS = 60000 }; // how exactly a session's last use is known

static uint64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

// Of a published record its atomic members may be written from any core.
static void note_use(const struct session *session)
{
    uint64_t now = clock_wall_ms();
    uint64_t used = atomic_load_explicit(&session->used_ms, memory_order_relaxed);
    if (now >= used + USED_STEP_MS)
        atomic_store_explicit(&((struct session *)(uintptr_t)session)->used_ms, now,
                              memory_order_relaxed);
}

static bool session_holds(const struct server *s, uint64_t id, uint64_t user)
{
    const struct session *session = store_session(s->store, id);
    bool holds = session != NULL && session->user == user && store_user(s->store, user) != NULL;
    if (holds)
        note_use(session);
    return holds;
}

static bool has_role(const struct server *s, uint64_t id, unsigned role)
{
    const struct user *user = store_user(s->store, id);
    return user != NULL && user_role(user) >= role;
}

enum kith_error gate_secret(const struct server *s, const char *secret, size_t n,
                            struct identity *out)
{
    struct token_claims claims;
    *out = (struct identity){0};
    unsigned key = service_keys_match(&s->services, secret, n);
    if (key != 0) {
        out->service = true;
        out->service_key = (uint8_t)key;
        return KITH_ok;
    }
    if (!token_read(&s->keys.token, (fb_str){secret, (uint32_t)n}, now_s(), &claims) ||
        !session_holds(s, claims.session, claims.user))
        return KITH_invalid_token;
    *out = (struct identity){
        .user = claims.user, .session = claims.session, .expires_s = claims.expires_s};
    return KITH_ok;
}

enum kith_error gate_act_as(const struct server *s, struct identity *who, uint64_t viewer)
{
    if (!who->service)
        return who->user != 0 && who->user == viewer ? KITH_ok : KITH_forbidden;
    if (store_user(s->store, viewer) == NULL)
        return KITH_forbidden;
    who->user = viewer;
    return KITH_ok;
}

enum kith_error gate_holds(const struct server *s, const struct identity *who)
{
    if (who->service)
        return who->user == 0 || store_user(s->store, who->user) != NULL ? KITH_ok : KITH_forbidden;
    if (who->user == 0)
        return KITH_ok;
    if (now_s() >= who->expires_s + TOKEN_LEEWAY_S || !session_holds(s, who->session, who->user))
        return KITH_invalid_token;
    return KITH_ok;
}

static enum kith_error self_or_service(const struct server *s, const struct request *q)
{
    if (q->actor == 0)
        return q->service ? KITH_ok : KITH_unauthenticated;
    if (request_key(q) == q->actor)
        return KITH_ok;
    bool may = q->row->role > kt_Role_user && has_role(s, q->actor, q->row->role);
    return may ? KITH_ok : KITH_forbidden;
}

enum kith_error gate_may(const struct server *s, const struct request *q)
{
    bool somebody = q->actor != 0 || q->service;
    switch (q->row->auth) {
    case AUTH_OPEN:
        return KITH_ok;
    case AUTH_USER:
        return q->actor != 0 ? KITH_ok : KITH_unauthenticated;
    case AUTH_SELF:
        return self_or_service(s, q);
    case AUTH_OWNER:
        return somebody ? KITH_ok : KITH_unauthenticated;
    case AUTH_SERVICE:
        return q->service ? KITH_ok : somebody ? KITH_forbidden : KITH_unauthenticated;
    case AUTH_ROLE:
        // Who acts for a user has that user's rights.
        if (q->actor == 0)
            return q->service ? KITH_ok : KITH_unauthenticated;
        return has_role(s, q->actor, q->row->role) ? KITH_ok : KITH_forbidden;
    }
    return KITH_forbidden;
}
