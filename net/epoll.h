// Sockets by epoll: where io_uring is not allowed.
#ifndef KITH_NET_EPOLL_H
#define KITH_NET_EPOLL_H

#include "net/backend.h"

extern const struct net_backend_ops net_backend_epoll;

#endif
