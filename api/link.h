// The Link header of a page: the address of the next one, made anew from the request's fields, so
// that no byte of the client's stands in it as it came.
#ifndef KITH_API_LINK_H
#define KITH_API_LINK_H

#include <stddef.h>

#include "api/request.h"

// Writes `Link: <…>; rel="next"\r\n` and a NUL; gives its length, 0 when it does not fit.
size_t link_next(char *out, size_t cap, const struct request *q, fb_str cursor);

#endif
