// Ordered sets of ids in packed blocks (postings.h).
#include "store/postings.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/id.h"

enum {
    BLOCK_MAX = 512,           // bytes of a block with its head
    CODE_MAX = 10,             // bytes of one id at most
    MERGE_BYTES = 160,         // neighbours that together use no more become one
    SEQUENCE = 1, SECONDS = 2, FLAGS = 2,
    TIME_AT = SLOT_BITS + FLAGS,
};

struct posting_block {
    uint64_t first, last;      // most ids come behind the last: that needs no look at the others
    uint16_t n, used, room;
    uint8_t byte[];
};
enum { HEAD = offsetof(struct posting_block, byte), ROOM_MAX = BLOCK_MAX - HEAD };

// ---- codes -------------------------------------------------------------------------------------

static uint32_t put_varint(uint8_t *to, uint64_t v)
{
    uint32_t n = 0;
    for (; v >= 0x80; v >>= 7) to[n++] = (uint8_t)(v | 0x80);
    to[n++] = (uint8_t)v;
    return n;
}

static uint64_t take_varint(const uint8_t **at)
{
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t b = *(*at)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) return v;
    }
}

enum { TIME_SHIFT = SLOT_BITS + STAMP_SEQ_BITS, SEQ_MASK = (1 << STAMP_SEQ_BITS) - 1 };

static uint32_t encode(uint8_t *to, uint64_t before, uint64_t id)
{
    uint64_t ms = (id >> TIME_SHIFT) - (before >> TIME_SHIFT), seq = id >> SLOT_BITS & SEQ_MASK;
    bool seconds = ms % 1000 == 0;
    uint64_t time = seconds ? ms / 1000 : ms;
    uint32_t flags = (seq != 0 ? SEQUENCE : 0u) | (seconds ? SECONDS : 0u);
    uint32_t n = put_varint(to, time << TIME_AT | (uint64_t)id_slot(id) << FLAGS | flags);
    return seq != 0 ? n + put_varint(to + n, seq) : n;
}

// The id that is coded here, after `before`.
static uint64_t decode(const uint8_t **at, uint64_t before)
{
    uint64_t v = take_varint(at);
    uint64_t seq = v & SEQUENCE ? take_varint(at) : 0;
    uint64_t ms = (before >> TIME_SHIFT) + (v >> TIME_AT) * (v & SECONDS ? 1000 : 1);
    return ms << TIME_SHIFT | seq << SLOT_BITS | (v >> FLAGS & (SLOTS - 1));
}

static uint32_t unpack(const struct posting_block *b, uint64_t *id)
{
    const uint8_t *at = b->byte;
    id[0] = b->first;
    for (uint32_t i = 1; i < b->n; i++) id[i] = decode(&at, id[i - 1]);
    ASSERT(at == b->byte + b->used);
    return b->n;
}

// Bytes that the ids take after the first; to may be NULL.
static uint32_t pack(const uint64_t *id, uint32_t n, uint8_t *to)
{
    uint32_t bytes = 0;
    uint8_t code[CODE_MAX];
    for (uint32_t i = 1; i < n; i++)
        bytes += encode(to != NULL ? to + bytes : code, id[i - 1], id[i]);
    return bytes;
}

// ---- blocks ------------------------------------------------------------------------------------

static struct posting_block *block_new(struct pool *pool, uint32_t room)
{
    size_t bytes = pool_size(HEAD + room);
    if (bytes > BLOCK_MAX) bytes = BLOCK_MAX;
    struct posting_block *b = pool_alloc(pool, bytes, MEM_index);
    memset(b, 0, HEAD);
    b->room = (uint16_t)(bytes - HEAD);
    return b;
}

static void block_free(struct pool *pool, struct posting_block *b)
{
    pool_free(pool, b, (size_t)HEAD + b->room, MEM_index);
}

// A block of these ids, and no more room than it needs.
static struct posting_block *block_of(struct pool *pool, const uint64_t *id, uint32_t n)
{
    uint32_t used = pack(id, n, NULL);
    struct posting_block *b = block_new(pool, used);
    ASSERT(used <= b->room);
    b->first = id[0];
    b->last = id[n - 1];
    b->n = (uint16_t)n;
    b->used = (uint16_t)pack(id, n, b->byte);
    return b;
}

