// How a user's record is written from the bodies of entries.
#ifndef KITH_STORE_USER_RECORD_H
#define KITH_STORE_USER_RECORD_H

#include <stdbool.h>

#include "kith_fb.h"
#include "store/apply.h"
#include "store/secrets.h"

// A new user, not published. NULL: a text is too long for a record.
struct object *user_record_new(struct apply *a, struct part *p, const kt_UserRecord *r);
// The user with the given fields changed, not published; the names only where they were decided.
struct user_change { const kt_UserUpdate *fields; bool names; };
struct object *user_record_update(struct apply *a, struct part *p, const struct user *u,
                                  struct user_change change);
// The user with the given fields: what of them is durable and not the user's own to write.
struct user_state {
    uint64_t last_login_ms;
    fb_str password;             // its hash
    unsigned flags;              // enum object_flag
    bool email_verified, two_factor;
    kt_Role role;
    struct secrets secrets;
};
void user_state(const struct user *u, struct user_state *out);  // texts stay the record's
kt_Role user_role(const struct user *u);
struct object *user_record_state(struct apply *a, struct part *p, const struct user *u,
                                 const struct user_state *state);

#endif
