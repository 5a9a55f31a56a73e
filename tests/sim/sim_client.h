// The simulated clients: each sends random requests for random people, remembers what it was told,
// and asks again, with the same key, what it was not told.
#ifndef KITH_TESTS_SIM_SIM_CLIENT_H
#define KITH_TESTS_SIM_SIM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/ops.h"

enum { SIM_CLIENTS = 3, SIM_OPS_MAX = 200000, SIM_IN_FLIGHT = 4 };

enum op_state { OP_FREE, OP_SENT, OP_DONE, OP_REFUSED, OP_UNKNOWN };

// One request as its client knows it.
struct sim_op {
    uint16_t op;
    uint8_t state;               // enum op_state
    uint8_t client;
    uint32_t request;            // the frame's number
    uint64_t actor;
    uint64_t place;              // of the answer
    uint64_t id;                 // of the object made
    uint32_t count;              // that the answer showed
    unsigned status;             // HTTP status of a refusal
    char key[24];                // idempotency key, "" = none
    char json[192];              // the request
};

struct sim_history {
    struct sim_op *op;           // [SIM_OPS_MAX]
    unsigned n;
    uint64_t user[64], post[4096], comment[4096]; // known ids
    unsigned users, posts, comments;
    uint64_t answered_by[256];   // done answers of each operation
    uint64_t refused_by[256];
};
extern struct sim_history history;

void sim_clients_reset(void);    // a new seed
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
