// Records whose words the index has not yet, or has as they were (index.h): a batch of them costs a
// fraction of what each would alone, and only searches look.
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "store/idsort.h"
#include "store/index_parts.h"
#include "store/store.h"

enum { SLOTS_MASK = 2 * LATER_MAX - 1 };
_Static_assert((LATER_MAX & (LATER_MAX - 1)) == 0, "a mask");

// Where the id is, or would be: half of the slots are free at least.
static uint32_t slot_of(const struct index_later *l, uint64_t id)
{
    uint32_t i = (uint32_t)hash_u64(id, 0) & SLOTS_MASK;
    while (l->slot[i] != 0 && l->slot[i] != id) i = (i + 1) & SLOTS_MASK;
    return i;
}

bool later_has(const struct shard *s, uint64_t id)
{
    const struct index_later *l = &s->index->later;
    return l->n > 0 && l->slot[slot_of(l, id)] == id;
}

const struct index_was *later_was(const struct shard *s, uint64_t id)
{
    const struct index_later *l = &s->index->later;
    return &l->was[slot_of(l, id)];
}

void later_add(struct shard *s, uint64_t id, struct index_place was)
{
    struct index_later *l = &s->index->later;
    uint32_t i = slot_of(l, id);
    ASSERT(l->slot[i] == 0);
    l->slot[i] = id;
    l->id[l->n++] = id;
    if (was.term.n > 0) {
        char *copy = pool_alloc(&s->pool, was.term.n, MEM_index);
        memcpy(copy, was.term.s, was.term.n);
        l->was[i] = (struct index_was){copy, was.term.n, (uint8_t)was.kind, (uint8_t)was.language};
    }
    if (l->n == LATER_MAX) index_settle(s);
}

void index_settle(struct shard *s)
{
    struct index_later *l = s->index != NULL ? &s->index->later : NULL;
    if (l == NULL || l->n == 0) return;
    uint64_t spare[LATER_MAX];
    idsort(l->id, spare, l->n);
    index_build_words(s, (struct id_list){l->id, l->n});
    for (uint32_t i = 0; i <= SLOTS_MASK; i++) {
        struct index_was *was = &l->was[i];
        if (was->n > 0) pool_free(&s->pool, was->s, was->n, MEM_index);
        was->n = 0;
    }
    memset(l->slot, 0, sizeof l->slot);
    l->n = 0;
}
