// A request under way: made where it arrived, moved whole to the core that works on it, and back to
// be answered. What is to be done with it next stands in `run`. One core has it at a time.
//
//   arrived ──► ready ──► run … park, move, wait for an outcome, wait for a helper … ──► answered
#ifndef KITH_API_REQUEST_H
#define KITH_API_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "api/limits.h"
#include "api/trace.h"
#include "core/entry.h"
#include "core/errors.h"
#include "core/ops.h"
#include "net/buffer.h"
#include "net/net.h"

struct reactor;
struct request;
struct reading;
struct account;

enum channel { CHANNEL_FRAME, CHANNEL_HTTP, CHANNEL_LIVE }; // LIVE: a WebSocket

// Which field is at fault, for the `errors` of a problem.
struct fault {
    char pointer[192];           // JSON pointer, "" = the error is not about a field
    const char *code;            // static text
    uint32_t max;                // what the bound is, 0 = no bound
};

enum { REQUEST_INLINE = 768 };   // bytes of a body that need no memory of their own

struct request {
    struct request *next;        // in the list that holds it
    void (*run)(struct reactor *r, struct request *q);
    uint64_t ticket;             // core << 48 | generation << 24 | index; never 0
    uint64_t number;             // shown to the client, and in the log
    uint32_t index;              // in the table of its reactor
    uint16_t core;               // where it arrived
    bool live;

    // from the wire
    net_conn conn;
    uint64_t sequence;           // of the HTTP request; or the frame's request number
    uint8_t channel;             // enum channel
    bool head;                   // HEAD: an answer without its body
    bool service;                // under a service key
    uint8_t service_key;         // which: from 1 on
    uint16_t op;                 // as the frame has it
    const struct op_row *row;    // NULL where there is no such operation
    uint64_t actor;              // acting user, 0 = nobody
    uint64_t session;            // of the token, 0 = none
    uint64_t address;            // where it comes from, as in net/address.h
    struct limit_verdict limit;  // the limit that it is told of
    uint64_t account_hash;       // of the account named, where that is limited
    uint64_t said_hash;          // of who says what, where that is limited (api/repeats.h)
    uint32_t said;               // to so many, as counted
    uint64_t demand;             // a read must not be older than this place
    uint64_t began_ns, deadline_ns;
    bool keyed;
    struct entry_key key;        // the idempotency key, if keyed
    uint8_t *body;               // the request's table as a payload: in `bytes`, or malloc'd
    uint32_t body_n;             // a multiple of 8

    // on its way
    struct outcome outcome;      // of the entry: counts summed, where every core has a share
    uint32_t outcomes_due;
    struct reading *reading;     // of a list, owned
    struct account *account;     // of a registration or login, owned
    struct gathering *gathering; // of work on several cores, owned
    bool forwarded;              // `peer` is what a proxy says; counts if the peer is one
    uint8_t peer[16];            // address of who asks, where that is written down
    uint64_t watch_user, watch_ns; // whom it waits for, and until when (api/watch.h)
    uint64_t watch_after;        // number of the last notification that it has seen
    uint64_t watch_sent;         // the same, of a subscription, before it was last sent some
    bool streaming;              // a subscription whose first answer is sent
    struct trace trace;          // what it touched

    // the answer
    uint64_t place;
    uint16_t error;              // enum kith_error
    struct fault fault;
    uint8_t *answer;             // payload built on another core, a block of requests.answers
    uint32_t answer_n, answer_cap;

    _Alignas(8) uint8_t bytes[REQUEST_INLINE];
};

struct request_list { struct request *first, **last; uint32_t n; };

static inline void request_list_init(struct request_list *l)
{
    *l = (struct request_list){NULL, &l->first, 0};
}
static inline void request_list_add(struct request_list *l, struct request *q)
{
    q->next = NULL;
    *l->last = q;
    l->last = &q->next;
    l->n++;
}
// Takes all out of it.
static inline struct request *request_list_take(struct request_list *l)
{
    struct request *first = l->first;
    request_list_init(l);
    return first;
}

// The table that the client sent.
static inline const void *request_table(const struct request *q)
{
    return fb_root(q->body);
}

// The requests that arrived at one reactor, by ticket.
struct requests {
    struct request **slot;       // [cap]; made once each and used again
    uint32_t cap, made, live;
    struct request *spare;
    unsigned core;
    uint64_t numbers;            // last number given out
    struct net_pool answers;     // blocks: taken where an answer is built, given where it is sent
};

enum { REQUESTS_MAX = 1 << 16 }; // under way at one reactor

void requests_init(struct requests *t, unsigned core, uint64_t boot);
void requests_free(struct requests *t);
// NULL when too many are under way, or no memory.
struct request *request_new(struct requests *t);
// At its own reactor: all that it owns goes too.
void request_free(struct requests *t, struct request *q);
// NULL where the request is gone.
struct request *request_find(const struct requests *t, uint64_t ticket);
// Copies the payload, padded with zeros to a multiple of 8. false: no memory.
bool request_keep_body(struct request *q, const void *payload, uint32_t n);
// Copies an answer that goes to another core; t: of the core that built it. false: no memory.
bool request_keep_answer(struct requests *t, struct request *q, const void *payload, uint32_t n);
// t: of the core that has the request.
void request_drop_answer(struct requests *t, struct request *q);
// The id in a field of the request by the field's name, 0 where it is absent.
uint64_t request_id_field(const struct request *q, const char *name);
// The id in the field that ops.def names as the key, 0 = none.
uint64_t request_key(const struct request *q);

#endif
