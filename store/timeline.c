// Home timelines of the readers of one core.
#include "store/timeline.h"

#include <string.h>

#include "core/assert.h"
#include "store/store.h"

enum {
    IDS_MIN = 32,                   // of a timeline's first block
    FORGET = TIMELINE_MAX / 8,      // ids that a full one drops
    TABLE_MIN = 64,
};
_Static_assert(TIMELINE_MAX % IDS_MIN == 0, "doubling leads from the least room to the most");

struct timeline {
    uint64_t reader, floor;
    struct timeline *older, *newer; // by last read
    uint32_t n, capacity;
    uint64_t *id;                   // ascending: the newest is last
};

static uint32_t slot_of(const struct timelines *t, uint64_t reader)
{
    return (uint32_t)hash_u64(reader, 0) & (t->capacity - 1);
}

static struct timeline *look(const struct timelines *t, uint64_t reader)
{
    if (t->capacity == 0) return NULL;
    for (uint32_t i = slot_of(t, reader);; i = (i + 1) & (t->capacity - 1)) {
        struct timeline *l = t->slot[i];
        if (l == NULL) return NULL;
        if (l->reader == reader)
            return l;
    }
}

static void lru_out(struct timelines *t, struct timeline *l)
{
    *(l->older != NULL ? &l->older->newer : &t->lru_old) = l->newer;
    *(l->newer != NULL ? &l->newer->older : &t->lru_new) = l->older;
}

static void lru_in(struct timelines *t, struct timeline *l)
{
    l->newer = NULL;
    l->older = t->lru_new;
    *(t->lru_new != NULL ? &t->lru_new->newer : &t->lru_old) = l;
    t->lru_new = l;
}

struct timeline *timeline_find(struct timelines *t, uint64_t reader)
{
    struct timeline *l = look(t, reader);
    if (l != NULL && l->newer != NULL) {
        lru_out(t, l);
        lru_in(t, l);
    }
    return l;
}

static void put_slot(struct timelines *t, struct timeline *l)
{
    uint32_t i = slot_of(t, l->reader);
    while (t->slot[i] != NULL) i = (i + 1) & (t->capacity - 1);
    t->slot[i] = l;
}

static void grow_table(struct shard *s)
{
    struct timelines *t = &s->timelines;
    uint32_t capacity = t->capacity, more = capacity == 0 ? TABLE_MIN : capacity * 2;
    struct timeline **old = t->slot;
    t->slot = pool_alloc_zero(&s->pool, more * sizeof *t->slot, MEM_timeline);
    t->capacity = more;
    for (uint32_t i = 0; i < capacity; i++)
        if (old[i] != NULL) put_slot(t, old[i]);
    if (capacity > 0)
        pool_free(&s->pool, old, capacity * sizeof *old, MEM_timeline);
}

// Takes a timeline out of the table; what stood behind it moves up (no tombstones).
static void remove_slot(struct timelines *t, const struct timeline *l)
{
    uint32_t mask = t->capacity - 1, i = slot_of(t, l->reader);
    while (t->slot[i] != l) i = (i + 1) & mask;
    for (uint32_t j = (i + 1) & mask; t->slot[j] != NULL; j = (j + 1) & mask) {
        uint32_t home = slot_of(t, t->slot[j]->reader);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            t->slot[i] = t->slot[j];
            i = j;
        }
    }
    t->slot[i] = NULL;
}

static void free_timeline(struct shard *s, struct timeline *l)
{
    remove_slot(&s->timelines, l);
    lru_out(&s->timelines, l);
    pool_free(&s->pool, l->id, l->capacity * sizeof *l->id, MEM_timeline);
    pool_free(&s->pool, l, sizeof *l, MEM_timeline);
    s->timelines.count--;
}

struct timeline *timeline_put(struct shard *s, uint64_t reader, struct timeline_fill fill)
{
    struct timelines *t = &s->timelines;
    ASSERT(fill.n <= TIMELINE_MAX);
    timeline_drop(s, reader);
    if (t->limit > 0 && t->count >= t->limit) {
        free_timeline(s, t->lru_old);
        t->evicted++;
    }
    if ((t->count + 1) * 4 > t->capacity * 3)
        grow_table(s);
    struct timeline *l = pool_alloc_zero(&s->pool, sizeof *l, MEM_timeline);
    l->reader = reader;
    l->floor = fill.floor;
    l->capacity = IDS_MIN;
    while (l->capacity < fill.n) l->capacity *= 2;
    l->id = pool_alloc(&s->pool, l->capacity * sizeof *l->id, MEM_timeline);
    for (uint32_t i = 0; i < fill.n; i++)
        l->id[i] = fill.id[fill.n - 1 - i];
    l->n = fill.n;
    put_slot(t, l);
    lru_in(t, l);
    t->count++;
    t->computed++;
    return l;
}

static void forget_oldest(struct timeline *l)
{
    l->n -= FORGET;
    l->floor = l->id[FORGET - 1] + 1;
    memmove(l->id, l->id + FORGET, l->n * sizeof *l->id);
}

static void make_room(struct shard *s, struct timeline *l)
{
    if (l->n == TIMELINE_MAX) forget_oldest(l);
    if (l->n < l->capacity) return;
    uint32_t capacity = l->capacity * 2;
    uint64_t *to = pool_alloc(&s->pool, capacity * sizeof *to, MEM_timeline);
    memcpy(to, l->id, l->n * sizeof *to);
    pool_free(&s->pool, l->id, l->capacity * sizeof *to, MEM_timeline);
    l->id = to;
    l->capacity = capacity;
}

static uint32_t place_of(const struct timeline *l, uint64_t id)
{
    uint32_t i = l->n;
    if (i == 0 || l->id[i - 1] < id) return i;
    uint32_t lo = 0, hi = l->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (l->id[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void timeline_push(struct shard *s, uint64_t reader, uint64_t post)
{
    struct timeline *l = look(&s->timelines, reader);
    if (l == NULL || post < l->floor) return;
    uint32_t at = place_of(l, post);
    if (at < l->n && l->id[at] == post) return;
    make_room(s, l);
    if (post < l->floor) return;
    at = place_of(l, post);
    memmove(l->id + at + 1, l->id + at, (l->n - at) * sizeof *l->id);
    l->id[at] = post;
    l->n++;
    s->timelines.pushed++;
}

void timeline_drop(struct shard *s, uint64_t reader)
{
    struct timeline *l = look(&s->timelines, reader);
    if (l != NULL) free_timeline(s, l);
}

void timeline_drop_all(struct shard *s)
{
    while (s->timelines.lru_old != NULL) free_timeline(s, s->timelines.lru_old);
}

uint64_t timeline_floor(const struct timeline *t) { return t->floor; }

uint32_t timeline_below(const struct timeline *t, uint64_t before, uint64_t *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = before == 0 ? t->n : place_of(t, before); i > 0 && n < max; i--)
        out[n++] = t->id[i - 1];
    return n;
}
