// Home timelines of the readers of one core.
#include "store/timeline.h"

#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/probe.h"
#include "store/store.h"

enum {
    IDS_MIN = 33,                   // of a timeline's first block: 256 bytes
    NARROW = 7, WIDE = 8,           // bytes of an id
    FORGET = TIMELINE_MAX / 8,      // ids that a full one drops
    TABLE_MIN = 64,
    WAVE = 16,                      // readers of one push whose memory is asked for at once
};
#define REACH ((UINT64_C(1) << 8 * NARROW) - 1) // of narrow ids above a base

struct timeline_slot { uint64_t reader; struct timeline *t; };

struct timeline {
    uint64_t floor;
    uint64_t base;                  // no id is below; wide: 0
    uint16_t n, capacity;
    uint8_t width;                  // NARROW or WIDE
    bool read;                      // since the hand came by
    uint8_t zero[2];                // the second is read with the first id
    uint8_t id[];                   // the newest is last
};
_Static_assert(sizeof(struct timeline) == 24, "the head of a timeline");
_Static_assert(TIMELINE_MAX <= UINT16_MAX, "a capacity");

static uint8_t *place(struct timeline *l, uint32_t i) { return l->id + (size_t)i * l->width; }

// A word ends where its id ends: a narrow one begins with a byte that is not the id's.
static uint32_t shift_of(const struct timeline *l) { return 8 * (WIDE - (uint32_t)l->width); }

static uint64_t id_at(const struct timeline *l, uint32_t i)
{
    uint64_t word;
    memcpy(&word, l->id + (size_t)(i + 1) * l->width - sizeof word, sizeof word);
    return l->base + (word >> shift_of(l));
}

static bool in_reach(const struct timeline *l, uint64_t id)
{
    return id >= l->base && id - l->base <= UINT64_MAX >> shift_of(l);
}

static void put_id(struct timeline *l, uint32_t i, uint64_t id)
{
    uint8_t *at = place(l, i + 1) - sizeof(uint64_t);
    uint64_t word = (id - l->base) << shift_of(l);
    ASSERT(in_reach(l, id));
    if (l->width == NARROW) word |= *at;
    memcpy(at, &word, sizeof word);
}

// ---- the table ---------------------------------------------------------------------------------

static uint32_t home(const struct timelines *t, uint64_t reader)
{
    return (uint32_t)hash_u64(reader, 0) & (t->capacity - 1);
}

static struct timeline_slot *look(const struct timelines *t, uint64_t reader)
{
    if (t->capacity == 0) return NULL;
    for (uint32_t i = home(t, reader);; i = (i + 1) & (t->capacity - 1)) {
        if (t->slot[i].reader == 0) return NULL;
        if (t->slot[i].reader == reader) return &t->slot[i];
    }
}

struct timeline *timeline_find(struct timelines *t, uint64_t reader)
{
    struct timeline_slot *slot = look(t, reader);
    if (slot == NULL) return NULL;
    if (!slot->t->read) slot->t->read = true;
    return slot->t;
}

static void put_slot(struct timelines *t, struct timeline_slot slot)
{
    uint32_t i = home(t, slot.reader);
    while (t->slot[i].reader != 0) i = (i + 1) & (t->capacity - 1);
    t->slot[i] = slot;
}

static void grow_table(struct shard *s)
{
    struct timelines *t = &s->timelines;
    uint32_t capacity = t->capacity, more = capacity == 0 ? TABLE_MIN : capacity * 2;
    struct timeline_slot *old = t->slot;
    t->slot = pool_alloc_zero(&s->pool, more * sizeof *t->slot, MEM_timeline);
    t->capacity = more;
    for (uint32_t i = 0; i < capacity; i++)
        if (old[i].reader != 0) put_slot(t, old[i]);
    if (capacity > 0) pool_free(&s->pool, old, capacity * sizeof *old, MEM_timeline);
}

// Frees a slot; what stood behind it moves up (no tombstones).
static void remove_slot(struct timelines *t, struct timeline_slot *slot)
{
    uint32_t mask = t->capacity - 1, i = (uint32_t)(slot - t->slot);
    for (uint32_t j = (i + 1) & mask; t->slot[j].reader != 0; j = (j + 1) & mask) {
        uint32_t from = home(t, t->slot[j].reader);
        if (((j - from) & mask) < ((j - i) & mask)) continue;
        t->slot[i] = t->slot[j];
        i = j;
    }
    t->slot[i] = (struct timeline_slot){0, NULL};
}

// ---- timelines ---------------------------------------------------------------------------------

static size_t bytes_of(uint32_t capacity, uint32_t width)
{
    return sizeof(struct timeline) + (size_t)capacity * width;
}

