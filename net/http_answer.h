// Answers as bytes, put on the wire in the order of their requests.
#ifndef KITH_NET_HTTP_ANSWER_H
#define KITH_NET_HTTP_ANSWER_H

#include <stdint.h>

#include "net/http.h"

// An answer to the next request, made here: a problem document. The connection ends after it.
void http_answer_problem(struct net *n, struct conn *c, unsigned status);
// The interim answer "100 Continue". All earlier requests are answered.
void http_answer_continue(struct net *n, struct conn *c);
// Gives back the answers that wait.
void http_answers_free(struct net *n, struct http *h);

#endif
