// Changes: a request becomes a log entry, and its decider's word becomes the answer.
//
//   begin ─► ingest (ingest.h) ─► store_check ─► store_route ─► log … outcome ─► answer
#ifndef KITH_API_CHANGES_H
#define KITH_API_CHANGES_H

#include "api/reactor.h"
#include "core/fb_build.h"

// request.run of a change that has just arrived.
void changes_begin(struct reactor *r, struct request *q);
// Asks memory for what these requests, about to run, will look at first; at most READ_AHEAD_MAX.
void changes_ahead(const struct reactor *r, struct request *const *q, uint32_t n);

// ---- for chains of entries (accounts.c) --------------------------------------------------------
// An entry in r->entry: a head for `op`, then the body is to be written at change_body.
struct entry *change_head(struct reactor *r, const struct request *q, unsigned op);
// The body goes here; at most change_room bytes.
uint8_t *change_body(struct reactor *r);
uint32_t change_room(const struct reactor *r);
// The finished payload of b becomes the body: KITH_ok or too_large.
enum kith_error change_take(struct reactor *r, fb_builder *b, fb_ref root);
enum change_end { CHANGE_LOGGED, CHANGE_WAITS, CHANGE_REFUSED };
// Checks, routes and logs what stands in r->entry; q->run runs when the outcome is there. Waits:
// the check refused what may be older than what the client knows; run the step again later.
// Refused: *error.
enum change_end change_log(struct reactor *r, struct request *q, enum kith_error *error);

#endif
