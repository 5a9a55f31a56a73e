// The audit log as api sees it: who asked and from where is written behind an entry's head, so that
// the act and its record cannot part (store/audit.h); what makes no entry gets one for itself.
#ifndef KITH_API_AUDIT_H
#define KITH_API_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "api/reactor.h"
#include "core/fb_build.h"
#include "store/read.h"

// Whether an entry of this operation, for this request, is to say who asked; and what it says.
bool audit_due(const struct request *q, unsigned op);
void audit_fill(const struct reactor *r, const struct request *q, struct entry_audit *out);
// Whether the read shows personal data to somebody else than the person.
bool audit_read_due(const struct reactor *r, const struct request *q);
// The entry audit_add stands in r->entry: the request was done, or refused.
enum kith_error audit_take(struct reactor *r, const struct request *q, bool done);
// Notes where a request came from, as far as its operation needs that.
void audit_peer(const struct reactor *r, struct request *q);

// The page of acts.
fb_ref audit_build(fb_builder *b, const struct shown *what);

#endif
