// Answers to what people do with posts and comments of others, beyond likes of posts.
#ifndef KITH_API_ENGAGE_H
#define KITH_API_ENGAGE_H

#include <stdbool.h>

#include "api/reactor.h"

// The change was made, q->outcome is its. false: it is none of these operations.
bool engage_answer(struct reactor *r, struct request *q);
// Runs on the acting user's core.
void engage_stats(struct reactor *r, struct request *q);

#endif
