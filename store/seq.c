// Ordered sequences of ids in blocks.
#include "store/seq.h"

#include <stddef.h>
#include <string.h>

#include "core/assert.h"
#include "store/image_hooks.h"
#include "store/lists.h"

enum {
    NEAR_MAX = 2,              // ids without a block
    BLOCK_MAX = 255,           // ids: a block of 2 KiB
    BLOCK_LATER = 31,          // the least for a block that follows another
    MERGE_MAX = 127,           // neighbours that together hold no more become one
    DIRECTORY_MIN = 4,
};

struct seq_block {
    uint32_t n, capacity;
    uint64_t id[];
};
_Static_assert(sizeof(struct seq) == 32, "a sequence of two ids");
_Static_assert(offsetof(struct seq, list) == offsetof(struct list_head, list), "begins as a list");
_Static_assert(offsetof(struct seq, image) == offsetof(struct list_head, image), "the same");
_Static_assert(offsetof(struct seq, count) == offsetof(struct list_head, count), "the same");

// ---- blocks -------------------------------------------------------------------------------------

static size_t block_bytes(uint32_t capacity)
{
    return sizeof(struct seq_block) + capacity * sizeof(uint64_t);
}

// Room for `room` ids and what the pool gives beyond.
static struct seq_block *block_new(struct pool *pool, uint32_t room)
{
    size_t bytes = pool_size(block_bytes(room));
    struct seq_block *b = pool_alloc(pool, bytes, MEM_seq);
    b->n = 0;
    b->capacity = (uint32_t)((bytes - sizeof *b) / sizeof b->id[0]);
    ASSERT(b->capacity <= BLOCK_MAX);
    return b;
}

static void block_free(struct pool *pool, struct seq_block *b)
{
    pool_free(pool, b, block_bytes(b->capacity), MEM_seq);
}

// A copy with other room in the place of *at.
static void block_fit(struct pool *pool, struct seq_block **at, uint32_t room)
{
    struct seq_block *old = *at, *b = block_new(pool, room);
    ASSERT(old->n <= b->capacity);
    b->n = old->n;
    memcpy(b->id, old->id, old->n * sizeof b->id[0]);
    *at = b;
    block_free(pool, old);
}

