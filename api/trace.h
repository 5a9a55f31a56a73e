// What a request touched and when: what `explain` tells, and the log of requests slower than
// --slow-ms. Counted by the page and by the move, never by the item, so that who does not ask
// pays nothing that can be measured.
#ifndef KITH_API_TRACE_H
#define KITH_API_TRACE_H

#include <stdbool.h>
#include <stdint.h>

// In this order; what a request has no need of takes no time.
//   PARSE  bytes to a table that was judged    ROUTE  to the core that answers, or into the log
//   WAIT   for other cores' marks, for the log READ   ids and the records behind them
//   BUILD  the answer                          SEND   back to the connection, and as JSON
enum trace_step { TRACE_PARSE, TRACE_ROUTE, TRACE_WAIT, TRACE_READ, TRACE_BUILD, TRACE_SEND,
                  TRACE_STEPS };

struct trace {
    uint64_t ended[TRACE_STEPS]; // by the monotonic clock, 0 = there was no such step (yet)
    bool explained;              // times are exact; otherwise they are those of the core's turns
    uint16_t moves;              // of the request from core to core
    uint16_t asked;              // questions to other cores
    uint16_t rounds;             // of a list, until its page was full
    uint32_t found;              // ids that the lists gave
    uint32_t hidden;             // of them: gone, or not for this viewer's eyes
    uint32_t passed;             // of them: skipped, as `offset` said
    uint32_t shown;              // of them: in the answer; found = hidden + passed + shown
    uint32_t records;            // looked up behind a page: items, and who wrote them
    // Of a feed. Where the ids came from, known of what is explained alone; their sum is `found`.
    uint32_t pushed;             // the reader's timeline, as it stood
    uint32_t pulled;             // what authors publish, merged at this read
    uint32_t older;              // lists on the authors' cores: older than what is at hand
    uint32_t authors_pulled;     // too widely followed to push, or the reader's own
    uint32_t authors_read;       // of a reader who had no timeline
    uint16_t misses;             // timelines that had to be made
    uint32_t bytes;              // of the answer's table
};

struct log_field;
struct reactor;
struct request;

// The step has ended: the first time counts.
void trace_end(const struct reactor *r, struct request *q, enum trace_step step);
// Nanoseconds of each step of a request that came at began_ns.
void trace_steps(const struct trace *t, uint64_t began_ns, uint64_t ns[TRACE_STEPS]);
const char *trace_step_name(enum trace_step step);

struct feed_before { uint64_t misses, pulled, read; };
struct page;
// Round one read of a feed: what it made the core look at.
struct feed_before trace_feed_begin(const struct reactor *r);
void trace_feed_end(const struct reactor *r, struct request *q, const struct feed_before *before);

// One line for the operator if it took longer than --slow-ms. Where everything is slow, a core
// tells some of it each second, and how many it did not tell: writing lines must not be what is
// slow.
void trace_slow(struct reactor *r, const struct request *q, uint64_t ns);

#endif
