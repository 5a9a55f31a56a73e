// The published table of records.
#include "store/objects.h"

#include <string.h>

#include "core/assert.h"
#include "store/store.h"

struct ptable_segment {
    uint32_t live, used;       // words with a record; with a tombstone too. Owner only
    uint32_t version;          // differs from that of every other segment of the table, ever
    uint32_t depth;            // first bits of the hash that all its records share
    _Atomic uint64_t word[];
};

#define FREE UINT64_C(0)
#define GONE UINT64_C(1)
#define POINTER ((UINT64_C(1) << 48) - 1)
#define MAP 0x8000             // in the upper 16 bits of a root

enum {
    WORDS_MIN = 14,            // 128 bytes
    WORDS_MAX = 4094,          // 32 KiB
    SEGMENT_RECORDS = 2700,    // that a reserved one is to hold at most: two thirds
    DEPTH_MAX = 30,
    AHEAD = 8,                 // records asked for before a rehash touches them
};

// ---- parts --------------------------------------------------------------------------------------

static uint64_t tagged(const void *p, uint64_t bits)
{
    return (uint64_t)(uintptr_t)p | bits << 48;
}
static void *record_of(uint64_t word) { return (void *)(uintptr_t)(word & POINTER); }
static struct ptable_segment *segment_of(uint64_t entry) { return record_of(entry); }
static uint32_t capacity_of(uint64_t entry) { return (uint32_t)(entry >> 48); }

static size_t segment_bytes(uint32_t capacity)
{
    return sizeof(struct ptable_segment) + capacity * sizeof(uint64_t);
}
static size_t map_bytes(uint32_t depth) { return sizeof(uint64_t) << depth; }
// A root that is a map, and the first bits of the hash that choose a segment in it.
static bool is_map(uint64_t root) { return root >> 63; }
static uint32_t depth_of(uint64_t root)
{
    return is_map(root) ? (uint32_t)(root >> 48) & (MAP - 1) : 0;
}
static _Atomic uint64_t *map_of(uint64_t root) { return record_of(root); }
// The first bits of the hash choose the segment, bits 0 … 31 the word, bits 0 … 15 are its tag: a
// word's place hangs on the upper of its 32 bits, so that the three know little of each other.
static uint32_t segment_at(uint64_t hash, uint32_t depth)
{
    return (uint32_t)(hash >> 1 >> (63 - depth));
}
static uint32_t home(uint64_t hash, uint32_t capacity)
{
    return (uint32_t)((hash & UINT32_MAX) * capacity >> 32);
}
static uint32_t after(uint32_t i, uint32_t capacity) { return i + 1 == capacity ? 0 : i + 1; }

// What the owner reads back of its own stores.
static uint64_t own(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}
// The 1 << depth_of(root) places that say where the segments are.
static _Atomic uint64_t *places_of(struct ptable *t)
{
    uint64_t root = own(&t->root);
    return is_map(root) ? map_of(root) : &t->root;
}
static uint64_t own_entry(const struct ptable *t, uint64_t hash)
{
    uint64_t root = own(&t->root);
    return is_map(root) ? own(&map_of(root)[segment_at(hash, depth_of(root))]) : root;
}

// ---- find ---------------------------------------------------------------------------------------

static struct ptable_spot spot_of(const struct ptable *t, uint64_t hash)
{
    uint64_t entry = atomic_load_explicit(&t->root, memory_order_acquire);
    if (is_map(entry))
        entry = atomic_load_explicit(&map_of(entry)[segment_at(hash, depth_of(entry))],
                                     memory_order_acquire);
    uint32_t capacity = capacity_of(entry);
    return (struct ptable_spot){segment_of(entry), home(hash, capacity), capacity, hash};
}

struct ptable_spot ptable_spot(const struct ptable *t, uint64_t hash)
{
    struct ptable_spot spot = spot_of(t, hash);
    if (spot.segment != NULL) __builtin_prefetch((const void *)&spot.segment->word[spot.at]);
    return spot;
}