// Room for at least n ids, and what the pool gives beyond.
static struct timeline *new_timeline(struct shard *s, uint32_t n, uint32_t width)
{
    size_t bytes = pool_size(bytes_of(n < IDS_MIN ? IDS_MIN : n, width));
    struct timeline *l = pool_alloc(&s->pool, bytes, MEM_timeline);
    size_t capacity = (bytes - bytes_of(0, width)) / width;
    memset(l, 0, sizeof *l);
    l->capacity = (uint16_t)(capacity < TIMELINE_MAX ? capacity : TIMELINE_MAX);
    l->width = (uint8_t)width;
    l->read = true;
    return l;
}

// Bytes of ids from `low` to `high`.
static uint32_t width_for(uint64_t low, uint64_t high)
{
    return high - low <= REACH ? NARROW : WIDE;
}

// A base for them, with more room above than below.
static uint64_t base_for(uint64_t low, uint64_t high)
{
    if (width_for(low, high) == WIDE) return 0;
    uint64_t below = (REACH - (high - low)) / 4;
    return low > below ? low - below : 0;
}

static struct timeline *filled(struct shard *s, struct timeline_fill fill)
{
    uint64_t high = fill.n > 0 ? fill.id[0] : 0, low = fill.n > 0 ? fill.id[fill.n - 1] : 0;
    struct timeline *l = new_timeline(s, fill.n, width_for(low, high));
    l->floor = fill.floor;
    l->base = base_for(low, high);
    l->n = (uint16_t)fill.n;
    if (fill.n == 0) return l;
    // A narrow word ends a byte too late, which the next one sets right.
    for (uint32_t i = 0; i + 1 < fill.n; i++) {
        uint64_t above = fill.id[fill.n - 1 - i] - l->base;
        memcpy(place(l, i), &above, sizeof above);
    }
    put_id(l, fill.n - 1, high);
    return l;
}

static void free_timeline(struct shard *s, struct timeline *l)
{
    pool_free(&s->pool, l, bytes_of(l->capacity, l->width), MEM_timeline);
}

static void drop_slot(struct shard *s, struct timeline_slot *slot)
{
    free_timeline(s, slot->t);
    remove_slot(&s->timelines, slot);
    s->timelines.count--;
}

static void evict(struct shard *s)
{
    struct timelines *t = &s->timelines;
    for (;;) {
        struct timeline_slot *slot = &t->slot[t->hand++ & (t->capacity - 1)];
        if (slot->reader == 0) continue;
        if (!slot->t->read) {
            drop_slot(s, slot);
            t->evicted++;
            return;
        }
        slot->t->read = false;
    }
}

void timeline_put(struct shard *s, uint64_t reader, struct timeline_fill fill)
{
    struct timelines *t = &s->timelines;
    ASSERT(fill.n <= TIMELINE_MAX && reader != 0);
    timeline_drop(s, reader);
    if (t->limit > 0 && t->count >= t->limit) evict(s);
    if ((t->count + 1) * 4 > t->capacity * 3) grow_table(s);
    put_slot(t, (struct timeline_slot){reader, filled(s, fill)});
    t->count++;
    t->computed++;
    PROBE(timeline_built, reader, fill.n);
}

void timeline_drop(struct shard *s, uint64_t reader)
{
    struct timeline_slot *slot = look(&s->timelines, reader);
    if (slot != NULL) drop_slot(s, slot);
}

void timeline_drop_all(struct shard *s)
{
    struct timelines *t = &s->timelines;
    for (uint32_t i = 0; i < t->capacity; i++)
        if (t->slot[i].reader != 0) free_timeline(s, t->slot[i].t);
    if (t->capacity > 0) memset(t->slot, 0, t->capacity * sizeof *t->slot);
    t->evicted += t->count;
    t->count = 0;
}

static uint32_t mark_of(uint64_t reader)
{
    return (uint32_t)hash_u64(reader, 0) % TIMELINE_MARKS;
}

void timeline_outdate(struct shard *s, uint64_t reader, uint64_t place)
{
    timeline_drop(s, reader);
    s->timelines.outdated[mark_of(reader)] = place;
}

bool timeline_ready(const struct timelines *t, uint64_t reader, uint64_t seen)
{
    return t->outdated[mark_of(reader)] <= seen;
}

// ---- pushes ------------------------------------------------------------------------------------

static void forget_oldest(struct timeline *l, uint32_t n)
{
    l->floor = id_at(l, n - 1) + 1;
    l->n = (uint16_t)(l->n - n);
    memmove(l->id, place(l, n), (size_t)l->n * l->width);
}

