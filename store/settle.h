// What others have of a post when it goes into the bin, and when it comes out of it: the lists that
// it stands in elsewhere lose it and have it again, what its author was told of it is hidden and
// shown, and who was told elsewhere is told no more.
//
// That may be more than one entry can do: a step does some of it and owes the next one. Each does
// what the post's side is by then, so whichever comes last is right.
#ifndef KITH_STORE_SETTLE_H
#define KITH_STORE_SETTLE_H

#include <stdint.h>

struct apply;
struct part;

// The post has changed sides: the first step.
void settle_post(struct apply *a, struct part *p, uint64_t post);

#endif
