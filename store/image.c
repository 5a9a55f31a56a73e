// Writing images (image.h). Objects and lists bear the generation of the snapshot that has them;
// the walk passes those over that were written early, before a change, or were born after the mark.
//
//   a partition: owed ─► objects ─► edges ─► streams ─► names ─► keys ─► sources ─► end
//   (image_format.h)
#include "store/image.h"

#include <string.h>

#include "core/assert.h"
#include "store/image_format.h"
#include "store/image_hooks.h"
#include "store/image_parts.h"
#include "store/keys.h"
#include "store/lists.h"
#include "store/names.h"
#include "store/owed.h"
#include "store/record.h"
#include "store/sources.h"
#include "store/stats.h"
#include "store/store.h"
#include "store/stream.h"

enum {
    STAGE_BYTES = 16 << 10,
    FAILED_MAX = 250,      // snapshots given up in a row, after which generations could come round
};

enum image_phase {
    PHASE_OBJECTS, PHASE_EDGES, PHASE_STREAMS, PHASE_NAMES, PHASE_KEYS, PHASE_SOURCES, PHASE_DONE,
};

// Of one partition.
struct image {
    struct image_total total;
    struct image_start start;     // at the mark
    enum image_phase phase;
    bool begun;
    uint64_t at;                  // of the walk
    struct edge_at set;           // a large set or stream that is partly written; owner 0 = none
    uint32_t set_done;            // positions, or blocks, of it
    uint64_t key_next, key_last;  // numbers
};

// Of one shard.
struct image_run {
    struct image_sink sink;
    unsigned part;                // that is walked
    bool failed;
    size_t left;                  // budget of the step
    unsigned stage_part;          // whose bytes are staged
    uint32_t staged;
    uint8_t stage[STAGE_BYTES];
};

// ---- bytes -------------------------------------------------------------------------------------

static void flush(struct image_run *run)
{
    if (run->staged == 0) return;
    if (!run->failed &&
        !run->sink.take(run->sink.ctx, run->stage_part, run->stage, run->staged))
        run->failed = true;
    run->staged = 0;
}

static void put(struct part *p, const void *bytes, size_t n)
{
    struct image_run *run = p->shard->image;
    const uint8_t *from = bytes;
    run->left -= n < run->left ? n : run->left;
    if (run->stage_part != p->number) flush(run);
    run->stage_part = p->number;
    while (n > 0 && !run->failed) {
        size_t room = STAGE_BYTES - run->staged, some = n < room ? n : room;
        memcpy(run->stage + run->staged, from, some);
        run->staged += (uint32_t)some;
        from += some;
        n -= some;
        if (run->staged == STAGE_BYTES) flush(run);
    }
}

static void put_head(struct part *p, enum image_kind kind, size_t n)
{
    static const uint64_t start_size = sizeof(struct image_record) + sizeof(struct image_start);
    struct image *m = p->image;
    if (!m->begun) {
        m->begun = true;
        struct image_record first = {(uint32_t)start_size, IMAGE_BEGIN, 0};
        put(p, &first, sizeof first);
        put(p, &m->start, sizeof m->start);
        m->total.records[IMAGE_BEGIN]++;
    }
    struct image_record head = {.kind = (uint16_t)kind};
    head.bytes = record_pad((uint32_t)(sizeof head + n));
    put(p, &head, sizeof head);
    m->total.records[kind]++;
}

// After n bytes of content.
static void put_pad(struct part *p, size_t n)
{
    static const uint8_t zeros[8];
    put(p, zeros, (8 - n % 8) % 8);
}

// ---- records -----------------------------------------------------------------------------------

static void put_object(struct part *p, struct object *o)
{
    uint32_t n;
    struct record_head head = record_head(o);
    const void *data = record_data(o, &n);
    stats_keep(&head, o);
    put_head(p, IMAGE_OBJECT, sizeof head + n);
    put(p, &head, sizeof head);
    put(p, data, n);
    put_pad(p, n);
    o->image = p->shard->image_generation;
}

// Edges from position `done` on, at most IMAGE_EDGES_MAX; gives the position to go on from.
static uint32_t put_edges(struct part *p, struct edge_at at, uint32_t done)
{
    uint32_t count = 0, end = done;
    struct edge_list all = edges_all(p, at);
    for (; end < all.n && count < IMAGE_EDGES_MAX; end++) count += all.other[end] != 0;
    struct image_edges head = {at.owner, at.list, count};
    if (count == 0) return end;
    put_head(p, IMAGE_EDGES, sizeof head + count * sizeof(struct edge));
    put(p, &head, sizeof head);
    for (; done < end; done++) {
        struct edge one = {all.other[done], edge_stamp(&all, done)};
        if (one.other != 0) put(p, &one, sizeof one);
    }
    return end;
}

