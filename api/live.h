// GET /ws: a WebSocket on which a user is told what happens, as it happens.
#ifndef KITH_API_LIVE_H
#define KITH_API_LIVE_H

#include <stdbool.h>

#include "api/reactor.h"

// Whether the request is for it.
bool live_path(struct net_text path);
// Takes over the connection of a request whose identity is known, or answers why not. The query's
// `after` says which notification was the last one seen.
void live_begin(struct reactor *r, struct request *q, const struct http_request *h);
// A browser cannot send a header along: the token may stand in the query as access_token. Gives
// its value, n = 0 where there is none.
struct net_text live_token(const struct http_request *h);
// A payload of NotificationEvents, as messages.
void live_send(struct reactor *r, struct request *q, const void *payload);

#endif
