// Who may ask how often: the limits of rates.def, or those of the command line, and whether a
// request is within them. Asked once the asker is known and before anything is parsed; a refusal
// costs little more than reading its header.
//
//   service key ─► key                 a token, or a hello's ─► user, and address
//   nobody ─► address                  login, reset: also the account that is named, or the user
#ifndef KITH_API_LIMITS_H
#define KITH_API_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/buckets.h"
#include "api/limit_words.h"
#include "core/ops.h"
#include "net/net.h"

// A class by one kind of key.
struct limit_rule {
    uint64_t every_ns;           // 0 = there is no limit
    uint64_t until_full_ns;
    uint64_t seed;               // of the hash of its keys
    uint32_t burst;
    uint8_t rate, by;            // enum op_rate, enum limit_by
    char name[24];               // "like", "like-address"
    char head[96];               // of the header fields, up to the number of tokens left
};

struct limits {
    struct limit_rule rule[RATES][LIMIT_BYS];
    bool account[RATES];         // there is a limit by account
    bool local;
    struct buckets buckets;
};

// What a request was told, for its answer.
struct limit_verdict {
    const struct limit_rule *rule; // NULL = no limit applies
    uint64_t debt_ns, wait_ns;     // as in buckets.h
};

bool limits_init(struct limits *l, const struct limit_options *o); // false: no memory
void limits_free(struct limits *l);

struct reactor;
struct request;
struct server;

// Whether q, whose row and identity are set, is within the limits; counted if it is not. Sets where
// it comes from: the peer, or the last of `forwarded` where the peer is a proxy that is believed.
bool limits_pass(struct reactor *r, struct request *q, struct net_text forwarded);
// Whether an address (net/address.h) is a proxy's whose word on where a request comes from counts.
bool limits_believe(const struct server *s, uint64_t address);
// The same as limits_pass for the account that q's table names, or else for who asks, where
// accounts are limited.
bool limits_pass_account(struct reactor *r, struct request *q);
// Hash of the name that q's table has, in lower case, as asked for from there; where none is asked
// for, who asks, from wherever. 0 = neither.
uint64_t limits_account(const struct request *q, uint64_t where);
// What is asked of the bucket of that key.
struct bucket_ask limits_ask(const struct limit_rule *rule, const struct request *q, uint64_t key);
// q, which passed that one, has ended with this status.
void limits_ended(struct reactor *r, const struct request *q, unsigned status);

// Tokens left, and seconds until all are there again.
uint32_t limit_left(const struct limit_verdict *v);
uint32_t limit_seconds(uint64_t ns);
enum { LIMIT_HEADER = 128 };     // bytes of the header fields at most
// The fields RateLimit-Policy and RateLimit as whole lines; the bytes written.
size_t limit_header(char out[LIMIT_HEADER], const struct limit_verdict *v);

#endif
