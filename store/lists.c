// Tables of private lists.
#include "store/lists.h"

#include "core/assert.h"

static uint64_t hash_at(const struct store *s, struct edge_at at)
{
    return hash_u64(at.owner + (uint64_t)at.list * UINT64_C(0x9e3779b97f4a7c15), s->hash_key[0]);
}

static struct edge_at where(const void *list)
{
    const struct list_head *h = list;
    return (struct edge_at){.owner = h->owner, .list = (enum list_kind)h->list};
}

static bool is_at(const void *list, const void *key)
{
    const struct list_head *h = list;
    const struct edge_at *at = key;
    return h->owner == at->owner && h->list == at->list;
}

static uint64_t rehash(void *ctx, const void *list) { return hash_at(ctx, where(list)); }

void *lists_find(const struct listtable *t, const struct store *s, struct edge_at at)
{
    return ptable_find(&t->table, hash_at(s, at), is_at, &at);
}

struct ptable_spot lists_spot(const struct listtable *t, const struct store *s, struct edge_at at)
{
    return ptable_spot(&t->table, hash_at(s, at));
}

void lists_insert(struct part *p, struct listtable *t, void *list)
{
    struct store *s = p->shard->store;
    ASSERT(lists_find(t, s, where(list)) == NULL);
    struct ptable_env env = {p->shard, MEM_table, rehash, s};
    ptable_insert(&t->table, &env, hash_at(s, where(list)), list);
}

void lists_replace(struct part *p, struct listtable *t, const void *list, void *with)
{
    struct edge_at at = where(with);
    ptable_replace(&t->table, hash_at(p->shard->store, at), list, with);
}

void lists_remove(struct part *p, struct listtable *t, const void *list)
{
    ptable_replace(&t->table, hash_at(p->shard->store, where(list)), list, NULL);
}

bool lists_walk(const struct listtable *t, uint64_t *at, bool (*fn)(void *ctx, void *list),
                void *ctx)
{
    return ptable_walk(&t->table, at, fn, ctx);
}
