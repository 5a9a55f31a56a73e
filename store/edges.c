// Edge sets: small ones searched from end to end, big ones through an index.
#include "store/edges.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "store/digest.h"
#include "store/image_hooks.h"
#include "store/lists.h"

enum {
    SMALL_MAX = 31,            // edges: some cache lines of others
    SMALL_AGAIN = 15,          // a big set that shrinks to this becomes small, holes or not
    INDEX_MIN = 64,            // slots
    NARROW_SLOTS = 8 << 10,    // an index of fewer has slots of two bytes
    BY_EIGHTHS_MAX = 64 << 10, // edges: larger sets grow by a quarter, as copying costs more there
    SLOTS_MAX = 1 << 30,       // leaves bits of the hash in a slot
    AHEAD_MAX = 32,
    WIDE_MIN = 4,              // bytes of a stamp where there are several
    WIDE_MAX = 7,              // stamps have 53 bits
    SHAPE_BIG = 1 << 15,       // | big 1 | 4 | wide 3 | capacity of a small set 8 |
    SHAPE_WIDE = 8,            // bits below the width
    SHAPE_CAPACITY = UINT8_MAX,
};
#define NOWHERE UINT32_MAX

struct small_set {
    struct list_head head;
    uint64_t base;             // of the stamps: none is below
    uint64_t other[];          // the stamps behind them
};
struct big_set {
    struct list_head head;
    uint64_t base;
    void *index;
    uint32_t used;             // positions, holes among them; the last is an edge
    uint32_t capacity;
    uint32_t first;            // position of the oldest edge
    uint32_t slots;            // of the index
    uint32_t index_used;       // slots that are not free
    uint32_t zero;
    uint64_t other[];
};
_Static_assert(sizeof(struct small_set) == 24, "one edge costs 32 bytes");
_Static_assert(offsetof(struct big_set, base) == offsetof(struct small_set, base), "the same");

static struct big_set *big(const struct list_head *h)
{
    return h->shape & SHAPE_BIG ? (struct big_set *)h : NULL;
}
// What both shapes have in common. l.n: positions, holes among them.
struct view { struct edge_list l; uint32_t first, capacity; };

static struct view view_of(const struct list_head *h)
{
    const struct small_set *s = (const struct small_set *)h;
    const struct big_set *b = big(h);
    struct view v = {.l = {s->other, NULL, s->base, h->count, (h->shape >> SHAPE_WIDE) & WIDE_MAX},
                     .capacity = h->shape & SHAPE_CAPACITY};
    if (b != NULL) {
        v.l.other = b->other;
        v.l.n = b->used;
        v.first = b->first;
        v.capacity = b->capacity;
    }
    v.l.stamp = (const uint8_t *)(v.l.other + v.capacity);
    return v;
}
// To be written, by those who may change the set.
static uint64_t *others(struct view v) { return (uint64_t *)(uintptr_t)v.l.other; }
static uint8_t *stamps(struct view v) { return (uint8_t *)(uintptr_t)v.l.stamp; }

static bool stamp_fits(struct view v, uint64_t stamp)
{
    return stamp >= v.l.base && (stamp - v.l.base) >> (8 * v.l.wide) == 0;
}
static void stamp_put(struct view v, uint32_t i, uint64_t stamp)
{
    ASSERT(stamp_fits(v, stamp));
    uint64_t word;
    uint8_t *at = stamps(v) + (size_t)(i + 1) * v.l.wide - sizeof word;
    memcpy(&word, at, sizeof word);
    word = (word & UINT64_MAX >> 8 * v.l.wide) | (stamp - v.l.base) << 1 << (63 - 8 * v.l.wide);
    memcpy(at, &word, sizeof word);
}
static struct edge nth(struct view v, uint32_t i)
{
    return (struct edge){v.l.other[i], edge_stamp(&v.l, i)};
}

static struct list_head *find_set(const struct part *p, struct edge_at at)
{
    return lists_find(&p->edges, p->shard->store, at);
}

