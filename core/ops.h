// The operations of ops.def as an enum and a table.
#ifndef KITH_CORE_OPS_H
#define KITH_CORE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb.h"

enum op {
    OP_none = 0,
#define OP(number, name, request, reply, ...) OP_##name = (number),
#include "core/ops.def"
#undef OP
    OP_LIMIT = 512,
};

enum op_kind { OPK_READ, OPK_CHANGE, OPK_LOCAL, OPK_INTERNAL };
enum op_home { HOME_ANY, HOME_VIEWER, HOME_KEY, HOME_ACCOUNTS, HOME_ALL };
enum op_also { ALSO_none, ALSO_ACTOR, ALSO_AUTHOR, ALSO_ACCOUNTS };
enum op_auth { AUTH_OPEN, AUTH_USER, AUTH_SELF, AUTH_OWNER, AUTH_SERVICE, AUTH_ROLE };
enum op_audit { AUDIT_NONE, AUDIT_ACT, AUDIT_REFUSED, AUDIT_READ };
// What an operation does with the document of its request (graph.def), which is the one that the
// field <name>_id or the key names, or the single one of the user.
//   ADD      makes one of the request's fields; where the owner has one with its key, that stays
//   PUT      the same in the place of the one with this key, if there is one
//   CHANGE   only the fields that are sent
//   REMOVE   takes it away; CLEAR all of the user's
//   GET, LIST
enum doc_act { DOC_no_act, DOC_ADD, DOC_PUT, DOC_CHANGE, DOC_REMOVE, DOC_CLEAR, DOC_GET, DOC_LIST };
// The classes of rates.def: which limits an operation comes under.
enum op_rate {
#define RATE(constant, ...) RATE_##constant,
#include "core/rates.def"
#undef RATE
    RATES
};
// `tokens` come back in `seconds`, up to `burst`; tokens = 0: no limit.
struct rate { uint32_t tokens, seconds, burst; };
struct rate_row {
    const char *name;
    struct rate user, address, key, account;
    bool failures;            // account: only what ends in 401 counts
};

struct op_row {
    uint16_t number;
    uint16_t status;          // HTTP status of success, 0 = 200
    enum op_kind kind;
    enum op_home home;
    enum op_also also;
    enum op_auth auth;
    uint8_t role;             // AUTH_ROLE: at least this one (Role); AUTH_SELF: it may, too
    enum op_rate rate;
    uint8_t link, unlink;     // enum edge_kind that it makes or takes away, from the actor to .key
    bool reverse;             // from .key to the actor
    enum op_audit audit;
    uint8_t doc, act;         // enum doc_kind and what is done with it (enum doc_act), 0 = nothing
    const char *from;         // request field of the document that the edge goes from, NULL = actor
    const char *name;
    const char *key;          // request field that names the home object
    const char *http; // "METHOD /path/{field}", alternatives after " | ", NULL = binary only
    const char *entry;        // name of the entry body's table, NULL = the request's
    const fb_type *request;
    const fb_type *reply;
};

// The row of an operation, NULL where there is none. Static memory.
const struct op_row *op_row(unsigned number);

const struct rate_row *rate_row(enum op_rate rate);

// Shape of the body of a log entry of this operation.
const fb_type *op_entry_type(const struct op_row *row);

#endif
