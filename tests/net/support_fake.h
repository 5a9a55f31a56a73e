// A network of bytes in memory under a real reactor: tests feed what peers send and read what they
// would get.
#ifndef KITH_TESTS_NET_SUPPORT_FAKE_H
#define KITH_TESTS_NET_SUPPORT_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/backend.h"

enum { FAKE_SLOTS = 64 };

struct fake_link {
    bool used, reading, shut;      // shut: our side has ended its direction
    const char *pending;           // of a send that has not left
    size_t pending_n;
    char *out;                     // all that left since fake_connect
    size_t out_n, out_cap;
};

struct fake {
    struct net_backend_options opt;
    struct net *net;
    struct fake_link link[FAKE_SLOTS];
    size_t window;                 // bytes a send may leave at once; SIZE_MAX at first
    unsigned waits, wakes;
    uint8_t address[16];           // of the peers that come
    int wait_ms;                   // of the last wait
};

// Opens a reactor on a fake network; the backend in opt is not looked at.
struct fake *fake_open(struct net_options opt);
void fake_close(struct fake *f);
// A peer comes; SLOT_NONE if refused. What the last one in the slot got is forgotten.
uint32_t fake_connect(struct fake *f);
// The peer sends, in one piece that lies 8-aligned; then one turn.
void fake_feed(struct fake *f, uint32_t slot, const void *bytes, size_t n);
void fake_end(struct fake *f, uint32_t slot);   // sends no more; one turn
void fake_reset(struct fake *f, uint32_t slot); // breaks; one turn
// Turns until nothing moves.
void fake_settle(struct fake *f);
// The peer takes n more bytes of what waits to be sent to him; one turn.
void fake_take(struct fake *f, uint32_t slot, size_t n);
bool fake_gone(const struct fake *f, uint32_t slot); // closed on our side

#endif
