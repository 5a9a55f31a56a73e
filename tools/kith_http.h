// One HTTP request to the admin port, for the commands that speak with it.
#ifndef KITH_TOOLS_KITH_HTTP_H
#define KITH_TOOLS_KITH_HTTP_H

#include "tools/kith_string.h"

// Sends METHOD path to HOST:PORT, reads the whole answer; its body goes to *body. The status, or -1
// with a sentence in why[256].
struct http_call { const char *address, *method, *path; };
int http_exchange(const struct http_call *call, struct string *body, char *why);

#endif
