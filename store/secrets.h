// What a user's record holds and nobody is shown (table Secrets): the authenticator's key, hashes
// of recovery codes and of one-time tokens. Taken out of the record, changed, and put into the
// next.
#ifndef KITH_STORE_SECRETS_H
#define KITH_STORE_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb_build.h"
#include "core/limits.h"
#include "kith_fb.h"

enum { SECRET_HASH = 64, TICKET_KINDS = 3 }; // characters of a hash; kinds but for none

struct ticket {
    kt_TicketKind kind;
    fb_str hash;
    uint64_t expires_ms;
    uint32_t tries;
};

// Texts belong to the record or the entry that they come from.
struct secrets {
    fb_str totp;                 // n = 0: none
    uint64_t totp_step;
    fb_str recovery[RECOVERY_CODES];
    uint32_t recoveries, tickets;
    struct ticket ticket[TICKET_KINDS]; // at most one of each kind
};

void secrets_get(struct secrets *s, const kt_Secrets *from);   // NULL = has none
fb_ref secrets_put(fb_builder *b, const struct secrets *s);    // 0: there is nothing to keep

// Takes the place of an earlier one of its kind.
void secrets_ticket(struct secrets *s, struct ticket t);
struct ticket *secrets_find(struct secrets *s, kt_TicketKind kind); // NULL = none
void secrets_spend(struct secrets *s, kt_TicketKind kind);
// Whether the hash is the ticket's, and its time not up.
bool ticket_is(const struct ticket *t, fb_str hash, uint64_t now_ms);
// Takes the recovery code with this hash away; false: there is none.
bool secrets_recover(struct secrets *s, fb_str hash);

#endif
