// A core's chunks go through a queue of pointers of its own; their bytes are bounded, for
// before-images come at the pace of changes. Beyond the bound the snapshot is given up: the cores
// never wait for the disk. A snapshot has time and clients have not: both the cores and the thread
// do small pieces of it and rest for a multiple of what each took.
#include "api/snapshotter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api/marks.h"
#include "api/reactor.h"
#include "core/assert.h"
#include "core/clock.h"
#include "core/logger.h"
#include "core/ops.h"
#include "core/probe.h"
#include "persist/snapshot.h"
#include "store/image.h"

enum {
    CHUNK_BYTES = 63 << 10,        // and its head
    PIECE_LEAST = 64,              // room for which a piece is not cut
    STEP_BYTES = 8 << 10,          // of an image between two looks at the clock
    TURN_BYTES = 64 << 10,         // of an image in one turn, if the clock stands still
    TURN_NS = 100 * 1000,          // of a core's turn for its image
    CORE_REST = 4,                 // times as long as that took, a core does nothing of it
    REST_MOST_NS = 5 * 1000 * 1000, // whoever else had the processor meanwhile
    THREAD_REST = 2,               // the same for the thread
    AHEAD_BYTES = 512 << 10,       // unwritten chunks at which images wait
    HURRY_BYTES = 4 << 20,         // unwritten chunks at which the thread does not rest
    BOUND_BYTES = 256 << 20,       // unwritten chunks at which the snapshot is given up
    LANE_BYTES = 256 << 10,        // of a core's queue of pointers
};

enum chunk_kind { CHUNK_BEGIN, CHUNK_DATA, CHUNK_DONE, CHUNK_FAILED };

struct chunk {
    enum chunk_kind kind;
    uint64_t place, stamp;         // CHUNK_BEGIN
    struct store_digest digest;    // CHUNK_BEGIN: of the core's partitions
    uint32_t n;                    // CHUNK_DATA: bytes of pieces
    uint8_t bytes[];               // piece: | partition u32 | n u32 | n bytes |, n = 0: its end
};

// A core's side.
struct image_sender {
    struct snapshotter *to;
    struct reactor *reactor;
    struct image_sink sink;
    struct chunk *chunk;           // being filled
    bool failed;
    uint64_t rest_until_ns;
    struct chunk *last;            // DONE or FAILED that found the queue full
};

struct lane { struct ring ring; uint8_t *memory; };

enum state { STATE_IDLE, STATE_ASKED, STATE_ENDED };

struct snapshotter {
    struct server *server;
    struct event event;            // where the thread sleeps
    struct lane lane[CORES_MAX];
    _Atomic int state;             // ASKED by control, ENDED by the thread, IDLE by control
    _Atomic uint64_t number;       // of the mark asked for
    _Atomic uint64_t waiting;      // bytes in chunks
    _Atomic bool given_up;

    // the thread's
    struct snapshot_writer *writer;
    struct snapshot_info info;
    struct chunk *chunk;           // being written
    uint32_t chunk_at;             // bytes of it that are done
    unsigned lane_next;            // to be asked for another
    unsigned unchecked;            // a part to be read back, + 1
    unsigned begun, ended;         // cores
    uint64_t began_ns;
    struct snapshot_result result; // valid in STATE_ENDED
};

struct snapshotter *snapshotter_new(struct server *s)
{
    struct snapshotter *n = aligned_alloc(64, (sizeof *n + 63) / 64 * 64);
    if (n == NULL)
        return NULL;
    memset(n, 0, sizeof *n);
    n->server = s;
    atomic_store(&n->number, s->boot << 32);
    bool good = event_init(&n->event) == 0;
    for (unsigned c = 0; c < s->cores; c++) {
        n->lane[c].memory = malloc(LANE_BYTES);
        good = good && n->lane[c].memory != NULL;
        if (good)
            ring_init(&n->lane[c].ring, n->lane[c].memory, LANE_BYTES);
    }
    if (good)
        return n;
    snapshotter_free(n);
    return NULL;
}