static uint64_t hash_other(const struct part *p, uint64_t other)
{
    return hash_u64(other, p->shard->store->hash_key[1]);
}

// ---- index --------------------------------------------------------------------------------------

// As many bits of a slot as positions need; the others hold bits of the hash, so that a search
// looks at few edges besides the one it wants. Positions are below twice the slots: at least half
// of them are edges, and edges are at most 3/4 of the slots.
static uint32_t position_mask(const struct big_set *b)
{
    return UINT32_MAX >> (__builtin_clz(b->slots) - 1);
}
static uint32_t home(const struct big_set *b, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * b->slots >> 32);
}
static uint32_t next(const struct big_set *b, uint32_t i) { return i + 1 == b->slots ? 0 : i + 1; }

static bool is_narrow(uint32_t slots) { return slots < NARROW_SLOTS; }
static size_t index_bytes(uint32_t slots)
{
    return slots * (is_narrow(slots) ? sizeof(uint16_t) : sizeof(uint32_t));
}
static uint32_t slot_at(const struct big_set *b, uint32_t i)
{
    return is_narrow(b->slots) ? ((const uint16_t *)b->index)[i] : ((const uint32_t *)b->index)[i];
}
static void slot_put(struct big_set *b, uint32_t i, uint32_t slot)
{
    if (is_narrow(b->slots)) ((uint16_t *)b->index)[i] = (uint16_t)slot;
    else ((uint32_t *)b->index)[i] = slot;
}
static uint32_t slot_bits(const struct big_set *b, uint64_t hash)
{
    uint32_t all = is_narrow(b->slots) ? UINT16_MAX : UINT32_MAX;
    return (uint32_t)hash & all & ~position_mask(b);
}

// The slot of the edge, NOWHERE if it is not in the set. Called with a constant `narrow`, so that
// the loop is made for each width.
static inline uint32_t search(const struct big_set *b, uint64_t hash, uint64_t other, bool narrow)
{
    uint32_t mask = position_mask(b), bits = slot_bits(b, hash);
    for (uint32_t i = home(b, hash);; i = next(b, i)) {
        uint32_t slot = narrow ? ((const uint16_t *)b->index)[i] : ((const uint32_t *)b->index)[i];
        if (slot == 0) return NOWHERE;
        if ((slot & ~mask) != bits || (slot & mask) == 0) continue;
        if (b->other[(slot & mask) - 1] == other) return i;
    }
}

static uint32_t index_find(const struct part *p, const struct big_set *b, uint64_t other)
{
    uint64_t hash = hash_other(p, other);
    if (is_narrow(b->slots)) return search(b, hash, other, true);
    return search(b, hash, other, false);
}

static void index_put(const struct part *p, struct big_set *b, uint32_t position)
{
    uint64_t hash = hash_other(p, b->other[position]);
    uint32_t mask = position_mask(b), i = home(b, hash), slot = slot_at(b, i);
    for (; (slot & mask) != 0; slot = slot_at(b, i)) i = next(b, i);
    b->index_used += slot == 0;
    slot_put(b, i, slot_bits(b, hash) | (position + 1));
    ASSERT(position + 1 <= mask);
}

// The same for one that may be there already (false), in an index from which none was removed.
static bool index_put_new(const struct part *p, struct big_set *b, uint32_t position)
{
    uint64_t other = b->other[position], hash = hash_other(p, other);
    uint32_t mask = position_mask(b), bits = slot_bits(b, hash), i = home(b, hash);
    for (uint32_t slot = slot_at(b, i); slot != 0; slot = slot_at(b, i)) {
        if ((slot & ~mask) == bits && b->other[(slot & mask) - 1] == other) return false;
        i = next(b, i);
    }
    b->index_used++;
    slot_put(b, i, bits | (position + 1));
    ASSERT(position + 1 <= mask);
    return true;
}

