// Mailboxes: a queue for each ordered pair of cores. What is sent is small; requests and questions
// go as pointers, and belong to the core that has received them.
#ifndef KITH_API_MAIL_H
#define KITH_API_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/ring.h"
#include "store/store.h"

struct reactor;
struct server;

enum mail_kind {
    MAIL_REQUEST = 1,  // struct request *: run it
    MAIL_ASK,          // struct question *: answer it from your lists
    MAIL_TOLD,         // struct question *: answered
    MAIL_SHARE,        // struct share *: do your share of a gathering
    MAIL_SHARE_DONE,   // struct share *: done
    MAIL_OUTCOME,      // struct mail_outcome
    MAIL_PUSH,         // struct mail_push
    MAIL_PULLED,       // uint64_t: the author
    MAIL_KINDS,
};

struct mail_outcome {
    uint64_t ticket;
    struct outcome outcome;
};

enum { PUSH_READERS = 1000 };
struct mail_push {
    uint64_t post;
    uint64_t n;
    uint64_t reader[PUSH_READERS]; // n of them are sent
};

struct mailbox {
    struct ring ring;
    void *memory;
};

// A letter that found its mailbox full; sent again every turn, in order.
struct mail_late {
    struct mail_late *next;
    uint32_t kind, n;
    uint8_t bytes[];
};
struct mail_late_list { struct mail_late *first, **last; };

// 0 or ENOMEM.
int mail_open(struct server *s);
void mail_close(struct server *s);

void mail_init(struct reactor *r);
void mail_free(struct reactor *r);
// Now and then: mailboxes that rest give the memory back that a burst has needed.
void mail_rest(struct reactor *r);
// Nothing is lost: what does not fit waits here.
void mail_send(struct reactor *r, unsigned to, enum mail_kind kind, const void *letter);
// A post for readers of another core. What does not fit makes that core drop its timelines.
void mail_push(struct reactor *r, unsigned to, struct push push);
// Tries again what was late. Whether any pulled author is late still: then no mark may be
// published.
bool mail_late(struct reactor *r);
// Takes all that waits for this core.
void mail_take(struct reactor *r);
// Wakes those that were sent something since the last call.
void mail_wake(struct reactor *r);

#endif
