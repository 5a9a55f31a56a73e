// Feeds beside their definition: what is kept of them (the newest posts at each user, timelines in
// memory) is compared with what the lists of follows and posts say.
#ifndef KITH_STORE_VERIFY_FEEDS_H
#define KITH_STORE_VERIFY_FEEDS_H

#include <stdint.h>

struct store;

// Of at most `most` readers, spread over all users. found(ctx, what, reader, post) is called for
// what is wrong. Single-threaded, nothing else running. Returns the number of feeds compared.
struct feeds_asked {
    uint64_t most;
    void (*found)(void *ctx, const char *what, uint64_t reader, uint64_t post);
    void *ctx;
};
uint64_t verify_feeds(struct store *s, const struct feeds_asked *asked);

#endif