static void index_remove(struct big_set *b, uint32_t i)
{
    uint32_t removed = is_narrow(b->slots) ? UINT16_MAX : UINT32_MAX;
    // Where no search goes on behind it, no mark is needed.
    bool last = slot_at(b, next(b, i)) == 0;
    slot_put(b, i, last ? 0 : removed & ~position_mask(b));
    b->index_used -= last;
}

static void index_free(struct part *p, struct big_set *b)
{
    pool_free(&p->shard->pool, b->index, index_bytes(b->slots), MEM_edge_index);
    b->index = NULL;
}

// An empty index for so many edges and some to come.
static void index_new(struct part *p, struct big_set *b)
{
    uint32_t slots = b->head.count + b->head.count / 4 * 3;
    if (slots < INDEX_MIN) slots = INDEX_MIN;
    bool narrow = is_narrow(slots);
    size_t bytes = pool_size(index_bytes(slots));
    slots = (uint32_t)(bytes / (narrow ? sizeof(uint16_t) : sizeof(uint32_t)));
    if (narrow && !is_narrow(slots)) slots = NARROW_SLOTS - 1;
    ASSERT(slots < SLOTS_MAX);
    b->slots = slots;
    b->index_used = 0;
    b->index = pool_alloc_zero(&p->shard->pool, index_bytes(slots), MEM_edge_index);
}

static void index_make(struct part *p, struct big_set *b)
{
    index_new(p, b);
    for (uint32_t i = b->first; i < b->used; i++)
        if (b->other[i] != 0) index_put(p, b, i);
}

// Follows edges that moved up by one, from `position` on.
static void index_shift(struct big_set *b, uint32_t position)
{
    uint32_t mask = position_mask(b);
    for (uint32_t i = 0; i < b->slots; i++) {
        uint32_t slot = slot_at(b, i);
        if ((slot & mask) > position) slot_put(b, i, slot + 1);
    }
    ASSERT(b->used <= mask);
}

// ---- sizes --------------------------------------------------------------------------------------

// What a set is to hold: so many edges, stamps from `low` to `high`.
struct need { uint32_t room; uint64_t low, high; };

static size_t set_bytes(bool is_big, uint32_t capacity, uint32_t wide)
{
    size_t head = is_big ? sizeof(struct big_set) : sizeof(struct small_set);
    return head + capacity * (sizeof(uint64_t) + wide);
}

// Room that a set of n edges is given when it needs another.
static uint32_t room_for(uint32_t n)
{
    uint32_t room = n + (n < BY_EIGHTHS_MAX ? n / 8 : n / 4) + 1;
    return n < SMALL_MAX && room > SMALL_MAX ? SMALL_MAX : room;
}

static uint32_t wide_for(struct need n)
{
    if (n.high == n.low && n.room == 1) return 0;
    uint32_t wide = WIDE_MIN;
    while (wide < WIDE_MAX && (n.high - n.low) >> (8 * wide) != 0) wide++;
    return wide;
}

// Memory for at least n.room edges, and what the pool gives beyond.
static struct list_head *set_alloc(struct part *p, struct need n)
{
    bool is_big = n.room > SMALL_MAX;
    uint32_t wide = wide_for(n);
    size_t bytes = pool_size(set_bytes(is_big, n.room, wide));
    uint32_t capacity = (uint32_t)((bytes - set_bytes(is_big, 0, 0)) / (sizeof(uint64_t) + wide));
    if (!is_big && capacity > SHAPE_CAPACITY) capacity = SHAPE_CAPACITY;
    struct small_set *s = pool_alloc(&p->shard->pool, set_bytes(is_big, capacity, wide), MEM_edges);
    s->base = n.low;
    s->head.shape = (uint16_t)(wide << SHAPE_WIDE | (is_big ? SHAPE_BIG : capacity));
    struct big_set *b = big(&s->head);
    if (b == NULL) return &s->head;
    b->used = b->first = b->slots = b->index_used = b->zero = 0;
    b->capacity = capacity;
    b->index = NULL;
    return &b->head;
}

