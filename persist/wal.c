// The log's writer. What happens to an entry, in order:
//
//   gather    copied out of its core's queue into the open batch; place and stamp given
//   seal      head, hashes, chain; from here on the batch's bytes and its place on disk are fixed
//   write     up to BATCHES_IN_FLIGHT under way (strict: each durable by itself)
//   settle    completions taken in the order of sealing, whatever order they came in
//   release   strict: settled; group: settled, synced later; none: sealed
//
// Batch number s lies in batches[s % BATCHES]. Batches are sealed, settled, released and given back
// in the same order, so a few counters say everything about all of them. Its bytes lie in a buffer
// that it has from being opened to being given back: the one that was used last, so that no more
// buffers are ever touched than were in use at once.
#include "persist/wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/clock.h"
#include "core/event.h"
#include "core/id.h"
#include "core/pool.h"
#include "core/probe.h"
#include "persist/batch.h"
#include "persist/root.h"
#include "persist/segment.h"

enum {
    GATHER_BYTES = 16 << 10,       // of one queue before the next one has its turn
    QUEUE_DEPTH = BATCHES_IN_FLIGHT + 3, // and one seal, one sync, one piece of the spare
    RETRY_MS = 1000,               // between attempts to make a segment when the disk is full
    REST_MS = 250,                 // without a batch after which what a burst needed goes back
};
#define MS_NS UINT64_C(1000000)

enum batch_state { BATCH_FREE, BATCH_WRITING, BATCH_WRITTEN };

// How far one core has read. Its own cache line: each is written by another thread.
struct reader {
    _Alignas(64) uint64_t next;    // batch number
};

struct wal {
    struct wal_options opt;
    struct file_dir dir;           // the data directory, owned by the caller
    struct file_dir wal_dir;
    struct root root;
    struct file_queue *queue;
    _Alignas(64) struct event event; // every core's kick goes here
    _Alignas(64) bool notified;                 // completions signal the event too
    int error;                     // sticky: the writer is dead (W5)
    bool closing;

    struct ring *rings;            // cores + 1
    uint8_t *ring_bytes;
    unsigned turn;                 // queue that is asked next

    uint8_t *buffers;
    uint8_t *idle[BATCHES];        // those that no batch has
    unsigned idle_n;
    unsigned idle_least;           // that idle_n was since the others were given to the system
    struct batch batches[BATCHES];
    uint64_t submitted_ns[BATCHES];
    uint64_t sealed;               // batches sealed; the open one has this number
    uint64_t settled;              // batches written, and all before them
    uint64_t freed;                // and given back by every core: their buffers are idle
    bool open;                     // batch number `sealed` is being filled
    // What the cores look at all the time stands apart from what the writer changes all the time.
    _Alignas(64) _Atomic uint64_t released;
    _Atomic uint64_t released_place, durable_place, segment;
    struct reader readers[CORES_MAX];

    // The stamp: wall clock at start plus what the monotonic clock has counted since (F11).
    uint64_t wall_start_ms, mono_start_ns;
    uint64_t last_stamp;
    uint64_t next_place;

    // What the next head will say.
    uint64_t chain[2];
    uint64_t epoch;
    uint64_t head_synced;          // synced_upto of the last head sealed
    uint64_t last_sealed_ns;

    struct file file;              // the segment being written
    _Atomic bool turn_over;        // it is to be the last to have what was logged so far
    uint64_t segment_size, offset;
    uint64_t batch_room;           // bytes of entries that fit a batch: a segment may be small
    uint64_t last_segment;         // highest that is ready
    struct spare spare;
    uint64_t spare_retry_ns;       // 0 = at once

    uint64_t settled_place;        // last place of the settled batches

    struct file_write_op sync_op;  // group and none: syncs what was settled when it was submitted
    bool sync_busy;
    uint64_t sync_place, sync_ns, unsynced_ns; // unsynced_ns: since when something waits for a sync

    uint8_t *seal_buf;
    struct file_write_op seal_op;
    bool seal_busy;

