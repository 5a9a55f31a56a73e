// The page of a user's sessions.
#ifndef KITH_API_SESSIONS_H
#define KITH_API_SESSIONS_H

#include <stdint.h>

#include "core/fb_build.h"
#include "store/read.h"

// current: the session that asks, 0 = none. Those whose time is up at now_ms are passed over.
struct sessions_view { uint64_t current, now_ms; };
fb_ref sessions_build(fb_builder *b, const struct shown *what, struct sessions_view view);

#endif
