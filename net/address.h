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
// What the last proxy says in an X-Forwarded-For field, the last of its list: what stands before it
// anybody can say.
struct net_text address_last(struct net_text list);
// As a person or a proxy writes it: IPv4 is mapped. false: it is none.
bool address_parse(struct net_text text, uint8_t ip[16]);
// The same as a key: with or without a port, IPv6 with or without brackets; "unix"
// stands for the peers of Unix sockets. ADDRESS_NONE where it is none of these.
uint64_t address_read(struct net_text text);
// This machine: 127.0.0.0/8, ::1, a Unix socket.
bool address_is_local(uint64_t key);

#endif
