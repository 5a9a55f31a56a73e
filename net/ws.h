// WebSocket on a connection that began as HTTP: frames out of its byte stream and into it. The
// frames themselves are wslay's: masks, fragments, UTF-8, pings answered, the closing handshake.
#ifndef KITH_NET_WS_H
#define KITH_NET_WS_H

#include <stddef.h>

#include "net/conn.h"

// Takes all bytes.
void ws_feed(struct net *n, struct conn *c, const char *p, size_t size);
void ws_end(struct net *n, struct conn *c);
// Says why it ends, and ends.
void ws_close(struct net *n, struct conn *c, unsigned code);

#endif