// The next record from *i on whose tag fits, NULL behind the last; *i is moved on behind it.
static void *probe(struct ptable_spot spot, uint32_t *i)
{
    for (;;) {
        uint64_t w = atomic_load_explicit(&spot.segment->word[*i], memory_order_acquire);
        if (w == FREE) return NULL;
        *i = after(*i, spot.capacity);
        if (w >> 48 == (spot.hash & 0xffff) && w != GONE) return record_of(w);
    }
}

const void *ptable_guess(struct ptable_spot spot)
{
    uint32_t i = spot.at;
    return spot.segment != NULL ? probe(spot, &i) : NULL;
}

void *ptable_find_from(struct ptable_spot spot, ptable_match match, const void *key)
{
    if (spot.segment == NULL) return NULL;
    uint32_t i = spot.at;
    void *record;
    do record = probe(spot, &i);
    while (record != NULL && !match(record, key));
    return record;
}

void *ptable_find(const struct ptable *t, uint64_t hash, ptable_match match, const void *key)
{
    return ptable_find_from(spot_of(t, hash), match, key);
}

// ---- growth -------------------------------------------------------------------------------------

// A segment with room for `words` and what the pool gives beyond; in a map's terms.
static uint64_t segment_new(struct ptable *t, const struct ptable_env *env, uint32_t words,
                            uint32_t depth)
{
    size_t bytes = pool_size(segment_bytes(words));
    uint32_t capacity = (uint32_t)((bytes - segment_bytes(0)) / sizeof(uint64_t));
    if (capacity > WORDS_MAX) capacity = WORDS_MAX;
    struct ptable_segment *s = pool_alloc_zero(&env->shard->pool, segment_bytes(capacity),
                                               env->kind);
    s->version = ++t->version;
    s->depth = depth;
    ASSERT(((uintptr_t)s & ~POINTER) == 0);
    return tagged(s, capacity);
}

static void retire(const struct ptable_env *env, void *block, size_t n)
{
    struct shard *sh = env->shard;
    quiet_retire(&sh->store->quiet, &sh->limbo, &sh->pool,
                 (struct quiet_block){block, n, env->kind});
}

// A segment is filled to 13/16, and has room for 5/3 of its records when it is new, for twice as
// many when it is half of another: so two thirds of the words are in use on average. To 13/16 less
// one: with a word more than the fullest holds, its half is a block of 26 KiB to the byte.
static bool has_room(uint64_t entry)
{
    return (segment_of(entry)->used + 2) * 16 <= capacity_of(entry) * 13;
}
static uint32_t words_for(uint32_t records) { return records / 3 * 5 + 2; }

// Returns whether it took a word that was never used.
static bool put(uint64_t entry, uint64_t hash, const void *record)
{
    struct ptable_segment *s = segment_of(entry);
    uint32_t capacity = capacity_of(entry), i = home(hash, capacity);
    ASSERT(s->used + 1 < capacity); // a word stays free, where every search ends
    while (own(&s->word[i]) > GONE) i = after(i, capacity);
    bool fresh = own(&s->word[i]) == FREE;
    atomic_store_explicit(&s->word[i], tagged(record, hash & 0xffff), memory_order_release);
    s->live++;
    s->used += fresh;
    return fresh;
}

// Copies the live words of one segment into one (half[0] == half[1]) or two; bit `depth` decides.
static void move(uint64_t from, const uint64_t half[2], const struct ptable_env *env)
{
    const struct ptable_segment *s = segment_of(from);
    uint32_t capacity = capacity_of(from);
    for (uint32_t i = 0; i < capacity; i++) {
        if (i + AHEAD < capacity) __builtin_prefetch(record_of(own(&s->word[i + AHEAD])));
        uint64_t w = own(&s->word[i]);
        if (w <= GONE) continue;
        uint64_t hash = env->rehash(env->ctx, record_of(w));
        put(half[hash >> (63 - s->depth) & 1], hash, record_of(w));
    }
}

