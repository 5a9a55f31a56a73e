// Logins of other services, linked to accounts: names of another kind, decided with all names in
// the accounts slot.
#include <string.h>

#include "core/assert.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/names.h"

// The user's identity of this provider; NULL = none.
static const struct name *of_provider(const struct name *held, uint32_t n, fb_str provider)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct name *name = &held[i];
        if (name->kind == NAME_identity && name->n > provider.n &&
            memcmp(name->text, provider.s, provider.n) == 0 && name->text[provider.n] == ':')
            return name;
    }
    return NULL;
}

static unsigned judge_link(struct part *p, const kt_IdentityChange *t, struct name fresh)
{
    struct name held[NAMES_MAX];
    uint64_t id = kt_IdentityChange_user_id(t), holder = names_find(p->shard->store, fresh);
    uint32_t n = names_of(p, id, held);
    if (n == 0) return KITH_not_found;
    if (holder != 0) return holder == id ? KITH_ok : KITH_identity_taken;
    bool linked = of_provider(held, n, kt_IdentityChange_provider(t)) != NULL;
    return linked || n == NAMES_MAX ? KITH_identity_linked : KITH_ok;
}

static void decide_link(struct apply *a, struct part *p)
{
    const kt_IdentityChange *t = a->body;
    fb_str text = kt_IdentityChange_identity(t);
    struct name fresh = {NAME_identity, text.s, text.n};
    a->out.id = kt_IdentityChange_user_id(t);
    unsigned error = text.n > 0 ? judge_link(p, t, fresh) : KITH_invalid_field;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    if (names_find(p->shard->store, fresh) == a->out.id) return;
    names_claim(p, fresh, a->out.id);
    a->out.changed = 1;
}

static void decide_unlink(struct apply *a, struct part *p)
{
    const kt_IdentityChange *t = a->body;
    struct name held[NAMES_MAX];
    a->out.id = kt_IdentityChange_user_id(t);
    uint32_t n = names_of(p, a->out.id, held);
    const struct name *old = of_provider(held, n, kt_IdentityChange_provider(t));
    if (old == NULL) {
        apply_refuse(a, KITH_not_found);
        return;
    }
    bool released = names_release(p, *old, a->out.id);
    ASSERT(released);
    a->out.changed = 1;
}

const struct verb verb_oauth_link = {decide_link, NULL, NULL, NULL};
const struct verb verb_oauth_unlink = {decide_unlink, NULL, NULL, NULL};
