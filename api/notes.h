// Notifications and activities over the wire: pages, counts, preferences, events that are waited
// for, and subscriptions.
#ifndef KITH_API_NOTES_H
#define KITH_API_NOTES_H

#include <stdbool.h>

#include "api/reactor.h"

// Whether the request reads one of them; then the core that has it, and the read itself, there.
bool notes_reads(const struct request *q);
unsigned notes_core(const struct reactor *r, const struct request *q);
void notes_read(struct reactor *r, struct request *q);
// Answers a change of one of them that was done; false: it is no such change.
bool notes_answer(struct reactor *r, struct request *q);
// The stamp from which on what users did is shown.
uint64_t activities_since(const struct server *s);

#endif
