// Every read that there is, held against the model: who asks, what for, and what must come back,
// as lists over all their pages and single answers field by field.
#ifndef KITH_TESTS_SIM_SIM_READS_H
#define KITH_TESTS_SIM_SIM_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb.h"
#include "core/ops.h"
#include "tests/sim/sim_model.h"

// A read under way: the table of what is asked, the answer's first page.
struct sim_read {
    uint16_t op;
    uint64_t viewer;
    const char *json;
    const struct op_row *row;
    const void *asked;
};

struct sim_read_counts {
    uint64_t judged[OP_LIMIT], hidden[OP_LIMIT], items[OP_LIMIT]; // hidden: rightly refused
    uint64_t pages, again;         // again: asked once more, for the clock had moved something
};
extern struct sim_read_counts sim_read_count;

// Asks, at a moment when nothing changes, and compares. What differs is a finding.
void sim_read_judge(uint16_t op, uint64_t viewer, const char *json);
// The same for a field that names an object: {"post_id":"…"}.
void sim_read_of(uint16_t op, uint64_t viewer, const char *field, uint64_t id);

// ---- what the model says                                        // sim_reads_model.c
enum { READ_GONE = -1, READ_ANY = -2 };
// Whether the object is there for the viewer.
bool sim_sees(uint64_t viewer, uint64_t id);
bool sim_has_tag(const struct model_object *post, const char *tag);
// The ids of a list, in order; READ_GONE: 404; READ_ANY: the model does not know.
int sim_read_list(const struct sim_read *r, uint64_t *out);
// Whether an item of a list says of its object what the model says.
bool sim_read_item(const struct sim_read *r, const fb_type *type, const void *item);
// Whether a single answer says what the model says; *there: whether there must be one.
bool sim_read_one(const struct sim_read *r, const void *answer, bool *there);

#endif
