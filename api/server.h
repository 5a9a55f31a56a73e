// A Kith server in one process: it opens a data directory, recovers, listens, and stops. The
// threads are started here and nowhere else; the simulator makes a server without them and takes
// the steps itself.
#ifndef KITH_API_SERVER_H
#define KITH_API_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/limit_words.h"
#include "net/net.h"
#include "persist/wal.h"

#define KITH_VERSION "0.1.0"

enum { SERVER_LISTEN_MAX = 8, SERVER_WHY = 256 };

struct server_options {
    const char *dir;             // data directory; made when it is not there
    const char *listen[SERVER_LISTEN_MAX]; // addresses as in net.h
    unsigned listen_count;
    const char *admin;           // address of the admin port, NULL = none
    unsigned cores;              // 0 = as many as the process may use
    enum net_backend io;
    enum durability durability;
    unsigned group_ms;           // DURABILITY_GROUP: longest time without a sync
    unsigned fanout_max;         // followers above which an author is pulled
    bool fanout_set;             // false: FANOUT_MAX_DEFAULT
    const char *service_key_file; // NULL: nobody may act for others
    const char *provider_file;   // api/providers.h; NULL: no logins of other services
    const char *media_file;      // api/media.h; NULL: no places for media are given out
    const char *captcha_file;    // api/captcha.h; NULL: no challenges
    unsigned partitions;         // of a new directory, 0 = PARTITIONS_DEFAULT
    uint64_t memory_limit;       // bytes of state, 0 = none
    unsigned token_ttl_s;
    unsigned keep_notifications_s, keep_activities_s; // 0 = for ever, as of the next
    unsigned keep_searches_s, keep_audits_s;
    unsigned restore_s;          // after which deleted posts are erased, 0 = RESTORE_S
    uint32_t timelines_max;      // per core
    bool no_recount;             // counters are not counted again while it serves (store/recount.h)
    unsigned slow_ms;            // requests that take longer are in the log, 0 = none
    uint64_t segment_bytes;
    unsigned keep_snapshots;     // with the log from the oldest on; 0 = SNAPSHOTS_KEPT
    unsigned snapshot_every_s;   // at the latest, while an older one has something else; 0 = never
    struct limit_options limits;
    bool quiet;                  // says nothing when it is ready
};

void server_options_defaults(struct server_options *opt);

// How a server ends, as exit codes of sysexits.h.
enum server_exit {
    SERVER_DONE = 0,
    SERVER_REFUSED = 65,         // acknowledged data cannot be read back
    SERVER_FAILED = 70,
    SERVER_IO = 74,              // the log cannot be written, or the directory not be read
    SERVER_CONFIG = 78,
};

struct outbox;
struct server;

// Opens (or makes) the directory, recovers, listens, starts the threads. SERVER_DONE, or how it
// failed with a sentence in why.
enum server_exit server_start(const struct server_options *opt, struct server **out,
                              char why[SERVER_WHY]);
// Waits until the server cannot go on; gives SERVER_DONE after ms milliseconds in which it could.
enum server_exit server_wait(const struct server *s, int ms);
// Finishes what is under way (at most DRAIN_MS), closes the log cleanly, frees s.
enum server_exit server_stop(struct server *s);
// server_start, a line when it is ready, until SIGTERM or SIGINT; a second one ends the process at
// once.
enum server_exit server_run(const struct server_options *opt);

// ---- step by step, in one thread ---------------------------------------------------------------
// The first half of server_start: directory, keys, admin port. Then server_load: recovery and
// listeners.
enum server_exit server_new(const struct server_options *opt, struct server **out,
                            char why[SERVER_WHY]);
enum server_exit server_load(struct server *s, char why[SERVER_WHY]);
unsigned server_cores(const struct server *s);
struct wal *server_wal(struct server *s);
struct store *server_store(struct server *s);
struct outbox *server_outbox(struct server *s);
// One turn of each of the threads' loops, waiting for nothing. A wal error ends the server as
// server_wait says.
void server_step_core(struct server *s, unsigned core);
void server_step_writer(struct server *s);
void server_step_control(struct server *s);
void server_step_helper(struct server *s);
void server_step_snapshot(struct server *s);
// Frees everything as after a crash: nothing more is written.
void server_abandon(struct server *s);

// The port bound by core 0 for a listener where 0 was asked; and by the admin port.
unsigned server_port(const struct server *s, unsigned listener);
unsigned server_admin_port(const struct server *s);

#endif
