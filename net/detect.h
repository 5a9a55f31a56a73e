// Which protocol a connection speaks, by its first bytes.
#ifndef KITH_NET_DETECT_H
#define KITH_NET_DETECT_H

#include <stddef.h>

#include "net/conn.h"

enum detected { DETECT_MORE, DETECT_FRAMES, DETECT_HTTP, DETECT_NEITHER };

// Judges the first bytes of a connection; never DETECT_MORE from DETECT_BYTES bytes on. What it
// says of some bytes it says of any more that follow them.
enum detected detect(const char *p, size_t size);

#endif
