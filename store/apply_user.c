// Accounts: names are decided in the accounts slot, one entry for all names of a user or none; the
// user's record follows in the user's slot by a consequence.
#include <string.h>

#include "core/assert.h"
#include "core/fb_copy.h"
#include "core/hash.h"
#include "kith_fb.h"
#include "store/apply.h"
#include "store/check.h"
#include "store/jobs.h"
#include "store/owed.h"
#include "store/record.h"
#include "store/user_record.h"

static void claim_all(struct part *p, const struct names_wanted *w, uint64_t id)
{
    for (unsigned i = 0; i < w->n; i++) names_claim(p, w->name[i], id);
}

static void release_all(struct part *p, uint64_t id)
{
    struct name held[NAMES_MAX];
    while (names_of(p, id, held) > 0) {
        bool released = names_release(p, held[0], id);
        ASSERT(released);
    }
}

static bool has_names(const struct part *p, uint64_t id)
{
    struct name held[NAMES_MAX];
    return names_of(p, id, held) > 0;
}

// ---- register ----------------------------------------------------------------------------------

static fb_ref string_of(fb_builder *b, fb_str s)
{
    return s.n > 0 ? fb_string(b, s.s, s.n) : 0;
}

static bool owe_user_create(struct apply *a, const kt_UserRecord *r, uint64_t id, uint64_t ticket)
{
    fb_builder *b = apply_build(a);
    kt_new_UserRecord w = {0};
    kt_put_UserRecord_username(&w, string_of(b, kt_UserRecord_username(r)));
    kt_put_UserRecord_email(&w, string_of(b, kt_UserRecord_email(r)));
    kt_put_UserRecord_phone_number(&w, string_of(b, kt_UserRecord_phone_number(r)));
    kt_put_UserRecord_password_hash(&w, string_of(b, kt_UserRecord_password_hash(r)));
    kt_put_UserRecord_first_name(&w, string_of(b, kt_UserRecord_first_name(r)));
    kt_put_UserRecord_last_name(&w, string_of(b, kt_UserRecord_last_name(r)));
    kt_put_UserRecord_bio(&w, string_of(b, kt_UserRecord_bio(r)));
    kt_put_UserRecord_avatar_url(&w, string_of(b, kt_UserRecord_avatar_url(r)));
    kt_put_UserRecord_date_of_birth(&w, string_of(b, kt_UserRecord_date_of_birth(r)));
    kt_put_UserRecord_verify_hash(&w, string_of(b, kt_UserRecord_verify_hash(r)));
    kt_put_UserRecord_verify_expires(&w, kt_UserRecord_verify_expires(r));
    kt_put_UserRecord_user_id(&w, id);
    kt_put_UserRecord_gender(&w, (kt_Gender)kt_UserRecord_gender(r));
    kt_put_UserRecord_created_at(&w, id_ms(id));
    struct consequence c = {OP_user_create, ACCOUNTS_SLOT, id, ticket};
    return apply_owe(a, c, kt_end_UserRecord(b, &w));
}

static void decide_register(struct apply *a, struct part *p)
{
    const kt_UserRecord *r = a->body;
    uint64_t wanted = kt_UserRecord_user_id(r);
    uint64_t id = id_stamp(wanted) != 0 ? wanted : id_make(a->e->stamp, id_slot(wanted));
    unsigned error = check_decider(a->s->store, a->e);
    if (error == KITH_ok && has_names(p, id)) error = KITH_conflict;
    if (error == KITH_ok && !owe_user_create(a, r, id, a->e->ticket)) error = KITH_too_large;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    struct names_wanted w = {0};
    check_want(&w, NAME_username, kt_UserRecord_username(r));
    check_want(&w, NAME_email, kt_UserRecord_email(r));
    check_want(&w, NAME_phone, kt_UserRecord_phone_number(r));
    check_want(&w, NAME_identity, kt_UserRecord_identity(r));
    claim_all(p, &w, id);
    a->out.id = id;
    a->out.changed = 1;
    a->silent = true;
}

const struct verb verb_register = {decide_register, NULL, NULL, NULL};

// ---- import ------------------------------------------------------------------------------------

// The id of an imported user comes from what the row says, so that the same row gives the same user
// again: the milliseconds of created_at and 22 bits of the lowered name, or one of the next few
// where that id is taken. The seed is part of the format.
enum { IMPORT_BITS = STAMP_SEQ_BITS + SLOT_BITS, IMPORT_PROBES = 256 };
#define IMPORT_SEED UINT64_C(0x6b6974682d757372)

static uint64_t import_base(const struct apply *a, const kt_ImportUser *u)
{
    uint64_t ms = kt_ImportUser_created_at(u), now = stamp_ms(a->e->stamp);
    // Below this entry's own millisecond: later stamps cannot meet it.
    if (ms >= now) ms = now - 1;
    if (ms < KITH_EPOCH_MS) ms = KITH_EPOCH_MS;
    return id_make(stamp_make(ms, 0), 0);
}

