// Reads of lists: on the acting user's core ids are gathered from the cores that own them, dead
// ones dropped, more fetched where a page came out short, and the page built.
//
//   begin ─► ask one core or all ─► told ─► filter ─┬─► enough, or the end ─► build ─► answer
//              ▲                                    └─► short ──┐
//              └────────────────────────────────────────────────┘
#ifndef KITH_API_LISTS_H
#define KITH_API_LISTS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/finds.h"
#include "api/reactor.h"
#include "store/read.h"

enum list_source {
    SOURCE_EDGES, SOURCE_SEQ, SOURCE_ALL_POSTS, SOURCE_FEED, SOURCE_AUTHORS, SOURCE_AUDITS,
    SOURCE_FIND,               // of the index: api/finds.h
    SOURCE_QUEUE,              // of everybody's documents: store/queues.h
};

// What one core is asked; goes there and comes back. Belongs to the reading.
struct question {
    struct request *request;
    unsigned home;             // where it comes back to
    enum list_source source;
    enum list_kind list;
    bool ascending, include_self;
    uint64_t owner;            // of the list; the viewer, for a feed; number of the queue
    uint64_t key, key_stamp;   // go on from here, 0 = from the beginning
    const uint64_t *author;    // SOURCE_AUTHORS: of the reading
    uint32_t authors;
    struct find find;          // SOURCE_FIND
    struct page page;          // want is set, the rest is the answer
};

// A list read that is under way.
struct reading {
    enum entity kind;          // of the items
    uint32_t skip;             // items still to be passed over
    uint32_t limit;
    uint32_t rounds;
    uint32_t due;              // answers to come
    struct question *asked;    // [cores], where more than one core is asked
    uint64_t *author;          // of a feed that asks the authors' cores
    struct tops *tops;         // of a ranking that adds up cores
    struct question what;      // of the next round
    struct page page;          // what is found so far
};

// Runs on the core where the answer is built. q->row is a list of ops.def.
void lists_begin(struct reactor *r, struct request *q);
// It looks into the index, which after a start is still being made.
bool lists_waits(const struct reactor *r, const struct request *q);
// The core on which the request's answer is to be built.
unsigned lists_core(const struct reactor *r, const struct request *q);
// Another core's question.
void lists_answer(struct reactor *r, struct question *w);
// It has come back.
void lists_told(struct reactor *r, struct question *w);
void lists_free(struct request *q);
// Asks every core what g->what says, each from its own place where `again`; then `run`.
void lists_ask_all(struct reactor *r, struct request *q, bool again);
// The page is found: the answer is built.
void lists_build(struct reactor *r, struct request *q);

#endif
