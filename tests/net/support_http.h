// Runs a byte stream through a reactor on a fake network and says in a line what came of it.
#ifndef KITH_TESTS_NET_SUPPORT_HTTP_H
#define KITH_TESTS_NET_SUPPORT_HTTP_H

#include <stddef.h>

#include "tests/net/support_fake.h"

enum http_cut_kind { HTTP_WHOLE, HTTP_BYTES, HTTP_SPLIT };
struct http_cut { enum http_cut_kind kind; size_t at; }; // at: of HTTP_SPLIT

// What the handler saw and what the peer got:
//   "GET /a?q; POST /b [body]; !400."   served, served, refused by net with 400, ended
// A long body stands as [#length].
struct http_outcome {
    char text[4096];
    char *out;                     // all that the peer got; the caller's
    size_t out_n;
};

struct http_bench;
// With http_only the first bytes are not judged.
struct http_bench *http_bench_open(bool http_only);
void http_bench_close(struct http_bench *b);
struct http_outcome http_bench_run(struct http_bench *b, const char *bytes, size_t n,
                                   struct http_cut cut);

#endif
