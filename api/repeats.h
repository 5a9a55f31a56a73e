// The same text again and again: who has said it to so many (the class `repeat` of core/rates.def)
// may go on saying it to those who follow him, and to nobody else.
#ifndef KITH_API_REPEATS_H
#define KITH_API_REPEATS_H

#include <stdbool.h>

#include "api/reactor.h"

// Counts the text of q, which is sound, once for each whom it reaches: on the core where q arrived.
// true: too often.
bool repeats_over(struct reactor *r, struct request *q);
// On the acting user's core, after that: whether all whom it reaches follow the acting user; else q
// is told the limit.
bool repeats_known(struct reactor *r, struct request *q);
// q, which was counted, has ended: what the server had no room or time for was said to nobody.
void repeats_ended(struct reactor *r, const struct request *q);

#endif