    _Atomic uint64_t snapshot_place; // to be noted in root
    _Atomic uint64_t stat_batches, stat_entries, stat_bytes, stat_syncs, stat_stalls;
    _Atomic uint64_t stat_in_flight, stat_sync_ns, stat_sync_ns_max, stat_spares, stat_no_space;
};

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    // One writer: a plain add, atomic only for whoever reads the figures.
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}
static void put(_Atomic uint64_t *value, uint64_t v)
{
    atomic_store_explicit(value, v, memory_order_release);
}
static uint64_t own(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}
static struct batch *batch_number(struct wal *w, uint64_t number)
{
    return &w->batches[number % BATCHES];
}
static unsigned in_flight(const struct wal *w)
{
    unsigned n = 0;
    for (unsigned i = 0; i < BATCHES; i++)
        n += w->batches[i].state == BATCH_WRITING;
    return n;
}
static bool idle(const struct wal *w)
{
    return !w->seal_busy && w->settled == w->sealed;
}

// ---- stamps -------------------------------------------------------------------------------------

static uint64_t server_ms(const struct wal *w)
{
    uint64_t now = w->wall_start_ms + (clock_mono_ns() - w->mono_start_ns) / MS_NS;
    if (now < KITH_EPOCH_MS)
        return KITH_EPOCH_MS; // a clock that was never set
    return now - KITH_EPOCH_MS > STAMP_MS_MAX ? KITH_EPOCH_MS + STAMP_MS_MAX : now;
}

// The only place where time and order become part of an entry. A full sequence runs into the next
// millisecond by itself; a clock behind the last stamp is waited for by counting.
static uint64_t stamp_next(struct wal *w, uint64_t now_ms, uint32_t stamps)
{
    uint64_t stamp = stamp_make(now_ms, 0);
    if (stamp <= w->last_stamp)
        stamp = w->last_stamp + 1;
    w->last_stamp = stamp + stamps - 1; // an entry of many rows has one for each
    return stamp;
}

// ---- gather -------------------------------------------------------------------------------------

// Takes the buffers of batches that are written and that every core has given back.
static void take_back(struct wal *w)
{
    for (; w->freed < w->settled; w->freed++) {
        struct batch *b = batch_number(w, w->freed);
        if (atomic_load_explicit(&b->readers, memory_order_acquire) != 0)
            return;
        w->idle[w->idle_n++] = b->buf;
        b->buf = NULL;
        b->state = BATCH_FREE;
    }
}

static bool batch_open(struct wal *w)
{
    if (w->open)
        return true;
    take_back(w);
    if (w->idle_n == 0)
        return false;
    struct batch *b = batch_number(w, w->sealed);
    ASSERT(b->state == BATCH_FREE);
    b->buf = w->idle[--w->idle_n];
    if (w->idle_n < w->idle_least)
        w->idle_least = w->idle_n;
    b->bytes = 0;
    b->count = 0;
    b->first_place = w->next_place;
    w->open = true;
    return true;
}

static void take(struct wal *w, struct batch *b, const struct entry *e, uint64_t now_ms)
{
    struct entry *to = (struct entry *)(void *)(b->buf + BATCH_HEAD_BYTES + b->bytes);
    memcpy(to, e, e->length);
    to->place = w->next_place++;
    to->stamp = stamp_next(w, now_ms, entry_stamps(e));
    b->bytes += e->length;
    b->last_place = to->place;
    b->count++;
}

// Takes from one queue, about GATHER_BYTES at most. false: the batch is full.
static bool gather_from(struct wal *w, struct batch *b, unsigned c, uint64_t now_ms)
{
    struct ring *r = &w->rings[c];
    uint32_t start = b->bytes;
    while (b->bytes - start < GATHER_BYTES) {
        uint32_t n, tag;
        const struct entry *e = ring_peek(r, &n, &tag);
        if (!e)
            return true;
        ASSERT(entry_is_sound(e, n));
        ASSERT(e->place == 0 && e->stamp == 0);
        ASSERT(e->length <= w->batch_room);
        if (b->bytes + e->length > w->batch_room)
            return false;
        take(w, b, e, now_ms);
        ring_pop(r);
    }
    return true;
}

// Fills the open batch in turns, so that no core can keep another one out. true: something was
// taken.
static bool gather(struct wal *w)
{
    if (!batch_open(w))
        return false;
    struct batch *b = batch_number(w, w->sealed);
    unsigned queues = w->opt.cores + 1;
    uint64_t now_ms = server_ms(w);
    uint32_t begin = b->count;
    for (unsigned quiet = 0; quiet < queues;) {
        uint32_t before = b->count;
        if (!gather_from(w, b, w->turn, now_ms))
            break; // whose entry did not fit begins the next batch
        quiet = b->count > before ? 0 : quiet + 1;
        w->turn = (w->turn + 1) % queues;
    }
    return b->count > begin;
}

