// The state as a whole: made, found in, measured, freed.
#include "store/store.h"

#include <string.h>

#include "core/assert.h"
#include "core/id.h"
#include "store/hot.h"
#include "store/jobs.h"
#include "store/listed.h"
#include "store/popular.h"
#include "store/record.h"

enum { MAP_GRAIN = 64 << 10, TIDY_BLOCKS = 1024 };

// ---- memory ------------------------------------------------------------------------------------

// Every piece of memory that a pool maps begins with a page of ours, so that all can be given back.
struct mapping {
    struct mapping *next, *before;
    size_t bytes;
};

static void *shard_map(void *ctx, size_t bytes)
{
    struct shard *s = ctx;
    struct store *store = s->store;
    struct mapping *m = store->map(store->ctx, bytes + MAP_GRAIN);
    ASSERT(m != NULL);
    m->bytes = bytes + MAP_GRAIN;
    m->before = NULL;
    m->next = s->mappings;
    if (m->next != NULL) m->next->before = m;
    s->mappings = m;
    return (uint8_t *)m + MAP_GRAIN;
}

static void shard_unmap(void *ctx, void *p, size_t bytes)
{
    struct shard *s = ctx;
    struct mapping *m = (struct mapping *)(void *)((uint8_t *)p - MAP_GRAIN);
    ASSERT(m->bytes == bytes + MAP_GRAIN);
    if (m->next != NULL) m->next->before = m->before;
    if (m->before != NULL) m->before->next = m->next;
    else s->mappings = m->next;
    s->store->unmap(s->store->ctx, m, m->bytes);
}

// ---- made and freed ----------------------------------------------------------------------------

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static void shard_init(struct shard *s, struct store *store, unsigned core,
                       const struct store_options *opt)
{
    s->store = store;
    s->core = core;
    s->recount.part = core;
    s->timelines.limit = opt->timelines_max;
    pool_init(&s->pool, shard_map, shard_unmap, s);
    s->scratch = pool_alloc(&s->pool, SCRATCH_BYTES, MEM_other);
    s->push_readers =
        pool_alloc(&s->pool, store->cores * PUSH_MAX * sizeof *s->push_readers, MEM_other);
    s->popular = pool_alloc_zero(&s->pool, sizeof *s->popular, MEM_other);
    if (opt->unindexed) return;
    s->index = pool_alloc_zero(&s->pool, sizeof *s->index, MEM_other);
    s->listing = pool_alloc_zero(&s->pool, sizeof *s->listing, MEM_other);
    s->hot = pool_alloc_zero(&s->pool, sizeof *s->hot, MEM_other);
}

struct store *store_new(const struct store_options *opt)
{
    ASSERT(opt->cores >= 1 && opt->cores <= CORES_MAX);
    ASSERT(opt->partitions >= 1 && opt->partitions <= PARTITIONS_MAX);
    ASSERT((opt->partitions & (opt->partitions - 1)) == 0);
    size_t shards_at = round_up(sizeof(struct store), 64);
    size_t parts_at = round_up(shards_at + opt->cores * sizeof(struct shard), 64);
    size_t bytes = round_up(parts_at + opt->partitions * sizeof(struct part), MAP_GRAIN);
    uint8_t *block = opt->map(opt->ctx, bytes);
    ASSERT(block != NULL);

    struct store *s = (struct store *)(void *)block;
    s->cores = opt->cores;
    s->partitions = opt->partitions;
    memcpy(s->hash_key, opt->hash_key, sizeof s->hash_key);
    s->fanout_max = opt->fanout_max;
    s->shard = (struct shard *)(void *)(block + shards_at);
    s->part = (struct part *)(void *)(block + parts_at);
    s->map = opt->map;
    s->unmap = opt->unmap;
    s->ctx = opt->ctx;
    s->bytes = bytes;
    quiet_init(&s->quiet, s->cores);
    for (unsigned c = 0; c < s->cores; c++)
        shard_init(&s->shard[c], s, c, opt);
    for (unsigned i = 0; i < s->partitions; i++) {
        s->part[i].shard = &s->shard[i % s->cores];
        s->part[i].number = i;
    }
    return s;
}

void store_free(struct store *s)
{
    if (s == NULL) return;
    for (unsigned c = 0; c < s->cores; c++) {
        struct mapping *m = s->shard[c].mappings;
        while (m != NULL) {
            struct mapping *next = m->next;
            s->unmap(s->ctx, m, m->bytes);
            m = next;
        }
    }
    s->unmap(s->ctx, s, s->bytes);
}

