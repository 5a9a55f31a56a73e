// Cascades: what hangs on a gone user, post or comment is taken down in steps of one entry each,
// until the object is empty and is erased. The state is the cursor: a gone object with lists that
// are not empty. What is kept here is only what is under way, and is made anew from the gone
// objects after a start.
#ifndef KITH_STORE_JOBS_H
#define KITH_STORE_JOBS_H

#include <stdbool.h>
#include <stdint.h>

struct object;
struct part;

// The object of this partition is gone: its cascade begins.
void jobs_add(struct part *p, const struct object *object);
// It is erased.
void jobs_remove(struct part *p, uint64_t object);
// A step of its cascade (unlink or erase, whose actor is the object) was applied.
void jobs_stepped(struct part *p, uint64_t object);
uint32_t jobs_count(const struct part *p);

#endif
