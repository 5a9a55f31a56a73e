// Accounts: names are claimed in one place, the users' records follow by consequences; sessions.
#include <string.h>

#include "core/assert.h"
#include "core/errors.h"
#include "core/id.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "tests/sim/sim_model_parts.h"

enum { USERNAME, EMAIL, PHONE };

// ---- names -------------------------------------------------------------------------------------

static struct model_name *name_find(struct model *m, unsigned kind, fb_str text)
{
    for (unsigned i = 0; i < m->names; i++) {
        struct model_name *n = &m->name[i];
        if (n->kind == kind && strlen(n->text) == text.n && memcmp(n->text, text.s, text.n) == 0)
            return n;
    }
    return NULL;
}

static struct model_name *name_of(struct model *m, unsigned kind, uint64_t id)
{
    for (unsigned i = 0; i < m->names; i++)
        if (m->name[i].kind == kind && m->name[i].id == id)
            return &m->name[i];
    return NULL;
}

static void name_drop(struct model *m, struct model_name *n)
{
    if (n != NULL)
        *n = m->name[--m->names];
}

static void claim(const struct step *s, unsigned kind, fb_str text, uint64_t id)
{
    if (text.n == 0)
        return;
    ASSERT(s->m->names < MODEL_NAMES);
    struct model_name *n = &s->m->name[s->m->names++];
    *n = (struct model_name){.kind = kind, .id = id, .place = s->e->place};
    model_text(n->text, text);
}

static unsigned taken(struct model *m, const fb_str text[3], uint64_t id)
{
    static const unsigned error[] = {KITH_username_taken, KITH_email_taken, KITH_phone_taken};
    for (unsigned k = 0; k < 3; k++) {
        const struct model_name *n = text[k].n > 0 ? name_find(m, k, text[k]) : NULL;
        if (n != NULL && n->id != id)
            return error[k];
    }
    return KITH_ok;
}

static void owe(const struct step *s, unsigned op, uint64_t id)
{
    model_owe(s, (struct model_owed){.op = (uint16_t)op, .owner = id});
}

// ---- accounts ----------------------------------------------------------------------------------

static void sign_up(const struct step *s)
{
    const kt_UserRecord *r = s->body;
    const fb_str name[3] = {kt_UserRecord_username(r), kt_UserRecord_email(r),
                            kt_UserRecord_phone_number(r)};
    uint64_t id = id_make(s->e->stamp, id_slot(kt_UserRecord_user_id(r)));
    s->out->error = taken(s->m, name, 0);
    if (s->out->error != KITH_ok)
        return;
    for (unsigned k = 0; k < 3; k++)
        claim(s, k, name[k], id);
    owe(s, OP_user_create, id);
    s->out->id = id;
}

// Ids of imported users are not foreseen: their own entries say them.
static void import(const struct step *s)
{
    fb_vec users = kt_ImportUsers_users(s->body);
    for (uint32_t i = 0; i < users.n; i++) {
        const kt_ImportUser *u = kt_at_ImportUser(users, i);
        fb_str name = kt_ImportUser_username(u);
        const struct model_name *held = name_find(s->m, USERNAME, name);
        if (held != NULL && (held->id == 0 || id_ms(held->id) == kt_ImportUser_created_at(u))) {
            s->out->repeated++;
        } else if (held != NULL) {
            s->out->refused++;
        } else {
            claim(s, USERNAME, name, 0);
            owe(s, OP_user_create, 0);
            s->out->count++;
        }
    }
}

static void user_create(const struct step *s)
{
    const kt_UserRecord *r = s->body;
    uint64_t id = kt_UserRecord_user_id(r), place = entry_parent(s->e)->place;
    const fb_str name[3] = {kt_UserRecord_username(r), kt_UserRecord_email(r),
                            kt_UserRecord_phone_number(r)};
    struct model_name *claimed = name_find(s->m, USERNAME, name[USERNAME]);
    s->out->id = id;
    bool imported = claimed != NULL && claimed->id == 0 && claimed->place == place;
    if (imported)
        claimed->id = id;
    model_paid(s, imported ? 0 : id, 0);
    if (model_find(s->m, id) != NULL) {
        s->out->error = KITH_conflict;
        owe(s, OP_names_release, id);
        return;
    }
    struct model_object *u = model_new(s->m, id, ENTITY_user);
    model_text(u->text, kt_UserRecord_bio(r));
    model_first_ticket(u, r);
    for (unsigned k = 0; k < 3; k++)
        model_text(u->name[k], name[k]);
}

static struct model_object *own_user(const struct step *s, uint64_t id)
{
    struct model_object *u = model_user(s->m, id);
    bool self = s->e->actor == 0 || s->e->actor == id;
    s->out->id = id;
    s->out->error = u == NULL ? KITH_not_found : self ? KITH_ok : KITH_forbidden;
    return s->out->error == KITH_ok ? u : NULL;
}

static void take_fields(struct model_object *u, const kt_UserUpdate *fields)
{
    if (kt_has_UserUpdate_bio(fields))
        model_text(u->text, kt_UserUpdate_bio(fields));
    if (kt_has_UserUpdate_is_private(fields))
        u->is_private = kt_UserUpdate_is_private(fields);
}

static void user_update(const struct step *s)
{
    struct model_object *u = own_user(s, kt_UserUpdate_user_id(s->body));
    if (u != NULL)
        take_fields(u, s->body);
}

static void user_delete(const struct step *s)
{
    struct model_object *u = own_user(s, kt_UserDelete_user_id(s->body));
    if (u == NULL)
        return;
    u->gone = true;
    owe(s, OP_names_release, u->id);
}

