// Registration, login, refresh, logout, and users in bulk: chains of steps round the helpers'
// hashing and one or two log entries.
//
//   register:  hash ─► register entry ─► the user is visible ─► session_create ─► Session
//   login:     verify ─────────────────────────────────────────► session_create ─► Session
//   refresh:   session_rotate ─────────────────────────────────────────────────► Session
#ifndef KITH_API_ACCOUNTS_H
#define KITH_API_ACCOUNTS_H

#include "api/reactor.h"

// Whether the operation is one of these; then begin.
bool accounts_take(const struct op_row *row);
void accounts_begin(struct reactor *r, struct request *q);
// The account's user is known, and a secret of theirs was right; code: of the second factor.
void accounts_log_in(struct reactor *r, struct request *q, fb_str code);
// The account's user was made: waits until it can be seen, then opens a session.
void accounts_await(struct reactor *r, struct request *q);
void accounts_free(struct request *q);

#endif