// ---- seal and write -----------------------------------------------------------------------------

static void seal(struct wal *w, uint8_t *buf, const struct batch *b)
{
    struct batch_head head = {
        .format = BATCH_FORMAT,
        .compat = w->root.compat,
        .log_id = {w->root.log_id[0], w->root.log_id[1]},
        .epoch = w->epoch,
        .segment = own(&w->segment),
        .first_place = b ? b->first_place : w->next_place,
        .count = b ? b->count : 0,
        .length = b ? b->bytes : 0,
        .synced_upto = own(&w->durable_place),
        .last_stamp = w->last_stamp,
        .flags = b ? 0 : BATCH_SEAL,
        .chain = {w->chain[0], w->chain[1]},
    };
    batch_close(buf, &head);
    batch_chain_next((const struct batch_head *)(const void *)buf, w->chain);
    w->head_synced = head.synced_upto;
    w->last_sealed_ns = clock_mono_ns();
    w->offset += batch_disk_bytes(head.length);
}

static bool fits(const struct wal *w, uint32_t length)
{
    return w->offset + batch_disk_bytes(length) <= w->segment_size;
}

static void release_to(struct wal *w, uint64_t number)
{
    if (number == own(&w->released))
        return;
    put(&w->released_place, batch_number(w, number - 1)->last_place);
    PROBE(batch_released, own(&w->released_place), number - own(&w->released));
    put(&w->released, number);
    for (unsigned c = 0; c < w->opt.cores && w->opt.wake_core; c++)
        w->opt.wake_core(w->opt.ctx, c);
}

static void write_batch(struct wal *w)
{
    struct batch *b = batch_number(w, w->sealed);
    uint64_t at = w->offset;
    seal(w, b->buf, b);
    b->op = (struct file_write_op){
        .file = w->file,
        .buf = b->buf,
        .n = batch_disk_bytes(b->bytes),
        .at = at,
        .sync = w->opt.durability == DURABILITY_STRICT,
        .owner = b,
    };
    b->state = BATCH_WRITING;
    PROBE(batch_sealed, b->last_place, b->op.n);
    atomic_store_explicit(&b->readers, w->opt.cores, memory_order_relaxed);
    w->submitted_ns[w->sealed % BATCHES] = w->last_sealed_ns;
    w->sealed++;
    w->open = false;
    add(&w->stat_batches, 1);
    add(&w->stat_entries, b->count);
    add(&w->stat_bytes, b->op.n);
    if (w->opt.durability == DURABILITY_NONE)
        release_to(w, w->sealed);
    file_queue_submit(w->queue, &b->op);
}

static int root_note(struct wal *w)
{
    w->root.durable_place = own(&w->durable_place);
    uint64_t snapshot = atomic_load_explicit(&w->snapshot_place, memory_order_acquire);
    if (snapshot > w->root.snapshot_place)
        w->root.snapshot_place = snapshot;
    return root_write(w->dir, &w->root);
}

// The next segment gets its first batch only when all of this one is durable and root says so.
// true: done. false: something is still to be waited for, or the writer died.
static bool rotate(struct wal *w)
{
    uint64_t next = own(&w->segment) + 1;
    if (!idle(w) || w->sync_busy || own(&w->durable_place) < w->settled_place)
        return false;
    if (w->last_segment < next)
        return false;
    w->error = root_note(w);
    if (w->error)
        return false;
    char name[SEGMENT_NAME];
    segment_name(name, next);
    struct file f;
    w->error = file_open(&f, w->wal_dir, name, FILE_WRITE | FILE_DIRECT);
    if (w->error)
        return false;
    file_close(&w->file);
    w->file = f;
    w->segment_size = w->opt.segment_bytes;
    w->offset = 0;
    atomic_store_explicit(&w->turn_over, false, memory_order_release);
    put(&w->segment, next);
    return true;
}

static bool open_has_entries(struct wal *w)
{
    return w->open && batch_number(w, w->sealed)->count > 0;
}

