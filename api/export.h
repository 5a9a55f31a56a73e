// All that is kept of a user, by the page: lines of JSON that are in no page twice, from the user's
// own lists and records alone. Of others there are only the numbers that the user's own say. A page
// is what one turn of a core may build, so that an export costs no more memory than any list, goes
// on after a break where it was, and is judged anew, page by page, by who may read it; an answer
// that streams would hold a core's state, or a copy of it, for as long as a client cares to read.
#ifndef KITH_API_EXPORT_H
#define KITH_API_EXPORT_H

#include "api/reactor.h"

// On the core of the user whom the request names.
void export_read(struct reactor *r, struct request *q);

#endif
