// What both real backends do with sockets: listening addresses, and the spare descriptor.
#ifndef KITH_NET_SOCKET_H
#define KITH_NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "net/backend.h"

struct listener {
    int fd;                        // -1 = none: closed, or passed over on this core
    unsigned port;                 // 0 for a socket file
    bool http_only;
    char path[108];                // of the socket file to remove, else empty
};

struct listen_options {
    unsigned core;
    bool reuse_port;
    bool blocking;                 // accepts are left to the kernel, which then waits itself
};

// Binds and listens. 0 or errno, with what failed in why[256].
int listener_open(struct listener *l, const struct net_listen *at,
                  const struct listen_options *opt, char *why);
// Ends listening for good; the descriptor stays. Removes the socket file where it made one.
void listener_shut(struct listener *l);
// The same, and closes.
void listener_close(struct listener *l);

// A descriptor kept back: where none is left, closing it makes room to take a peer and turn him
// away.
int spare_open(void);
// Takes one waiting peer, if there is one, in the spare's place and refuses him.
void spare_refuse(int *spare, const struct listener *l);
// Where the peer is, as net_backend_events.accepted has it. false: he has reset the connection;
// what he sent before could still be read, and nobody would have asked it.
bool socket_peer(int fd, uint8_t address[16]);
// Closes the connection of a peer there is no room for; where HTTP was spoken, with a 503.
void socket_refuse(int fd, bool http_only);

#endif
