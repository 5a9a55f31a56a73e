// The owed table and the shard's queue (owed.h). Few are owed at a time: what the log has under
// way.
#include "store/owed.h"

#include <string.h>

#include "core/assert.h"
#include "core/ops.h"
#include "kith_fb.h"
#include "store/store.h"

struct owed_item {
    struct owed_item *before, *after; // in the shard's queue
    bool queued;                      // not handed to the log yet
    struct entry e;                   // e.length bytes
};

struct owed_row {
    uint64_t place;
    uint32_t ordinal, zero;
    struct owed_item *item;
};

struct owed_waiter {
    struct owed_waiter *next;
    struct entry head;                // without tail and body
    struct outcome outcome;
    uint32_t left;
};

struct owed_table {
    struct owed_row *row;
    uint32_t capacity, first, last;   // rows in use: first <= i < last
    uint32_t live, undos;             // without holes; of these, undos
    struct owed_waiter *waiters;
};

enum { ROWS_MIN = 16 };

static size_t item_bytes(const struct entry *e)
{
    return sizeof(struct owed_item) - sizeof(struct entry) + e->length;
}

static struct owed_table *table_of(struct part *p)
{
    if (p->owed == NULL)
        p->owed = pool_alloc_zero(&p->shard->pool, sizeof *p->owed, MEM_other);
    return p->owed;
}

// Below 0 if the row stands before (place, ordinal).
static int row_compare(const struct owed_row *r, uint64_t place, uint32_t ordinal)
{
    if (r->place != place) return r->place < place ? -1 : 1;
    if (r->ordinal != ordinal) return r->ordinal < ordinal ? -1 : 1;
    return 0;
}

