// Snapshots while serving. A mark in the log says of which place; each core writes the image of its
// partitions in small steps into chunks, and the snapshot thread writes these to disk.
//
//   control: ask ─► mark ─► cores: image_begin, image_step … ─► chunks ─► thread: append … finish
#ifndef KITH_API_SNAPSHOTTER_H
#define KITH_API_SNAPSHOTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "core/event.h"
#include "core/ring.h"

struct reactor;
struct server;
struct snapshotter;

// NULL when there is no memory.
struct snapshotter *snapshotter_new(struct server *s);
void snapshotter_free(struct snapshotter *n);

// ---- control thread ----------------------------------------------------------------------------
// Begins one; false: one is under way, or the queue is full.
bool snapshotter_ask(struct snapshotter *n, struct ring *queue);
struct snapshot_result {
    uint64_t place;            // 0: it failed
    int error;                 // errno
};
// Whether the one that was asked for has ended; once for each.
bool snapshotter_ended(struct snapshotter *n, struct snapshot_result *out);
bool snapshotter_busy(const struct snapshotter *n);

// ---- cores -------------------------------------------------------------------------------------
// A mark was applied: the image begins.
void snapshotter_mark(struct reactor *r, const struct entry *e);
// Writes a little of it, unless the core has to rest from that; to be called every
// SNAPSHOTTER_TURN_MS while there is one.
enum { SNAPSHOTTER_TURN_MS = 1 };
void snapshotter_turn(struct reactor *r);
// The core ends with its image unfinished.
void snapshotter_drop(struct reactor *r);

// ---- snapshot thread ---------------------------------------------------------------------------
// Does one thing of what is to be done; whether there was anything.
bool snapshotter_step(struct snapshotter *n);
// How long the thread should rest after a step that took so long.
uint64_t snapshotter_rest_ns(const struct snapshotter *n, uint64_t took_ns);
struct event *snapshotter_event(struct snapshotter *n);

#endif
