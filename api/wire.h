// Frames become requests. A connection's identity is what its hello proved.
#ifndef KITH_API_WIRE_H
#define KITH_API_WIRE_H

#include "net/net.h"

// net_handler.frame and .closed; ctx is the reactor.
void wire_ahead(void *ctx, const uint64_t *actor, unsigned n);
void wire_frame(void *ctx, net_conn c, const struct frame_head *head, const void *payload);
void wire_closed(void *ctx, net_conn c);

#endif
