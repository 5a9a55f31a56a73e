// User records from bodies (user_record.h).
#include "store/user_record.h"

#include <string.h>

#include "core/assert.h"
#include "core/fb_copy.h"
#include "core/id.h"
#include "store/record.h"

// All that a record is written from.
struct draft {
    struct record_head h;
    fb_str text[USER_STRINGS];
    const void *cold;      // n[1] bytes of the head
};

static struct object *write_record(struct part *p, struct draft *d)
{
    for (unsigned i = 0; i < USER_STRINGS; i++) {
        if (d->text[i].n > UINT16_MAX) return NULL;
        d->h.len[i] = (uint16_t)d->text[i].n;
    }
    struct object *o = record_new(p, &d->h);
    char *data = record_data_of(o), *to = data;
    for (unsigned i = 0; i < USER_STRINGS; i++) {
        memcpy(to, d->text[i].s, d->text[i].n);
        to += d->text[i].n + 1;
    }
    struct user *u = (struct user *)o;
    if (d->h.n[1] > 0) memcpy(data + u->strings_n, d->cold, d->h.n[1]);
    return o;
}

static struct draft draft_of(const struct user *u)
{
    struct draft d = {.h = record_head(&u->o), .cold = user_cold(u)};
    for (unsigned i = 0; i < USER_STRINGS; i++)
        d.text[i].s = user_string(u, (enum user_string)i, &d.text[i].n);
    return d;
}

// ---- the rarely shown fields -------------------------------------------------------------------

static const char *const cold_fields[] = {
    "bio",           "cover_url",        "location",      "website",
    "external_links", "profile_category", "business_info", "date_of_birth",
    // With a state these are not copied, but written from it.
    "email_verified", "two_factor_enabled", "role", "secrets",
};
enum { COLD_FIELDS = sizeof cold_fields / sizeof cold_fields[0], OWN_FIELDS = COLD_FIELDS - 4 };

// Where the fields come from: the newer table if it has the field, even empty, else the older. With
// a state, what it says is not copied.
struct cold_from {
    const fb_type *newer_type, *older_type;
    const void *newer, *older;
    const struct user_state *state;
};

static bool copy_cold(fb_builder *b, kt_new_User *w, const struct cold_from *from)
{
    struct fb_field_copy copy = {.to = &kt_desc_User, .staged = w};
    bool any = false;
    for (unsigned i = 0; i < (from->state != NULL ? OWN_FIELDS : COLD_FIELDS); i++) {
        bool newer = fb_has_field(from->newer_type, from->newer, cold_fields[i]);
        copy.from = newer ? from->newer_type : from->older_type;
        copy.table = newer ? from->newer : from->older;
        any |= fb_copy_field(b, copy, cold_fields[i]);
    }
    return any;
}

// What is not set is left out: a user without any of it has no cold part.
static bool put_state(fb_builder *b, kt_new_User *w, const struct user_state *s)
{
    fb_ref secrets = secrets_put(b, &s->secrets);
    if (secrets != 0) kt_put_User_secrets(w, secrets);
    if (s->email_verified) kt_put_User_email_verified(w, true);
    if (s->two_factor) kt_put_User_two_factor_enabled(w, true);
    if (s->role != kt_Role_user) kt_put_User_role(w, s->role);
    return secrets != 0 || s->email_verified || s->two_factor || s->role != kt_Role_user;
}

// Builds the table on the scratch; false: it is too large.
static bool build_cold(struct apply *a, struct draft *d, const struct cold_from *from)
{
    fb_builder *b = apply_build(a);
    kt_new_User w = {0};
    bool any = copy_cold(b, &w, from);
    if (from->state != NULL) any |= put_state(b, &w, from->state);
    d->h.n[1] = 0;
    if (!any) return true;
    size_t n = fb_finish(b, kt_end_User(b, &w));
    d->h.n[1] = (uint32_t)n;
    d->cold = fb_data(b);
    return n > 0;
}

// ---- what comes from bodies ---------------------------------------------------------------------

struct object *user_record_new(struct apply *a, struct part *p, const kt_UserRecord *r)
{
    uint64_t id = kt_UserRecord_user_id(r);
    struct draft d = {
        .h = {.id = id, .word = {id_ms(id)}, .kind = ENTITY_user},
        .text = {kt_UserRecord_username(r), kt_UserRecord_first_name(r),
                 kt_UserRecord_last_name(r), kt_UserRecord_avatar_url(r), kt_UserRecord_email(r),
                 kt_UserRecord_phone_number(r), kt_UserRecord_password_hash(r)},
    };
    d.h.len[USER_STRINGS] = kt_UserRecord_gender(r);
    struct user_state state = {0};
    fb_str verify = kt_UserRecord_verify_hash(r);
    if (verify.n > 0)
        secrets_ticket(&state.secrets, (struct ticket){.kind = kt_TicketKind_verify_email,
                                                       .hash = verify,
                                                       .expires_ms =
                                                           kt_UserRecord_verify_expires(r)});
    struct cold_from from = {&kt_desc_UserRecord, &kt_desc_User, r, NULL, &state};
    return id != 0 && build_cold(a, &d, &from) ? write_record(p, &d) : NULL;
}

