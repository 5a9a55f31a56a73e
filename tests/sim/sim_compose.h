// What the clients ask for, and what they learn from the answers.
#ifndef KITH_TESTS_SIM_SIM_COMPOSE_H
#define KITH_TESTS_SIM_SIM_COMPOSE_H

#include <stdbool.h>

#include "tests/sim/sim_client.h"

#define SIM_SERVICE_KEY "simulated-service-key-0123456789"

// How many there are at a time. reads_apart: clients ask for what changes something, and reads are
// composed by sim_compose_read. posts_many: more are deleted than made.
struct sim_crowd { unsigned users_min, users_few, users_max; bool reads_apart, posts_many; };
extern struct sim_crowd sim_crowd;

void sim_compose_reset(void);
// The next request of a client, to be number `nr`: operation, actor, key and JSON of *o.
void sim_compose(struct sim_op *o, unsigned client, unsigned nr);
// A read, its actor anybody; for a moment when nothing else is asked.
void sim_compose_read(struct sim_op *o, unsigned nr);
// Forgets the older half of ids that have no more room.
void sim_ids_halve(struct sim_ids *ids);
// The first frame of a connection of the client, as JSON; "" = it says nothing.
void sim_hello(unsigned client, char json[SIM_JSON]);
// The connection's greeting was refused, or a request because of who asked.
void sim_unwelcome(unsigned client);
// Whether the member has become somebody else, and has to connect anew.
bool sim_connect_anew(unsigned client);
void sim_connected(unsigned client);
// An answer that says done.
void sim_learn(struct sim_op *o, const void *answer);

#endif
