// Push jobs: what users who are not connected were told of, for the devices that they have
// registered. A sender outside asks for them by number (GET /api/push/jobs) and passes them on (to
// FCM or alike); a token that is no more it removes, acting for its user.
//
//   noted ─► this core's list: number, user ─┬─ a subscription took it: live, no job
//                                            └─ after PUSH_DELAY_MS a job for each device
//
// The notifications themselves are what lasts: the list is made again from them at a start, and the
// sender goes on after the number that it has seen last. So none is lost, and what comes twice has
// the same number.
#ifndef KITH_API_PUSH_H
#define KITH_API_PUSH_H

#include <stdbool.h>
#include <stdint.h>

struct reactor;
struct request;

struct push_note { uint64_t number, user; bool live; };

// Of a core.
struct pushes {
    struct push_note *note;    // by number, once it is built
    uint32_t n, room;
    uint64_t lost;             // highest number of those that went for want of room
    uint64_t at;               // where building goes on
    uint64_t owner_at;         // and where it is looked for tokens of two owners
    bool built, owned;
};

// The user was told of something. On the user's core, in apply.
void push_noted(struct reactor *r, uint64_t user);
// A subscription takes what the user was told of, from above `after` to `upto`.
void push_live(struct reactor *r, uint64_t user, uint64_t after, uint64_t upto);
// Once a turn: builds what is missing after a start, and takes from its older owner a token that
// has two.
void push_turn(struct reactor *r);
void push_end(struct reactor *r);

// The operation push_jobs.
void push_answer(struct reactor *r, struct request *q);
// A device was registered: whoever else had its token has it no more.
void push_moved(struct reactor *r, uint64_t device);

#endif
