// One core of the server: its connections, its share of the state, its requests. Everything here is
// done by the core's own thread, but for reactor_give.
//
//   turn:  marks ─► mailboxes ─► released batches ─► publish ─► consequences ─► requests ─► network
#ifndef KITH_API_REACTOR_H
#define KITH_API_REACTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/hot_keys.h"
#include "api/mail.h"
#include "api/push.h"
#include "api/request.h"
#include "api/retention.h"
#include "api/stats.h"
#include "api/state.h"
#include "api/watch.h"
#include "core/fb_build.h"

struct helper_job;
struct image_sender;

struct reactor {
    struct server *server;
    unsigned core;
    struct shard *shard;
    struct net *net;
    struct ring *queue;            // to the log's writer
    struct core_shared *shared;    // own

    struct requests requests;
    struct request_list ready;     // to run this turn
    struct request_list parked;    // wait for marks, or for something to become visible
    struct retention retention;
    struct watch watch;            // wait for something to happen to a user
    struct pushes pushes;          // what is to be pushed to devices
    uint64_t seen;                 // all cores' lowest `applied`, read before the mailboxes

    struct mail_late_list late[CORES_MAX];
    uint32_t pulled_late;          // letters of that kind in there
    bool sent_to[CORES_MAX];       // since the last mail_wake

    struct batch *batch;           // being applied
    uint32_t batch_at;             // bytes of it that are done
    struct mail_outcome *outcomes; // of this core's deciders for this core's requests
    uint32_t outcomes_n, outcomes_cap;
    uint32_t undos;                // emitted and not read back
    bool logged;                   // something, since the writer was called last
    uint64_t erase_ns;             // when it looks for overdue posts again
    uint8_t *owed, *job;           // a consequence, a step that the queue had no room for: malloc'd

    uint8_t *build;                // BUILD_BYTES for building answers
    fb_builder pages;              // on them: of lists
    uint8_t *entry;                // ENTRY_MAX for building entries
    char *text;                    // for JSON text, grown as needed
    size_t text_cap;

    pthread_mutex_t given_lock;    // of `given`
    struct helper_job *given;      // finished jobs, newest first
    _Atomic bool have_given;

    struct image_sender *image;    // a snapshot under way
    struct media_signer media;     // of addresses that this core shows
    struct stats stats;
    struct hot_keys hot;
    struct slow_log { uint64_t second, told, untold; } slow; // of trace_slow
    uint64_t published_ns;         // when stats were last published
    uint64_t turn_ns;              // when it last began to run requests, by the coarse clock
    bool drained;                  // net_drain was called
};

enum { BUILD_BYTES = 8 << 20, RING_REST_BYTES = 64 << 10 };

// Listeners open. 0 or errno, with what failed in why.
int reactor_open(struct server *s, unsigned core, struct reactor **out, char why[SERVER_WHY]);
void reactor_close(struct reactor *r);
// Connections that the process may have, over all cores.
uint32_t reactor_connections(const struct server *s);
// One turn; waits at most wait_ms where there is nothing to do.
void reactor_turn(struct reactor *r, int wait_ms);
// Applies one released batch or a part of it. Whether there was one.
bool reactor_apply(struct reactor *r);

// Runs the request on this core at the next look at the ready ones.
void reactor_ready(struct reactor *r, struct request *q);
// Runs it again at every turn.
void reactor_park(struct reactor *r, struct request *q);
// Goes to a core and is run there: at once if it is this one.
void reactor_move(struct reactor *r, struct request *q, unsigned core,
                  void (*run)(struct reactor *, struct request *));
// The core that owns an id.
static inline unsigned reactor_core_of(const struct reactor *r, uint64_t id)
{
    return store_core(r->server->store, (unsigned)(id & (SLOTS - 1)));
}
// Whether every change answered before the request came is visible from here.
static inline bool reactor_fresh(const struct reactor *r, const struct request *q)
{
    return q->demand <= r->seen;
}
// Whether nothing of the entry at this place is still to be undone anywhere, as far as is known
// here.
bool reactor_settled(const struct reactor *r, uint64_t place);
// Whether the server is being stopped.
bool reactor_stops(const struct reactor *r);
// Hands an entry to the log; false when the queue is too full for a client's entry.
bool reactor_log(struct reactor *r, const struct entry *e);
// The decider's word on an entry of this core's request: by a later look at the ready ones.
void reactor_outcome(struct reactor *r, uint64_t ticket, const struct outcome *o);
// A helper has finished a job. Any thread.
void reactor_give(struct reactor *r, struct helper_job *job);
// The highest place that any core has answered a change with.
uint64_t reactor_answered(const struct server *s);
// At least n bytes of r->text, NULL when there is no memory.
char *reactor_text(struct reactor *r, size_t n);

#endif