static uint64_t import_hash(const kt_ImportUser *u)
{
    char lowered[CHECK_NAME_MAX];
    fb_str name = kt_ImportUser_username(u);
    ASSERT(name.n <= sizeof lowered);
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.s[i];
        lowered[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return hash64(lowered, name.n, IMPORT_SEED);
}

static uint64_t import_id(uint64_t base, uint64_t hash, unsigned probe)
{
    return base | ((hash + probe) & ((1u << IMPORT_BITS) - 1));
}

enum row { ROW_APPLIED, ROW_REPEATED, ROW_REFUSED };

static bool owe_imported(struct apply *a, const kt_ImportUser *u, uint64_t id)
{
    fb_builder *b = apply_build(a);
    kt_new_UserRecord w = {0};
    kt_put_UserRecord_username(&w, string_of(b, kt_ImportUser_username(u)));
    kt_put_UserRecord_email(&w, string_of(b, kt_ImportUser_email(u)));
    kt_put_UserRecord_phone_number(&w, string_of(b, kt_ImportUser_phone_number(u)));
    kt_put_UserRecord_password_hash(&w, string_of(b, kt_ImportUser_password_hash(u)));
    kt_put_UserRecord_first_name(&w, string_of(b, kt_ImportUser_first_name(u)));
    kt_put_UserRecord_last_name(&w, string_of(b, kt_ImportUser_last_name(u)));
    kt_put_UserRecord_bio(&w, string_of(b, kt_ImportUser_bio(u)));
    kt_put_UserRecord_avatar_url(&w, string_of(b, kt_ImportUser_avatar_url(u)));
    kt_put_UserRecord_user_id(&w, id);
    kt_put_UserRecord_created_at(&w, id_ms(id));
    // Nobody waits for one of these: the parent's answer waits for them all.
    struct consequence c = {OP_user_create, ACCOUNTS_SLOT, id, 0};
    return apply_owe(a, c, kt_end_UserRecord(b, &w));
}

static enum row import_row(struct apply *a, struct part *p, const kt_ImportUser *u)
{
    struct names_wanted w = {0};
    check_want(&w, NAME_username, kt_ImportUser_username(u));
    if (w.n == 0 || w.name[0].n > CHECK_NAME_MAX) return ROW_REFUSED;
    uint64_t base = import_base(a, u), hash = import_hash(u);
    uint64_t holder = names_find(a->s->store, w.name[0]), id = 0;
    for (unsigned probe = 0; probe < IMPORT_PROBES; probe++) {
        uint64_t candidate = import_id(base, hash, probe);
        if (holder != 0 && candidate == holder) return ROW_REPEATED;
        if (holder == 0 && candidate != 0 && !has_names(p, candidate)) {
            id = candidate;
            break;
        }
    }
    if (id == 0) return ROW_REFUSED;
    check_want(&w, NAME_email, kt_ImportUser_email(u));
    check_want(&w, NAME_phone, kt_ImportUser_phone_number(u));
    if (check_names(a->s->store, &w, id) != KITH_ok) return ROW_REFUSED;
    if (!owe_imported(a, u, id)) return ROW_REFUSED;
    claim_all(p, &w, id);
    return ROW_APPLIED;
}

static void decide_import_users(struct apply *a, struct part *p)
{
    fb_vec users = kt_ImportUsers_users(a->body);
    for (uint32_t i = 0; i < users.n && i < IMPORT_USERS_MAX; i++) {
        a->ordinal = i;
        switch (import_row(a, p, kt_at_ImportUser(users, i))) {
        case ROW_APPLIED: a->out.count++; break;
        case ROW_REPEATED: a->out.count2++; break;
        case ROW_REFUSED:
            a->out.count3++;
            a->out.id |= UINT64_C(1) << i;
            break;
        }
    }
    a->out.changed = a->out.count > 0;
    if (a->out.count > 0) apply_wait(a, p, a->out.count);
}

const struct verb verb_import_users = {decide_import_users, NULL, NULL, NULL};

// ---- the user's slot ---------------------------------------------------------------------------

// The names go again: the id belongs to something else.
static void owe_names_release(struct apply *a, uint64_t id, uint64_t ticket)
{
    fb_builder *b = apply_build(a);
    kt_new_NamesRelease w = {0};
    kt_put_NamesRelease_user_id(&w, id);
    struct consequence c = {OP_names_release, id_slot(id), id, ticket};
    bool owed = apply_owe(a, c, kt_end_NamesRelease(b, &w));
    ASSERT(owed);
}

static void decide_user_create(struct apply *a, struct part *p)
{
    const kt_UserRecord *r = a->body;
    uint64_t id = kt_UserRecord_user_id(r);
    a->out.id = id;
    struct object *made = record_find(p, id) == NULL ? user_record_new(a, p, r) : NULL;
    if (made == NULL) {
        // An import whose 22 bits meet another object of that millisecond and slot, or a record
        // that no record can hold.
        apply_refuse(a, KITH_conflict);
        owe_names_release(a, id, 0);
        return;
    }
    record_insert(p, made);
    a->out.changed = 1;
}

const struct verb verb_user_create = {decide_user_create, NULL, NULL, NULL};

static void update(struct apply *a, struct part *p, bool names)
{
    struct user *u = (struct user *)record_find(p, kt_UserUpdate_user_id(a->body));
    ASSERT(u != NULL);
    struct object *fresh = user_record_update(a, p, u, (struct user_change){a->body, names});
    if (fresh == NULL) {
        apply_refuse(a, KITH_too_large);
        return;
    }
    record_swap(p, &u->o, fresh);
    a->out.changed = 1;
}

static void decide_user_update(struct apply *a, struct part *p)
{
    a->out.id = kt_UserUpdate_user_id(a->body);
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok)
        apply_refuse(a, error);
    else
        update(a, p, false);
}

