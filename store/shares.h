// The text of a share: found from the edge (sharers of the post), any core.
#ifndef KITH_STORE_SHARES_H
#define KITH_STORE_SHARES_H

#include <stdint.h>

struct share_text;
struct store;

// What was said at the share of this stamp; NULL: nothing.
const struct share_text *share_text_find(const struct store *s, uint64_t post, uint64_t stamp);

#endif