static void set_free(struct part *p, struct list_head *h)
{
    struct view v = view_of(h);
    pool_free(&p->shard->pool, h, set_bytes(big(h) != NULL, v.capacity, v.l.wide), MEM_edges);
}

static void copy_columns(struct view into, struct view from)
{
    memcpy(others(into), from.l.other, from.l.n * sizeof(uint64_t));
    memcpy(stamps(into), from.l.stamp, (size_t)from.l.n * from.l.wide);
}

// Copies the edges and leaves the holes; the number of edges is `count`.
static uint32_t copy_edges(struct view into, struct view from, uint32_t count)
{
    if (count == from.l.n && into.l.wide == from.l.wide && into.l.base == from.l.base) {
        copy_columns(into, from);
        return count;
    }
    uint32_t n = 0;
    for (uint32_t i = from.first; i < from.l.n; i++) {
        if (from.l.other[i] == 0) continue;
        stamp_put(into, n, edge_stamp(&from.l, i));
        others(into)[n++] = from.l.other[i];
    }
    return n;
}

// The set in a new block for room and the stamp to come (0 = none), with the holes squeezed out.
// *h is moved.
static void set_fit(struct part *p, struct list_head **h, uint32_t room, uint64_t stamp)
{
    struct list_head *old = *h;
    struct view from = view_of(old);
    struct need need = {room, edge_stamp(&from.l, from.first), edge_stamp(&from.l, from.l.n - 1)};
    if (stamp != 0 && stamp < need.low) need.low = stamp;
    if (stamp > need.high) need.high = stamp;
    struct list_head *to = set_alloc(p, need);
    to->owner = old->owner;
    to->list = old->list;
    to->image = old->image;
    to->count = old->count;
    uint32_t n = copy_edges(view_of(to), from, old->count);
    ASSERT(n == old->count);
    if (big(old) != NULL) index_free(p, big(old));
    struct big_set *b = big(to);
    if (b != NULL) {
        b->used = n;
        index_make(p, b);
    }
    lists_replace(p, &p->edges, old, to);
    set_free(p, old);
    *h = to;
}

// A big set in a larger block, holes and all: so its index stays as it is.
static void set_widen(struct part *p, struct list_head **h)
{
    struct big_set *old = big(*h);
    struct view from = view_of(*h);
    // The same base and the same width of stamps.
    uint64_t farthest = (UINT64_C(1) << 8 * from.l.wide) - 1;
    struct need need = {room_for(old->used), from.l.base, from.l.base + farthest};
    struct list_head *to = set_alloc(p, need);
    struct view into = view_of(to);
    ASSERT(into.l.wide == from.l.wide);
    memcpy(to, old, offsetof(struct big_set, other));
    big(to)->capacity = into.capacity;
    copy_columns(into, from);
    lists_replace(p, &p->edges, old, to);
    set_free(p, &old->head);
    *h = to;
}

// Room for one more edge, in the set and in its index.
static void make_room(struct part *p, struct list_head **h, uint64_t stamp)
{
    struct view v = view_of(*h);
    uint32_t count = (*h)->count, holes = v.l.n - count;
    if (!stamp_fits(v, stamp) || v.l.n == v.capacity) {
        if (big(*h) == NULL || !stamp_fits(v, stamp) || holes >= v.l.n / 4)
            set_fit(p, h, room_for(count), stamp);
        else
            set_widen(p, h);
    }
    struct big_set *b = big(*h);
    if (b == NULL || (b->index_used + 1) * 4 <= b->slots * 3) return;
    index_free(p, b);
    index_make(p, b);
}

// ---- search -------------------------------------------------------------------------------------

static uint32_t position_of(const struct part *p, const struct list_head *h, uint64_t other)
{
    const struct big_set *b = big(h);
    if (b != NULL) {
        uint32_t i = index_find(p, b, other);
        return i == NOWHERE ? NOWHERE : (slot_at(b, i) & position_mask(b)) - 1;
    }
    const struct small_set *s = (const struct small_set *)h;
    for (uint32_t i = 0; i < h->count; i++)
        if (s->other[i] == other) return i;
    return NOWHERE;
}

