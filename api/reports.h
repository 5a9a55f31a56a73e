// Reports: what somebody thinks should not be here. Who may report what is judged here, for good.
#ifndef KITH_API_REPORTS_H
#define KITH_API_REPORTS_H

#include "api/reactor.h"
#include "core/errors.h"

// The entry of a report, and of what a moderator made of one.
enum kith_error reports_ingest(struct reactor *r, struct request *q);
// Whether q is a report that says of what.
bool reports_names(const struct request *q);
// On the acting user's core, of such: whether the acting user sees what is reported.
bool reports_sees(const struct reactor *r, const struct request *q);

// The operation report_count.
void reports_count(struct reactor *r, struct request *q);

#endif
