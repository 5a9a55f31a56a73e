// Random changes of what hangs on posts and comments, for the chaos of support_state.h.
#ifndef KITH_TESTS_STORE_SUPPORT_ENGAGE_H
#define KITH_TESTS_STORE_SUPPORT_ENGAGE_H

#include "tests/store/support_state.h"

// Ids that may be gone, drawn by the chaos.
struct drawn { uint64_t user, post, comment; };
// The outcome is of a new post where *born comes back true.
struct outcome chaos_engage(struct chaos *c, struct drawn what, bool *born);

#endif