// The first position whose id is not below this one.
static uint32_t place_in(const struct seq_block *b, uint64_t id)
{
    if (b->n > 0 && b->id[b->n - 1] < id) return b->n;
    uint32_t lo = 0, hi = b->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->id[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

// ---- directory ----------------------------------------------------------------------------------

static struct seq_block **blocks_of(struct seq *s)
{
    return s->blocks_cap == 0 ? &s->only : s->block;
}
static const struct seq_block *block_at(const struct seq *s, uint32_t k)
{
    return s->blocks_cap == 0 ? s->only : s->block[k];
}

// The last block whose first id is not above `id`; 0 if all are.
static uint32_t block_for(const struct seq *s, uint64_t id)
{
    uint32_t last = s->blocks - 1;
    if (block_at(s, last)->id[0] <= id) return last;
    uint32_t lo = 0, hi = last;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (block_at(s, mid)->id[0] <= id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? lo - 1 : 0;
}

// Puts a block at position k >= 1.
static void insert_block(struct seq *s, struct pool *pool, uint32_t k, struct seq_block *b)
{
    ASSERT(k >= 1);
    ASSERT(k <= s->blocks);
    uint32_t cap = s->blocks_cap;
    if (s->blocks >= cap) {
        uint32_t room = cap == 0 ? DIRECTORY_MIN : cap + cap / 2;
        size_t bytes = pool_size(room * sizeof *s->block);
        struct seq_block **to = pool_alloc(pool, bytes, MEM_seq);
        memcpy(to, blocks_of(s), s->blocks * sizeof *to);
        if (cap > 0) pool_free(pool, s->block, cap * sizeof *to, MEM_seq);
        s->block = to;
        s->blocks_cap = (uint32_t)(bytes / sizeof *to);
    }
    memmove(s->block + k + 1, s->block + k, (s->blocks - k) * sizeof *s->block);
    s->block[k] = b;
    s->blocks++;
}

// Takes block k out; the directory goes when one block is left.
static void remove_block(struct seq *s, struct pool *pool, uint32_t k)
{
    struct seq_block **at = blocks_of(s);
    block_free(pool, at[k]);
    s->blocks--;
    memmove(at + k, at + k + 1, (s->blocks - k) * sizeof *at);
    if (s->blocks_cap == 0) {
        s->only = NULL;
    } else if (s->blocks == 1) {
        struct seq_block *only = s->block[0];
        pool_free(pool, s->block, s->blocks_cap * sizeof *s->block, MEM_seq);
        s->blocks_cap = 0;
        s->only = only;
    }
}

// Room for the id in or behind the full block k: gives the block that it goes to.
static uint32_t make_room(struct seq *s, struct pool *pool, uint32_t k, uint64_t id)
{
    struct seq_block **at = blocks_of(s) + k, *b = *at;
    if (b->capacity < BLOCK_MAX) {
        uint32_t room = b->capacity + b->capacity / 4 + 1;
        block_fit(pool, at, room < BLOCK_MAX ? room : BLOCK_MAX);
        return k;
    }
    if (k + 1 == s->blocks && b->id[b->n - 1] < id) {
        insert_block(s, pool, k + 1, block_new(pool, BLOCK_LATER));
        return k + 1;
    }
    uint32_t half = b->n / 2;
    struct seq_block *upper = block_new(pool, BLOCK_MAX);
    upper->n = b->n - half;
    b->n = half;
    memcpy(upper->id, b->id + half, upper->n * sizeof b->id[0]);
    insert_block(s, pool, k + 1, upper);
    return upper->id[0] <= id ? k + 1 : k;
}

// ---- changes ------------------------------------------------------------------------------------

// Among the near ones; there is room.
static void insert_near(struct seq *s, uint64_t id)
{
    bool first = s->count > 0 && s->near[0] > id;
    if (first) s->near[1] = s->near[0];
    s->near[first ? 0 : s->count] = id;
    s->count++;
}

static bool is_near(const struct seq *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->near[i] == id) return true;
    return false;
}

static void move_far(struct seq *s, struct pool *pool)
{
    struct seq_block *b = block_new(pool, NEAR_MAX + 1);
    b->n = s->count;
    memcpy(b->id, s->near, s->count * sizeof s->near[0]);
    s->only = b;
    s->blocks = 1;
    s->blocks_cap = 0;
    s->far = 1;
}

// The last id, if one is left.
static void move_near(struct seq *s, struct pool *pool)
{
    ASSERT(s->count < NEAR_MAX && s->blocks == s->count && s->blocks_cap == 0);
    uint64_t id = s->count > 0 ? s->only->id[0] : 0;
    if (s->count > 0) block_free(pool, s->only);
    memset(s->near, 0, sizeof s->near);
    s->near[0] = id;
    s->far = 0;
}

bool seq_insert(struct seq *s, struct pool *pool, uint64_t id)
{
    ASSERT(id != 0);
    if (!s->far) {
        if (is_near(s, id)) return false;
        if (s->count < NEAR_MAX) {
            insert_near(s, id);
            return true;
        }
        move_far(s, pool);
    }
    uint32_t k = block_for(s, id);
    struct seq_block *b = blocks_of(s)[k];
    uint32_t at = place_in(b, id);
    if (at < b->n && b->id[at] == id) return false;
    if (b->n == b->capacity) {
        k = make_room(s, pool, k, id);
        b = blocks_of(s)[k];
        at = place_in(b, id);
    }
    memmove(b->id + at + 1, b->id + at, (b->n - at) * sizeof b->id[0]);
    b->id[at] = id;
    b->n++;
    s->count++;
    return true;
}

// Appends block k + 1 to block k, if both together are small.
static bool merge(struct seq *s, struct pool *pool, uint32_t k)
{
    struct seq_block **at = blocks_of(s) + k;
    uint32_t n = at[0]->n + at[1]->n;
    if (n > MERGE_MAX) return false;
    if (at[0]->capacity < n) block_fit(pool, at, n);
    memcpy(at[0]->id + at[0]->n, at[1]->id, at[1]->n * sizeof at[1]->id[0]);
    at[0]->n = n;
    remove_block(s, pool, k + 1);
    return true;
}

static bool delete_near(struct seq *s, uint64_t id)
{
    if (!is_near(s, id)) return false;
    if (s->near[0] == id && s->count > 1) s->near[0] = s->near[1];
    s->near[--s->count] = 0;
    return true;
}

static bool delete_far(struct seq *s, struct pool *pool, uint64_t id)
{
    uint32_t k = block_for(s, id);
    struct seq_block **blocks = blocks_of(s), *b = blocks[k];
    uint32_t at = place_in(b, id);
    if (at == b->n || b->id[at] != id) return false;
    b->n--;
    s->count--;
    memmove(b->id + at, b->id + at + 1, (b->n - at) * sizeof b->id[0]);
    if (b->n == 0) {
        remove_block(s, pool, k);
        return true;
    }
    if (k + 1 < s->blocks && merge(s, pool, k)) return true;
    if (k > 0 && merge(s, pool, k - 1)) return true;
    if (b->n * 3 <= b->capacity) block_fit(pool, blocks + k, b->n + b->n / 4 + 1);
    return true;
}

bool seq_delete(struct seq *s, struct pool *pool, uint64_t id)
{
    if (!s->far) return delete_near(s, id);
    bool was = delete_far(s, pool, id);
    if (s->count < NEAR_MAX) move_near(s, pool);
    return was;
}

static void free_blocks(struct seq *s, struct pool *pool)
{
    while (s->far && s->blocks > 0) remove_block(s, pool, s->blocks - 1);
}

void seq_clear(struct seq *s, struct pool *pool)
{
    ASSERT(!s->lone);
    free_blocks(s, pool);
    s->count = 0;
    s->far = 0;
    memset(s->near, 0, sizeof s->near);
}

// ---- reads --------------------------------------------------------------------------------------

static uint32_t near_below(const struct seq *s, uint64_t before, uint64_t *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = s->count; i > 0 && n < max; i--)
        if (before == 0 || s->near[i - 1] < before) out[n++] = s->near[i - 1];
    return n;
}

static uint32_t near_above(const struct seq *s, uint64_t after, uint64_t *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->count && n < max; i++)
        if (s->near[i] > after) out[n++] = s->near[i];
    return n;
}

