// What is settled before an entry is written: that which the decider could not find out for itself,
// or would find out otherwise when the log is read again.
#ifndef KITH_API_INGEST_H
#define KITH_API_INGEST_H

#include "api/reactor.h"
#include "core/fb_build.h"

// The operation of the entry: that of the request, but where names are changed.
unsigned ingest_op(const struct reactor *r, const struct request *q);
// Writes the entry's body behind the head that stands in r->entry. KITH_ok, or the refusal, with
// its field in q->fault where it is invalid_field.
enum kith_error ingest(struct reactor *r, struct request *q);
// Whom a text names, each once: the ids, at most MENTIONS_MAX.
unsigned ingest_named(const struct reactor *r, fb_str text, uint64_t *id);
// The request's table is the entry's body.
enum kith_error ingest_as_is(struct reactor *r, const struct request *q);
// Posts: media in order, hashtags and mentions of the text (ingest_post.c).
enum kith_error ingest_post(struct reactor *r, struct request *q);

// A refusal of a field.
enum kith_error ingest_fault(struct request *q, const char *pointer, const char *code,
                             uint32_t max);

// Splits a full name; false: one of its parts is longer than such a part may be.
bool ingest_names(fb_str full, fb_str *first, fb_str *last);

// Copies fields of a table into a staged one: 8 + type->size bytes, zeroed before.
struct fields {
    const fb_type *type;
    const void *table;
    uint64_t mask;             // which, by id
};
void ingest_stage(fb_builder *b, struct fields from, void *staged);

#endif
