// What the chains of steps of accounts.c, tickets.c and second.c share: the request's own memory of
// secrets under way, and how a step is logged.
#ifndef KITH_API_ACCOUNT_H
#define KITH_API_ACCOUNT_H

#include "api/helper.h"
#include "api/providers.h"
#include "api/reactor.h"
#include "api/totp.h"
#include "core/fb_build.h"
#include "kith_fb.h"

enum {
    REFRESH_RANDOM = 24,
    SECRET_HEX = 64,                  // of a BLAKE2b-256
    RECOVERY_CHARS = 19,              // xxxx-xxxx-xxxx-xxxx
    DEVICE_MAX = 255,                 // bytes
    LOGIN_CODE = 6,                   // digits
    OAUTH_IDENTITY = PROVIDER_NAME + SECRET_HEX + 1,
};

// A one-time token that was drawn: only its hash is written down.
struct drawn_ticket {
    kt_TicketKind kind;               // none = nothing was drawn
    uint8_t random[REFRESH_RANDOM];
    char code[LOGIN_CODE + 1];        // of a login_code, instead
    char hash[SECRET_HEX + 1];
    uint64_t expires_ms;
};

// Wiped when the request ends.
struct account {
    struct helper_job job;
    uint64_t user, session;           // 0 = not known
    bool login;                       // the session is a login's
    uint8_t random[REFRESH_RANDOM];   // of the new refresh token
    char hash[SECRET_HEX + 1];        // of them
    uint64_t id[IMPORT_USERS_MAX];    // of imported users, 0 = refused
    char device[DEVICE_MAX + 1];
    uint64_t step;                    // of the authenticator's code
    char recovery[SECRET_HEX + 1];    // hash of a recovery code, "" = none
    char sent[SECRET_HEX + 1];        // hash of a code that was sent, "" = none
    bool reactivate;
    char identity[OAUTH_IDENTITY];    // as in IdentityChange
    char email[JWT_TEXT];             // that a provider vouches for
    enum kith_error failure;          // what is answered once it is in the audit log
    struct drawn_ticket ticket;
    uint8_t key[TOTP_KEY];
    char codes[RECOVERY_CODES][RECOVERY_CHARS + 1];
};

typedef void account_step(struct reactor *r, struct request *q);

// The request's account, made if need be; NULL: no memory, and answered.
struct account *account_of(struct reactor *r, struct request *q);
// Logs what stands in r->entry and goes on with `then`; repeats `again` while the check may be
// behind. What is refused before the log goes on with `then` as if its decider had refused it.
void account_log(struct reactor *r, struct request *q, account_step *then, account_step *again);
// Hands the password to a helper; the request goes on with `then`.
void account_submit(struct reactor *r, struct request *q, fb_str password, account_step *then);
void account_fault(struct reactor *r, struct request *q, const char *pointer, const char *code);
// A secret was wrong: in the audit log, then answered with the error.
void account_failed(struct reactor *r, struct request *q, enum kith_error error);
// Hex of the bytes' BLAKE2b-256.
void account_hash(char out[SECRET_HEX + 1], const void *bytes, size_t n);

#endif
