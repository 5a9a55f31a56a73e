// HTTP requests become requests: route, identity, then one table made of path, query and body.
#ifndef KITH_API_HTTP_H
#define KITH_API_HTTP_H

#include "net/net.h"

// net_handler.http; ctx is the reactor.
void http_arrived(void *ctx, net_conn c, const struct http_request *request);

#endif
