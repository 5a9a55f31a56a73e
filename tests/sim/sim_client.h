// The simulated clients: each sends random requests for random people, remembers what it was told,
// and asks again, with the same key, what it was not told.
#ifndef KITH_TESTS_SIM_SIM_CLIENT_H
#define KITH_TESTS_SIM_SIM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/ops.h"

enum {
    SIM_SERVICES = 3,              // clients with a service key, acting for anybody
    SIM_MEMBER = SIM_SERVICES,     // one with an account: it registers, logs in and out
    SIM_CLIENTS,
    SIM_OPS_MAX = 16384,
    SIM_IN_FLIGHT = 4,
    SIM_IDS = 4096,
    SIM_JSON = 512,
    SIM_DOCS = 16,                 // kinds of documents, by number modulo this
};

// LOST: it was answered under `group` and a power loss took it, as it may.
enum op_state { OP_FREE, OP_SENT, OP_DONE, OP_REFUSED, OP_UNKNOWN, OP_LOST };

// One request as its client knows it.
struct sim_op {
    uint16_t op;
    uint8_t state;               // enum op_state
    uint8_t client;
    bool retried;                // it was sent more than once
    bool judged;                 // its answer was held against the log
    uint32_t request;            // the frame's number
    uint64_t actor;
    uint64_t place;              // of the answer
    uint64_t body;               // hash of the request's bytes
    uint64_t id;                 // of the object made or changed
    uint32_t count, repeated, refused; // that the answer showed
    unsigned status;             // HTTP status of a refusal
    char key[24];                // idempotency key, "" = none
    char json[SIM_JSON];         // the request
};

// Ids that clients know of, the newest last.
struct sim_ids { uint64_t id[SIM_IDS], owner[SIM_IDS]; unsigned n; };
struct sim_medium { uint64_t post, medium; };

struct sim_history {
    struct sim_op *op;           // [SIM_OPS_MAX]
    unsigned n, open;            // open: sent or unknown
    unsigned before;             // requests that are forgotten: op[i] has number before + i
    unsigned unknown[SIM_CLIENTS];
    struct sim_ids user, post, comment, note, document[SIM_DOCS];
    struct sim_ids request;      // to follow a private account: whose, by whom
    struct sim_ids born;         // numbers of the requests that imported somebody
    uint64_t post_of[SIM_IDS];   // of comment.id[i]
    struct sim_medium medium[SIM_IDS];
    unsigned media;
    // What came out of the outbox and was not brought back yet, and how far it was read.
    struct sim_token { unsigned kind; char token[64], to[64]; } token[16];
    unsigned tokens;
    uint64_t outbox;
};
extern struct sim_history history;

// Over all seeds: answers that said done, and that refused.
extern uint64_t sim_done[OP_LIMIT], sim_refused[OP_LIMIT];
extern uint64_t sim_cuts;        // connections that a client broke off
extern uint64_t sim_events;      // frames that subscriptions brought

void sim_clients_reset(void);    // a new seed
// At a quiet moment: all that was asked is judged, and what is asked from now on goes on behind it.
void sim_clients_forget(void);
void sim_clients_cut(void);      // the server is gone: what was under way is unknown
void sim_client_step(unsigned client);
// Stops sending new requests; true when nothing is under way or unknown.
bool sim_clients_quiet(void);
extern bool sim_clients_stop;

// One request by itself, the world stepping until it is answered: payload and head, valid until the
// next.
const void *sim_ask(uint16_t op, uint64_t actor, const char *json, unsigned *status);
void sim_world_step(void);       // sim_main.c: somebody does something

#endif
