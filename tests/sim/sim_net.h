// The simulated network: links between clients and reactors, cut into pieces of any size, delayed,
// broken.
#ifndef KITH_TESTS_SIM_SIM_NET_H
#define KITH_TESTS_SIM_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/backend.h"

// Stands for both real backends.
extern const struct net_backend_ops sim_backend;

// A client's end of a link to listener `listener` of some reactor; -1 when nobody listens.
int sim_connect(unsigned listener);
void sim_client_send(int link, const void *bytes, size_t n);
// Bytes that have come: *n of them; sim_client_take consumes. NULL when the link is broken and all
// is read.
const uint8_t *sim_client_bytes(int link, size_t *n);
void sim_client_take(int link, size_t n);
bool sim_client_alive(int link);
void sim_client_close(int link);
// Everything breaks: the server is gone.
void sim_net_reset(void);

#endif
