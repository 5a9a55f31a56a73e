// One-time tokens: asked for, told to the outbox, brought back.
//
//   forgot-password, login/code, verify-email/request: ticket_make ─► outbox
//   verify-email:   token ─► entry
//   reset-password: token ─► hash of the password ─► entry
//
// A token is base64url(user id, 24 random bytes); a code for the phone has six digits. What is
// logged and kept is a hash.
#ifndef KITH_API_TICKETS_H
#define KITH_API_TICKETS_H

#include "api/account.h"

void tickets_begin(struct reactor *r, struct request *q);

// Draws a token of this kind for the request.
void ticket_draw(const struct reactor *r, struct request *q, kt_TicketKind kind);
// What was drawn goes into the outbox, if anything was; the account's user is known by now.
void ticket_tell(struct reactor *r, struct request *q, fb_str to);
// The hash of a code that was sent to the phone: keyed, for a million codes are soon tried.
struct sent_code { uint64_t user; fb_str code; };
void ticket_code_hash(const struct reactor *r, char out[SECRET_HEX + 1], struct sent_code sent);

#endif
