// How a user's record is written from the bodies of entries.
#ifndef KITH_STORE_USER_RECORD_H
#define KITH_STORE_USER_RECORD_H

#include <stdbool.h>

#include "kith_fb.h"
#include "store/apply.h"

// A new user, not published. NULL: a text is too long for a record.
struct object *user_record_new(struct apply *a, struct part *p, const kt_UserRecord *r);
// The user with the given fields changed, not published; the names only where they were decided.
struct user_change { const kt_UserUpdate *fields; bool names; };
struct object *user_record_update(struct apply *a, struct part *p, const struct user *u,
                                  struct user_change change);
// The user with these login times and, if it is not empty, this password hash.
struct user_login { uint64_t last_login_ms; fb_str password; };
struct object *user_record_login(struct part *p, const struct user *u, struct user_login login);

#endif