static void names_release(const struct step *s)
{
    uint64_t id = kt_NamesRelease_user_id(s->body);
    model_paid(s, id, 0);
    for (unsigned k = 0; k < 3; k++)
        name_drop(s->m, name_of(s->m, k, id));
    s->out->id = id;
}

// ---- rename ------------------------------------------------------------------------------------

struct given { fb_str text[3]; bool has[3]; };

static struct given given_of(const kt_UserUpdate *u)
{
    return (struct given){{kt_UserUpdate_username(u), kt_UserUpdate_email(u),
                           kt_UserUpdate_phone_number(u)},
                          {kt_has_UserUpdate_username(u), kt_has_UserUpdate_email(u),
                           kt_has_UserUpdate_phone_number(u)}};
}

static bool loses_contact(struct model *m, uint64_t id, const struct given *g)
{
    bool had = false, has = false;
    for (unsigned k = EMAIL; k <= PHONE; k++) {
        bool holds = name_of(m, k, id) != NULL;
        had |= holds;
        has |= g->has[k] ? g->text[k].n > 0 : holds;
    }
    return had && !has;
}

static void user_rename(const struct step *s)
{
    const kt_UserUpdate *u = s->body;
    uint64_t id = kt_UserUpdate_user_id(u);
    struct given g = given_of(u);
    unsigned error = s->e->actor != 0 && s->e->actor != id ? KITH_forbidden : KITH_ok;
    if (error == KITH_ok)
        error = taken(s->m, g.text, id);
    if (error == KITH_ok && name_of(s->m, USERNAME, id) == NULL)
        error = KITH_not_found;
    if (error == KITH_ok && loses_contact(s->m, id, &g))
        error = KITH_self_contact_missing;
    s->out->error = error;
    s->out->id = id;
    if (error != KITH_ok)
        return;
    for (unsigned k = 0; k < 3; k++) {
        if (!g.has[k])
            continue;
        name_drop(s->m, name_of(s->m, k, id));
        claim(s, k, g.text[k], id);
    }
    owe(s, OP_user_apply, id);
}

static void user_apply(const struct step *s)
{
    uint64_t id = kt_UserUpdate_user_id(s->body);
    struct model_object *u = model_user(s->m, id);
    struct given g = given_of(s->body);
    model_paid(s, id, 0);
    s->out->id = id;
    s->out->error = u != NULL ? KITH_ok : KITH_not_found;
    if (u == NULL)
        return;
    take_fields(u, s->body);
    model_new_address(s, u);
    for (unsigned k = 0; k < 3; k++)
        if (g.has[k])
            model_text(u->name[k], g.text[k]);
}

// ---- sessions ----------------------------------------------------------------------------------

void model_end_session(struct model *m, uint64_t id)
{
    struct model_object *s = model_find(m, id);
    ASSERT(s != NULL);
    model_remove(m, (struct model_end){.owner = s->author, .list = LIST_sessions, .other = id});
    s->there = false;
}

static void session_create(const struct step *s)
{
    static uint64_t old[MODEL_OBJECTS];
    uint64_t user = kt_SessionCreate_user_id(s->body);
    uint64_t id = id_make(s->e->stamp, id_slot(user));
    s->out->id = user;
    struct model_object *who = model_user(s->m, user);
    s->out->error = who == NULL ? KITH_not_found : KITH_ok;
    if (who != NULL && kt_SessionCreate_login(s->body))
        s->out->error = model_login(s, who);
    if (s->out->error != KITH_ok)
        return;
    unsigned n = model_list(s->m, user, LIST_sessions, old);
    if (n >= MODEL_SESSIONS)
        model_end_session(s->m, old[n - 1]);
    struct model_object *made = model_new(s->m, id, ENTITY_session);
    made->author = user;
    model_text(made->text, kt_SessionCreate_refresh_hash(s->body));
    model_add(s, (struct model_end){
                     .owner = user, .list = LIST_sessions, .other = id, .stamp = id});
}

static void session_rotate(const struct step *s)
{
    struct model_object *old = model_find(s->m, kt_SessionRotate_session_id(s->body));
    char given[MODEL_TEXT];
    s->out->error = KITH_invalid_token;
    if (old == NULL || !model_shown(s->m, old->author))
        return;
    s->out->id = old->author;
    model_text(given, kt_SessionRotate_old_hash(s->body));
    if (strcmp(given, old->text) != 0) {
        model_end_session(s->m, old->id);
        return;
    }
    model_text(old->text, kt_SessionRotate_new_hash(s->body));
    s->out->error = KITH_ok;
}

static void session_delete(const struct step *s)
{
    uint64_t id = kt_SessionDelete_session_id(s->body);
    struct model_object *old = model_find(s->m, id);
    if (old != NULL && old->kind == ENTITY_session)
        model_end_session(s->m, id);
}

bool model_account(const struct step *s)
{
    static void (*const verbs[OP_LIMIT])(const struct step *) = {
        [OP_register] = sign_up,
        [OP_import_users] = import,
        [OP_user_create] = user_create,
        [OP_user_update] = user_update,
        [OP_user_delete] = user_delete,
        [OP_names_release] = names_release,
        [OP_user_rename] = user_rename,
        [OP_user_apply] = user_apply,
        [OP_session_create] = session_create,
        [OP_session_rotate] = session_rotate,
        [OP_session_delete] = session_delete,
    };
    if (s->e->op >= OP_LIMIT || verbs[s->e->op] == NULL)
        return false;
    verbs[s->e->op](s);
    return true;
}
