// What stands under the connections: sockets by io_uring or epoll, or a simulated network. The only
// way from net/ to the world; a connection is known here by its slot, a number the events hand out.
//
//   conn ──read, send, shut, drop──► backend ──accepted, received, sent, failed, gone──► conn
#ifndef KITH_NET_BACKEND_H
#define KITH_NET_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

#define SLOT_NONE UINT32_MAX

// What is received at a time: a few dozen requests. All that belongs to these, from the request to
// the answer's bytes in the send buffer, is to be in the core's own cache until they have left.
enum { REAP_BYTES = 2048 };

// What happened; called by reap, and where it is said, by other functions. Never after close.
struct net_backend_events {
    // A peer has come: the slot it gets, read from at once; or SLOT_NONE to refuse it. Its IPv6
    // address, IPv4 as one of its mapped ones; zeros: a neighbour on a Unix socket.
    uint32_t (*accepted)(void *ctx, unsigned listener, const uint8_t address[16]);
    // Bytes that die with the call, 8-aligned. n = 0: the peer sends no more.
    void (*received)(void *ctx, uint32_t slot, const void *bytes, size_t n);
    // n more bytes of the send under way have left.
    void (*sent)(void *ctx, uint32_t slot, size_t n);
    // The connection is broken: drop it. Also out of send.
    void (*failed)(void *ctx, uint32_t slot);
    // The last word about a dropped slot: its bytes are free, the number may come again. Also out
    // of drop.
    void (*gone)(void *ctx, uint32_t slot);
};

struct net_backend_options {
    unsigned slots;                // slots are below this
    unsigned core;                 // "unix:" addresses are passed over on all but core 0
    bool reuse_port;
    const struct net_backend_events *events;
    void *ctx;
};

struct net_backend_ops {
    enum net_backend kind;
    // 0 or errno, with what failed in why[256].
    int (*open)(void **out, const struct net_backend_options *opt, char *why);
    // Drops every connection and listener without a word.
    void (*close)(void *b);
    // Listeners are numbered from 0 in the order of these calls. 0 or errno, why as above.
    int (*listen)(void *b, const struct net_listen *l, char *why);
    unsigned (*port)(const void *b, unsigned listener);
    // No more accepted events, now or later.
    void (*unlisten)(void *b);
    // Whether to receive. What was on its way when it is turned off may still come.
    void (*read)(void *b, uint32_t slot, bool on);
    // Sends all n bytes, which stay valid until they have left or the slot is gone; one send a slot
    // at a time. Returns how many left at once: the events tell of the rest.
    size_t (*send)(void *b, uint32_t slot, const void *bytes, size_t n);
    // Ends our direction; the peer's goes on.
    void (*shut)(void *b, uint32_t slot);
    // Closes. No event but gone follows.
    void (*drop)(void *b, uint32_t slot);
    // Submits, and waits for events, at most wait_ms (0 = not at all, < 0 = no bound).
    void (*wait)(void *b, int wait_ms);
    // Tells the events there are, or so many of them as bring REAP_BYTES: the next wait, which then
    // does not sleep, leaves the rest to the next reap. Returns how many were told.
    unsigned (*reap)(void *b);
    // Ends a wait. Any thread.
    void (*wake)(void *b);
};

// net_open with a backend of one's own; opt->backend is not looked at.
int net_open_with(struct net **out, const struct net_options *opt,
                  const struct net_backend_ops *ops, char why[256]);

#endif