static struct chunk *take(struct lane *lane)
{
    uint32_t n, tag;
    struct chunk *c;
    const void *p = ring_peek(&lane->ring, &n, &tag);
    if (p == NULL)
        return NULL;
    memcpy(&c, p, sizeof c);
    ring_pop(&lane->ring);
    return c;
}

void snapshotter_free(struct snapshotter *n)
{
    if (n == NULL)
        return;
    for (unsigned c = 0; c < n->server->cores; c++) {
        struct chunk *k;
        while (n->lane[c].ring.buf != NULL && (k = take(&n->lane[c])) != NULL)
            free(k);
        free(n->lane[c].memory);
    }
    free(n->chunk);
    if (n->writer != NULL)
        snapshot_abort(n->writer);
    event_free(&n->event);
    free(n);
}

struct event *snapshotter_event(struct snapshotter *n)
{
    return &n->event;
}

// ---- control thread ----------------------------------------------------------------------------

bool snapshotter_busy(const struct snapshotter *n)
{
    return atomic_load(&n->state) != STATE_IDLE;
}

bool snapshotter_ask(struct snapshotter *n, struct ring *queue)
{
    if (snapshotter_busy(n))
        return false;
    uint64_t number = atomic_load(&n->number) + 1;
    atomic_store(&n->number, number);
    atomic_store(&n->given_up, false);
    atomic_store(&n->state, STATE_ASKED);
    wal_turn_over(n->server->wal);
    if (marks_log(n->server, queue, OP_snapshot_mark, number))
        return true;
    atomic_store(&n->state, STATE_IDLE);
    return false;
}

bool snapshotter_ended(struct snapshotter *n, struct snapshot_result *out)
{
    if (atomic_load(&n->state) != STATE_ENDED)
        return false;
    *out = n->result;
    atomic_store(&n->state, STATE_IDLE);
    return true;
}

// ---- cores -------------------------------------------------------------------------------------

static bool send(struct image_sender *m, struct chunk *c)
{
    struct lane *lane = &m->to->lane[m->reactor->core];
    uint64_t bytes = sizeof *c + c->n;
    if (!ring_push(&lane->ring, &c, sizeof c, 0))
        return false;
    atomic_fetch_add(&m->to->waiting, bytes);
    event_signal(&m->to->event);
    return true;
}

static struct chunk *chunk_new(enum chunk_kind kind, size_t room)
{
    struct chunk *c = malloc(sizeof *c + room);
    if (c != NULL) {
        memset(c, 0, sizeof *c);
        c->kind = kind;
    }
    return c;
}

static bool flush(struct image_sender *m)
{
    if (m->chunk == NULL || m->chunk->n == 0)
        return true;
    if (atomic_load(&m->to->waiting) > BOUND_BYTES || !send(m, m->chunk))
        return false;
    m->chunk = NULL;
    return true;
}

static bool put_piece(struct image_sender *m, unsigned part, const uint8_t *bytes, size_t n)
{
    uint32_t head[2] = {part, (uint32_t)n};
    if (m->chunk == NULL)
        m->chunk = chunk_new(CHUNK_DATA, CHUNK_BYTES);
    if (m->chunk == NULL)
        return false;
    memcpy(m->chunk->bytes + m->chunk->n, head, sizeof head);
    if (n > 0)
        memcpy(m->chunk->bytes + m->chunk->n + sizeof head, bytes, n);
    m->chunk->n += (uint32_t)(sizeof head + n);
    return true;
}

static bool take_piece(void *ctx, unsigned part, const void *bytes, size_t n)
{
    struct image_sender *m = ctx;
    const uint8_t *p = bytes;
    bool all = false;
    while (!all && !m->failed) {
        size_t room = CHUNK_BYTES - (m->chunk != NULL ? m->chunk->n : 0);
        if (room < PIECE_LEAST) {
            m->failed = !flush(m);
            continue;
        }
        size_t some = n < room - 8 ? n : room - 8;
        m->failed = !put_piece(m, part, p, some);
        p = some > 0 ? p + some : p;
        n -= some;
        all = n == 0;
    }
    return !m->failed;
}

