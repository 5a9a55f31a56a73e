// Edge sets: small ones searched from end to end, big ones through an index.
#include "store/edges.h"

#include <string.h>

#include "core/assert.h"
#include "store/digest.h"
#include "store/image_hooks.h"
#include "store/lists.h"

enum {
    SMALL_MAX = 31,            // edges: a block of 512 bytes
    SMALL_AGAIN = 15,          // a big set that shrinks to this becomes small, holes or not
    INDEX_MIN = 64,            // slots
    BY_EIGHTHS_MAX = 8 << 10,  // edges: larger sets grow by a quarter, for copying costs more there
    SLOTS_MAX = 1 << 30,       // leaves bits of the hash in a slot
    SETS_AHEAD = 16,
    SHAPE_BIG = 256,           // a small set's shape is its capacity
};
#define NOWHERE UINT32_MAX

struct small_set {
    struct list_head head;     // shape = capacity
    struct edge edge[];
};
struct big_set {
    struct list_head head;     // shape = SHAPE_BIG
    uint32_t used;             // positions, holes among them; the last is an edge
    uint32_t capacity;
    uint32_t first;            // position of the oldest edge
    uint32_t slots;            // of the index
    uint32_t *index;
    uint32_t index_used;       // slots that are not free
    uint32_t zero;
    struct edge edge[];
};
_Static_assert(sizeof(struct small_set) == 16, "one edge costs 32 bytes");
_Static_assert(sizeof(struct big_set) == 48, "edges begin on 16 bytes");

static struct big_set *big(const struct list_head *h)
{
    return h->shape == SHAPE_BIG ? (struct big_set *)h : NULL;
}
// What both shapes have in common.
struct view { struct edge *edge; uint32_t first, used, capacity; };

