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
};

// Where the fields come from: the newer table if it has the field, even empty, else the older.
struct cold_from {
    const fb_type *newer_type, *older_type;
    const void *newer, *older;
};

// Builds the table on the scratch; false: it is too large.
static bool build_cold(struct apply *a, struct draft *d, struct cold_from from)
{
    fb_builder *b = apply_build(a);
    kt_new_User w = {0};
    struct fb_field_copy copy = {.to = &kt_desc_User, .staged = &w};
    bool any = false;
    for (unsigned i = 0; i < sizeof cold_fields / sizeof cold_fields[0]; i++) {
        bool newer = fb_has_field(from.newer_type, from.newer, cold_fields[i]);
        copy.from = newer ? from.newer_type : from.older_type;
        copy.table = newer ? from.newer : from.older;
        any |= fb_copy_field(b, copy, cold_fields[i]);
    }
    d->h.n[1] = 0;
    if (!any) return true;
    size_t n = fb_finish(b, kt_end_User(b, &w));
    d->h.n[1] = (uint32_t)n;
    d->cold = fb_data(b);
    return n > 0;
}

// ---- the three ways ----------------------------------------------------------------------------

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
    struct cold_from from = {&kt_desc_UserRecord, &kt_desc_User, r, NULL};
    return id != 0 && build_cold(a, &d, from) ? write_record(p, &d) : NULL;
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

struct object *user_record_update(struct apply *a, struct part *p, const struct user *u,
                                  struct user_change change)
{
    struct draft d = draft_of(u);
    d.h.word[0] = stamp_ms(a->e->stamp);
    change_texts(&d, change);
    if (kt_has_UserUpdate_gender(change.fields))
        d.h.len[USER_STRINGS] = kt_UserUpdate_gender(change.fields);
    if (kt_has_UserUpdate_is_private(change.fields))
        d.h.rules = (uint8_t)((d.h.rules & ~RULE_PRIVATE) |
                              (kt_UserUpdate_is_private(change.fields) ? RULE_PRIVATE : 0));
    const void *old = user_cold(u);
    struct cold_from from = {&kt_desc_UserUpdate, &kt_desc_User, change.fields,
                             old != NULL ? kt_root_User(old) : NULL};
    return build_cold(a, &d, from) ? write_record(p, &d) : NULL;
}

struct object *user_record_login(struct part *p, const struct user *u, struct user_login login)
{
    struct draft d = draft_of(u);
    if (login.last_login_ms != 0) d.h.word[1] = login.last_login_ms;
    if (login.password.n > 0) d.text[USER_password] = login.password;
    return write_record(p, &d);
}
