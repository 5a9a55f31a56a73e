// The limits that a server is started with: those of rates.def, changed by words of the command
// line.
#ifndef KITH_API_LIMIT_WORDS_H
#define KITH_API_LIMIT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ops.h"

enum limit_by { LIMIT_USER, LIMIT_ADDRESS, LIMIT_KEY, LIMIT_ACCOUNT, LIMIT_BYS };

enum { PROXIES_MAX = 8, LIMIT_WHY = 256 };

struct limit_options {
    struct rate rate[RATES][LIMIT_BYS];
    bool local;                  // addresses of this machine are limited like others
    uint32_t connections;        // from one address, 0 = a quarter of all
    unsigned proxies;            // whose word on where a request comes from is believed
    uint64_t proxy[PROXIES_MAX]; // keys of net/address.h
};

// The limits of rates.def.
void limit_options_defaults(struct limit_options *o);
// "none", "CLASS=none" or "CLASS[/BY]=N[/s|/min|/h][:BURST]". Where it is not said by what, by what
// rates.def limits the class first. false with a sentence in why.
bool limit_options_word(struct limit_options *o, const char *word, char why[LIMIT_WHY]);
// An address whose X-Forwarded-For is believed, or "unix". false: it is none, or one too many.
bool limit_options_proxy(struct limit_options *o, const char *word);
// "user", "address", "key", "account".
const char *limit_by_name(enum limit_by by);

#endif