// What is still to be written of the set, all at once.
static void put_set(struct part *p, struct list_head *set)
{
    struct image *m = p->image;
    struct edge_at at = {set->owner, (enum list_kind)set->list};
    bool partly = m->set.owner == at.owner && m->set.list == at.list;
    uint32_t n = edges_all(p, at).n, done = partly ? m->set_done : 0;
    while (done < n) done = put_edges(p, at, done);
    if (partly) m->set.owner = 0;
    set->image = p->shard->image_generation;
}

static void put_block(struct part *p, const struct stream *s, struct stream_block *b)
{
    struct image_stream head = {s->owner, s->list, b->n, 0};
    put_head(p, IMAGE_STREAM, sizeof head + b->n * sizeof b->item[0]);
    put(p, &head, sizeof head);
    put(p, b->item, b->n * sizeof b->item[0]);
    put_pad(p, b->n * sizeof b->item[0]);
    b->image = p->shard->image_generation;
}

// What belongs to no block: where the mark stands, if it does.
static void put_stream_mark(struct part *p, struct stream *s)
{
    struct image_stream head = {s->owner, s->list, 0, s->read_to};
    s->image = p->shard->image_generation;
    if (s->read_to == 0) return;
    put_head(p, IMAGE_STREAM, sizeof head);
    put(p, &head, sizeof head);
}

static void put_names(struct part *p, struct list_head *set)
{
    struct name name[NAMES_MAX];
    uint32_t n = names_of(p, set->owner, name);
    struct image_names head = {.id = set->owner, .n = n};
    size_t bytes = sizeof head;
    for (uint32_t i = 0; i < n; i++) bytes += sizeof(struct image_name) + name[i].n;
    put_head(p, IMAGE_NAMES, bytes);
    put(p, &head, sizeof head);
    for (uint32_t i = 0; i < n; i++) {
        struct image_name one = {(uint16_t)name[i].kind, (uint16_t)name[i].n};
        put(p, &one, sizeof one);
        put(p, name[i].text, name[i].n);
    }
    put_pad(p, bytes);
    set->image = p->shard->image_generation;
}

static void put_keys(struct part *p, uint64_t first, uint64_t last)
{
    put_head(p, IMAGE_KEYS, (last - first) * sizeof(struct key_item));
    for (; first < last; first++) put(p, keys_at(p, first), sizeof(struct key_item));
}

static void put_source(struct part *p, struct source *s)
{
    struct image_source head = {s->hi, s->lo, s->words, 0};
    put_head(p, IMAGE_SOURCE, sizeof head + s->words * sizeof *s->bits);
    put(p, &head, sizeof head);
    put(p, s->bits, s->words * sizeof *s->bits);
    s->image = p->shard->image_generation;
}

static void put_owed(struct part *p)
{
    for (uint32_t i = 0; i < owed_rows(p); i++) {
        const struct entry *e = owed_row(p, i);
        if (e == NULL) continue;
        struct entry head = *e;
        head.ticket = 0;
        put_head(p, IMAGE_OWED, e->length);
        put(p, &head, sizeof head);
        put(p, e + 1, e->length - sizeof head);
    }
}

// ---- before a change ---------------------------------------------------------------------------

uint8_t part_image_generation(const struct part *p)
{
    return p->image != NULL ? p->shard->image_generation : 0;
}

void image_before_object(struct part *p, struct object *o)
{
    if (o->image != p->shard->image_generation) put_object(p, o);
}

// Sequences are not written: they follow from the objects.
void image_before_list(struct part *p, void *list, bool is_seq)
{
    struct list_head *set = list;
    if (!is_seq && set->image != p->shard->image_generation) put_set(p, set);
}

void image_before_stream(struct part *p, struct stream *s, struct stream_block *b)
{
    uint8_t generation = p->shard->image_generation;
    if (b == NULL && s->image != generation) put_stream_mark(p, s);
    if (b != NULL && b->image != generation) put_block(p, s, b);
}

void image_stream_shrunk(struct part *p, const struct stream *s)
{
    struct image *m = p->image;
    if (m->set.owner == s->owner && m->set.list == s->list) m->set_done = 0;
}

