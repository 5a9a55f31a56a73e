// Who asks, and whether they may: the one place where a token or a service key becomes an acting
// user, and where the `auth` of ops.def is judged. What is not declared open is closed.
#ifndef KITH_API_GATE_H
#define KITH_API_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/state.h"
#include "core/errors.h"

struct request;

struct identity {
    uint64_t user;             // 0 = nobody
    uint64_t session;          // of the token, 0 = none
    uint64_t expires_s;        // of the token
    bool service;
    uint8_t service_key;       // which: from 1 on
};

// A token or a service key as sent. KITH_ok or the refusal.
enum kith_error gate_secret(const struct server *s, const char *secret, size_t n,
                            struct identity *out);
// Makes `viewer` the acting user; only under a service key, and only if there is such a user.
enum kith_error gate_act_as(const struct server *s, struct identity *who, uint64_t viewer);
// Whether an identity proven earlier still holds: its session and its user are there, its time is
// not up.
enum kith_error gate_holds(const struct server *s, const struct identity *who);
// Whether the request, whose actor and body are set, may be made at all.
enum kith_error gate_may(const struct server *s, const struct request *q);

#endif
