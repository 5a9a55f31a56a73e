// The driver for Kith over HTTP/1.1 with JSON (bench/driver.h): the same questions as frames.h, by
// the routes of ops.def. Requests are pipelined as deep as is asked for and answered in order.
#ifndef KITH_BENCH_FRAMES_HTTP_H
#define KITH_BENCH_FRAMES_HTTP_H

#include "bench/frames.h"

// After the members of f above `answers` are set, the service key among them; out->ctx is f.
void frames_http_init(struct frames *f, struct driver *out);

#endif