void image_before_names(struct part *p, uint64_t id)
{
    struct edge_at at = {id, LIST_none};
    struct list_head *set = lists_find(&p->names_by_id, p->shard->store, at);
    if (set != NULL && set->image != p->shard->image_generation) put_names(p, set);
}

void image_before_key(struct part *p, uint64_t number)
{
    struct image *m = p->image;
    if (number < m->key_next || number >= m->key_last) return;
    ASSERT(number == m->key_next);
    put_keys(p, number, number + 1);
    m->key_next = number + 1;
}

void image_before_source(struct part *p, struct source *s)
{
    if (s->image != p->shard->image_generation) put_source(p, s);
}

// ---- the walk ----------------------------------------------------------------------------------

static bool more_budget(const struct part *p)
{
    const struct image_run *run = p->shard->image;
    return run->left > 0 && !run->failed;
}

// The record that ends the budget is visited again by the next step, and passed over.
static bool walk_object(void *ctx, void *record)
{
    struct part *p = ctx;
    if (!more_budget(p)) return false;
    image_before_object(p, record);
    return true;
}

static bool walk_set(void *ctx, void *list)
{
    struct part *p = ctx;
    struct list_head *set = list;
    if (!more_budget(p)) return false;
    if (set->image == p->shard->image_generation) return true;
    struct image *m = p->image;
    m->set = (struct edge_at){set->owner, (enum list_kind)set->list};
    m->set_done = 0;
    uint32_t n = edges_all(p, m->set).n;
    while (m->set_done < n && more_budget(p)) m->set_done = put_edges(p, m->set, m->set_done);
    if (m->set_done < n) return false;
    put_set(p, set);
    return true;
}

// Each block bears its own mark; a stream that ends the budget is gone on with where it was left.
static bool walk_stream(void *ctx, void *list)
{
    struct part *p = ctx;
    struct image *m = p->image;
    struct stream *s = list;
    bool partly = m->set.owner == s->owner && m->set.list == s->list;
    uint32_t k = partly ? m->set_done : 0;
    if (!more_budget(p)) return false;
    image_before_stream(p, s, NULL);
    while (k < s->blocks && more_budget(p)) image_before_stream(p, s, stream_block(s, k++));
    bool whole = k == s->blocks;
    m->set = whole ? (struct edge_at){0} : (struct edge_at){s->owner, (enum list_kind)s->list};
    m->set_done = k;
    return whole;
}

static bool walk_names(void *ctx, void *list)
{
    struct part *p = ctx;
    if (!more_budget(p)) return false;
    image_before_names(p, ((struct list_head *)list)->owner);
    return true;
}

static bool step_edges(struct part *p)
{
    struct image *m = p->image;
    if (m->set.owner != 0) {
        struct list_head *set = lists_find(&p->edges, p->shard->store, m->set);
        ASSERT(set != NULL);
        uint32_t n = edges_all(p, m->set).n;
        while (m->set_done < n && more_budget(p)) m->set_done = put_edges(p, m->set, m->set_done);
        if (m->set_done < n) return false;
        put_set(p, set);
    }
    return lists_walk(&p->edges, &m->at, walk_set, p);
}

static bool step_keys(struct part *p)
{
    struct image *m = p->image;
    while (m->key_next < m->key_last && more_budget(p)) {
        uint64_t last = m->key_next + IMAGE_KEYS_MAX;
        if (last > m->key_last) last = m->key_last;
        put_keys(p, m->key_next, last);
        m->key_next = last;
    }
    return m->key_next == m->key_last;
}

static bool step_sources(struct part *p)
{
    struct source *s = sources_first(p);
    for (; s != NULL && more_budget(p); s = s->next) image_before_source(p, s);
    return s == NULL;
}

// Whether the phase is over.
static bool step_phase(struct part *p)
{
    struct image *m = p->image;
    switch (m->phase) {
    case PHASE_OBJECTS: return ptable_walk(&p->objects, &m->at, walk_object, p);
    case PHASE_EDGES: return step_edges(p);
    case PHASE_STREAMS: return lists_walk(&p->streams, &m->at, walk_stream, p);
    case PHASE_NAMES: return lists_walk(&p->names_by_id, &m->at, walk_names, p);
    case PHASE_KEYS: return step_keys(p);
    case PHASE_SOURCES: return step_sources(p);
    case PHASE_DONE: break;
    }
    return true;
}