// Asked for (wal_turn_over), there is something to be left behind, and the next one is there.
static bool turning(const struct wal *w)
{
    return atomic_load_explicit(&w->turn_over, memory_order_acquire) && w->offset > 0 &&
           w->last_segment > own(&w->segment);
}

// Whether the open batch waits for the next segment.
static bool rotation_due(struct wal *w)
{
    return open_has_entries(w) && (!fits(w, batch_number(w, w->sealed)->bytes) || turning(w));
}

// Writes the open batch if it has something and there is a place for it. true: it went out.
static bool write_open(struct wal *w)
{
    if (!open_has_entries(w) || in_flight(w) >= BATCHES_IN_FLIGHT || w->error)
        return false;
    if (rotation_due(w) && !rotate(w))
        return false;
    write_batch(w);
    return true;
}

// ---- completions --------------------------------------------------------------------------------

static void spare_came(struct wal *w)
{
    bool ready;
    int e = spare_reaped(&w->spare, &ready);
    if (e == ENOSPC || e == EDQUOT) {
        put(&w->stat_no_space, 1);
        w->spare_retry_ns = clock_mono_ns() + RETRY_MS * MS_NS;
    } else if (e) {
        w->error = e;
    } else if (ready) {
        w->last_segment++;
        put(&w->stat_no_space, 0);
    }
}

static void note_sync_time(struct wal *w, uint64_t since_ns)
{
    uint64_t took = clock_mono_ns() - since_ns;
    add(&w->stat_syncs, 1);
    add(&w->stat_sync_ns, took);
    if (took > own(&w->stat_sync_ns_max))
        put(&w->stat_sync_ns_max, took);
    if (took > STALL_MS * MS_NS)
        add(&w->stat_stalls, 1);
}

static void sync_came(struct wal *w)
{
    w->sync_busy = false;
    note_sync_time(w, w->sync_ns);
    put(&w->durable_place, w->sync_place);
    // What was settled since is younger than the submission.
    w->unsynced_ns = w->sync_ns;
}

static void op_came(struct wal *w, struct file_write_op *op)
{
    if (op == &w->spare.op) {
        spare_came(w);
        return;
    }
    if (op->error) {
        w->error = op->error;
        return;
    }
    if (op == &w->sync_op) {
        sync_came(w);
    } else if (op == &w->seal_op) {
        w->seal_busy = false;
    } else {
        struct batch *b = op->owner;
        ASSERT(b->state == BATCH_WRITING);
        b->state = BATCH_WRITTEN;
        PROBE(batch_written, b->last_place, op->n);
        if (op->sync)
            note_sync_time(w, w->submitted_ns[b - w->batches]);
    }
}

// A batch counts as written only when all before it are, the seal included: recovery reads in
// order.
static void settle(struct wal *w)
{
    uint64_t before = w->settled;
    bool nothing_waited = own(&w->durable_place) == w->settled_place;
    while (!w->seal_busy && w->settled < w->sealed) {
        struct batch *b = batch_number(w, w->settled);
        if (b->state != BATCH_WRITTEN)
            break;
        w->settled_place = b->last_place;
        w->settled++;
    }
    if (w->settled == before)
        return;
    if (w->opt.durability == DURABILITY_STRICT)
        put(&w->durable_place, w->settled_place);
    else if (nothing_waited)
        w->unsynced_ns = clock_mono_ns();
    if (w->opt.durability != DURABILITY_NONE)
        release_to(w, w->settled);
}

static bool reap(struct wal *w, int wait_ms)
{
    struct file_write_op *ops[QUEUE_DEPTH];
    unsigned n = file_queue_reap(w->queue, ops, QUEUE_DEPTH, wait_ms);
    for (unsigned i = 0; i < n; i++)
        op_came(w, ops[i]);
    // After a failure nothing more is released, also not what was written well before it was seen.
    if (!w->error)
        settle(w);
    return n > 0;
}

// ---- syncs, seals, spares -----------------------------------------------------------------------

// The longest that something settled waits for a sync, where writes are not durable by themselves.
static uint64_t sync_interval_ns(const struct wal *w)
{
    return (w->opt.durability == DURABILITY_GROUP ? w->opt.group_ms : SEAL_MS) * MS_NS;
}

static bool unsynced(const struct wal *w)
{
    return own(&w->durable_place) < w->settled_place && !w->sync_busy;
}