static struct view view_of(const struct list_head *h)
{
    struct big_set *b = big(h);
    if (b != NULL) return (struct view){b->edge, b->first, b->used, b->capacity};
    return (struct view){((struct small_set *)h)->edge, 0, h->count, h->shape};
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
static uint32_t slot_bits(const struct big_set *b, uint64_t hash)
{
    return (uint32_t)hash & ~position_mask(b);
}

// The slot of the edge, NOWHERE if it is not in the set.
static uint32_t index_find(const struct part *p, const struct big_set *b, uint64_t other)
{
    uint64_t hash = hash_other(p, other);
    uint32_t mask = position_mask(b), bits = slot_bits(b, hash);
    for (uint32_t i = home(b, hash); b->index[i] != 0; i = next(b, i)) {
        uint32_t slot = b->index[i];
        if ((slot & ~mask) != bits || (slot & mask) == 0) continue;
        if (b->edge[(slot & mask) - 1].other == other) return i;
    }
    return NOWHERE;
}

static void index_put(const struct part *p, struct big_set *b, uint32_t position)
{
    uint64_t hash = hash_other(p, b->edge[position].other);
    uint32_t mask = position_mask(b), i = home(b, hash);
    while ((b->index[i] & mask) != 0) i = next(b, i);
    b->index_used += b->index[i] == 0;
    b->index[i] = slot_bits(b, hash) | (position + 1);
    ASSERT(position + 1 <= mask);
}

static void index_remove(struct big_set *b, uint32_t i)
{
    uint32_t mask = position_mask(b);
    // Where no search goes on behind it, no mark is needed.
    bool last = b->index[next(b, i)] == 0;
    b->index[i] = last ? 0 : ~mask;
    b->index_used -= last;
}

static void index_free(struct part *p, struct big_set *b)
{
    pool_free(&p->shard->pool, b->index, b->slots * sizeof *b->index, MEM_edge_index);
    b->index = NULL;
}

// A new index, half full.
static void index_make(struct part *p, struct big_set *b)
{
    uint32_t slots = b->head.count * 2 > INDEX_MIN ? b->head.count * 2 : INDEX_MIN;
    slots = (uint32_t)(pool_size(slots * sizeof *b->index) / sizeof *b->index);
    ASSERT(slots < SLOTS_MAX);
    b->slots = slots;
    b->index_used = 0;
    b->index = pool_alloc_zero(&p->shard->pool, slots * sizeof *b->index, MEM_edge_index);
    for (uint32_t i = b->first; i < b->used; i++)
        if (b->edge[i].other != 0) index_put(p, b, i);
}

// Follows edges that moved up by one, from `position` on.
static void index_shift(struct big_set *b, uint32_t position)
{
    uint32_t mask = position_mask(b);
    for (uint32_t i = 0; i < b->slots; i++)
        if ((b->index[i] & mask) > position) b->index[i]++;
    ASSERT(b->used <= mask);
}

// ---- sizes --------------------------------------------------------------------------------------

static size_t set_bytes(bool is_big, uint32_t capacity)
{
    size_t head = is_big ? sizeof(struct big_set) : sizeof(struct small_set);
    return head + capacity * sizeof(struct edge);
}

// Room that a set of n edges is given when it needs another.
static uint32_t room_for(uint32_t n)
{
    uint32_t room = n + (n < BY_EIGHTHS_MAX ? n / 8 : n / 4) + 1;
    return n < SMALL_MAX && room > SMALL_MAX ? SMALL_MAX : room;
}

// Memory for at least `room` edges, and what the pool gives beyond.
static struct list_head *set_alloc(struct part *p, uint32_t room)
{
    bool is_big = room > SMALL_MAX;
    size_t bytes = pool_size(set_bytes(is_big, room));
    uint32_t capacity = (uint32_t)((bytes - set_bytes(is_big, 0)) / sizeof(struct edge));
    struct list_head *h = pool_alloc(&p->shard->pool, set_bytes(is_big, capacity), MEM_edges);
    h->shape = is_big ? SHAPE_BIG : (uint16_t)capacity;
    struct big_set *b = big(h);
    if (b == NULL) return h;
    b->used = b->first = b->slots = b->index_used = b->zero = 0;
    b->capacity = capacity;
    b->index = NULL;
    return h;
}

static void set_free(struct part *p, struct list_head *h)
{
    pool_free(&p->shard->pool, h, set_bytes(big(h) != NULL, view_of(h).capacity), MEM_edges);
}

// The set in a new block of this room, with the holes squeezed out. *h is moved.
static void set_fit(struct part *p, struct list_head **h, uint32_t room)
{
    struct list_head *old = *h, *to = set_alloc(p, room);
    struct view from = view_of(old), into = view_of(to);
    to->owner = old->owner;
    to->list = old->list;
    to->image = old->image;
    to->count = old->count;
    uint32_t n = 0;
    for (uint32_t i = from.first; i < from.used; i++)
        if (from.edge[i].other != 0) into.edge[n++] = from.edge[i];
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
    struct list_head *to = set_alloc(p, room_for(old->used));
    struct big_set *b = big(to);
    uint32_t capacity = b->capacity;
    memcpy(b, old, set_bytes(true, old->used));
    b->capacity = capacity;
    lists_replace(p, &p->edges, old, b);
    set_free(p, &old->head);
    *h = to;
}

// Room for one more edge, in the set and in its index.
static void make_room(struct part *p, struct list_head **h)
{
    struct view v = view_of(*h);
    uint32_t count = (*h)->count;
    if (v.used == v.capacity) {
        if (big(*h) == NULL || v.used - count >= v.used / 4)
            set_fit(p, h, room_for(count));
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
        return i == NOWHERE ? NOWHERE : (b->index[i] & position_mask(b)) - 1;
    }
    const struct edge *edge = ((struct small_set *)h)->edge;
    for (uint32_t i = 0; i < h->count; i++)
        if (edge[i].other == other) return i;
    return NOWHERE;
}

// The first position whose stamp is not below this one.
static uint32_t lower_bound(struct view v, uint64_t stamp)
{
    uint32_t lo = v.first, hi = v.used;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (v.edge[mid].stamp < stamp)
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
    struct ptable_spot spot[SETS_AHEAD];
    ASSERT(n <= SETS_AHEAD);
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
    return i == NOWHERE ? 0 : view_of(set).edge[i].stamp;
}

void edges_ahead(const struct part *p, const struct list_head *set, uint64_t other)
{
    const struct big_set *b = set != NULL ? big(set) : NULL;
    if (b != NULL) __builtin_prefetch(&b->index[home(b, hash_other(p, other))]);
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
    uint32_t n = 0, i = before == 0 ? v.used : lower_bound(v, before);
    for (; i > v.first && n < room.max; i--)
        if (v.edge[i - 1].other != 0) room.out[n++] = v.edge[i - 1];
    return n;
}

bool edges_any(const struct part *p, struct edge_at at, struct edge *out)
{
    struct list_head *h = find_set(p, at);
    if (h == NULL) return false;
    struct view v = view_of(h);
    ASSERT(v.edge[v.first].other != 0);
    *out = v.edge[v.first];
    return true;
}

const struct edge *edges_all(const struct part *p, struct edge_at at, uint32_t *n)
{
    struct list_head *h = find_set(p, at);
    *n = 0;
    if (h == NULL) return NULL;
    struct view v = view_of(h);
    *n = v.used - v.first;
    return v.edge + v.first;
}

// ---- changes ------------------------------------------------------------------------------------

static struct list_head *set_new(struct part *p, struct edge_at at)
{
    ASSERT(at.owner != 0);
    ASSERT(at.list > LIST_none && at.list < 128);
    struct list_head *h = set_alloc(p, 1);
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
    uint32_t at = v.used;
    if (at > 0 && v.edge[at - 1].stamp >= stamp) at = lower_bound(v, stamp);
    memmove(v.edge + at + 1, v.edge + at, (v.used - at) * sizeof *v.edge);
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
        h = set_new(p, at);
    } else {
        if (position_of(p, h, other) != NOWHERE) return false;
        if (p->image != NULL) image_before_list(p, h, false);
    }
    make_room(p, &h);
    uint32_t i = open_gap(h, stamp);
    view_of(h).edge[i] = (struct edge){other, stamp};
    h->count++;
    if (big(h) != NULL) index_put(p, big(h), i);
    digest_add(&p->edges_digest, digest_edge(p->shard->store, at, other, stamp));
    return true;
}

