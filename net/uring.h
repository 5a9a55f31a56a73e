// Sockets by io_uring.
#ifndef KITH_NET_URING_H
#define KITH_NET_URING_H

#include "net/backend.h"

extern const struct net_backend_ops net_backend_uring;

#endif