// ---- found -------------------------------------------------------------------------------------

struct object *store_find(const struct store *s, uint64_t id)
{
    return record_find(store_part(s, id_slot(id)), id);
}

static bool living_as(const struct object *o, enum entity kind)
{
    return o != NULL && o->kind == kind && !(o->flags & OBJECT_HIDDEN);
}

const struct user *object_account(const struct object *o)
{
    return living_as(o, ENTITY_user) ? (const struct user *)o : NULL;
}

const struct user *object_user(const struct object *o)
{
    return living_as(o, ENTITY_user) && !(o->flags & OBJECT_INACTIVE) ? (const struct user *)o
                                                                      : NULL;
}

// One that is there and not gone.
static struct object *living(const struct store *s, uint64_t id, enum entity kind)
{
    struct object *o = id != 0 ? store_find(s, id) : NULL;
    return living_as(o, kind) ? o : NULL;
}

const struct user *store_account(const struct store *s, uint64_t id)
{
    return (const struct user *)living(s, id, ENTITY_user);
}

const struct post *store_kept_post(const struct store *s, uint64_t id)
{
    const struct post *p = (const struct post *)living(s, id, ENTITY_post);
    return p != NULL && store_account(s, p->author) != NULL ? p : NULL;
}

const struct comment *store_kept_comment(const struct store *s, uint64_t id)
{
    const struct comment *c = (const struct comment *)living(s, id, ENTITY_comment);
    return c != NULL && store_kept_post(s, comment_post(c)) != NULL ? c : NULL;
}

uint64_t store_author(const struct store *s, uint64_t id)
{
    const struct object *o = id != 0 ? store_find(s, id) : NULL;
    if (o == NULL || o->flags & OBJECT_GONE) return 0;
    if (o->kind == ENTITY_user) return o->id;
    if (o->kind == ENTITY_post) return ((const struct post *)o)->author;
    return o->kind == ENTITY_comment ? ((const struct comment *)o)->author : 0;
}

const struct user *store_user(const struct store *s, uint64_t id)
{
    return object_user(living(s, id, ENTITY_user));
}

const struct post *store_post(const struct store *s, uint64_t id)
{
    const struct post *p = (const struct post *)living(s, id, ENTITY_post);
    return p != NULL && store_user(s, p->author) != NULL ? p : NULL;
}

const struct comment *store_comment(const struct store *s, uint64_t id)
{
    const struct comment *c = (const struct comment *)living(s, id, ENTITY_comment);
    return c != NULL && store_post(s, comment_post(c)) != NULL ? c : NULL;
}

const struct session *store_session(const struct store *s, uint64_t id)
{
    const struct session *e = (const struct session *)living(s, id, ENTITY_session);
    return e != NULL && store_user(s, e->user) != NULL ? e : NULL;
}

void store_active(const struct store *s, uint64_t user, uint64_t now_ms)
{
    struct user *u = (struct user *)living(s, user, ENTITY_user);
    if (u == NULL) return;
    uint64_t last = atomic_load_explicit(&u->last_active_ms, memory_order_relaxed);
    if (now_ms >= last + ACTIVE_STEP_MS)
        atomic_store_explicit(&u->last_active_ms, now_ms, memory_order_relaxed);
}

// ---- measured ----------------------------------------------------------------------------------

static void sum(struct digest *to, struct digest one)
{
    to->lo += one.lo;
    to->hi += one.hi + (to->lo < one.lo);
}

void shard_digest(const struct shard *s, struct store_digest *into)
{
    const struct store *store = s->store;
    *into = (struct store_digest){0};
    for (unsigned i = s->core; i < store->partitions; i += store->cores) {
        sum(&into->objects, store->part[i].objects_digest);
        sum(&into->edges, store->part[i].edges_digest);
    }
}

void store_memory(const struct store *s, struct memory_report *out)
{
    *out = (struct memory_report){0};
    for (unsigned c = 0; c < s->cores; c++) {
        const struct pool *p = &s->shard[c].pool;
        for (unsigned k = 0; k < MEM_KINDS; k++) {
            out->used[k] += p->used[k];
            out->count[k] += p->count[k];
        }
        out->mapped += p->mapped;
    }
}

void shard_tidy(struct shard *s)
{
    quiet_reclaim(&s->store->quiet, &s->limbo, &s->pool, TIDY_BLOCKS);
    popular_tidy(s);
}
