// Reads about people by way of people: suggestions, and who of those that one follows follows
// somebody.
#ifndef KITH_API_PEOPLE_H
#define KITH_API_PEOPLE_H

#include "api/reactor.h"

// On the acting user's core.
void people_suggest(struct reactor *r, struct request *q);
void people_mutuals(struct reactor *r, struct request *q);

#endif
