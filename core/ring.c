// The bounded queue of ring.h: one producer, one consumer, two counters that only grow. A message
// never wraps round the end of the buffer: the rest is skipped, and counts as used until then.
#include "core/ring.h"

#include <string.h>

#include "core/assert.h"

struct message {
    uint32_t length; // bytes that follow, before padding, or RING_WRAP
    uint32_t tag;
};
#define RING_WRAP UINT32_MAX

static uint32_t message_size(uint32_t n)
{
    return (uint32_t)sizeof(struct message) + ((n + 7) & ~UINT32_C(7));
}

static struct message *message_at(const struct ring *r, uint64_t place)
{
    return (struct message *)(void *)(r->buf + (place & (r->capacity - 1)));
}

void ring_init(struct ring *r, void *buf, uint32_t capacity)
{
    ASSERT(((uintptr_t)buf & 7) == 0);
    ASSERT(capacity >= 64);
    ASSERT((capacity & (capacity - 1)) == 0);
    r->buf = buf;
    r->capacity = capacity;
    atomic_init(&r->head, 0);
    r->head_local = 0;
    r->tail_seen = 0;
    r->looked = r->rested = 0;
    atomic_init(&r->tail, 0);
    r->tail_local = 0;
    r->head_seen = 0;
}

void *ring_reserve(struct ring *r, uint32_t n, uint32_t tag)
{
    ASSERT(n <= r->capacity / 4);
    uint64_t head = r->head_local;
    ASSERT(head == atomic_load_explicit(&r->head, memory_order_relaxed));
    uint32_t rest = r->capacity - (uint32_t)(head & (r->capacity - 1));
    uint32_t size = message_size(n);
    uint32_t need = rest < size ? rest + size : size;
    if (head + need - r->tail_seen > r->capacity) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head + need - r->tail_seen > r->capacity) return NULL;
    }
    if (rest < size) {
        message_at(r, head)->length = RING_WRAP;
        head += rest;
    }
    struct message *m = message_at(r, head);
    m->length = n;
    m->tag = tag;
    r->head_local = head + size;
    return m + 1;
}

void ring_commit(struct ring *r)
{
    ASSERT(r->head_local != atomic_load_explicit(&r->head, memory_order_relaxed));
    atomic_store_explicit(&r->head, r->head_local, memory_order_release);
}

bool ring_push(struct ring *r, const void *bytes, uint32_t n, uint32_t tag)
{
    void *to = ring_reserve(r, n, tag);
    if (to == NULL) return false;
    if (n > 0) memcpy(to, bytes, n);
    ring_commit(r);
    return true;
}

const void *ring_peek(struct ring *r, uint32_t *n, uint32_t *tag)
{
    if (r->tail_local == r->head_seen) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (r->tail_local == r->head_seen) return NULL;
    }
    const struct message *m = message_at(r, r->tail_local);
    if (m->length == RING_WRAP) {
        // Committed together with the message behind it, so that one is there.
        r->tail_local += r->capacity - (r->tail_local & (r->capacity - 1));
        m = message_at(r, r->tail_local);
    }
    *n = m->length;
    *tag = m->tag;
    return m + 1;
}

void ring_pop(struct ring *r)
{
    ASSERT(r->tail_local != r->head_seen);
    const struct message *m = message_at(r, r->tail_local);
    ASSERT(m->length != RING_WRAP); // peeked before
    r->tail_local += message_size(m->length);
    atomic_store_explicit(&r->tail, r->tail_local, memory_order_release);
}

bool ring_rests(struct ring *r, uint32_t least)
{
    uint64_t looked = r->looked;
    r->looked = r->head_local;
    if (r->head_local != looked || r->head_local - r->rested < least) return false;
    r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
    if (r->tail_seen != r->head_local) return false;
    r->rested = r->head_local;
    return true;
}

uint32_t ring_used(const struct ring *r)
{
    // The tail first: head can only have grown past it since.
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint64_t used = atomic_load_explicit(&r->head, memory_order_acquire) - tail;
    return used < r->capacity ? (uint32_t)used : r->capacity;
}
