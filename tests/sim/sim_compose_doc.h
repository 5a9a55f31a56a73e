// What the clients ask for of documents.
#ifndef KITH_TESTS_SIM_SIM_COMPOSE_DOC_H
#define KITH_TESTS_SIM_SIM_COMPOSE_DOC_H

#include <stdbool.h>

#include "tests/sim/sim_client.h"

// The JSON of a request for documents or a collection's posts, and its actor: who owns what it
// names, more often than not. `post`: some post. false: the operation is about something else.
bool sim_compose_doc(struct sim_op *o, unsigned nr, uint64_t post);
// What an answer that says done tells. false as above.
bool sim_learn_doc(struct sim_op *o, const void *answer);

#endif
