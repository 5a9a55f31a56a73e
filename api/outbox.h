// What is to be told to somebody outside, by a sender who reads it: mails and text messages with
// one-time tokens. In memory alone, for the log has the tokens' hashes only: what a stop of the
// server takes away is asked for again.
#ifndef KITH_API_OUTBOX_H
#define KITH_API_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

struct reactor;
struct request;

enum { OUTBOX_TO = 256, OUTBOX_TOKEN = 64 };

struct outbox_event {
    uint64_t number;           // rises, also over restarts
    uint64_t user, created_ms, expires_ms;
    uint8_t kind;              // TicketKind
    bool sms;                  // else a mail
    char to[OUTBOX_TO];        // address or phone number
    char token[OUTBOX_TOKEN];
};

struct outbox;

// Numbers begin with the time of the start, so that they are above those of earlier starts. NULL:
// no memory.
struct outbox *outbox_new(uint64_t started_ms);
void outbox_free(struct outbox *o);
// Gives the event its number. The oldest goes where there is no room. Any thread.
void outbox_add(struct outbox *o, struct outbox_event *e);
// Events above `after`, oldest first, at most max; whether some above it are gone. Any thread.
uint32_t outbox_read(struct outbox *o, uint64_t after, struct outbox_event *out, uint32_t max);
bool outbox_missed(struct outbox *o, uint64_t after);

// The operation outbox_list.
void outbox_answer(struct reactor *r, struct request *q);

#endif
