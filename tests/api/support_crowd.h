// A server in one thread with a community of a chosen size, for what is counted in two sizes
// (tests/api/flat_cost.c). Each of its lists that can be long has n rows. What makes them goes
// straight into the log's queue, bulk edges of every kind among it: a request for each would take
// most of the time.
#ifndef KITH_TESTS_API_SUPPORT_CROWD_H
#define KITH_TESTS_API_SUPPORT_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/fb_build.h"
#include "core/graph.h"
#include "core/ops.h"

enum { POPULAR_POSTS = 20, ALIVE_POSTS = 40 };

struct crowd {
    uint32_t n;
    uint64_t *person;          // [n] follow the hub, and it follows them
    uint64_t *post;            // [n] of the author, newest first; replies to `asked`; the oldest
                               // are pinned
    uint64_t hub, author, writer;
    uint64_t ring;             // mutes, likes, bookmarks and is close to everybody
    uint64_t wall;             // blocks everybody, and follows `popular`
    uint64_t keeper;           // n posts archived, ALIVE_POSTS not
    uint64_t shy;              // n posts for followers, newer than all public ones
    uint64_t popular;          // POPULAR_POSTS posts that n / 10 like
    uint64_t fan;              // follows the hub, `popular` and the author
    uint64_t leaver;           // three edges of each kind, at things that have n
    uint64_t asked;            // the hub's post: n likes, shares, bookmarks, comments and replies
    uint64_t comment;          // on it: n likes and replies
    uint64_t collection;       // the author's, of n posts
};

extern struct crowd crowd;

// Makes it in a new directory, which goes when the process ends.
void crowd_begin(uint32_t n);
void crowd_end(void);

// Steps until nothing more becomes an entry.
void crowd_settle(void);
// One request over HTTP under a service key, for `viewer` unless it is 0; body: JSON or NULL. Gives
// the status; the whole answer is in crowd_text until the next one.
unsigned crowd_call(uint64_t viewer, const char *method, const char *target, const char *body);
extern char crowd_text[];

_Noreturn void crowd_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
