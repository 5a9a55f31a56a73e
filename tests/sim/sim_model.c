// What entries mean, said as plainly as possible.
#include "tests/sim/sim_model.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/graph.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"

int model_user(const struct model *m, uint64_t id)
{
    for (unsigned i = 0; i < m->users; i++)
        if (m->user[i].id == id)
            return (int)i;
    return -1;
}

static int living_user(const struct model *m, uint64_t id)
{
    int i = model_user(m, id);
    return i >= 0 && !m->user[i].gone ? i : -1;
}

static struct model_post *any_post(struct model *m, uint64_t id)
{
    for (unsigned i = 0; i < m->posts; i++)
        if (m->post[i].id == id)
            return &m->post[i];
    return NULL;
}

struct model_post *model_post(struct model *m, uint64_t id)
{
    struct model_post *p = any_post(m, id);
    return p != NULL && !p->gone ? p : NULL;
}

static void copy_text(char to[MODEL_TEXT], fb_str s)
{
    size_t n = s.n < MODEL_TEXT - 1 ? s.n : MODEL_TEXT - 1;
    memcpy(to, s.s, n);
    to[n] = 0;
}

static unsigned apply_user_create(struct model *m, const kt_UserRecord *r)
{
    uint64_t id = kt_UserRecord_user_id(r);
    if (model_user(m, id) >= 0)
        return KITH_ok;
    ASSERT(m->users < MODEL_USERS);
    m->user[m->users++] = (struct model_user){.id = id};
    return KITH_ok;
}

static unsigned apply_user_update(struct model *m, const struct entry *e, const kt_UserUpdate *r)
{
    int u = living_user(m, kt_UserUpdate_user_id(r));
    if (u < 0)
        return KITH_not_found;
    if (e->actor != 0 && e->actor != m->user[u].id)
        return KITH_forbidden;
    if (kt_has_UserUpdate_bio(r))
        copy_text(m->user[u].bio, kt_UserUpdate_bio(r));
    return KITH_ok;
}

static unsigned apply_follow(struct model *m, const struct entry *e, uint64_t target, bool on)
{
    int a = living_user(m, e->actor), b = living_user(m, target);
    if (b < 0)
        return KITH_not_found;
    if (e->actor == target)
        return KITH_self_follow;
    if (a < 0 || m->follows[a][b] == on)
        return KITH_ok;
    m->follows[a][b] = on;
    m->user[a].following += on ? 1 : UINT32_MAX;
    m->user[b].followers += on ? 1 : UINT32_MAX;
    return KITH_ok;
}

static unsigned apply_like(struct model *m, const struct entry *e, uint64_t post, bool on)
{
    struct model_post *p = model_post(m, post);
    int a = living_user(m, e->actor);
    if (p == NULL)
        return KITH_not_found;
    if (a < 0 || p->liked[a] == on)
        return KITH_ok;
    p->liked[a] = on;
    p->likes += on ? 1 : UINT32_MAX;
    return KITH_ok;
}

static unsigned apply_post_create(struct model *m, const struct entry *e, uint64_t *id)
{
    int a = living_user(m, e->actor);
    if (a < 0)
        return KITH_not_found;
    ASSERT(m->posts < MODEL_POSTS);
    struct model_post *p = &m->post[m->posts++];
    memset(p, 0, sizeof *p);
    p->id = *id = id_make(e->stamp, id_slot(e->actor));
    p->author = e->actor;
    copy_text(p->text, kt_PostCreate_caption(kt_root_PostCreate(entry_body(e))));
    m->user[a].posts++;
    return KITH_ok;
}

static unsigned apply_post_change(struct model *m, const struct entry *e, uint64_t id)
{
    struct model_post *p = model_post(m, id);
    if (p == NULL)
        return KITH_not_found;
    if (p->author != e->actor)
        return KITH_forbidden;
    if (e->op == OP_post_update) {
        copy_text(p->text, kt_PostUpdate_caption(kt_root_PostUpdate(entry_body(e))));
    } else {
        p->gone = true;
        m->user[model_user(m, p->author)].posts--;
    }
    return KITH_ok;
}

static unsigned apply_comment_create(struct model *m, const struct entry *e, uint64_t *id)
{
    const kt_CommentCreate *r = kt_root_CommentCreate(entry_body(e));
    struct model_post *p = model_post(m, kt_CommentCreate_post_id(r));
    if (p == NULL || living_user(m, e->actor) < 0)
        return KITH_not_found;
    ASSERT(m->comments < MODEL_COMMENTS);
    struct model_comment *c = &m->comment[m->comments++];
    *c = (struct model_comment){.post = p->id, .author = e->actor};
    c->id = *id = id_make(e->stamp, id_slot(p->id));
    copy_text(c->text, kt_CommentCreate_content(r));
    p->comments++;
    return KITH_ok;
}

