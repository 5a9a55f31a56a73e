// What the clients ask for, and what they learn from the answers.
#ifndef KITH_TESTS_SIM_SIM_COMPOSE_H
#define KITH_TESTS_SIM_SIM_COMPOSE_H

#include <stdbool.h>

#include "tests/sim/sim_client.h"

#define SIM_SERVICE_KEY "simulated-service-key-0123456789"

enum { SIM_USERS_MIN = 4, SIM_USERS_MAX = 40 };

void sim_compose_reset(void);
// The next request of a client, to be number `nr`: operation, actor, key and JSON of *o.
void sim_compose(struct sim_op *o, unsigned client, unsigned nr);
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