static void decide_user_apply(struct apply *a, struct part *p)
{
    uint64_t id = kt_UserUpdate_user_id(a->body);
    a->out.id = id;
    if (check_alive(a->s->store, id))
        update(a, p, true);
    else
        apply_refuse(a, KITH_not_found);
}

const struct verb verb_user_update = {decide_user_update, NULL, NULL, NULL};
const struct verb verb_user_apply = {decide_user_apply, NULL, NULL, NULL};

// Hidden at once; names, edges, posts and comments follow.
static void decide_user_delete(struct apply *a, struct part *p)
{
    uint64_t id = kt_UserDelete_user_id(a->body);
    a->out.id = id;
    unsigned error = check_decider(a->s->store, a->e);
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    jobs_add(p, record_flag(p, record_find(p, id), OBJECT_GONE));
    owe_names_release(a, id, a->e->ticket);
    a->out.changed = 1;
    a->silent = true;
}

static void decide_names_release(struct apply *a, struct part *p)
{
    a->out.id = kt_NamesRelease_user_id(a->body);
    release_all(p, a->out.id);
    a->out.changed = 1;
}

const struct verb verb_user_delete = {decide_user_delete, NULL, NULL, NULL};
const struct verb verb_names_release = {decide_names_release, NULL, NULL, NULL};

// ---- rename ------------------------------------------------------------------------------------

struct rename { enum name_kind kind; fb_str text; bool given; };

static bool same_text(const struct name *held, fb_str text)
{
    return held->n == text.n && memcmp(held->text, text.s, text.n) == 0;
}

// Puts the given text in the place of what the user has of this kind.
static void rename_one(struct part *p, uint64_t id, const struct rename *r)
{
    struct name held[NAMES_MAX];
    uint32_t n = names_of(p, id, held);
    for (uint32_t i = 0; i < n && r->given; i++) {
        if (held[i].kind != r->kind) continue;
        if (same_text(&held[i], r->text)) return;
        bool released = names_release(p, held[i], id);
        ASSERT(released);
        break;
    }
    if (r->given && r->text.n > 0)
        names_claim(p, (struct name){r->kind, r->text.s, r->text.n}, id);
}

// Whether the user would be left without e-mail address and phone number, having had one.
static bool loses_contact(const struct part *p, uint64_t id, const struct rename r[3])
{
    struct name held[NAMES_MAX];
    uint32_t n = names_of(p, id, held);
    bool had = false, has = false;
    for (unsigned k = 1; k < 3; k++) {
        bool holds = false;
        for (uint32_t i = 0; i < n; i++) holds |= held[i].kind == r[k].kind;
        had |= holds;
        has |= r[k].given ? r[k].text.n > 0 : holds;
    }
    return had && !has;
}

static bool owe_user_apply(struct apply *a, uint64_t id)
{
    fb_builder *b = apply_build(a);
    struct consequence c = {OP_user_apply, ACCOUNTS_SLOT, id, a->e->ticket};
    return apply_owe(a, c, fb_copy(b, &kt_desc_UserUpdate, a->body));
}

static void decide_user_rename(struct apply *a, struct part *p)
{
    const kt_UserUpdate *u = a->body;
    uint64_t id = kt_UserUpdate_user_id(u);
    struct rename r[3] = {
        {NAME_username, kt_UserUpdate_username(u), kt_has_UserUpdate_username(u)},
        {NAME_email, kt_UserUpdate_email(u), kt_has_UserUpdate_email(u)},
        {NAME_phone, kt_UserUpdate_phone_number(u), kt_has_UserUpdate_phone_number(u)},
    };
    a->out.id = id;
    unsigned error = check_decider(a->s->store, a->e);
    // Who has no names is not there: all users have a username until they are gone.
    if (error == KITH_ok && !has_names(p, id)) error = KITH_not_found;
    if (error == KITH_ok && loses_contact(p, id, r)) error = KITH_self_contact_missing;
    if (error == KITH_ok && !owe_user_apply(a, id)) error = KITH_too_large;
    if (error != KITH_ok) {
        apply_refuse(a, error);
        return;
    }
    for (unsigned k = 0; k < 3; k++) rename_one(p, id, &r[k]);
    a->out.changed = 1;
    a->silent = true;
}

const struct verb verb_user_rename = {decide_user_rename, NULL, NULL, NULL};
