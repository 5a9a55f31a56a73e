// Streams in blocks (stream.h).
#include "store/stream.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "store/digest.h"
#include "store/image_hooks.h"
#include "store/lists.h"
#include "store/store.h"

enum {
    BLOCK_MAX = 146,           // items: a block of 4 KiB
    BLOCK_LATER = 12,          // the least for a block that follows another
    MERGE_MAX = 72,            // neighbours that together hold no more become one
    DIRECTORY_MIN = 4,
};

_Static_assert(sizeof(struct stream_item) == 28, "part of images");
_Static_assert(sizeof(struct stream) == 48, "a stream of one item costs 88 bytes");
_Static_assert(offsetof(struct stream_block, item) == 8, "one item fills a block of 40");
_Static_assert(offsetof(struct stream, list) == offsetof(struct list_head, list), "as a list");
_Static_assert(offsetof(struct stream, image) == offsetof(struct list_head, image), "the same");
_Static_assert(offsetof(struct stream, count) == offsetof(struct list_head, count), "the same");

// ---- digest -------------------------------------------------------------------------------------

void stream_item_digest(const struct store *store, const struct stream *s,
                        const struct stream_item *item, struct hash128 *out)
{
    struct { uint64_t owner; uint32_t list; struct stream_item item; } key = {s->owner, s->list,
                                                                              *item};
    _Static_assert(sizeof key == 40, "no byte that is not set");
    *out = hash128(&key, sizeof key, store->hash_key[1]);
}

bool stream_mark_digest(const struct store *store, const struct stream *s, struct hash128 *out)
{
    uint64_t key[3] = {s->owner, s->list, s->read_to};
    if (s->read_to == 0) return false;
    *out = hash128(key, sizeof key, store->hash_key[1]);
    return true;
}

static void count_item(struct part *p, const struct stream *s, const struct stream_item *item,
                       bool add)
{
    struct hash128 h;
    stream_item_digest(p->shard->store, s, item, &h);
    if (add)
        digest_add(&p->edges_digest, h);
    else
        digest_sub(&p->edges_digest, h);
}

static void move_mark(struct part *p, struct stream *s, uint64_t to)
{
    struct hash128 h;
    if (stream_mark_digest(p->shard->store, s, &h)) digest_sub(&p->edges_digest, h);
    s->read_to = to;
    if (stream_mark_digest(p->shard->store, s, &h)) digest_add(&p->edges_digest, h);
}

// ---- blocks -------------------------------------------------------------------------------------

static size_t block_bytes(uint32_t capacity)
{
    return sizeof(struct stream_block) + capacity * sizeof(struct stream_item);
}

// Room for `room` items and what the pool gives beyond.
static struct stream_block *block_new(struct part *p, uint32_t room)
{
    size_t bytes = pool_size(block_bytes(room));
    struct stream_block *b = pool_alloc(&p->shard->pool, bytes, MEM_stream);
    *b = (struct stream_block){
        .capacity = (uint16_t)((bytes - sizeof *b) / sizeof b->item[0]),
        .image = part_image_generation(p),
    };
    return b;
}

static size_t block_taken(const struct stream_block *b)
{
    return pool_size(block_bytes(b->capacity));
}

static void block_free(struct part *p, struct stream_block *b)
{
    pool_free(&p->shard->pool, b, block_taken(b), MEM_stream);
}

// A copy with other room in the place of *at.
static void block_fit(struct part *p, struct stream_block **at, uint32_t room)
{
    struct stream_block *old = *at, *b = block_new(p, room);
    ASSERT(old->n <= b->capacity);
    b->n = old->n;
    b->unread = old->unread;
    b->image = old->image;
    memcpy(b->item, old->item, old->n * sizeof b->item[0]);
    *at = b;
    block_free(p, old);
}

static void block_changes(struct part *p, struct stream *s, struct stream_block *b)
{
    if (p->image != NULL) image_before_stream(p, s, b);
}

static uint64_t block_last(const struct stream_block *b) { return b->item[b->n - 1].number; }

