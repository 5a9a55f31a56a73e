// A system that Kith is compared with: a driver for the generator (bench/driver.h), and the
// community as a stream that the system's own loader reads. Users and posts go by their numbers in
// the community; what is made later gets the next ones.
//
// The protocols are spoken by hand. A client library builds an object for each field of a page, or
// (libpq) has the server describe each answer anew; on a machine that generator and server share,
// either would make the system slower than it is.
#ifndef KITH_BENCH_COMPARE_PEER_H
#define KITH_BENCH_COMPARE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/compare/bytes.h"
#include "bench/driver.h"

enum { PAGE_POSTS = 20, TIMELINE_KEPT = 512 };

// A post on a page as the reader sees it. Texts are not ended by a NUL.
struct item {
    uint64_t created_ms;
    uint32_t likes, comments;
    bool liked;                // by the reader
    const char *author, *text;
    size_t author_n, text_n;
};
struct page { uint32_t reader; unsigned n; struct item item[PAGE_POSTS]; };

// What the first round trip of a question brought: posts of a page; or a new post, and the
// timelines that it goes to.
struct first_trip {
    unsigned n;
    uint64_t id[PAGE_POSTS];
    uint64_t made;
    uint32_t *fan, fans, fans_cap;
};

// What the scenario graph reads: names of the newest who like a post; how many there are; the text
// of a post, or the name of a user; whether actor follows that user.
struct graph_answer {
    const struct ask *ask;
    unsigned n;
    struct { const char *at; size_t n; } text[PAGE_POSTS];
    uint64_t count;
    bool linked;
};

struct peer {
    const char *host;
    unsigned port;
    bool synced;               // answered when on disk, where the connection decides that
    const struct community *community;
    struct first_trip *first;  // [connections][in_flight]
    unsigned in_flight;
    // Every page that comes, while not NULL.
    void (*page)(void *ctx, const struct page *p);
    void *page_ctx;
    // The same for answers of the scenario graph.
    void (*graph)(const struct graph_answer *a);
    uint64_t last_time;
    uint64_t changed, unchanged; // answers that say that something is new, or that nothing is
    char first_error[DRIVER_WHY];
};

// Fills in a driver whose context is p.
typedef void peer_driver(struct peer *p, struct driver *out);
peer_driver redis_driver, postgres_driver, memcached_driver;
peer_driver redis_graph_driver, postgres_graph_driver; // for the scenario graph
int redis_open(void *ctx, unsigned i, int *fd, char *why); // of both Redis's

// What a load consists of. TIMED_FOLLOWS: again, as sorted sets. LINKS, NODES: likes, and where
// that differs posts and users, in the form of the scenario graph.
enum load_part {
    LOAD_USERS = 1, LOAD_FOLLOWS = 2, LOAD_POSTS = 4, LOAD_TIMELINES = 8, LOAD_LIKES = 16,
    LOAD_COMMENTS = 32, LOAD_TIMED_FOLLOWS = 64, LOAD_LINKS = 128, LOAD_NODES = 256,
    LOAD_COMMUNITY = LOAD_USERS | LOAD_FOLLOWS | LOAD_POSTS | LOAD_TIMELINES,
    LOAD_GRAPH = LOAD_USERS | LOAD_FOLLOWS | LOAD_POSTS | LOAD_LINKS | LOAD_NODES,
};
struct load { const struct community *community; unsigned parts; uint64_t likes, comments; };
void redis_load(const struct load *l, FILE *to);
void postgres_load(const struct load *l, FILE *to);
void memcached_load(const struct load *l, FILE *to);
void postgres_graph_load(const struct load *l, FILE *to);

// What they share. A connection over TCP that has sent the greeting and got all of the answer, as
// `greeted` judges: 1 whole, 0 not yet, -1 refused.
struct greeting { const struct bytes *bytes; int (*greeted)(const uint8_t *in, size_t n); };
int peer_open(const struct peer *p, const struct greeting *g, int *fd, char *why);
struct first_trip *peer_first(const struct peer *p, const struct job *job);
// The text that a question brings, if any, and the name of who brings it.
struct text { char at[400]; size_t n; };
void peer_text(const struct peer *p, const struct ask *a, struct text *out);
// Now, later than any time before: 41 bits of milliseconds and 12 that count.
uint64_t peer_time(struct peer *p);
// Notes the first error; the verdict for it.
enum verdict peer_refused(struct peer *p, const void *words, size_t n);
enum verdict peer_changed(struct peer *p, bool changed);

#endif