// The last position and the first are edges; between them holes may lie.
static void trim(struct big_set *b)
{
    while (b->used > b->first && b->edge[b->used - 1].other == 0) b->used--;
    while (b->first < b->used && b->edge[b->first].other == 0) b->first++;
}

static void take_out(struct part *p, struct list_head **h, uint64_t other)
{
    struct big_set *b = big(*h);
    if (b == NULL) {
        struct edge *edge = ((struct small_set *)*h)->edge;
        uint32_t i = position_of(p, *h, other);
        (*h)->count--;
        memmove(edge + i, edge + i + 1, ((*h)->count - i) * sizeof *edge);
        // Half empty blocks are given back, but not at the next change already.
        if ((*h)->count * 3 <= (*h)->shape) set_fit(p, h, (*h)->count + 1);
        return;
    }
    uint32_t slot = index_find(p, b, other);
    b->edge[(b->index[slot] & position_mask(b)) - 1].other = 0;
    index_remove(b, slot);
    b->head.count--;
    trim(b);
    uint32_t count = b->head.count;
    if (count <= SMALL_AGAIN || b->used > count * 2 || b->capacity > count * 4)
        set_fit(p, h, room_for(count));
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
    uint64_t had = view_of(h).edge[i].stamp;
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
    for (uint32_t i = v.first; i < v.used; i++) {
        struct edge e = v.edge[i];
        if (e.other == 0) continue;
        digest_sub(&p->edges_digest, digest_edge(p->shard->store, at, e.other, e.stamp));
    }
    set_end(p, h);
}
