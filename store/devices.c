// Devices by their tokens (devices.h).
#include "store/devices.h"

#include <string.h>

#include "core/hash.h"
#include "core/id.h"
#include "kith_fb.h"
#include "store/doc.h"
#include "store/record.h"
#include "store/seq.h"
#include "store/store.h"

static fb_str token_of(const void *record)
{
    return kt_Device_token(doc_content(record));
}

static uint64_t hash_of(const struct store *s, fb_str token)
{
    return hash64(token.s, token.n, s->hash_key[0]);
}

static uint64_t rehash(void *ctx, const void *record)
{
    return hash_of(ctx, token_of(record));
}

void devices_moved(struct part *p, const struct object *old, const struct object *fresh)
{
    const struct object *one = fresh != NULL ? fresh : old;
    if (one->kind != (unsigned)ENTITY_device) return;
    struct shard *s = p->shard;
    struct ptable_env env = {s, MEM_table, rehash, s->store};
    if (old != NULL)
        ptable_replace(&s->devices, rehash(s->store, old), old, NULL);
    if (fresh != NULL)
        ptable_insert(&s->devices, &env, rehash(s->store, fresh), (void *)(uintptr_t)fresh);
}

struct wanted { const struct doc *but; fb_str token; struct device_room room; uint32_t *n; };

// Takes each that it is shown; true: there is room for no more.
static bool take_wanted(const void *record, const void *key)
{
    const struct doc *d = record;
    const struct wanted *w = key;
    fb_str has = token_of(d);
    bool wanted = has.n == w->token.n && memcmp(has.s, w->token.s, has.n) == 0;
    if (wanted && d->o.id != w->but->o.id) w->room.out[(*w->n)++] = d;
    return *w->n == w->room.max;
}

uint32_t devices_of_token(const struct store *s, const struct doc *one, struct device_room room)
{
    uint32_t n = 0;
    const struct wanted w = {one, token_of(one), room, &n};
    for (unsigned c = 0; c < s->cores && n < room.max; c++)
        ptable_find(&s->shard[c].devices, hash_of(s, w.token), take_wanted, &w);
    return n;
}

uint32_t devices_of(const struct shard *s, uint64_t user, uint64_t stamp, struct device_room room)
{
    const struct part *p = store_part(s->store, id_slot(user));
    const struct seq *all = seqs_find(p, (struct edge_at){user, LIST_devices});
    uint64_t id = 0;
    uint32_t n = 0;
    while (n < room.max && seq_below(all, id, &id, 1) == 1)
        if (id_stamp(id) < stamp) room.out[n++] = object_doc(record_find(p, id));
    return n;
}

bool devices_walk(const struct shard *s, uint64_t *at, bool (*fn)(void *ctx, void *record),
                  void *ctx)
{
    return ptable_walk(&s->devices, at, fn, ctx);
}