// First row that does not stand before it.
static uint32_t row_find(const struct owed_table *t, uint64_t place, uint32_t ordinal)
{
    uint32_t low = t->first, high = t->last;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (row_compare(&t->row[middle], place, ordinal) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Room for one row at the end: holes are squeezed out, then the table is doubled if it is half
// full.
static void make_room(struct owed_table *t, struct pool *pool)
{
    if (t->last < t->capacity) return;
    uint32_t capacity = t->live < t->capacity / 2 ? t->capacity : t->capacity * 2;
    if (capacity < ROWS_MIN) capacity = ROWS_MIN;
    struct owed_row *row = pool_alloc(pool, capacity * sizeof *row, MEM_other);
    uint32_t n = 0;
    for (uint32_t i = t->first; i < t->last; i++)
        if (t->row[i].item != NULL) row[n++] = t->row[i];
    pool_free(pool, t->row, t->capacity * sizeof *row, MEM_other);
    t->row = row;
    t->capacity = capacity;
    t->first = 0;
    t->last = n;
}

static void queue_add(struct owed_queue *q, struct owed_item *item)
{
    const struct entry_parent *mine = entry_parent(&item->e);
    struct owed_item *before = q->last;
    while (before != NULL) {
        const struct entry_parent *its = entry_parent(&before->e);
        if (its->place < mine->place) break;
        if (its->place == mine->place && its->ordinal <= mine->ordinal) break;
        before = before->before;
    }
    item->queued = true;
    item->before = before;
    item->after = before != NULL ? before->after : q->first;
    if (item->after != NULL) item->after->before = item;
    else q->last = item;
    if (before != NULL) before->after = item;
    else q->first = item;
}

static void queue_remove(struct owed_queue *q, struct owed_item *item)
{
    ASSERT(item->queued);
    if (item->before != NULL) item->before->after = item->after;
    else q->first = item->after;
    if (item->after != NULL) item->after->before = item->before;
    else q->last = item->before;
    item->queued = false;
}

void owed_add(struct part *p, const struct entry *e)
{
    const struct entry_parent *parent = entry_parent(e);
    ASSERT(parent != NULL);
    struct pool *pool = &p->shard->pool;
    struct owed_table *t = table_of(p);
    make_room(t, pool);
    uint32_t at = row_find(t, parent->place, parent->ordinal);
    ASSERT(at == t->last || row_compare(&t->row[at], parent->place, parent->ordinal) != 0);

    struct owed_item *item = pool_alloc(pool, item_bytes(e), MEM_other);
    memcpy(&item->e, e, e->length);
    memmove(&t->row[at + 1], &t->row[at], (t->last - at) * sizeof t->row[0]);
    t->row[at] = (struct owed_row){parent->place, parent->ordinal, 0, item};
    t->last++;
    t->live++;
    t->undos += e->op == OP_undo;
    queue_add(&p->shard->owed_queue, item);
    p->shard->owed++;
}

bool owed_clear(struct part *p, uint64_t place, uint32_t ordinal)
{
    struct owed_table *t = p->owed;
    if (t == NULL) return false;
    uint32_t at = row_find(t, place, ordinal);
    if (at == t->last || row_compare(&t->row[at], place, ordinal) != 0) return false;
    struct owed_item *item = t->row[at].item;
    if (item == NULL) return false;
    if (item->queued) queue_remove(&p->shard->owed_queue, item);
    t->undos -= item->e.op == OP_undo;
    t->live--;
    t->row[at].item = NULL;
    pool_free(&p->shard->pool, item, item_bytes(&item->e), MEM_other);
    while (t->first < t->last && t->row[t->first].item == NULL) t->first++;
    if (t->first == t->last) t->first = t->last = 0;
    return true;
}

bool owed_undo(const struct part *p, struct edge_at at, uint64_t other)
{
    const struct owed_table *t = p->owed;
    if (t == NULL || t->undos == 0) return false;
    for (uint32_t i = t->first; i < t->last; i++) {
        const struct owed_item *item = t->row[i].item;
        if (item == NULL || item->e.op != OP_undo) continue;
        const kt_Undo *u = kt_root_Undo(entry_body(&item->e));
        if (kt_Undo_owner(u) == at.owner && kt_Undo_kind(u) == at.list &&
            kt_Undo_other(u) == other)
            return true;
    }
    return false;
}

uint32_t owed_count(const struct part *p)
{
    return p->owed != NULL ? p->owed->live : 0;
}

uint32_t owed_rows(const struct part *p)
{
    return p->owed != NULL ? p->owed->last - p->owed->first : 0;
}

const struct entry *owed_row(const struct part *p, uint32_t i)
{
    ASSERT(i < owed_rows(p));
    const struct owed_item *item = p->owed->row[p->owed->first + i].item;
    return item != NULL ? &item->e : NULL;
}

const struct entry *shard_owed_next(struct shard *s)
{
    struct owed_item *item = s->owed_queue.first;
    if (item == NULL) return NULL;
    queue_remove(&s->owed_queue, item);
    return &item->e;
}

void owed_wait(struct part *p, const struct entry *e, const struct outcome *o, uint32_t n)
{
    ASSERT(n > 0);
    struct owed_table *t = table_of(p);
    struct owed_waiter *w = pool_alloc(&p->shard->pool, sizeof *w, MEM_other);
    w->head = *e;
    w->head.flags = 0;
    w->head.length = sizeof w->head;
    w->outcome = *o;
    w->left = n;
    w->next = t->waiters;
    t->waiters = w;
}

bool owed_waited(struct part *p, uint64_t place, struct entry *head, struct outcome *o)
{
    if (p->owed == NULL) return false;
    struct owed_waiter **at = &p->owed->waiters;
    while (*at != NULL && (*at)->head.place != place) at = &(*at)->next;
    struct owed_waiter *w = *at;
    if (w == NULL || --w->left > 0) return false;
    *head = w->head;
    *o = w->outcome;
    *at = w->next;
    pool_free(&p->shard->pool, w, sizeof *w, MEM_other);
    return true;
}