static bool sync_if_due(struct wal *w, uint64_t now)
{
    if (!unsynced(w))
        return false;
    bool at_once = w->closing || rotation_due(w);
    if (!at_once && now - w->unsynced_ns < sync_interval_ns(w))
        return false;
    w->sync_op = (struct file_write_op){.file = w->file, .buf = w->seal_buf, .sync = true};
    w->sync_busy = true;
    w->sync_place = w->settled_place;
    w->sync_ns = now;
    file_queue_submit(w->queue, &w->sync_op);
    return true;
}

// Whether something is durable that no head testifies to.
static bool seal_wanted(struct wal *w)
{
    return idle(w) && !w->sync_busy && own(&w->durable_place) == w->settled_place &&
           w->head_synced < w->settled_place && !open_has_entries(w);
}

static bool seal_if_due(struct wal *w, uint64_t now)
{
    if (!seal_wanted(w) || (!w->closing && now - w->last_sealed_ns < SEAL_MS * MS_NS))
        return false;
    if (!fits(w, 0)) {
        w->error = root_note(w); // no room for a head: root can say it as well
        w->head_synced = own(&w->durable_place);
        return true;
    }
    uint64_t at = w->offset;
    seal(w, w->seal_buf, NULL);
    w->seal_op = (struct file_write_op){
        .file = w->file, .buf = w->seal_buf, .n = PAGE, .at = at, .sync = true};
    w->seal_busy = true;
    file_queue_submit(w->queue, &w->seal_op);
    return true;
}

// Makes the next segment: at once where the writer waits for it or has nothing else to do, else at
// twice the pace at which the current one fills.
static bool spare_step(struct wal *w, uint64_t now, bool busy)
{
    if (w->last_segment > own(&w->segment) || w->spare.busy || w->closing)
        return false;
    if (w->spare.number == 0) {
        if (now < w->spare_retry_ns)
            return false;
        int e = spare_begin(&w->spare, w->last_segment + 1);
        if (e == ENOSPC || e == EDQUOT) {
            put(&w->stat_no_space, 1);
            w->spare_retry_ns = now + RETRY_MS * MS_NS;
            return false;
        }
        if (e) {
            w->error = e;
            return false;
        }
    }
    if (busy && !rotation_due(w) && w->spare.filled > 2 * w->offset)
        return false;
    spare_push(&w->spare, w->queue);
    return true;
}

// Whether the log rests and has more buffers in memory than the one that comes next.
static bool forget_wanted(struct wal *w)
{
    if (!idle(w) || open_has_entries(w))
        return false;
    take_back(w);
    return w->idle_least + 1 < w->idle_n;
}

static void forget_if_due(struct wal *w, uint64_t now)
{
    if (!forget_wanted(w) || now - w->last_sealed_ns < REST_MS * MS_NS)
        return;
    for (; w->idle_least + 1 < w->idle_n; w->idle_least++)
        pool_forget_pages(w->idle[w->idle_least], BATCH_MAX);
}

static bool upkeep(struct wal *w, bool busy)
{
    uint64_t now = clock_mono_ns();
    bool moved = sync_if_due(w, now);
    moved |= seal_if_due(w, now);
    moved |= spare_step(w, now, busy);
    forget_if_due(w, now);
    uint64_t snapshot = atomic_load_explicit(&w->snapshot_place, memory_order_acquire);
    if (!w->error && snapshot > w->root.snapshot_place)
        w->error = root_note(w);
    return moved;
}

// ---- one turn -----------------------------------------------------------------------------------

static bool turn(struct wal *w)
{
    bool moved = reap(w, 0);
    // As many rounds as writes may be under way: then completions have their turn again.
    for (unsigned i = 0; i < BATCHES_IN_FLIGHT && !w->error; i++) {
        moved |= gather(w);
        if (!write_open(w))
            break;
        moved = true;
    }
    if (!w->error)
        moved |= upkeep(w, moved);
    atomic_store_explicit(&w->stat_in_flight, w->sealed - w->settled, memory_order_relaxed);
    put(&w->stat_spares, w->last_segment - own(&w->segment));
    return moved;
}

