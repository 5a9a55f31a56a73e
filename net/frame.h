// Binary frames out of a byte stream, and answer frames into one.
#ifndef KITH_NET_FRAME_H
#define KITH_NET_FRAME_H

#include <stddef.h>

#include "net/conn.h"

// Hands every whole frame of these bytes to the handler and keeps the rest. Returns how many bytes
// it took: fewer than all only where the connection accepts no more.
size_t frame_feed(struct net *n, struct conn *c, const char *p, size_t size);

#endif
