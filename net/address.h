// Whom a limit by address means: one IPv4 address, or the 64 leading bits of an IPv6 one, which a
// single customer has at least. As one number.
#ifndef KITH_NET_ADDRESS_H
#define KITH_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

// No IPv6 prefix in use is below 2^61, so these and the mapped IPv4 addresses collide with none.
enum { ADDRESS_NONE = 0, ADDRESS_UNIX = 1 };

// Of an IPv6 address, or an IPv4 one mapped into it.
uint64_t address_key(const uint8_t ip[16]);
// As a person or a proxy writes it: with or without a port, IPv6 with or without brackets; "unix"
// stands for the peers of Unix sockets. ADDRESS_NONE where it is none of these.
uint64_t address_read(struct net_text text);
// This machine: 127.0.0.0/8, ::1, a Unix socket.
bool address_is_local(uint64_t key);

#endif