// Its ids in a block with room for so many, from the base on.
static struct timeline *moved(struct shard *s, struct timeline *l, struct timeline *to)
{
    to->floor = l->floor;
    to->n = l->n;
    to->read = l->read;
    if (to->width == l->width && to->base == l->base)
        memcpy(to->id, l->id, (size_t)l->n * l->width);
    else
        for (uint32_t i = 0; i < l->n; i++) put_id(to, i, id_at(l, i));
    free_timeline(s, l);
    return to;
}

// With a base, or a width, that has the id within reach, too.
static struct timeline *rebased(struct shard *s, struct timeline *l, uint64_t id)
{
    uint64_t low = id, high = id;
    if (l->n > 0 && id_at(l, 0) < low) low = id_at(l, 0);
    if (l->n > 0 && id_at(l, l->n - 1u) > high) high = id_at(l, l->n - 1u);
    struct timeline *to = new_timeline(s, l->n + 1u, width_for(low, high));
    to->base = base_for(low, high);
    return moved(s, l, to);
}

static struct timeline *widened(struct shard *s, struct timeline *l)
{
    uint32_t room = l->capacity + l->capacity / 2u;
    struct timeline *to = new_timeline(s, room < TIMELINE_MAX ? room : TIMELINE_MAX, l->width);
    to->base = l->base;
    return moved(s, l, to);
}

static uint32_t place_of(const struct timeline *l, uint64_t id)
{
    uint32_t i = l->n;
    if (i == 0 || id_at(l, i - 1) < id) return i;
    uint32_t lo = 0, hi = l->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (id_at(l, mid) < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void push_to(struct shard *s, struct timeline_slot *slot, uint64_t post)
{
    struct timeline *l = slot->t;
    if (post < l->floor) return;
    uint32_t at = place_of(l, post);
    if (at < l->n && id_at(l, at) == post) return;
    if (l->n == TIMELINE_MAX) {
        forget_oldest(l, FORGET);
        if (post < l->floor) return;
        at = place_of(l, post);
    }
    if (!in_reach(l, post)) l = slot->t = rebased(s, l, post);
    if (l->n == l->capacity) l = slot->t = widened(s, l);
    memmove(place(l, at + 1), place(l, at), (size_t)(l->n - at) * l->width);
    put_id(l, at, post);
    l->n++;
    s->timelines.pushed++;
}

// In waves, so that the misses overlap: the slots, the heads, the ends.
static void push_wave(struct shard *s, uint64_t post, struct id_list to)
{
    const struct timelines *t = &s->timelines;
    struct timeline_slot *slot[WAVE];
    for (uint32_t i = 0; i < to.n; i++) __builtin_prefetch(&t->slot[home(t, to.id[i])]);
    for (uint32_t i = 0; i < to.n; i++) {
        slot[i] = look(t, to.id[i]);
        if (slot[i] != NULL) __builtin_prefetch(slot[i]->t, 1);
    }
    for (uint32_t i = 0; i < to.n; i++)
        if (slot[i] != NULL) __builtin_prefetch(place(slot[i]->t, slot[i]->t->n), 1);
    for (uint32_t i = 0; i < to.n; i++)
        if (slot[i] != NULL) push_to(s, slot[i], post);
}

void timeline_ahead(const struct timelines *t, struct id_list readers)
{
    const struct timeline_slot *slot[WAVE];
    ASSERT(readers.n <= WAVE);
    if (t->capacity == 0) return;
    for (uint32_t i = 0; i < readers.n; i++) __builtin_prefetch(&t->slot[home(t, readers.id[i])]);
    for (uint32_t i = 0; i < readers.n; i++) {
        slot[i] = look(t, readers.id[i]);
        if (slot[i] != NULL) __builtin_prefetch(slot[i]->t);
    }
    for (uint32_t i = 0; i < readers.n; i++) {
        if (slot[i] == NULL) continue;
        const struct timeline *l = slot[i]->t;
        for (uint32_t line = 0; line < 3; line++)
            __builtin_prefetch(l->id + (l->n > 9 * line ? (l->n - 9 * line) * l->width : 0));
    }
}

void timeline_push(struct shard *s, uint64_t post, struct id_list to)
{
    if (s->timelines.count == 0) return;
    for (uint32_t i = 0; i < to.n; i += WAVE) {
        uint32_t n = to.n - i < WAVE ? to.n - i : WAVE;
        push_wave(s, post, (struct id_list){to.id + i, n});
    }
}

// ---- reading -----------------------------------------------------------------------------------

uint64_t timeline_floor(const struct timeline *t) { return t->floor; }

uint32_t timeline_below(const struct timeline *t, uint64_t before, uint64_t *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = before == 0 ? t->n : place_of(t, before); i > 0 && n < max; i--)
        out[n++] = id_at(t, i - 1);
    return n;
}