// ---- directory ---------------------------------------------------------------------------------

static const struct posting_block *block_at(const struct postings *p, uint32_t k)
{
    return p->blocks == 1 ? p->only : p->block[k];
}
static struct posting_block **place_of(struct postings *p, uint32_t k)
{
    return p->blocks == 1 ? &p->only : &p->block[k];
}

// Entries that a directory of so many blocks has room for.
static uint32_t directory_room(uint32_t blocks)
{
    uint32_t room = 2;
    while (room < blocks) room *= 2;
    return room;
}

static void directory_free(struct postings *p, struct pool *pool)
{
    pool_free(pool, p->block, directory_room(p->blocks) * sizeof *p->block, MEM_index);
}

// A directory for `blocks` in the place of the one there is.
static void directory_fit(struct postings *p, struct pool *pool, uint32_t blocks)
{
    uint32_t had = p->blocks, n = had < blocks ? had : blocks;
    if (had > 1 && blocks > 1 && directory_room(had) == directory_room(blocks)) return;
    struct posting_block **from = had == 1 ? &p->only : p->block, *only = from[0];
    struct posting_block **to = &only;
    if (blocks > 1) {
        to = pool_alloc(pool, directory_room(blocks) * sizeof *to, MEM_index);
        memcpy(to, from, n * sizeof *to);
    }
    if (had > 1) directory_free(p, pool);
    if (blocks > 1)
        p->block = to;
    else
        p->only = only;
}

static void insert_block(struct postings *p, struct pool *pool, uint32_t k,
                         struct posting_block *b)
{
    directory_fit(p, pool, p->blocks + 1);
    memmove(p->block + k + 1, p->block + k, (p->blocks - k) * sizeof *p->block);
    p->block[k] = b;
    p->blocks++;
}

static void remove_block(struct postings *p, struct pool *pool, uint32_t k)
{
    ASSERT(p->blocks > 1);
    block_free(pool, p->block[k]);
    memmove(p->block + k, p->block + k + 1, (p->blocks - k - 1) * sizeof *p->block);
    directory_fit(p, pool, p->blocks - 1);
    p->blocks--;
}

