// A core's chunks go through a queue of pointers of its own; their bytes are bounded, for
// before-images come at the pace of changes. Beyond the bound the snapshot is given up: the cores
// never wait for the disk.
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
#include "persist/snapshot.h"
#include "store/image.h"

enum {
    CHUNK_BYTES = 256 << 10,
    STEP_BYTES = 64 << 10,         // of an image in one turn
    AHEAD_BYTES = 16 << 20,        // unwritten chunks at which images wait
    BOUND_BYTES = 256 << 20,       // unwritten chunks at which the snapshot is given up
    LANE_BYTES = 256 << 10,        // of a core's queue of pointers
    STEP_CHUNKS = 16,              // written in one step
};

enum chunk_kind { CHUNK_BEGIN, CHUNK_DATA, CHUNK_DONE, CHUNK_FAILED };

struct chunk {
    enum chunk_kind kind;
    uint64_t place, stamp;         // CHUNK_BEGIN
    struct store_digest digest;    // CHUNK_BEGIN: of the core's partitions
    uint32_t n;                    // CHUNK_DATA: bytes of pieces
    uint8_t bytes[];               // piece: | partition u32 | n u32 | n bytes |
};

// A core's side.
struct image_sender {
    struct snapshotter *to;
    struct reactor *reactor;
    struct image_sink sink;
    struct chunk *chunk;           // being filled
    bool failed;
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
    memcpy(m->chunk->bytes + m->chunk->n + sizeof head, bytes, n);
    m->chunk->n += (uint32_t)(sizeof head + n);
    return true;
}

static bool take_piece(void *ctx, unsigned part, const void *bytes, size_t n)
{
    struct image_sender *m = ctx;
    const uint8_t *p = bytes;
    while (n > 0 && !m->failed) {
        size_t room = CHUNK_BYTES - (m->chunk != NULL ? m->chunk->n : 0);
        if (room < 64) {
            m->failed = !flush(m);
            continue;
        }
        size_t some = n < room - 8 ? n : room - 8;
        m->failed = !put_piece(m, part, p, some);
        p += some;
        n -= some;
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
}

// Ends the image; the word about it may have to wait for room.
static void end_image(struct reactor *r, bool good)
{
    struct image_sender *m = r->image;
    image_end(r->shard);
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

bool snapshotter_turn(struct reactor *r)
{
    struct image_sender *m = r->image;
    if (m == NULL)
        return false;
    if (m->last != NULL) {
        if (send(m, m->last)) {
            m->last = NULL;
            free_sender(r);
        }
        return false;
    }
    if (atomic_load(&m->to->given_up) || m->failed) {
        end_image(r, false);
        return true;
    }
    if (atomic_load(&m->to->waiting) > AHEAD_BYTES)
        return false;
    int more = image_step(r->shard, STEP_BYTES);
    if (more <= 0)
        end_image(r, more == 0);
    return true;
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

static void append(struct snapshotter *n, const struct chunk *c)
{
    uint32_t at = 0;
    while (at < c->n && !atomic_load(&n->given_up)) {
        uint32_t head[2];
        memcpy(head, c->bytes + at, sizeof head);
        int err = snapshot_append(n->writer, head[0], c->bytes + at + sizeof head, head[1]);
        if (err != 0)
            give_up(n, err);
        at += (uint32_t)sizeof head + head[1];
    }
}

static void write_chunk(struct snapshotter *n, struct chunk *c)
{
    switch (c->kind) {
    case CHUNK_BEGIN:
        begin(n, c);
        break;
    case CHUNK_DATA:
        append(n, c);
        break;
    case CHUNK_DONE:
        n->ended++;
        break;
    case CHUNK_FAILED:
        n->ended++;
        give_up(n, EAGAIN);
        break;
    }
    atomic_fetch_sub(&n->waiting, sizeof *c + c->n);
    free(c);
}

static int finish(struct snapshotter *n)
{
    struct snapshot_writer *w = n->writer;
    int err = 0;
    for (unsigned p = 0; p < n->info.partitions && err == 0; p++)
        err = snapshot_part_done(w, p);
    n->writer = NULL;
    if (err != 0) {
        snapshot_abort(w);
        return err;
    }
    return snapshot_finish(w, &n->info);
}

// The log before the older of the two snapshots that are kept is not needed any more.
static void trim(struct snapshotter *n)
{
    struct snapshot_info kept[2];
    wal_note_snapshot(n->server->wal, n->info.place);
    if (snapshot_list(n->server->dir, kept, 2) == 2)
        wal_trim(n->server->wal, kept[1].place);
}

static void end(struct snapshotter *n)
{
    int err = n->result.error;
    if (err != 0 && n->writer != NULL)
        snapshot_abort(n->writer);
    else if (err == 0)
        err = finish(n);
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
    bool any = false;
    for (unsigned c = 0; c < n->server->cores; c++) {
        struct chunk *k;
        for (unsigned i = 0; i < STEP_CHUNKS && (k = take(&n->lane[c])) != NULL; i++) {
            write_chunk(n, k);
            any = true;
        }
    }
    if (n->ended == 0 || n->ended < n->server->cores)
        return any;
    // What the snapshot says must not be lost with the log's end.
    bool durable = wal_durable_place(n->server->wal) >= n->info.place;
    if (n->result.error == 0 && !durable)
        return any;
    end(n);
    return true;
}