// The first position whose stamp is not below this one.
static uint32_t lower_bound(struct view v, uint64_t stamp)
{
    uint32_t lo = v.first, hi = v.l.n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (edge_stamp(&v.l, mid) < stamp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct list_head *edges_set(const struct part *p, struct edge_at at)
{
    return find_set(p, at);
}

void edges_sets_ahead(const struct store *s, const struct edge_at *at, uint32_t n)
{
    struct ptable_spot spot[AHEAD_MAX];
    ASSERT(n <= AHEAD_MAX);
    for (uint32_t i = 0; i < n; i++)
        spot[i] = lists_spot(&store_part(s, id_slot(at[i].owner))->edges, s, at[i]);
    for (uint32_t i = 0; i < n; i++) {
        const struct big_set *b = ptable_guess(spot[i]);
        if (b != NULL) __builtin_prefetch(b);
    }
}

uint64_t edges_in(const struct part *p, const struct list_head *set, uint64_t other)
{
    if (set == NULL || other == 0) return 0;
    uint32_t i = position_of(p, set, other);
    struct view v = view_of(set);
    return i == NOWHERE ? 0 : edge_stamp(&v.l, i);
}

static const void *index_home(const struct part *p, const struct big_set *b, uint64_t other)
{
    size_t each = is_narrow(b->slots) ? sizeof(uint16_t) : sizeof(uint32_t);
    return (const uint8_t *)b->index + home(b, hash_other(p, other)) * each;
}

void edges_ahead(const struct part *p, const struct list_head *set, uint64_t other)
{
    const struct big_set *b = set != NULL ? big(set) : NULL;
    if (b != NULL) __builtin_prefetch(index_home(p, b, other));
}

void edges_add_ahead(const struct store *s, const struct edge_wish *wish, uint32_t n)
{
    struct ptable_spot spot[AHEAD_MAX];
    const struct list_head *set[AHEAD_MAX];
    ASSERT(n <= AHEAD_MAX);
    for (uint32_t i = 0; i < n; i++)
        spot[i] = lists_spot(&store_part(s, id_slot(wish[i].at.owner))->edges, s, wish[i].at);
    for (uint32_t i = 0; i < n; i++) {
        set[i] = ptable_guess(spot[i]);
        if (set[i] != NULL) __builtin_prefetch(set[i], 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (set[i] == NULL) continue;
        struct view v = view_of(set[i]);
        if (big(set[i]) != NULL)
            __builtin_prefetch(index_home(store_part(s, id_slot(wish[i].at.owner)), big(set[i]),
                                          wish[i].other), 1);
        __builtin_prefetch(v.l.other + v.l.n, 1);
        __builtin_prefetch(v.l.stamp + (size_t)v.l.n * v.l.wide, 1);
    }
}

uint64_t edges_find(const struct part *p, struct edge_at at, uint64_t other)
{
    return edges_in(p, find_set(p, at), other);
}

uint32_t edges_count(const struct part *p, struct edge_at at)
{
    const struct list_head *h = find_set(p, at);
    return h != NULL ? h->count : 0;
}

uint32_t edges_page(const struct part *p, struct edge_at at, uint64_t before,
                    struct edge_room room)
{
    struct list_head *h = find_set(p, at);
    if (h == NULL) return 0;
    struct view v = view_of(h);
    uint32_t n = 0, i = before == 0 ? v.l.n : lower_bound(v, before);
    for (; i > v.first && n < room.max; i--)
        if (v.l.other[i - 1] != 0) room.out[n++] = nth(v, i - 1);
    return n;
}

bool edges_any(const struct part *p, struct edge_at at, struct edge *out)
{
    struct list_head *h = find_set(p, at);
    if (h == NULL) return false;
    struct view v = view_of(h);
    ASSERT(v.l.other[v.first] != 0);
    *out = nth(v, v.first);
    return true;
}

struct edge_list edges_all(const struct part *p, struct edge_at at)
{
    struct list_head *h = find_set(p, at);
    if (h == NULL) return (struct edge_list){0};
    struct view v = view_of(h);
    v.l.other += v.first;
    v.l.stamp += (size_t)v.first * v.l.wide;
    v.l.n -= v.first;
    return v.l;
}

// ---- changes ------------------------------------------------------------------------------------

static struct list_head *set_new(struct part *p, struct edge_at at, struct need need)
{
    ASSERT(at.owner != 0);
    ASSERT(at.list > LIST_none && at.list < 128);
    struct list_head *h = set_alloc(p, need);
    h->owner = at.owner;
    h->list = (uint8_t)at.list;
    h->image = part_image_generation(p);
    h->count = 0;
    lists_insert(p, &p->edges, h);
    return h;
}

// Makes room at the place of the stamp and gives the position.
static uint32_t open_gap(struct list_head *h, uint64_t stamp)
{
    struct view v = view_of(h);
    struct big_set *b = big(h);
    uint32_t at = v.l.n;
    if (at > 0 && edge_stamp(&v.l, at - 1) >= stamp) {
        at = lower_bound(v, stamp);
        size_t behind = v.l.n - at, wide = v.l.wide;
        memmove(others(v) + at + 1, others(v) + at, behind * sizeof(uint64_t));
        memmove(stamps(v) + (at + 1) * wide, stamps(v) + at * wide, behind * wide);
    }
    if (b == NULL) return at;
    b->used++;
    if (at + 1 < b->used) index_shift(b, at);
    return at;
}

bool edges_add(struct part *p, struct edge_at at, uint64_t other, uint64_t stamp)
{
    ASSERT(other != 0);
    ASSERT(stamp != 0);
    struct list_head *h = find_set(p, at);
    if (h == NULL) {
        h = set_new(p, at, (struct need){1, stamp, stamp});
    } else {
        if (position_of(p, h, other) != NOWHERE) return false;
        if (p->image != NULL) image_before_list(p, h, false);
        make_room(p, &h, stamp);
    }
    uint32_t i = open_gap(h, stamp);
    struct view v = view_of(h);
    others(v)[i] = other;
    stamp_put(v, i, stamp);
    h->count++;
    if (big(h) != NULL) index_put(p, big(h), i);
    digest_add(&p->edges_digest, digest_edge(p->shard->store, at, other, stamp));
    return true;
}

// ---- loading ------------------------------------------------------------------------------------

static struct edge edge_from(struct edge_bytes from, uint32_t i)
{
    struct edge e;
    memcpy(&e, from.at + i * sizeof e, sizeof e);
    return e;
}

// Whether stamps rise, above `last`, and nobody is missing. Sums the digest up.
static bool edges_sound(struct part *p, struct edge_at at, struct edge_bytes from, uint64_t last)
{
    for (uint32_t i = 0; i < from.n; i++) {
        struct edge e = edge_from(from, i);
        if (e.other == 0 || e.stamp <= last || e.stamp >> (8 * WIDE_MAX) != 0) return false;
        last = e.stamp;
        digest_add(&p->edges_digest, digest_edge(p->shard->store, at, e.other, e.stamp));
    }
    return true;
}

// Puts them behind those that are there; false: one of them was.
static bool append_all(struct part *p, struct list_head *h, struct edge_bytes from)
{
    struct big_set *b = big(h);
    if (b != NULL && b->index == NULL) {
        h->count = from.n;      // that the index is made for
        index_new(p, b);
        h->count = 0;
    }
    struct view v = view_of(h);
    for (uint32_t i = 0; i < from.n; i++, v.l.n++) {
        struct edge e = edge_from(from, i);
        if (b == NULL && position_of(p, h, e.other) != NOWHERE) return false;
        others(v)[v.l.n] = e.other;
        stamp_put(v, v.l.n, e.stamp);
        h->count++;
        if (b != NULL && !index_put_new(p, b, b->used++)) return false;
    }
    return true;
}

bool edges_load(struct part *p, struct edge_at at, struct edge_bytes from)
{
    struct list_head *h = find_set(p, at);
    struct view v = h != NULL ? view_of(h) : (struct view){0};
    if (from.n == 0 || !edges_sound(p, at, from, h != NULL ? edge_stamp(&v.l, v.l.n - 1) : 0))
        return false;
    uint64_t high = edge_from(from, from.n - 1).stamp;
    if (h == NULL) {
        h = set_new(p, at, (struct need){from.n, edge_from(from, 0).stamp, high});
    } else {
        set_fit(p, &h, h->count + from.n, high);
        struct big_set *b = big(h);
        if (b != NULL && (b->used + from.n) * 4 > b->slots * 3) {
            h->count += from.n;
            index_free(p, b);
            index_make(p, b);
            h->count -= from.n;
        }
    }
    return append_all(p, h, from);
}

// ---- removals -----------------------------------------------------------------------------------

// The last position and the first are edges; between them holes may lie.
static void trim(struct big_set *b)
{
    while (b->used > b->first && b->other[b->used - 1] == 0) b->used--;
    while (b->first < b->used && b->other[b->first] == 0) b->first++;
}

static void take_out_small(struct part *p, struct list_head **h, uint64_t other)
{
    struct view v = view_of(*h);
    uint32_t i = position_of(p, *h, other);
    size_t behind = v.l.n - i - 1, wide = v.l.wide;
    memmove(others(v) + i, others(v) + i + 1, behind * sizeof(uint64_t));
    memmove(stamps(v) + i * wide, stamps(v) + (i + 1) * wide, behind * wide);
    (*h)->count--;
    // Half empty blocks are given back, but not at the next change already.
    if ((*h)->count * 3 <= v.capacity) set_fit(p, h, (*h)->count + 1, 0);
}

static void take_out(struct part *p, struct list_head **h, uint64_t other)
{
    struct big_set *b = big(*h);
    if (b == NULL) {
        take_out_small(p, h, other);
        return;
    }
    uint32_t slot = index_find(p, b, other);
    b->other[(slot_at(b, slot) & position_mask(b)) - 1] = 0;
    index_remove(b, slot);
    b->head.count--;
    trim(b);
    uint32_t count = b->head.count;
    if (count <= SMALL_AGAIN || b->used > count * 2 || b->capacity > count * 4)
        set_fit(p, h, room_for(count), 0);
}

static void set_end(struct part *p, struct list_head *h)
{
    lists_remove(p, &p->edges, h);
    if (big(h) != NULL) index_free(p, big(h));
    set_free(p, h);
}

bool edges_remove(struct part *p, struct edge_at at, uint64_t other, uint64_t *stamp)
{
    struct list_head *h = find_set(p, at);
    uint32_t i = h != NULL && other != 0 ? position_of(p, h, other) : NOWHERE;
    if (i == NOWHERE) return false;
    if (p->image != NULL) image_before_list(p, h, false);
    struct view v = view_of(h);
    uint64_t had = edge_stamp(&v.l, i);
    if (stamp != NULL) *stamp = had;
    digest_sub(&p->edges_digest, digest_edge(p->shard->store, at, other, had));
    if (h->count == 1)
        set_end(p, h);
    else
        take_out(p, &h, other);
    return true;
}

void edges_drop(struct part *p, struct edge_at at)
{
    struct list_head *h = find_set(p, at);
    if (h == NULL) return;
    if (p->image != NULL) image_before_list(p, h, false);
    struct view v = view_of(h);
    for (uint32_t i = v.first; i < v.l.n; i++) {
        struct edge e = nth(v, i);
        if (e.other == 0) continue;
        digest_sub(&p->edges_digest, digest_edge(p->shard->store, at, e.other, e.stamp));
    }
    set_end(p, h);
}