void snapshotter_mark(struct reactor *r, const struct entry *e)
{
    struct snapshotter *n = r->server->snapshotter;
    if (r->image != NULL || marks_number(e) != atomic_load(&n->number))
        return;
    struct image_sender *m = calloc(1, sizeof *m);
    struct chunk *c = chunk_new(CHUNK_BEGIN, 0);
    ASSERT(m != NULL); // every core must say how it ended
    ASSERT(c != NULL);
    *m = (struct image_sender){.to = n, .reactor = r, .sink = {take_piece, m}};
    c->place = e->place;
    c->stamp = e->stamp;
    shard_digest(r->shard, &c->digest);
    bool sent = send(m, c);
    ASSERT(sent); // the queue is empty before a snapshot
    r->image = m;
    image_begin(r->shard, &m->sink);
    PROBE(snapshot_begun, r->core, e->place);
}

// Ends the image; the word about it may have to wait for room.
static void end_image(struct reactor *r, bool good)
{
    struct image_sender *m = r->image;
    image_end(r->shard);
    PROBE(snapshot_ended, r->core, good);
    good = good && flush(m);
    m->last = chunk_new(good ? CHUNK_DONE : CHUNK_FAILED, 0);
    ASSERT(m->last != NULL);
}

static void free_sender(struct reactor *r)
{
    free(r->image->chunk);
    free(r->image->last);
    free(r->image);
    r->image = NULL;
}

// 1, 0, -1 as image_step.
static int step_image(struct reactor *r)
{
    struct image_sender *m = r->image;
    uint64_t began = clock_mono_ns(), took = 0;
    int more = 1;
    for (unsigned n = 0; more == 1 && n < TURN_BYTES && took < TURN_NS; n += STEP_BYTES) {
        more = image_step(r->shard, STEP_BYTES);
        took = clock_mono_ns() - began;
    }
    PROBE(snapshot_stepped, r->core, more);
    uint64_t rest = took * CORE_REST;
    m->rest_until_ns = began + took + (rest < REST_MOST_NS ? rest : REST_MOST_NS);
    return more;
}

void snapshotter_turn(struct reactor *r)
{
    struct image_sender *m = r->image;
    if (m == NULL)
        return;
    if (m->last != NULL) {
        if (send(m, m->last)) {
            m->last = NULL;
            free_sender(r);
        }
        return;
    }
    if (atomic_load(&m->to->given_up) || m->failed) {
        end_image(r, false);
        return;
    }
    if (atomic_load(&m->to->waiting) > AHEAD_BYTES || clock_mono_ns() < m->rest_until_ns)
        return;
    int more = step_image(r);
    if (more <= 0)
        end_image(r, more == 0);
}

void snapshotter_drop(struct reactor *r)
{
    if (r->image == NULL)
        return;
    if (r->image->last == NULL)
        image_end(r->shard);
    free_sender(r);
}

// ---- snapshot thread ---------------------------------------------------------------------------

static void give_up(struct snapshotter *n, int error)
{
    if (n->result.error == 0)
        n->result.error = error;
    atomic_store(&n->given_up, true);
}

static void add(uint64_t to[2], const struct digest *d)
{
    uint64_t lo = to[0] + d->lo;
    to[1] += d->hi + (lo < d->lo);
    to[0] = lo;
}

static void begin(struct snapshotter *n, const struct chunk *c)
{
    const struct server *s = n->server;
    if (n->begun++ == 0) {
        n->began_ns = clock_mono_ns();
        n->result = (struct snapshot_result){0, 0};
        n->info = (struct snapshot_info){
            .place = c->place,
            .last_stamp = c->stamp,
            .log_id = {s->root.log_id[0], s->root.log_id[1]},
            .partitions = s->root.partitions,
            .compat = COMPAT_LEVEL,
            .keep = s->opt.keep_snapshots,
        };
        int err = snapshot_begin(&n->writer, s->dir, &s->root, c->place);
        if (err != 0) {
            n->writer = NULL;
            give_up(n, err);
        }
    }
    add(n->info.objects, &c->digest.objects);
    add(n->info.edges, &c->digest.edges);
}