static void put_end(struct part *p)
{
    struct image *m = p->image;
    struct image_run *run = p->shard->image;
    put_head(p, IMAGE_END, sizeof m->total);
    m->total.records[IMAGE_END] = 0;
    put(p, &m->total, sizeof m->total);
    flush(run);
    // Every record of the partition is marked by now: nothing comes after.
    if (!run->failed && !run->sink.take(run->sink.ctx, p->number, NULL, 0)) run->failed = true;
}

static void step_part(struct part *p)
{
    struct image *m = p->image;
    while (m->phase != PHASE_DONE && more_budget(p)) {
        if (!step_phase(p)) return;
        m->phase++;
        m->at = 0;
        if (m->phase == PHASE_DONE) put_end(p);
    }
}

int image_step(struct shard *s, size_t budget)
{
    struct image_run *run = s->image;
    ASSERT(run != NULL);
    const struct store *store = s->store;
    run->left = budget > 0 ? budget : 1;
    while (run->part < store->partitions && run->left > 0 && !run->failed) {
        struct part *p = &store->part[run->part];
        step_part(p);
        if (p->image->phase == PHASE_DONE) run->part += store->cores;
    }
    if (run->failed) return -1;
    return run->part < store->partitions ? 1 : 0;
}

// ---- begin and end -----------------------------------------------------------------------------

static bool unmark_object(void *ctx, void *record)
{
    (void)ctx;
    ((struct object *)record)->image = 0;
    return true;
}

static bool unmark_list(void *ctx, void *list)
{
    (void)ctx;
    ((struct list_head *)list)->image = 0;
    return true;
}

static bool unmark_stream(void *ctx, void *list)
{
    struct stream *s = list;
    for (uint32_t k = 0; k < s->blocks; k++) stream_block(s, k)->image = 0;
    return unmark_list(ctx, list);
}

// No mark is left that could be taken for one of a snapshot to come.
static void unmark(struct part *p)
{
    uint64_t at = 0;
    ptable_walk(&p->objects, &at, unmark_object, NULL);
    at = 0;
    lists_walk(&p->edges, &at, unmark_list, NULL);
    at = 0;
    lists_walk(&p->streams, &at, unmark_stream, NULL);
    at = 0;
    lists_walk(&p->names_by_id, &at, unmark_list, NULL);
    for (struct source *s = sources_first(p); s != NULL; s = s->next) s->image = 0;
}

static void part_begin(struct part *p)
{
    struct pool *pool = &p->shard->pool;
    struct image *m = pool_alloc_zero(pool, sizeof *m, MEM_other);
    m->start = (struct image_start){
        .magic = IMAGE_MAGIC,
        .version = IMAGE_VERSION,
        .part = p->number,
        .partitions = p->shard->store->partitions,
        .place = p->place,
        .objects_lo = p->objects_digest.lo,
        .objects_hi = p->objects_digest.hi,
        .edges_lo = p->edges_digest.lo,
        .edges_hi = p->edges_digest.hi,
        .objects = p->objects.live,
        .sets = p->edges.table.live,
        .streams = p->streams.table.live,
        .names = p->names_by_id.table.live,
    };
    m->key_next = keys_first(p);
    m->key_last = keys_last(p);
    p->image = m;
    // What is owed is little and changes all the time: it is taken as it is now.
    put_owed(p);
}

void image_begin(struct shard *s, const struct image_sink *sink)
{
    ASSERT(s->image == NULL);
    const struct store *store = s->store;
    if (s->images_failed >= FAILED_MAX) {
        for (unsigned i = s->core; i < store->partitions; i += store->cores)
            unmark(&store->part[i]);
        s->images_failed = 0;
    }
    s->image_generation = s->image_generation == UINT8_MAX ? 1 : s->image_generation + 1;
    s->image = pool_alloc_zero(&s->pool, sizeof *s->image, MEM_other);
    s->image->sink = *sink;
    s->image->part = s->core;
    s->images_failed++;
    for (unsigned i = s->core; i < store->partitions; i += store->cores)
        part_begin(&store->part[i]);
}

void image_end(struct shard *s)
{
    const struct store *store = s->store;
    struct image_run *run = s->image;
    if (run == NULL) return;
    if (!run->failed && run->part >= store->partitions) s->images_failed = 0;
    for (unsigned i = s->core; i < store->partitions; i += store->cores) {
        struct part *p = &store->part[i];
        pool_free(&s->pool, p->image, sizeof *p->image, MEM_other);
        p->image = NULL;
    }
    pool_free(&s->pool, run, sizeof *run, MEM_other);
    s->image = NULL;
}