static bool queues_empty(struct wal *w)
{
    uint32_t n, tag;
    for (unsigned c = 0; c <= w->opt.cores; c++)
        if (ring_peek(&w->rings[c], &n, &tag))
            return false;
    return true;
}

static int earlier(int ms, uint64_t due_ns, uint64_t now)
{
    uint64_t left = due_ns <= now ? 1 : (due_ns - now + MS_NS - 1) / MS_NS;
    return left < (uint64_t)ms ? (int)left : ms;
}

// How long nothing is to be done unless somebody calls.
static int sleep_ms(struct wal *w, int wait_ms)
{
    uint64_t now = clock_mono_ns();
    if (unsynced(w))
        wait_ms = earlier(wait_ms, w->unsynced_ns + sync_interval_ns(w), now);
    if (seal_wanted(w))
        wait_ms = earlier(wait_ms, w->last_sealed_ns + SEAL_MS * MS_NS, now);
    if (forget_wanted(w))
        wait_ms = earlier(wait_ms, w->last_sealed_ns + REST_MS * MS_NS, now);
    if (w->spare_retry_ns > now)
        wait_ms = earlier(wait_ms, w->spare_retry_ns, now);
    return wait_ms;
}

int wal_step(struct wal *w, int wait_ms)
{
    if (w->error)
        return w->error;
    bool moved = turn(w);
    if (moved || w->error || wait_ms <= 0)
        return w->error;
    bool under_way = !idle(w) || w->sync_busy || w->spare.busy;
    event_arm(&w->event);
    // Looked at once more behind the flag: whoever commits from here on sees the flag and signals.
    if (turn(w)) {
        event_disarm(&w->event);
        return w->error;
    }
    int ms = sleep_ms(w, wait_ms);
    if (under_way && !w->notified) {
        event_disarm(&w->event);
        reap(w, 1); // a queue that cannot signal is watched closely
        return w->error;
    }
    event_wait(&w->event, ms);
    turn(w);
    return w->error;
}

// ---- what the cores call ------------------------------------------------------------------------

struct ring *wal_queue(struct wal *w, unsigned c)
{
    ASSERT(c <= w->opt.cores);
    return &w->rings[c];
}

void wal_kick(struct wal *w) { event_signal(&w->event); }

struct batch *wal_released(struct wal *w, unsigned c)
{
    ASSERT(c < w->opt.cores);
    uint64_t next = w->readers[c].next;
    if (next == atomic_load_explicit(&w->released, memory_order_acquire))
        return NULL;
    return batch_number(w, next);
}

void wal_give_back(struct wal *w, unsigned c, struct batch *b)
{
    ASSERT(c < w->opt.cores);
    ASSERT(b == batch_number(w, w->readers[c].next));
    w->readers[c].next++;
    if (atomic_fetch_sub_explicit(&b->readers, 1, memory_order_acq_rel) == 1)
        event_signal(&w->event); // the writer may be waiting for a buffer
}

uint64_t wal_released_place(const struct wal *w)
{
    return atomic_load_explicit(&w->released_place, memory_order_acquire);
}

uint64_t wal_durable_place(const struct wal *w)
{
    return atomic_load_explicit(&w->durable_place, memory_order_acquire);
}

void wal_note_snapshot(struct wal *w, uint64_t place)
{
    put(&w->snapshot_place, place);
    event_signal(&w->event);
}

void wal_stats(const struct wal *w, struct wal_stats *out)
{
    *out = (struct wal_stats){
        .batches = own(&w->stat_batches),
        .entries = own(&w->stat_entries),
        .bytes = own(&w->stat_bytes),
        .syncs = own(&w->stat_syncs),
        .stalls = own(&w->stat_stalls),
        .in_flight = own(&w->stat_in_flight),
        .sync_ns_total = own(&w->stat_sync_ns),
        .sync_ns_max = own(&w->stat_sync_ns_max),
        .segment = own(&w->segment),
        .spares = own(&w->stat_spares),
        .no_space = own(&w->stat_no_space),
    };
    for (unsigned c = 0; c <= w->opt.cores; c++)
        out->queue_bytes += ring_used(&w->rings[c]);
}

// ---- trimming -----------------------------------------------------------------------------------

