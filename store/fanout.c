// Fan-out (fanout.h).
//
//   pulled_set: id[capacity], open addressing, 0 = free
#include "store/fanout.h"

#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "core/id.h"
#include "core/probe.h"
#include "store/edges.h"
#include "store/store.h"

struct pulled_set {
    uint64_t *id;
    uint32_t capacity, count;
};

enum { PULLED_MIN = 64 };

// ---- the set -----------------------------------------------------------------------------------

static uint32_t place_of(const struct pulled_set *t, uint64_t author)
{
    uint32_t mask = t->capacity - 1, i = (uint32_t)hash_u64(author, 0) & mask;
    while (t->id[i] != 0 && t->id[i] != author) i = (i + 1) & mask;
    return i;
}

static void grow(struct shard *s)
{
    struct pulled_set old = *s->pulled, *t = s->pulled;
    t->capacity = old.capacity == 0 ? PULLED_MIN : old.capacity * 2;
    t->id = pool_alloc_zero(&s->pool, t->capacity * sizeof *t->id, MEM_timeline);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.id[i] != 0) t->id[place_of(t, old.id[i])] = old.id[i];
    pool_free(&s->pool, old.id, old.capacity * sizeof *old.id, MEM_timeline);
}

bool pulled_has(const struct shard *s, uint64_t author)
{
    const struct pulled_set *t = s->pulled;
    return t != NULL && t->count > 0 && t->id[place_of(t, author)] == author;
}

void shard_pulled(struct shard *s, uint64_t author)
{
    ASSERT(author != 0);
    if (pulled_has(s, author)) return;
    if (s->pulled == NULL) s->pulled = pool_alloc_zero(&s->pool, sizeof *s->pulled, MEM_timeline);
    struct pulled_set *t = s->pulled;
    if ((t->count + 1) * 2 > t->capacity) grow(s);
    t->id[place_of(t, author)] = author;
    t->count++;
}

uint32_t pulled_count(const struct shard *s)
{
    return s->pulled != NULL ? s->pulled->count : 0;
}

uint32_t pulled_slots(const struct shard *s)
{
    return s->pulled != NULL ? s->pulled->capacity : 0;
}

uint64_t pulled_at(const struct shard *s, uint32_t i)
{
    ASSERT(i < s->pulled->capacity);
    return s->pulled->id[i];
}

// ---- pushing -----------------------------------------------------------------------------------

void shard_push(struct shard *s, struct push push)
{
    timeline_push(s, push.post, push.readers);
}

struct pushes {
    struct shard *s;
    uint64_t post;
    uint32_t n[CORES_MAX];
};

static void send(struct pushes *w, unsigned core)
{
    struct shard *s = w->s;
    if (w->n[core] == 0) return;
    struct push push = {w->post, {s->push_readers + core * PUSH_MAX, w->n[core]}};
    if (core == s->core)
        shard_push(s, push);
    else if (s->hooks.push != NULL)
        s->hooks.push(s->hooks.ctx, core, push);
    w->n[core] = 0;
}

// Who has muted the author follows on, but gets nothing.
struct audience {
    const struct part *part;
    const struct list_head *muters;
    struct id_list followers;
};

static void push_all(struct shard *s, uint64_t post, struct audience to)
{
    const struct store *store = s->store;
    struct pushes w = {.s = s, .post = post};
    for (uint32_t i = 0; i < to.followers.n; i++) {
        uint64_t reader = to.followers.id[i];
        if (reader == 0) continue;
        if (to.muters != NULL && edges_in(to.part, to.muters, reader) != 0) continue;
        unsigned core = store_core(store, id_slot(reader));
        s->pushes++;
        s->push_readers[core * PUSH_MAX + w.n[core]++] = reader;
        if (w.n[core] == PUSH_MAX) send(&w, core);
    }
    for (unsigned core = 0; core < store->cores; core++) send(&w, core);
    PROBE(post_pushed, post, to.followers.n);
}

// The post is published. Nobody has read a feed yet, and who reads from now on finds it: an import
// into a new server pushes nothing.
static bool nobody_reads(const struct store *s)
{
    if (atomic_load_explicit(&s->feeds_read, memory_order_relaxed)) return false;
    atomic_thread_fence(memory_order_seq_cst);
    return !atomic_load_explicit(&s->feeds_read, memory_order_relaxed);
}

void fanout(struct part *p, uint64_t author, uint64_t post)
{
    struct shard *s = p->shard;
    bool alone = s->store->cores == 1;
    // Nobody reads yet who could miss it: timelines are made after the state is there.
    if (!alone && s->hooks.push == NULL) return;
    struct edge_at followers = {author, LIST_followers};
    if (edges_count(p, followers) <= s->store->fanout_max) {
        if (alone ? s->timelines.count == 0 : nobody_reads(s->store)) return;
        struct edge_list all = edges_all(p, followers);
        struct audience to = {p, edges_set(p, (struct edge_at){author, LIST_muters}),
                              {all.other, all.n}};
        push_all(s, post, to);
        return;
    }
    if (pulled_has(s, author)) return;
    shard_pulled(s, author);
    if (s->hooks.pulled != NULL) s->hooks.pulled(s->hooks.ctx, author);
}