// A map of twice as many segments, each of them twice in it.
static void widen(struct ptable *t, const struct ptable_env *env)
{
    uint64_t root = own(&t->root);
    const _Atomic uint64_t *old = places_of(t);
    uint32_t depth = depth_of(root) + 1;
    ASSERT(depth <= DEPTH_MAX);
    _Atomic uint64_t *map = pool_alloc(&env->shard->pool, map_bytes(depth), env->kind);
    for (uint32_t i = 0; i < UINT32_C(1) << depth; i++) atomic_init(&map[i], own(&old[i / 2]));
    atomic_store_explicit(&t->root, tagged(map, MAP | depth), memory_order_release);
    if (is_map(root)) retire(env, map_of(root), map_bytes(depth - 1));
}

// Puts a larger segment, or two, in the place of the one that the hash belongs to.
static void make_room(struct ptable *t, const struct ptable_env *env, uint64_t hash)
{
    uint64_t entry = own_entry(t, hash), half[2];
    struct ptable_segment *s = segment_of(entry);
    uint32_t capacity = capacity_of(entry);
    bool split = capacity == WORDS_MAX && s->live > WORDS_MAX / 2;
    if (split) {
        if (s->depth == depth_of(own(&t->root))) widen(t, env);
        // All may go to one half: images are loaded in the order of the hash.
        half[0] = segment_new(t, env, s->live + 1, s->depth + 1);
        half[1] = segment_new(t, env, s->live + 1, s->depth + 1);
    } else {
        uint32_t words = words_for(s->live) < WORDS_MAX ? words_for(s->live) : WORDS_MAX;
        half[0] = half[1] = segment_new(t, env, words > capacity ? words : capacity, s->depth);
    }
    move(entry, half, env);
    t->used += s->live - s->used; // tombstones stay behind

    // All places that lead to the old one; the new ones share them half and half.
    uint32_t depth = depth_of(own(&t->root)), n = UINT32_C(1) << (depth - s->depth);
    _Atomic uint64_t *place = places_of(t) + (segment_at(hash, depth) & ~(n - 1));
    for (uint32_t i = 0; i < n; i++)
        atomic_store_explicit(&place[i], half[i >= n / 2], memory_order_release);
    retire(env, s, segment_bytes(capacity));
}

void ptable_reserve(struct ptable *t, const struct ptable_env *env, uint32_t records)
{
    ASSERT(own(&t->root) == 0);
    uint32_t depth = 0;
    while (records >> depth > SEGMENT_RECORDS) depth++;
    uint32_t words = (records >> depth) * 3 / 2;
    if (words < WORDS_MIN) words = WORDS_MIN;
    uint64_t root;
    if (depth == 0) {
        root = segment_new(t, env, words, 0);
    } else {
        _Atomic uint64_t *map = pool_alloc(&env->shard->pool, map_bytes(depth), env->kind);
        for (uint32_t i = 0; i < UINT32_C(1) << depth; i++)
            atomic_init(&map[i], segment_new(t, env, words, depth));
        root = tagged(map, MAP | depth);
    }
    atomic_store_explicit(&t->root, root, memory_order_release);
}

// ---- changes ------------------------------------------------------------------------------------

void ptable_insert(struct ptable *t, const struct ptable_env *env, uint64_t hash, void *record)
{
    ASSERT(((uintptr_t)record & ~POINTER) == 0);
    ASSERT((uintptr_t)record > GONE);
    if (own(&t->root) == 0) ptable_reserve(t, env, 0);
    for (;;) {
        uint64_t entry = own_entry(t, hash);
        if (has_room(entry)) {
            t->used += put(entry, hash, record);
            t->live++;
            return;
        }
        make_room(t, env, hash);
    }
}

