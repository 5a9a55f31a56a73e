// Contacts: addresses and numbers that somebody's device knows. What is kept of each is a hash
// under the log's key, made at ingest, so that neither the log nor a snapshot has one in clear.
// Whose it is is found by that hash among the account names, also when he comes later, and only of
// users who allow it (is_findable). A hash that clients made, without a key, could be undone by
// trying all numbers.
#ifndef KITH_API_CONTACTS_H
#define KITH_API_CONTACTS_H

#include "api/reactor.h"
#include "core/errors.h"

// The entry's body stands in r->entry.
enum kith_error contacts_ingest(struct reactor *r, struct request *q);
// On the acting user's core.
void contacts_read(struct reactor *r, struct request *q);

#endif