uint32_t seq_below(const struct seq *s, uint64_t before, uint64_t *out, uint32_t max)
{
    if (s == NULL || s->count == 0) return 0;
    if (!s->far) return near_below(s, before, out, max);
    uint32_t n = 0, k = before == 0 ? s->blocks - 1 : block_for(s, before);
    const struct seq_block *b = block_at(s, k);
    uint32_t at = before == 0 ? b->n : place_in(b, before);
    for (;;) {
        while (at > 0 && n < max) out[n++] = b->id[--at];
        if (n == max || k == 0) return n;
        b = block_at(s, --k);
        at = b->n;
    }
}

uint32_t seq_above(const struct seq *s, uint64_t after, uint64_t *out, uint32_t max)
{
    if (s == NULL || s->count == 0 || after == UINT64_MAX) return 0;
    if (!s->far) return near_above(s, after, out, max);
    uint32_t n = 0, k = block_for(s, after), at = place_in(block_at(s, k), after + 1);
    for (; k < s->blocks && n < max; k++, at = 0) {
        const struct seq_block *b = block_at(s, k);
        while (at < b->n && n < max) out[n++] = b->id[at++];
    }
    return n;
}

// ---- sequences of a partition -------------------------------------------------------------------

struct seq *seqs_find(const struct part *p, struct edge_at at)
{
    return lists_find(&p->seqs, p->shard->store, at);
}