// The last block whose first id is not above `id`; 0 if all are.
static uint32_t block_for(const struct postings *p, uint64_t id)
{
    uint32_t last = p->blocks - 1;
    if (block_at(p, last)->first <= id) return last;
    uint32_t lo = 0, hi = last;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (block_at(p, mid)->first <= id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? lo - 1 : 0;
}

// ---- changes -----------------------------------------------------------------------------------

// The first position whose id is not below this one.
static uint32_t place_in(const uint64_t *id, uint32_t n, uint64_t wanted)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (id[mid] < wanted)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void replace_block(struct postings *p, struct pool *pool, uint32_t k,
                          struct posting_block *with)
{
    struct posting_block **at = place_of(p, k);
    block_free(pool, *at);
    *at = with;
}

// The same block in other memory.
static struct posting_block *rehouse(struct postings *p, struct pool *pool, uint32_t k,
                                     uint32_t bytes)
{
    const struct posting_block *b = block_at(p, k);
    struct posting_block *to = block_new(pool, bytes);
    uint16_t room = to->room;
    memcpy(to, b, (size_t)HEAD + b->used);
    to->room = room;
    replace_block(p, pool, k, to);
    return to;
}

// The block with room for so many bytes of codes.
static struct posting_block *with_room(struct postings *p, struct pool *pool, uint32_t k,
                                       uint32_t used)
{
    struct posting_block *b = *place_of(p, k);
    return used <= b->room ? b : rehouse(p, pool, k, used + used / 8);
}

// An id above the block's last. false: the block is as large as they get.
static bool append(struct postings *p, struct pool *pool, uint32_t k, uint64_t id)
{
    struct posting_block *b = *place_of(p, k);
    uint8_t code[CODE_MAX];
    uint32_t n = encode(code, b->last, id);
    if (b->n == POSTING_IDS || b->used + n > ROOM_MAX) return false;
    b = with_room(p, pool, k, b->used + n);
    memcpy(b->byte + b->used, code, n);
    b->used = (uint16_t)(b->used + n);
    b->last = id;
    b->n++;
    return true;
}

// Where an id stands, or would, in a block whose last one is not below it: the code of the first
// one that is not below lies from `at` to `end` (both 0: it is the block's first).
struct place { uint64_t before, here; uint32_t at, end; };

static struct place seek(const struct posting_block *b, uint64_t id)
{
    struct place to = {0, b->first, 0, 0};
    const uint8_t *at = b->byte;
    while (to.here < id) {
        to.at = (uint32_t)(at - b->byte);
        to.before = to.here;
        to.here = decode(&at, to.before);
        to.end = (uint32_t)(at - b->byte);
    }
    return to;
}

// The bytes from `at` to `end` become `n` others; there is room.
static void splice(struct posting_block *b, const struct place *at, const uint8_t *code, uint32_t n)
{
    memmove(b->byte + at->at + n, b->byte + at->end, b->used - at->end);
    memcpy(b->byte + at->at, code, n);
    b->used = (uint16_t)(b->used - (at->end - at->at) + n);
}

static void halve(struct postings *p, struct pool *pool, uint32_t k)
{
    uint64_t all[POSTING_IDS];
    uint32_t n = unpack(block_at(p, k), all), half = n / 2;
    replace_block(p, pool, k, block_of(pool, all, half));
    insert_block(p, pool, k + 1, block_of(pool, all + half, n - half));
}

// An id that is not above the block's last. false: it is there. Only its code and the next one's
// are made.
static bool insert_into(struct postings *p, struct pool *pool, uint32_t k, uint64_t id)
{
    struct posting_block *b = *place_of(p, k);
    struct place at = seek(b, id);
    if (at.here == id) return false;
    uint8_t code[2 * CODE_MAX];
    uint32_t n = at.end > 0 ? encode(code, at.before, id) : 0;
    n += encode(code + n, id, at.here);
    uint32_t used = b->used - (at.end - at.at) + n;
    if (b->n == POSTING_IDS || used > ROOM_MAX) {
        halve(p, pool, k);
        if (id > block_at(p, k)->last) k++;
        return insert_into(p, pool, k, id);
    }
    b = with_room(p, pool, k, used);
    splice(b, &at, code, n);
    if (at.end == 0) b->first = id;
    b->n++;
    return true;
}

static void first_two(struct postings *p, struct pool *pool, uint64_t id)
{
    bool above = id > p->one;
    uint64_t both[2] = {above ? p->one : id, above ? id : p->one};
    p->only = block_of(pool, both, 2);
    p->blocks = 1;
}

bool postings_insert(struct postings *p, struct pool *pool, uint64_t id)
{
    ASSERT(id != 0);
    if (p->count == 0) {
        p->one = id;
        p->count = 1;
        return true;
    }
    if (p->blocks == 0) {
        if (p->one == id) return false;
        first_two(p, pool, id);
        p->count = 2;
        return true;
    }
    uint32_t k = block_for(p, id);
    if (id <= block_at(p, k)->last) {
        if (!insert_into(p, pool, k, id)) return false;
    } else if (!append(p, pool, k, id)) {
        insert_block(p, pool, k + 1, block_of(pool, &id, 1));
    }
    p->count++;
    return true;
}

// ---- many at once ------------------------------------------------------------------------------

// A block in the making.
struct filling { uint64_t first, last; uint32_t n, used; uint8_t byte[ROOM_MAX + CODE_MAX]; };

// false: it is full.
static bool fill(struct filling *f, uint64_t id)
{
    uint32_t code = f->n > 0 ? encode(f->byte + f->used, f->last, id) : 0;
    if (f->n == POSTING_IDS || f->used + code > ROOM_MAX) return false;
    if (f->n == 0) f->first = id;
    f->last = id;
    f->used += code;
    f->n++;
    return true;
}

// What is there last, to be gone on with.
static void fill_begin(struct filling *f, const struct postings *p)
{
    f->n = f->used = 0;
    if (p->count == 0) return;
    f->n = 1;
    f->first = f->last = p->one;
    if (p->blocks == 0) return;
    const struct posting_block *b = block_at(p, p->blocks - 1);
    f->n = b->n;
    f->first = b->first;
    f->last = b->last;
    f->used = b->used;
    memcpy(f->byte, b->byte, b->used);
}

// Becomes the last block; `old` is the one that it began with, NULL = none.
static void fill_end(struct filling *f, struct postings *p, struct pool *pool,
                     struct posting_block *old)
{
    struct posting_block *b = old != NULL && f->used <= old->room ? old : block_new(pool, f->used);
    b->first = f->first;
    b->last = f->last;
    b->n = (uint16_t)f->n;
    b->used = (uint16_t)f->used;
    memcpy(b->byte, f->byte, f->used);
    if (p->blocks == 0) {
        p->only = b;
        p->blocks = 1;
    } else if (old == NULL) {
        insert_block(p, pool, p->blocks, b);
    } else if (b != old) {
        replace_block(p, pool, p->blocks - 1, b);
    }
    f->n = f->used = 0;
}

// ids that are above all that are there.
static void append_all(struct postings *p, struct pool *pool, struct id_list ids)
{
    if (p->count == 0 && ids.n == 1) {
        p->one = ids.id[0];
        p->count = 1;
        return;
    }
    struct filling f;
    fill_begin(&f, p);
    struct posting_block *old = p->blocks > 0 ? *place_of(p, p->blocks - 1) : NULL;
    for (uint32_t i = 0; i < ids.n; i++) {
        if (fill(&f, ids.id[i])) continue;
        fill_end(&f, p, pool, old);
        old = NULL;
        fill(&f, ids.id[i]);
    }
    fill_end(&f, p, pool, old);
    p->count += ids.n;
}

// How many of these ids one block takes.
static uint32_t block_share(const uint64_t *id, uint32_t n, uint32_t room)
{
    uint8_t code[CODE_MAX];
    uint32_t used = 0, i = 1;
    for (; i < n && i < POSTING_IDS; i++) {
        used += encode(code, id[i - 1], id[i]);
        if (used > room) break;
    }
    return i;
}

// Ids that stand in block k or behind it, before the next one, at most as many as a block has. What
// one block does not take goes into some that have room left.
static void merge_into(struct postings *p, struct pool *pool, uint32_t k, struct id_list ids)
{
    uint64_t old[POSTING_IDS], all[2 * POSTING_IDS];
    uint32_t had = unpack(block_at(p, k), old), n = 0;
    ASSERT(ids.n <= POSTING_IDS);
    for (uint32_t i = 0, j = 0; i < had || j < ids.n;)
        all[n++] = j == ids.n || (i < had && old[i] < ids.id[j]) ? old[i++] : ids.id[j++];
    uint32_t room = block_share(all, n, ROOM_MAX) == n ? ROOM_MAX : ROOM_MAX * 3 / 4;
    for (uint32_t from = 0, some; from < n; from += some, k++) {
        some = block_share(all + from, n - from, room);
        struct posting_block *b = block_of(pool, all + from, some);
        if (from == 0)
            replace_block(p, pool, k, b);
        else
            insert_block(p, pool, k, b);
    }
}

static uint64_t top_of(const struct postings *p)
{
    if (p->count == 0) return 0;
    return p->blocks == 0 ? p->one : block_at(p, p->blocks - 1)->last;
}

void postings_add(struct postings *p, struct pool *pool, struct id_list ids)
{
    while (ids.n > 0) {
        uint64_t top = top_of(p);
        if (ids.id[0] > top) {
            append_all(p, pool, ids);
            return;
        }
        uint32_t n = 1;
        if (p->blocks > 0) {
            uint32_t k = block_for(p, ids.id[0]);
            uint64_t until = k + 1 < p->blocks ? block_at(p, k + 1)->first : top;
            while (n < ids.n && n < POSTING_IDS && ids.id[n] < until) n++;
            if (n > 1) {
                merge_into(p, pool, k, (struct id_list){ids.id, n});
                p->count += n;
            }
        }
        if (n == 1) postings_insert(p, pool, ids.id[0]);
        ids = (struct id_list){ids.id + n, ids.n - n};
    }
}

// ---- removals ----------------------------------------------------------------------------------

// Block k + 1 goes into block k, if both are small.
static bool merge(struct postings *p, struct pool *pool, uint32_t k)
{
    const struct posting_block *a = block_at(p, k), *b = block_at(p, k + 1);
    if (a->used + b->used > MERGE_BYTES) return false;
    uint64_t all[2 * POSTING_IDS];
    uint32_t n = unpack(a, all);
    n += unpack(b, all + n);
    replace_block(p, pool, k, block_of(pool, all, n));
    remove_block(p, pool, k + 1);
    return true;
}

// A block that uses less than half of its room gets less.
static void fit(struct postings *p, struct pool *pool, uint32_t k)
{
    const struct posting_block *b = block_at(p, k);
    bool less = pool_size((size_t)HEAD + b->used) < (size_t)HEAD + b->room;
    if (less && b->used < b->room / 2) rehouse(p, pool, k, b->used);
}

// One of several ids, which stands there; what follows is coded after what is before. That is never
// longer than both codes were.
static void remove_from(struct posting_block *b, struct place at)
{
    uint8_t code[CODE_MAX];
    uint32_t n = 0;
    if (at.here == b->last) {
        b->last = at.before;
    } else {
        const uint8_t *next = b->byte + at.end;
        uint64_t id = decode(&next, at.here);
        at.end = (uint32_t)(next - b->byte);
        if (at.here == b->first)
            b->first = id;
        else
            n = encode(code, at.before, id);
    }
    ASSERT(n <= at.end - at.at);
    splice(b, &at, code, n);
    b->n--;
}

static void to_one(struct postings *p, struct pool *pool)
{
    ASSERT(p->blocks == 1);
    uint64_t id = p->only->first;
    block_free(pool, p->only);
    p->one = id;
    p->blocks = 0;
}

bool postings_remove(struct postings *p, struct pool *pool, uint64_t id)
{
    if (p->count == 0) return false;
    if (p->blocks == 0) {
        if (p->one != id) return false;
        p->count = 0;
        return true;
    }
    uint32_t k = block_for(p, id);
    struct posting_block *b = *place_of(p, k);
    if (id > b->last) return false;
    struct place at = seek(b, id);
    if (at.here != id) return false;
    p->count--;
    if (b->n == 1) {
        remove_block(p, pool, k);
    } else {
        remove_from(b, at);
        if (k + 1 >= p->blocks || !merge(p, pool, k))
            if (k == 0 || !merge(p, pool, k - 1)) fit(p, pool, k);
    }
    if (p->count == 1) to_one(p, pool);
    return true;
}

void postings_clear(struct postings *p, struct pool *pool)
{
    for (uint32_t k = 0; k < p->blocks; k++) block_free(pool, *place_of(p, k));
    if (p->blocks > 1) directory_free(p, pool);
    memset(p, 0, sizeof *p);
}

// ---- walks -------------------------------------------------------------------------------------

void posting_walk(struct posting_walk *w, const struct postings *of)
{
    w->of = of;
    w->block = UINT32_MAX;
    w->n = w->at = 0;
}

static void load(struct posting_walk *w, uint32_t k)
{
    w->block = k;
    w->n = unpack(block_at(w->of, k), w->id);
    w->at = w->n;
}

uint64_t posting_below(struct posting_walk *w, uint64_t before)
{
    const struct postings *p = w->of;
    if (before == 0) before = UINT64_MAX;
    if (p == NULL || p->count == 0) return 0;
    if (p->blocks == 0) return p->one < before ? p->one : 0;
    // The next one down, mostly.
    if (w->at > 0 && w->at < w->n && w->id[w->at] == before) return w->id[--w->at];
    if (w->block == UINT32_MAX || before <= w->id[0] || before > w->id[w->n - 1]) {
        uint32_t k = block_for(p, before - 1);
        if (block_at(p, k)->first >= before) return 0;
        if (k != w->block) load(w, k);
    }
    w->at = place_in(w->id, w->n, before);
    ASSERT(w->at > 0);
    return w->id[--w->at];
}