// The first place in a segment, 0 if it has no whole head.
static uint64_t first_place(struct file_dir dir, uint64_t number)
{
    char name[SEGMENT_NAME];
    segment_name(name, number);
    struct file f;
    if (file_open(&f, dir, name, FILE_READ))
        return 0;
    struct batch_head head;
    size_t got;
    int e = file_read(f, &head, sizeof head, 0, &got);
    file_close(&f);
    bool whole = !e && got == sizeof head && batch_head_whole(&head) && head.segment == number;
    return whole ? head.first_place : 0;
}

void wal_turn_over(struct wal *w)
{
    atomic_store_explicit(&w->turn_over, true, memory_order_release);
}

void wal_trim(struct wal *w, uint64_t place)
{
    uint64_t *list;
    unsigned n;
    if (segment_list(w->wal_dir, &list, &n))
        return; // a later call finds the same
    uint64_t current = atomic_load_explicit(&w->segment, memory_order_acquire);
    // A segment goes when the next one begins at or below the place after: oldest first, so that
    // what an interruption leaves is without gaps.
    for (unsigned i = 0; i + 1 < n && list[i + 1] <= current; i++) {
        uint64_t first = first_place(w->wal_dir, list[i + 1]);
        if (first == 0 || first > place + 1)
            break;
        char name[SEGMENT_NAME];
        segment_name(name, list[i]);
        if (file_unlink(w->wal_dir, name) || file_dir_sync(w->wal_dir))
            break;
    }
    free(list);
}

// ---- opening and closing ------------------------------------------------------------------------

static int alloc_all(struct wal *w)
{
    unsigned queues = w->opt.cores + 1;
    w->buffers = aligned_alloc(PAGE, (size_t)BATCHES * BATCH_MAX);
    w->seal_buf = aligned_alloc(PAGE, PAGE);
    w->ring_bytes = aligned_alloc(64, (size_t)queues * QUEUE_BYTES);
    w->rings = aligned_alloc(64, queues * sizeof *w->rings);
    if (!w->buffers || !w->seal_buf || !w->ring_bytes || !w->rings)
        return ENOMEM;
    for (unsigned i = 0; i < queues; i++)
        ring_init(&w->rings[i], w->ring_bytes + (size_t)i * QUEUE_BYTES, QUEUE_BYTES);
    for (w->idle_n = 0; w->idle_n < BATCHES; w->idle_n++)
        w->idle[w->idle_n] = w->buffers + (size_t)w->idle_n * BATCH_MAX;
    w->idle_least = BATCHES;
    w->queue = file_queue_new(QUEUE_DEPTH, w->opt.use_uring);
    if (!w->queue)
        return ENOMEM;
    int e = event_init(&w->event);
    w->notified = !e && file_queue_notify(w->queue, w->event.fd);
    return e;
}

// Segments behind the current one hold nothing (recovery saw to it). Those of our size are spares.
static int find_spares(struct wal *w)
{
    uint64_t *list;
    unsigned n;
    int e = segment_list(w->wal_dir, &list, &n);
    if (e)
        return e;
    w->last_segment = own(&w->segment);
    bool removed = false;
    for (unsigned i = 0; i < n && !e; i++) {
        if (list[i] <= own(&w->segment))
            continue;
        char name[SEGMENT_NAME];
        segment_name(name, list[i]);
        struct file f;
        uint64_t size = 0;
        e = file_open(&f, w->wal_dir, name, FILE_READ);
        if (e)
            break;
        e = file_size(f, &size);
        file_close(&f);
        if (!e && list[i] == w->last_segment + 1 && size == w->opt.segment_bytes) {
            w->last_segment++;
            continue;
        }
        if (!e)
            e = file_unlink(w->wal_dir, name);
        removed = true;
    }
    free(list);
    return !e && removed ? file_dir_sync(w->wal_dir) : e;
}

static int open_segment(struct wal *w, const struct wal_position *at)
{
    int e = segment_clean(w->wal_dir);
    if (!e && at->segment == 0)
        e = segment_make(w->wal_dir, 1, w->opt.segment_bytes);
    if (e)
        return e;
    put(&w->segment, at->segment ? at->segment : 1);
    char name[SEGMENT_NAME];
    segment_name(name, own(&w->segment));
    e = file_open(&w->file, w->wal_dir, name, FILE_WRITE | FILE_DIRECT);
    if (e)
        return e;
    e = file_size(w->file, &w->segment_size);
    w->segment_size -= w->segment_size % PAGE;
    w->offset = at->offset;
    return e ? e : find_spares(w);
}