void seqs_ahead(const struct store *s, const struct edge_at *at, uint32_t n)
{
    struct ptable_spot spot[SEQS_AHEAD];
    const struct seq *guess[SEQS_AHEAD];
    const struct seq_block *last[SEQS_AHEAD];
    ASSERT(n <= SEQS_AHEAD);
    for (uint32_t i = 0; i < n; i++)
        spot[i] = lists_spot(&store_part(s, id_slot(at[i].owner))->seqs, s, at[i]);
    for (uint32_t i = 0; i < n; i++) {
        guess[i] = ptable_guess(spot[i]);
        if (guess[i] != NULL) __builtin_prefetch(guess[i], 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        last[i] = NULL;
        if (guess[i] == NULL || !guess[i]->far || guess[i]->blocks == 0) continue;
        last[i] = block_at(guess[i], guess[i]->blocks - 1);
        __builtin_prefetch(last[i], 1);
    }
    for (uint32_t i = 0; i < n; i++)
        if (last[i] != NULL) __builtin_prefetch(&last[i]->id[last[i]->n], 1);
}

// Most posts that have comments have one.
static size_t seq_bytes(const struct seq *s)
{
    return s->lone ? offsetof(struct seq, near) + sizeof s->near[0] : sizeof *s;
}

static struct seq *seq_new(struct part *p, struct edge_at at)
{
    ASSERT(at.owner != 0);
    ASSERT(at.list >= 128);
    const struct seq lone = {.owner = at.owner, .list = (uint8_t)at.list, .lone = 1};
    struct seq *s = pool_alloc(&p->shard->pool, seq_bytes(&lone), MEM_seq);
    memcpy(s, &lone, seq_bytes(&lone));
    s->image = part_image_generation(p);
    lists_insert(p, &p->seqs, s);
    return s;
}

// Room for more than one id.
static struct seq *seq_widen(struct part *p, struct seq *lone)
{
    struct seq *s = pool_alloc_zero(&p->shard->pool, sizeof *s, MEM_seq);
    memcpy(s, lone, seq_bytes(lone));
    s->lone = 0;
    lists_replace(p, &p->seqs, lone, s);
    pool_free(&p->shard->pool, lone, seq_bytes(lone), MEM_seq);
    return s;
}

bool seqs_add(struct part *p, struct edge_at at, uint64_t id)
{
    struct seq *s = seqs_find(p, at);
    if (s == NULL) {
        s = seq_new(p, at);
    } else {
        if (p->image != NULL) image_before_list(p, s, true);
        if (s->lone && !is_near(s, id)) s = seq_widen(p, s);
    }
    return seq_insert(s, &p->shard->pool, id);
}

static void seq_end(struct part *p, struct seq *s)
{
    lists_remove(p, &p->seqs, s);
    free_blocks(s, &p->shard->pool);
    pool_free(&p->shard->pool, s, seq_bytes(s), MEM_seq);
}

bool seqs_remove(struct part *p, struct edge_at at, uint64_t id)
{
    struct seq *s = seqs_find(p, at);
    if (s == NULL) return false;
    if (p->image != NULL) image_before_list(p, s, true);
    bool was = seq_delete(s, &p->shard->pool, id);
    if (s->count == 0) seq_end(p, s);
    return was;
}

void seqs_drop(struct part *p, struct edge_at at)
{
    struct seq *s = seqs_find(p, at);
    if (s == NULL) return;
    if (p->image != NULL) image_before_list(p, s, true);
    seq_end(p, s);
}