static unsigned apply_comment_change(struct model *m, const struct entry *e, uint64_t id)
{
    for (unsigned i = 0; i < m->comments; i++) {
        struct model_comment *c = &m->comment[i];
        if (c->id != id || c->gone)
            continue;
        struct model_post *p = model_post(m, c->post);
        if (p == NULL)
            return KITH_not_found;
        if (e->op == OP_comment_update) {
            if (c->author != e->actor)
                return KITH_forbidden;
            copy_text(c->text, kt_CommentUpdate_content(kt_root_CommentUpdate(entry_body(e))));
            return KITH_ok;
        }
        if (c->author != e->actor && p->author != e->actor)
            return KITH_forbidden;
        c->gone = true;
        p->comments--;
        return KITH_ok;
    }
    return KITH_not_found;
}

static struct model_key *known_key(struct model *m, const struct entry *e)
{
    const struct entry_key *k = entry_key(e);
    for (unsigned i = 0; k != NULL && i < m->keys; i++)
        if (m->key[i].actor == e->actor && m->key[i].hi == k->key_hi && m->key[i].lo == k->key_lo)
            return &m->key[i];
    return NULL;
}

static void count_of(struct model *m, uint64_t user, uint64_t post, struct expect *out)
{
    int u = model_user(m, user);
    const struct model_post *p = any_post(m, post);
    out->counted = out->error == KITH_ok;
    out->count = u >= 0 ? m->user[u].followers : p != NULL ? p->likes : 0;
}

static bool change(struct model *m, const struct entry *e, struct expect *out)
{
    const void *body = entry_body(e);
    switch (e->op) {
    case OP_user_create:
        out->error = apply_user_create(m, kt_root_UserRecord(body));
        return true;
    case OP_user_update:
        out->error = apply_user_update(m, e, kt_root_UserUpdate(body));
        return true;
    case OP_follow:
    case OP_unfollow:
        out->error =
            apply_follow(m, e, kt_Follow_user_id(kt_root_Follow(body)), e->op == OP_follow);
        count_of(m, kt_Follow_user_id(kt_root_Follow(body)), 0, out);
        return true;
    case OP_like:
    case OP_unlike:
        out->error = apply_like(m, e, kt_Like_post_id(kt_root_Like(body)), e->op == OP_like);
        count_of(m, 0, kt_Like_post_id(kt_root_Like(body)), out);
        return true;
    case OP_post_create:
        out->error = apply_post_create(m, e, &out->id);
        return true;
    case OP_post_update:
    case OP_post_delete: // both tables begin with the post's id
        out->error = apply_post_change(m, e, kt_PostGet_post_id(kt_root_PostGet(body)));
        return true;
    case OP_comment_create:
        out->error = apply_comment_create(m, e, &out->id);
        return true;
    case OP_comment_update:
    case OP_comment_delete:
        out->error =
            apply_comment_change(m, e, kt_CommentDelete_comment_id(kt_root_CommentDelete(body)));
        return true;
    }
    return false;
}

bool model_apply(struct model *m, const struct entry *e, struct expect *out)
{
    *out = (struct expect){.error = KITH_ok};
    m->entries++;
    m->by_op[e->op & 255]++;
    const struct model_key *known = known_key(m, e);
    if (known != NULL) {
        *out = known->was;
        if (known->request != entry_key(e)->request)
            out->error = KITH_idempotency_mismatch;
        return true;
    }
    if (!change(m, e, out))
        return false;
    const struct entry_key *k = entry_key(e);
    if (k != NULL) {
        ASSERT(m->keys < MODEL_KEYS);
        m->key[m->keys++] = (struct model_key){e->actor, k->key_hi, k->key_lo, k->request, *out};
    }
    return true;
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

unsigned model_feed(const struct model *m, uint64_t viewer, uint64_t *out, unsigned max)
{
    int v = model_user(m, viewer);
    unsigned n = 0;
    for (unsigned i = 0; i < m->posts && n < max; i++) {
        int a = model_user(m, m->post[i].author);
        if (!m->post[i].gone && m->follows[v][a] && !m->user[a].gone)
            out[n++] = m->post[i].id;
    }
    qsort(out, n, sizeof *out, newest_first);
    return n;
}
