// Logins that another service vouches for.
//
//   token ─► whose identity? ─┬─► somebody's ─► (second factor) ─► session
//                             └─► nobody's ─► register, with the identity ─► session
//   link, unlink: token ─► entry in the accounts slot
#ifndef KITH_API_OAUTH_H
#define KITH_API_OAUTH_H

#include "api/account.h"

void oauth_begin(struct reactor *r, struct request *q);

#endif
