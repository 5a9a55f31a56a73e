// Paths to operations: a tree of path segments made at the start from the `http` texts of ops.def.
//
//   /api ─ user ─┬─ follow ─ {user_id}   POST follow · DELETE unfollow
//                └─ {user_id} ─┬─        GET user_get · PUT user_update …
//                              └─ posts  GET user_posts
#ifndef KITH_API_ROUTER_H
#define KITH_API_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/ops.h"
#include "net/net.h"

enum { ROUTE_PARAMS_MAX = 4, ROUTE_METHODS = 5, ALLOW_BYTES = 64 };

struct route_param {
    const char *name;          // of the request's field
    struct net_text value;     // percent-encoded, as in the path
};

struct route_match {
    const struct op_row *row;  // NULL: the path is there, the method is not
    unsigned params;
    struct route_param param[ROUTE_PARAMS_MAX];
    char allow[ALLOW_BYTES];   // "GET, HEAD, …"
};

struct router;

// NULL when there is no memory. A route that is there already stops the process: ops.def is wrong.
struct router *router_new(void);
void router_free(struct router *r);
// false: no such path. HEAD is GET.
bool router_find(const struct router *r, enum http_method method, struct net_text path,
                 struct route_match *out);
// Undoes percent-encoding (and '+', in a query) in place; false where it is malformed. *n gets
// shorter.
bool router_decode(char *s, size_t *n, bool query);

#endif