// Root testifies to what recovery has made durable, and that the server runs.
static int open_root(struct wal *w, const struct wal_position *at)
{
    int e = root_read(w->dir, &w->root);
    if (e)
        return e;
    if (w->root.log_id[0] != at->log_id[0] || w->root.log_id[1] != at->log_id[1])
        return EINVAL;
    w->root.clean = 0;
    w->root.epoch = at->epoch;
    w->root.durable_place = at->durable;
    put(&w->snapshot_place, w->root.snapshot_place);
    return root_write(w->dir, &w->root);
}

static void take_position(struct wal *w, const struct wal_position *at)
{
    w->epoch = at->epoch;
    w->next_place = at->next_place;
    w->last_stamp = at->last_stamp;
    w->chain[0] = at->chain[0];
    w->chain[1] = at->chain[1];
    w->settled_place = at->next_place - 1;
    put(&w->released_place, at->next_place - 1);
    put(&w->durable_place, at->durable);
    w->head_synced = at->durable; // root says it
    w->wall_start_ms = clock_wall_ms();
    w->mono_start_ns = clock_mono_ns();
    w->last_sealed_ns = w->mono_start_ns;
}

int wal_open(struct wal **out, struct file_dir dir, const struct wal_options *opt,
             const struct wal_position *at, const char **what)
{
    ASSERT(opt->cores <= CORES_MAX);
    ASSERT(opt->segment_bytes % PAGE == 0 && opt->segment_bytes >= 2 * PAGE);
    ASSERT(at->next_place > 0 && at->durable == at->next_place - 1);
    *out = NULL;
    *what = "memory";
    struct wal *w = aligned_alloc(64, sizeof *w);
    if (!w)
        return ENOMEM;
    *w = (struct wal){.opt = *opt,
                      .dir = dir,
                      .wal_dir = {-1},
                      .file = {-1},
                      .event = {.fd = -1},
                      .spare = {.file = {-1}}};
    uint64_t batch = opt->segment_bytes < BATCH_MAX ? opt->segment_bytes : BATCH_MAX;
    w->batch_room = batch - BATCH_HEAD_BYTES;
    take_position(w, at);
    int e = alloc_all(w);
    if (!e) {
        *what = "wal/";
        e = file_dir_at(&w->wal_dir, dir, "wal", true);
    }
    if (!e)
        e = spare_init(&w->spare, w->wal_dir, opt->segment_bytes);
    if (!e) {
        *what = "the newest segment of wal/";
        e = open_segment(w, at);
    }
    if (!e) {
        *what = "root";
        e = open_root(w, at);
    }
    if (e) {
        wal_abandon(w);
        return e;
    }
    *out = w;
    return 0;
}

void wal_abandon(struct wal *w)
{
    file_queue_free(w->queue); // waits for what the kernel still reads
    spare_free(&w->spare);
    file_close(&w->file);
    if (w->wal_dir.fd >= 0)
        file_dir_close(&w->wal_dir);
    event_free(&w->event);
    free(w->buffers);
    free(w->seal_buf);
    free(w->ring_bytes);
    free(w->rings);
    free(w);
}

// Nothing waits to be written, synced or testified to.
static bool drained(struct wal *w)
{
    bool all_written = idle(w) && !w->sync_busy && !w->spare.busy;
    bool all_taken = queues_empty(w) && !open_has_entries(w);
    return all_written && all_taken && own(&w->durable_place) == w->settled_place &&
           w->head_synced == w->settled_place;
}

int wal_close(struct wal *w)
{
    w->closing = true;
    while (!w->error && !drained(w)) {
        if (turn(w) || reap(w, 1))
            continue;
        bool under_way = !idle(w) || w->sync_busy || w->spare.busy;
        if (under_way)
            continue;
        if (rotation_due(w)) { // the last entries need one more segment
            w->error = segment_make(w->wal_dir, w->last_segment + 1, w->opt.segment_bytes);
            w->last_segment++;
        } else if (!w->open && !batch_open(w)) {
            w->closing = false;
            return EBUSY;
        }
    }
    int e = w->error;
    if (!e) {
        w->root.clean = 1;
        e = root_note(w);
    }
    wal_abandon(w);
    return e;
}
