// What the parts of one server share. Each member says who writes it; all else is set before the
// threads start and read-only afterwards.
#ifndef KITH_API_STATE_H
#define KITH_API_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/captcha.h"
#include "api/crowd.h"
#include "api/digests.h"
#include "api/keys.h"
#include "api/limits.h"
#include "api/media.h"
#include "api/provider_set.h"
#include "api/server.h"
#include "core/file.h"
#include "core/limits.h"
#include "persist/root.h"
#include "persist/wal.h"
#include "store/store.h"

enum phase {
    PHASE_START, PHASE_SNAPSHOT, PHASE_LOG, PHASE_SERVING, PHASE_DRAINING,
};

// What the other cores read of a core.
struct core_shared {
    // All entries up to this place are applied here, and their pushes handed over. By the core
    // itself.
    _Alignas(64) _Atomic uint64_t applied;
    // Highest place that a change was answered with here. By the core itself.
    _Alignas(64) _Atomic uint64_t answered;
    // Requests wait here for other cores' marks: wake me when yours moves. By the core itself.
    _Atomic uint32_t parked;
    // A push found the mailbox full: the timelines here are to be dropped. By any core.
    _Atomic uint32_t drop_timelines;
    // Halves refused here whose undoing is not read back yet. By the core itself, before `applied`.
    _Atomic uint32_t undos;
    // While draining: no request and no connection is left here. By the core itself.
    _Atomic uint32_t idle;
};

// Growth is refused, or all changes but deletions. By the control thread.
enum pressure { PRESSURE_NONE, PRESSURE_DERIVED, PRESSURE_GROWTH, PRESSURE_MEMORY, PRESSURE_DISK };

struct reactor;
struct control;
struct helpers;
struct outbox;
struct snapshotter;
struct router;
struct threads;

struct server {
    struct server_options opt;
    struct file_dir dir;
    struct root root;
    struct keys keys;
    struct service_keys services;
    struct provider_set providers;
    struct media_store media;
    struct captcha captcha;
    unsigned cores;
    struct limits limits;
    struct crowd *crowd;            // connections by address

    struct store *store;
    struct wal *wal;
    struct reactor *reactor[CORES_MAX];
    struct core_shared *shared;     // [cores]
    struct mailbox *mail;           // [from * cores + to]
    struct digests digests;
    struct helpers *helpers;
    struct outbox *outbox;
    struct control *control;
    struct snapshotter *snapshotter;
    struct router *router;
    struct threads *threads;        // NULL where the steps are taken one by one
    char *openapi;                  // the document, made once
    size_t openapi_n;
    uint64_t recovered;             // place up to which the log was read back
    uint64_t boot;                  // random, of this start
    uint64_t started_ms;            // wall clock
    uint64_t slow_ns;               // requests that take longer are in the log, 0 = none

    _Atomic int phase;              // enum phase; by the thread that starts and stops
    _Atomic uint64_t progress_done, progress_all;
    _Atomic int wal_error;          // errno after which nothing is answered any more; by the writer
    _Atomic int pressure;           // enum pressure
    _Atomic bool stopping;          // the threads end
};

static inline bool server_dead(const struct server *s)
{
    return atomic_load_explicit(&s->wal_error, memory_order_acquire) != 0;
}

// One turn of the log's writer; an error ends the server.
void server_write(struct server *s, int wait_ms);
const char *server_backend(const struct server *s);

#endif