// The first position whose number is not below this one.
static uint32_t place_in(const struct stream_block *b, uint64_t number)
{
    if (b->n > 0 && block_last(b) < number) return b->n;
    uint32_t lo = 0, hi = b->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->item[mid].number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_unread(const struct stream *s, const struct stream_item *item)
{
    return stream_unread(item) && item->number > s->read_to;
}

// ---- directory ----------------------------------------------------------------------------------

static struct stream_block **blocks_of(struct stream *s)
{
    return s->blocks_cap == 0 ? &s->only : s->block;
}

struct stream_block *stream_block(const struct stream *s, uint32_t k)
{
    ASSERT(k < s->blocks);
    return s->blocks_cap == 0 ? s->only : s->block[k];
}

// The last block whose first number is not above this one; 0 if all are.
static uint32_t block_for(const struct stream *s, uint64_t number)
{
    uint32_t last = s->blocks - 1;
    if (stream_block(s, last)->item[0].number <= number) return last;
    uint32_t lo = 0, hi = last;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (stream_block(s, mid)->item[0].number <= number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? lo - 1 : 0;
}

// Puts a block at position k >= 1.
static void insert_block(struct part *p, struct stream *s, uint32_t k, struct stream_block *b)
{
    struct pool *pool = &p->shard->pool;
    ASSERT(k >= 1 && k <= s->blocks);
    uint32_t cap = s->blocks_cap;
    if (s->blocks >= cap) {
        uint32_t room = cap == 0 ? DIRECTORY_MIN : cap + cap / 2;
        size_t bytes = pool_size(room * sizeof *s->block);
        struct stream_block **to = pool_alloc(pool, bytes, MEM_stream);
        memcpy(to, blocks_of(s), s->blocks * sizeof *to);
        if (cap > 0) pool_free(pool, s->block, cap * sizeof *to, MEM_stream);
        s->block = to;
        s->blocks_cap = (uint32_t)(bytes / sizeof *to);
    }
    memmove(s->block + k + 1, s->block + k, (s->blocks - k) * sizeof *s->block);
    s->block[k] = b;
    s->blocks++;
}

// Takes n blocks out from k on; the directory goes when one block is left, or none.
static void remove_blocks(struct part *p, struct stream *s, uint32_t k, uint32_t n)
{
    struct stream_block **at = blocks_of(s);
    if (p->image != NULL) image_stream_shrunk(p, s);
    for (uint32_t i = k; i < k + n; i++) block_free(p, at[i]);
    s->blocks -= n;
    memmove(at + k, at + k + n, (s->blocks - k) * sizeof *at);
    if (s->blocks_cap == 0) {
        s->only = NULL;
    } else if (s->blocks <= 1) {
        struct stream_block *only = s->blocks == 1 ? s->block[0] : NULL;
        pool_free(&p->shard->pool, s->block, s->blocks_cap * sizeof *s->block, MEM_stream);
        s->blocks_cap = 0;
        s->only = only;
    }
}

static void count_unread(struct stream_block *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i++) n += stream_unread(&b->item[i]);
    b->unread = (uint16_t)n;
}

// The upper half of the full block k becomes block k + 1.
static void split(struct part *p, struct stream *s, uint32_t k)
{
    struct stream_block *b = blocks_of(s)[k], *upper = block_new(p, BLOCK_MAX);
    uint32_t half = b->n / 2;
    upper->n = (uint16_t)(b->n - half);
    upper->image = b->image;
    b->n = (uint16_t)half;
    memcpy(upper->item, b->item + half, upper->n * sizeof b->item[0]);
    count_unread(b);
    count_unread(upper);
    insert_block(p, s, k + 1, upper);
}

// Room for the number in or behind the full block k: gives the block that it goes to.
static uint32_t make_room(struct part *p, struct stream *s, uint32_t k, uint64_t number)
{
    struct stream_block **at = blocks_of(s) + k, *b = *at;
    if (b->capacity < BLOCK_MAX) {
        uint32_t room = b->capacity + b->capacity / 4u + 1u;
        block_fit(p, at, room < BLOCK_MAX ? room : BLOCK_MAX);
        return k;
    }
    if (k + 1 == s->blocks && block_last(b) < number) {
        insert_block(p, s, k + 1, block_new(p, BLOCK_LATER));
        return k + 1;
    }
    split(p, s, k);
    return stream_block(s, k + 1)->item[0].number <= number ? k + 1 : k;
}

// Appends block k + 1 to block k, if both together are small.
static bool merge(struct part *p, struct stream *s, uint32_t k)
{
    struct stream_block **at = blocks_of(s) + k;
    uint32_t n = (uint32_t)at[0]->n + at[1]->n;
    if (n > MERGE_MAX) return false;
    block_changes(p, s, at[0]);
    block_changes(p, s, at[1]);
    if (at[0]->capacity < n) block_fit(p, at, n);
    memcpy(at[0]->item + at[0]->n, at[1]->item, at[1]->n * sizeof at[1]->item[0]);
    at[0]->n = (uint16_t)n;
    at[0]->unread = (uint16_t)(at[0]->unread + at[1]->unread);
    remove_blocks(p, s, k + 1, 1);
    return true;
}

// ---- changes ------------------------------------------------------------------------------------

struct stream *streams_find(const struct part *p, struct edge_at at)
{
    return lists_find(&p->streams, p->shard->store, at);
}

enum { AHEAD = 24 };

void streams_ahead(const struct store *s, const struct edge_at *at, uint32_t n)
{
    struct ptable_spot spot[AHEAD];
    const struct stream *guess[AHEAD];
    const struct stream_block *last[AHEAD];
    ASSERT(n <= AHEAD);
    for (uint32_t i = 0; i < n; i++)
        spot[i] = lists_spot(&store_part(s, id_slot(at[i].owner))->streams, s, at[i]);
    for (uint32_t i = 0; i < n; i++) {
        guess[i] = ptable_guess(spot[i]);
        __builtin_prefetch(guess[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        last[i] = NULL;
        if (guess[i] == NULL || guess[i]->blocks == 0) continue;
        last[i] = stream_block(guess[i], guess[i]->blocks - 1);
        __builtin_prefetch(last[i], 1);
    }
    for (uint32_t i = 0; i < n; i++)
        if (last[i] != NULL) __builtin_prefetch(&last[i]->item[last[i]->n], 1);
}

static struct stream *stream_new(struct part *p, struct edge_at at)
{
    ASSERT(at.owner != 0);
    ASSERT(at.list - LIST_STREAMS - 1U < STREAM_KINDS - 1);
    struct stream *s = pool_alloc_zero(&p->shard->pool, sizeof *s, MEM_stream);
    s->owner = at.owner;
    s->list = (uint8_t)at.list;
    s->image = part_image_generation(p);
    lists_insert(p, &p->streams, s);
    p->stream_kinds[at.list - LIST_STREAMS]++;
    return s;
}

static void stream_end(struct part *p, struct stream *s)
{
    if (p->image != NULL) image_before_stream(p, s, NULL);
    move_mark(p, s, 0);
    lists_remove(p, &p->streams, s);
    p->stream_kinds[s->list - LIST_STREAMS]--;
    ASSERT(s->blocks == 0 && s->blocks_cap == 0);
    pool_free(&p->shard->pool, s, sizeof *s, MEM_stream);
}

bool streams_add(struct part *p, struct edge_at at, const struct stream_item *item)
{
    ASSERT(item->number != 0);
    struct stream *s = streams_find(p, at);
    if (s == NULL) s = stream_new(p, at);
    if (s->blocks == 0) {
        s->only = block_new(p, 1);
        s->blocks = 1;
    }
    uint32_t k = s->count > 0 ? block_for(s, item->number) : 0;
    struct stream_block *b = blocks_of(s)[k];
    uint32_t i = place_in(b, item->number);
    if (i < b->n && b->item[i].number == item->number) return false;
    if (b->n > 0) block_changes(p, s, b);
    if (b->n == b->capacity) {
        k = make_room(p, s, k, item->number);
        b = blocks_of(s)[k];
        i = place_in(b, item->number);
    }
    memmove(b->item + i + 1, b->item + i, (b->n - i) * sizeof b->item[0]);
    b->item[i] = *item;
    b->n++;
    b->unread = (uint16_t)(b->unread + stream_unread(item));
    s->count++;
    s->unread += is_unread(s, item);
    count_item(p, s, item, true);
    return true;
}

// Where the item is; NULL = nowhere.
static struct stream_item *locate(struct stream *s, uint64_t number, uint32_t *k)
{
    if (s == NULL || s->count == 0) return NULL;
    *k = block_for(s, number);
    struct stream_block *b = blocks_of(s)[*k];
    uint32_t i = place_in(b, number);
    return i < b->n && b->item[i].number == number ? &b->item[i] : NULL;
}

void streams_put(struct part *p, struct edge_at at, const struct stream_item *item)
{
    uint32_t k;
    struct stream *s = streams_find(p, at);
    struct stream_item *old = locate(s, item->number, &k);
    ASSERT(old != NULL);
    struct stream_block *b = blocks_of(s)[k];
    block_changes(p, s, b);
    s->unread += (uint32_t)is_unread(s, item) - (uint32_t)is_unread(s, old);
    b->unread = (uint16_t)(b->unread + stream_unread(item) - stream_unread(old));
    count_item(p, s, old, false);
    *old = *item;
    count_item(p, s, old, true);
}

// What is left of block k after items of it went.
static void block_shrunk(struct part *p, struct stream *s, uint32_t k)
{
    struct stream_block **at = blocks_of(s) + k;
    if ((*at)->n == 0) {
        remove_blocks(p, s, k, 1);
        return;
    }
    if (k + 1 < s->blocks && merge(p, s, k)) return;
    if (k > 0 && merge(p, s, k - 1)) return;
    if ((*at)->n * 3u <= (*at)->capacity) block_fit(p, at, (*at)->n + (*at)->n / 4u + 1u);
}

bool streams_remove(struct part *p, struct edge_at at, uint64_t number)
{
    uint32_t k;
    struct stream *s = streams_find(p, at);
    struct stream_item *item = locate(s, number, &k);
    if (item == NULL) return false;
    struct stream_block *b = blocks_of(s)[k];
    block_changes(p, s, b);
    count_item(p, s, item, false);
    s->unread -= is_unread(s, item);
    s->count--;
    b->unread = (uint16_t)(b->unread - stream_unread(item));
    b->n--;
    size_t above = (size_t)(b->item + b->n - item);
    memmove(item, item + 1, above * sizeof *item);
    block_shrunk(p, s, k);
    if (s->count == 0) stream_end(p, s);
    return true;
}

uint32_t streams_read_all(struct part *p, struct edge_at at)
{
    struct stream *s = streams_find(p, at);
    // What is hidden is read as well, and comes back so.
    if (s == NULL || s->read_to >= stream_last(s)) return 0;
    uint32_t n = s->unread;
    if (p->image != NULL) image_before_stream(p, s, NULL);
    move_mark(p, s, stream_last(s));
    s->unread = 0;
    return n;
}

// The first n items of a block go, out of all counts but the block's own.
static void drop_items(struct part *p, struct stream *s, const struct stream_block *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        count_item(p, s, &b->item[i], false);
        s->unread -= is_unread(s, &b->item[i]);
    }
    s->count -= n;
}

uint32_t streams_trim(struct part *p, struct edge_at at, uint64_t before)
{
    struct stream *s = streams_find(p, at);
    if (s == NULL) return 0;
    uint32_t whole = 0, had = s->count;
    for (; whole < s->blocks; whole++) {
        struct stream_block *b = stream_block(s, whole);
        if (block_last(b) >= before) break;
        block_changes(p, s, b);
        drop_items(p, s, b, b->n);
    }
    if (whole > 0) remove_blocks(p, s, 0, whole);
    struct stream_block *b = s->blocks > 0 ? stream_block(s, 0) : NULL;
    uint32_t n = b != NULL ? place_in(b, before) : 0;
    if (n > 0) {
        block_changes(p, s, b);
        drop_items(p, s, b, n);
        b->n = (uint16_t)(b->n - n);
        memmove(b->item, b->item + n, b->n * sizeof b->item[0]);
        count_unread(b);
        block_shrunk(p, s, 0);
    }
    uint32_t gone = had - s->count;
    if (s->count == 0) stream_end(p, s);
    return gone;
}

// ---- reads --------------------------------------------------------------------------------------

static void give(const struct stream *s, const struct stream_item *item, struct stream_item *out)
{
    *out = *item;
    if (item->number <= s->read_to) out->flags |= STREAM_READ;
}

bool stream_find(const struct stream *s, uint64_t number, struct stream_item *out)
{
    if (s == NULL || s->count == 0) return false;
    const struct stream_block *b = stream_block(s, block_for(s, number));
    uint32_t i = place_in(b, number);
    if (i == b->n || b->item[i].number != number) return false;
    give(s, &b->item[i], out);
    return true;
}

// Unread ones only: what is wholly read is passed over, and below the mark all is.
static bool may_hold(const struct stream *s, const struct stream_block *b, bool unread)
{
    return !unread || (b->unread > 0 && block_last(b) > s->read_to);
}

uint32_t stream_below(const struct stream *s, uint64_t before, struct stream_room room)
{
    if (s == NULL || s->count == 0) return 0;
    uint32_t n = 0, k = before == 0 ? s->blocks - 1 : block_for(s, before);
    const struct stream_block *b = stream_block(s, k);
    uint32_t at = before == 0 ? b->n : place_in(b, before);
    for (;;) {
        if (!may_hold(s, b, room.unread)) at = 0;
        while (at > 0 && n < room.max) {
            const struct stream_item *item = &b->item[--at];
            if (!room.unread || is_unread(s, item)) give(s, item, &room.out[n++]);
        }
        if (n == room.max || k == 0) return n;
        if (room.unread && b->item[0].number <= s->read_to) return n;
        b = stream_block(s, --k);
        at = b->n;
    }
}

uint32_t stream_above(const struct stream *s, uint64_t after, struct stream_room room)
{
    if (s == NULL || s->count == 0 || after == UINT64_MAX) return 0;
    uint32_t n = 0, k = block_for(s, after), at = place_in(stream_block(s, k), after + 1);
    for (; k < s->blocks && n < room.max; k++, at = 0) {
        const struct stream_block *b = stream_block(s, k);
        if (!may_hold(s, b, room.unread)) continue;
        for (; at < b->n && n < room.max; at++)
            if (!room.unread || is_unread(s, &b->item[at])) give(s, &b->item[at], &room.out[n++]);
    }
    return n;
}

uint64_t stream_skip(const struct stream *s, uint64_t after, uint32_t n)
{
    ASSERT(n > 0);
    if (s == NULL || s->count == 0 || after == UINT64_MAX) return 0;
    uint32_t k = block_for(s, after), at = place_in(stream_block(s, k), after + 1);
    uint64_t found = 0;
    for (; k < s->blocks && n > 0; k++, at = 0) {
        const struct stream_block *b = stream_block(s, k);
        uint32_t some = b->n - at < n ? b->n - at : n;
        if (some == 0) continue;
        found = b->item[at + some - 1].number;
        n -= some;
    }
    return found;
}

uint64_t stream_last(const struct stream *s)
{
    return s != NULL && s->count > 0 ? block_last(stream_block(s, s->blocks - 1)) : 0;
}

uint64_t stream_first(const struct stream *s)
{
    return s != NULL && s->count > 0 ? stream_block(s, 0)->item[0].number : 0;
}

// ---- loading ------------------------------------------------------------------------------------

bool stream_load_mark(struct part *p, struct edge_at at, uint64_t read_to)
{
    struct stream *s = streams_find(p, at);
    if (s == NULL) s = stream_new(p, at);
    if (read_to == 0 || s->read_to != 0) return false;
    move_mark(p, s, read_to);
    return true;
}

bool stream_loaded(struct stream *s)
{
    s->unread = 0;
    for (uint32_t k = 0; k < s->blocks; k++) {
        const struct stream_block *b = stream_block(s, k);
        for (uint32_t i = 0; i < b->n; i++) s->unread += is_unread(s, &b->item[i]);
    }
    return s->count > 0;
}
