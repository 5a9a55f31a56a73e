// The second factor of a login: an authenticator's codes, and recovery codes for when it is lost.
//
//   enable ─► a new key, shown once ─► confirm {code} ─► on, recovery codes shown once
//   disable {code}
#ifndef KITH_API_SECOND_H
#define KITH_API_SECOND_H

#include "api/account.h"
#include "store/objects.h"

void second_begin(struct reactor *r, struct request *q);
// Whether the code lets this user in, as far as it can be told now: what it uses up stands in the
// account then, for the decider.
enum kith_error second_judge(struct account *a, const struct user *user, fb_str code);

#endif