static void append(struct snapshotter *n, unsigned part, const uint8_t *bytes, uint32_t size)
{
    if (atomic_load(&n->given_up))
        return;
    int err = size > 0 ? snapshot_append(n->writer, part, bytes, size)
                       : snapshot_part_done(n->writer, part);
    if (err != 0)
        give_up(n, err);
    else if (size == 0)
        n->unchecked = part + 1;
}

static void check(struct snapshotter *n)
{
    if (!atomic_load(&n->given_up)) {
        int err = snapshot_check_part(n->writer, n->unchecked - 1);
        if (err != 0)
            give_up(n, err);
    }
    n->unchecked = 0;
}

static void next_chunk(struct snapshotter *n)
{
    n->chunk_at = 0;
    for (unsigned i = 0; i < n->server->cores && n->chunk == NULL; i++) {
        n->chunk = take(&n->lane[n->lane_next]);
        n->lane_next = (n->lane_next + 1) % n->server->cores;
    }
}

// One piece of it.
static void write_chunk(struct snapshotter *n)
{
    struct chunk *c = n->chunk;
    uint32_t head[2];
    switch (c->kind) {
    case CHUNK_BEGIN:
        begin(n, c);
        break;
    case CHUNK_DATA:
        memcpy(head, c->bytes + n->chunk_at, sizeof head);
        n->chunk_at += (uint32_t)sizeof head;
        append(n, head[0], c->bytes + n->chunk_at, head[1]);
        n->chunk_at += head[1];
        break;
    case CHUNK_DONE:
        n->ended++;
        break;
    case CHUNK_FAILED:
        n->ended++;
        give_up(n, EAGAIN);
        break;
    }
    if (n->chunk_at < c->n)
        return;
    atomic_fetch_sub(&n->waiting, sizeof *c + c->n);
    free(c);
    n->chunk = NULL;
}

// The log before the oldest of the snapshots that are kept is not needed any more.
static void trim(struct snapshotter *n)
{
    struct snapshot_info kept[SNAPSHOTS_KEPT_MAX];
    unsigned keep = n->server->opt.keep_snapshots;
    wal_note_snapshot(n->server->wal, n->info.place);
    if (snapshot_list(n->server->dir, kept, keep) == keep)
        wal_trim(n->server->wal, kept[keep - 1].place);
}

static void end(struct snapshotter *n)
{
    int err = n->result.error;
    if (err != 0 && n->writer != NULL)
        snapshot_abort(n->writer);
    else if (err == 0)
        err = snapshot_finish(n->writer, &n->info);
    n->writer = NULL;
    uint64_t ms = (clock_mono_ns() - n->began_ns) / 1000000;
    if (err == 0) {
        trim(n);
        log_event(LOG_INFO, "snapshot written", log_u64("place", n->info.place), log_u64("ms", ms));
    } else {
        log_event(LOG_WARN, "snapshot given up", log_u64("place", n->info.place),
                  log_str("why", strerror(err)));
    }
    n->result = (struct snapshot_result){err == 0 ? n->info.place : 0, err};
    n->begun = n->ended = 0;
    atomic_store(&n->state, STATE_ENDED);
}

bool snapshotter_step(struct snapshotter *n)
{
    if (n->unchecked > 0) {
        check(n);
        return true;
    }
    if (n->chunk == NULL)
        next_chunk(n);
    if (n->chunk != NULL) {
        write_chunk(n);
        return true;
    }
    if (n->ended == 0 || n->ended < n->server->cores)
        return false;
    // What the snapshot says must not be lost with the log's end.
    bool durable = wal_durable_place(n->server->wal) >= n->info.place;
    if (n->result.error == 0 && !durable)
        return false;
    end(n);
    return true;
}

uint64_t snapshotter_rest_ns(const struct snapshotter *n, uint64_t took_ns)
{
    if (atomic_load(&n->waiting) > HURRY_BYTES)
        return 0;
    uint64_t rest = took_ns * THREAD_REST;
    return rest < REST_MOST_NS ? rest : REST_MOST_NS;
}
