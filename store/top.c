// The highest ids of many lists (top.h).
#include "store/top.h"

#include <string.h>

#include "core/assert.h"

void top_init(struct top *t, uint32_t max)
{
    t->n = 0;
    t->max = max;
}

bool top_add(struct top *t, uint64_t id)
{
    if (t->n == t->max && id < t->id[t->n - 1]) return false;
    uint32_t low = 0, high = t->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->id[middle] > id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < t->n && t->id[low] == id) return true;
    if (t->n < t->max) t->n++;
    memmove(t->id + low + 1, t->id + low, (t->n - low - 1) * sizeof t->id[0]);
    t->id[low] = id;
    return true;
}

void top_cut(struct top *t, uint64_t floor)
{
    while (t->n > 0 && t->id[t->n - 1] < floor) t->n--;
}

// ---- merging -----------------------------------------------------------------------------------

void merger_init(struct merger *m, void *room, uint32_t max)
{
    m->room = room;
    m->max = max;
    memset(m->n, 0, sizeof m->n);
}

static uint64_t *level_of(const struct merger *m, uint32_t level)
{
    return m->room + (size_t)level * m->max;
}

// The highest of both into `out`, which is neither.
static struct id_list merge(const struct merger *m, struct id_list a, struct id_list b,
                            uint64_t *out)
{
    const uint64_t *a_end = a.id + a.n, *b_end = b.id + b.n;
    uint64_t *to = out, *end = out + m->max;
    while (to < end && a.id < a_end && b.id < b_end) {
        uint64_t x = *a.id, y = *b.id;
        bool first = x > y;
        *to++ = first ? x : y;
        a.id += first;
        b.id += !first;
    }
    while (to < end && a.id < a_end) *to++ = *a.id++;
    while (to < end && b.id < b_end) *to++ = *b.id++;
    return (struct id_list){out, (uint32_t)(to - out)};
}

// Two places behind the levels take turns, so that a list is never merged onto itself.
static uint64_t *turn_of(const struct merger *m, uint32_t turn)
{
    return level_of(m, MERGE_LEVELS + (turn & 1));
}

void merger_add(struct merger *m, struct id_list list)
{
    if (list.n == 0) return;
    if (list.n > m->max) list.n = m->max;
    uint32_t level = 0;
    for (; m->n[level] > 0; level++) {
        list = merge(m, list, (struct id_list){level_of(m, level), m->n[level]},
                     turn_of(m, level));
        m->n[level] = 0;
        ASSERT(level + 1 < MERGE_LEVELS);
    }
    memcpy(level_of(m, level), list.id, list.n * sizeof *list.id);
    m->n[level] = list.n;
}

struct id_list merger_end(struct merger *m)
{
    struct id_list all = {m->room, 0};
    uint32_t turn = 0;
    for (uint32_t level = 0; level < MERGE_LEVELS; level++) {
        if (m->n[level] == 0) continue;
        struct id_list one = {level_of(m, level), m->n[level]};
        all = all.n == 0 ? one : merge(m, all, one, turn_of(m, turn++));
    }
    return all;
}
