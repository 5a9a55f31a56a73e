// Chooses the backend. Apart from the rest of net/, so that the simulator can choose its own.
#include <string.h>

#include "net/epoll.h"
#include "net/net.h"
#include "net/uring.h"

int net_open(struct net **out, const struct net_options *opt, char why[256])
{
    switch (opt->backend) {
    case NET_URING:
        return net_open_with(out, opt, &net_backend_uring, why);
    case NET_EPOLL:
        return net_open_with(out, opt, &net_backend_epoll, why);
    case NET_AUTO:
        break;
    }
    char refused[256];
    if (net_open_with(out, opt, &net_backend_uring, refused) == 0) {
        why[0] = 0;
        return 0;
    }
    int error = net_open_with(out, opt, &net_backend_epoll, why);
    // An address that cannot be bound fails both ways: then epoll's reason is the one to tell.
    if (!error) memcpy(why, refused, sizeof refused);
    return error;
}
