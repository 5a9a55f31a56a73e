// The providers' keys as their files have them now: a provider changes its keys, and nobody stops a
// server for that. The control thread looks and puts new ones in the place of the old; the cores
// hold those that they judge by.
#ifndef KITH_API_PROVIDER_SET_H
#define KITH_API_PROVIDER_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/providers.h"

struct provider_set {
    const char *path;              // NULL: there are none, and never will be
    struct providers of[2];        // those that count, and those of before
    _Atomic unsigned now;          // which of them count
    _Atomic unsigned held[2];
    uint64_t stamp;                // of the files when they were read
    char why[256];                 // what is wrong with the newest ones
};

// path is kept. false with a sentence in why[256].
bool provider_set_open(struct provider_set *s, const char *path, char *why);
void provider_set_close(struct provider_set *s);

// Any core; to be given back in the same turn.
const struct providers *provider_set_hold(struct provider_set *s);
void provider_set_release(struct provider_set *s, const struct providers *p);

// One thread. BAD: with a sentence in s->why; the old ones stay. It is said once, and looked at
// again every time.
enum provider_news { PROVIDERS_SAME, PROVIDERS_NEW, PROVIDERS_BAD };
enum provider_news provider_set_look(struct provider_set *s);

#endif
