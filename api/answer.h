// The end of a request: its answer goes to the core where it arrived and from there to its
// connection, as a frame or as JSON, and is counted. After each of these calls the request belongs
// to nobody here.
#ifndef KITH_API_ANSWER_H
#define KITH_API_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "api/reactor.h"
#include "core/fb_build.h"

// The answer of q's operation: a finished payload of its reply table, copied if need be.
void answer_payload(struct reactor *r, struct request *q, const void *payload, uint32_t n);
// Finishes what stands in the builder; an internal error where building failed.
void answer_built(struct reactor *r, struct request *q, fb_builder *b, fb_ref root);
// A reply without fields.
void answer_empty(struct reactor *r, struct request *q);
// Ends a request that gets no (further) answer.
void answer_none(struct reactor *r, struct request *q);
// A payload of a subscription, at its own core: the first is its answer, the others are events.
void answer_event(struct reactor *r, struct request *q, const void *payload, uint32_t n);
// Refused. The field at fault is the one that errors.def names, if it names one.
void answer_error(struct reactor *r, struct request *q, enum kith_error error);
// Refused for what stands in q->fault.
void answer_fault(struct reactor *r, struct request *q, enum kith_error error);

// An HTTP answer that is no operation's: at its own core. extra: header lines or NULL.
struct plain {
    unsigned status;
    const char *content_type, *extra;
    const void *body;
    size_t n;
};
void answer_plain(struct reactor *r, struct request *q, const struct plain *plain);

// net_handler.problem: the body for an error that net answers itself.
size_t answer_net_problem(void *ctx, unsigned status, char *out, size_t cap);
// The JSON of a problem document; its length, 0 when it does not fit.
size_t answer_problem_json(char *out, size_t cap, enum kith_error error, uint64_t number);
// Frees what a request owns that will never be answered.
void answer_drop(struct request *q);

#endif