void ptable_replace(struct ptable *t, uint64_t hash, const void *record, void *with)
{
    ASSERT(own(&t->root) != 0);
    ASSERT(((uintptr_t)with & ~POINTER) == 0);
    uint64_t entry = own_entry(t, hash);
    struct ptable_segment *s = segment_of(entry);
    uint32_t capacity = capacity_of(entry), i = home(hash, capacity);
    uint64_t old = tagged(record, hash & 0xffff);
    while (own(&s->word[i]) != old) {
        ASSERT(own(&s->word[i]) != FREE);
        i = after(i, capacity);
    }
    if (with != NULL) {
        atomic_store_explicit(&s->word[i], tagged(with, hash & 0xffff), memory_order_release);
        return;
    }
    // Where no search goes on behind it, no tombstone is needed.
    bool last = own(&s->word[after(i, capacity)]) == FREE;
    atomic_store_explicit(&s->word[i], last ? FREE : GONE, memory_order_release);
    s->live--;
    t->live--;
    s->used -= last;
    t->used -= last;
}

// ---- walk ---------------------------------------------------------------------------------------

// A position: | first 32 bits of the hash where the segment begins | version 20 | word 12 |.
// Segments are visited in the order of the hash, which no split changes; one that was replaced
// since, as its version tells, is begun again.
bool ptable_walk(const struct ptable *t, uint64_t *at, bool (*fn)(void *ctx, void *record),
                 void *ctx)
{
    while (own(&t->root) != 0 && *at != UINT64_MAX) {
        uint64_t begin = *at >> 32 << 32;
        uint64_t entry = own_entry(t, begin);
        const struct ptable_segment *s = segment_of(entry);
        uint64_t version = s->version & 0xfffff;
        uint32_t i = (*at >> 12 & 0xfffff) == version ? (uint32_t)(*at & 0xfff) : 0;
        for (; i < capacity_of(entry); i++) {
            uint64_t w = own(&s->word[i]);
            if (w <= GONE || fn(ctx, record_of(w))) continue;
            *at = begin | version << 12 | i;
            return false;
        }
        uint64_t next = begin + (UINT64_C(1) << 1 << (63 - s->depth)); // depth 0: all, so 0 again
        *at = next > begin ? next : UINT64_MAX;
    }
    return true;
}

// ---- records ------------------------------------------------------------------------------------

const char *user_string(const struct user *u, enum user_string which, uint32_t *n)
{
    const uint16_t length[USER_STRINGS] = {u->username_n, u->first_n, u->last_n, u->avatar_n,
                                           u->email_n, u->phone_n, u->password_n};
    ASSERT(which < USER_STRINGS);
    const char *s = user_strings(u);
    for (unsigned i = 0; i < (unsigned)which; i++) s += length[i] + 1u;
    if (n != NULL) *n = length[which];
    return s;
}

const void *user_cold(const struct user *u)
{
    return u->cold_n > 0 ? user_strings(u) + u->strings_n : NULL;
}

// A word behind the content: ids of those who were told, the parent, when it was changed.
static uint64_t comment_word(const struct comment *c, uint32_t i)
{
    uint64_t word;
    memcpy(&word, c->data + (((size_t)c->o.text_n + 1 + 7) & ~(size_t)7) + i * sizeof word,
           sizeof word);
    return word;
}

uint64_t comment_told(const struct comment *c, uint32_t i)
{
    ASSERT(i < c->told_n);
    return comment_word(c, i);
}

uint64_t comment_parent(const struct comment *c)
{
    return c->answers ? comment_word(c, c->told_n) : 0;
}

uint64_t comment_updated_ms(const struct comment *c)
{
    return c->changed ? comment_word(c, c->told_n + c->answers) : id_ms(c->o.id);
}

const void *post_cold(const struct post *p)
{
    return p->cold_n > 0 ? p->data + caption_size(p->o.text_n, p->tagged) : NULL;
}

struct tag_place post_tag_place(const struct post *p, uint32_t i)
{
    struct tag_place place;
    ASSERT(i < p->tagged);
    memcpy(&place, p->data + p->o.text_n + 1 + i * sizeof place, sizeof place);
    return place;
}