// A full name stands for first and last name, split at the last space.
static void split_name(fb_str full, fb_str *first, fb_str *last)
{
    uint32_t space = full.n;
    while (space > 0 && full.s[space - 1] != ' ') space--;
    *first = (fb_str){full.s, space > 0 ? space - 1 : full.n};
    *last = space > 0 ? (fb_str){full.s + space, full.n - space} : (fb_str){"", 0};
    while (first->n > 0 && first->s[first->n - 1] == ' ') first->n--;
}

static void change_texts(struct draft *d, struct user_change change)
{
    const kt_UserUpdate *u = change.fields;
    bool first = kt_has_UserUpdate_first_name(u), last = kt_has_UserUpdate_last_name(u);
    if (kt_has_UserUpdate_full_name(u) && !first && !last)
        split_name(kt_UserUpdate_full_name(u), &d->text[USER_first], &d->text[USER_last]);
    if (first) d->text[USER_first] = kt_UserUpdate_first_name(u);
    if (last) d->text[USER_last] = kt_UserUpdate_last_name(u);
    if (kt_has_UserUpdate_avatar_url(u)) d->text[USER_avatar] = kt_UserUpdate_avatar_url(u);
    if (!change.names) return;
    if (kt_has_UserUpdate_username(u)) d->text[USER_username] = kt_UserUpdate_username(u);
    if (kt_has_UserUpdate_email(u)) d->text[USER_email] = kt_UserUpdate_email(u);
    if (kt_has_UserUpdate_phone_number(u)) d->text[USER_phone] = kt_UserUpdate_phone_number(u);
}

static const void *cold_of(const struct user *u)
{
    const void *cold = user_cold(u);
    return cold != NULL ? kt_root_User(cold) : NULL;
}

// Another address is not proven yet; what was sent to the one before proves nothing any more.
static void change_address(struct user_state *s, const struct user *u, const kt_UserUpdate *f)
{
    uint32_t n;
    fb_str fresh = kt_UserUpdate_email(f), verify = kt_UserUpdate_verify_hash(f);
    const char *old = user_string(u, USER_email, &n);
    if (n == fresh.n && memcmp(old, fresh.s, n) == 0) return;
    s->email_verified = false;
    secrets_spend(&s->secrets, kt_TicketKind_verify_email);
    secrets_spend(&s->secrets, kt_TicketKind_reset_password);
    if (verify.n == 0) return;
    secrets_ticket(&s->secrets, (struct ticket){.kind = kt_TicketKind_verify_email,
                                                .hash = verify,
                                                .expires_ms = kt_UserUpdate_verify_expires(f)});
}

struct object *user_record_update(struct apply *a, struct part *p, const struct user *u,
                                  struct user_change change)
{
    struct draft d = draft_of(u);
    d.h.word[0] = stamp_ms(a->e->stamp);
    change_texts(&d, change);
    if (kt_has_UserUpdate_gender(change.fields))
        d.h.len[USER_STRINGS] = kt_UserUpdate_gender(change.fields);
    if (kt_has_UserUpdate_is_findable(change.fields))
        d.h.rules = (uint8_t)((d.h.rules & ~RULE_FINDABLE) |
                              (kt_UserUpdate_is_findable(change.fields) ? RULE_FINDABLE : 0));
    if (kt_has_UserUpdate_is_private(change.fields))
        d.h.rules = (uint8_t)((d.h.rules & ~RULE_PRIVATE) |
                              (kt_UserUpdate_is_private(change.fields) ? RULE_PRIVATE : 0));
    struct user_state state;
    struct cold_from from = {&kt_desc_UserUpdate, &kt_desc_User, change.fields, cold_of(u), NULL};
    if (change.names && kt_has_UserUpdate_email(change.fields)) {
        user_state(u, &state);
        change_address(&state, u, change.fields);
        from.state = &state;
    }
    return build_cold(a, &d, &from) ? write_record(p, &d) : NULL;
}

// ---- what the user does not write ---------------------------------------------------------------

void user_state(const struct user *u, struct user_state *out)
{
    const void *cold = cold_of(u);
    *out = (struct user_state){.last_login_ms = u->last_login_ms, .flags = u->o.flags};
    out->password.s = user_string(u, USER_password, &out->password.n);
    if (cold == NULL) return;
    out->email_verified = kt_User_email_verified(cold);
    out->two_factor = kt_User_two_factor_enabled(cold);
    out->role = (kt_Role)kt_User_role(cold);
    secrets_get(&out->secrets, kt_User_secrets(cold));
}

struct object *user_record_state(struct apply *a, struct part *p, const struct user *u,
                                 const struct user_state *state)
{
    struct draft d = draft_of(u);
    d.h.word[1] = state->last_login_ms;
    d.h.flags = (uint8_t)state->flags;
    d.text[USER_password] = state->password;
    struct cold_from from = {&kt_desc_User, &kt_desc_User, NULL, cold_of(u), state};
    return build_cold(a, &d, &from) ? write_record(p, &d) : NULL;
}

kt_Role user_role(const struct user *u)
{
    const void *cold = cold_of(u);
    return cold != NULL ? (kt_Role)kt_User_role(cold) : kt_Role_user;
}
