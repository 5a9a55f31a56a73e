// The control thread: the admin port, digest marks, snapshots by the clock, and the look at memory
// and disk. It is the one producer of the server's own queue to the log.
#ifndef KITH_API_CONTROL_H
#define KITH_API_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "api/server.h"
#include "net/net.h"

struct control;
struct ring;

// Opens the admin port, if there is one. 0 or errno, with what failed in why.
int control_open(struct server *s, struct control **out, char why[SERVER_WHY]);
void control_close(struct control *c);
// One turn; waits at most wait_ms. While the server starts only the admin port is served.
void control_step(struct control *c, int wait_ms);
void control_wake(struct control *c);
unsigned control_port(const struct control *c);

#endif
