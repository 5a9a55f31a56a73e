// A bounded byte queue from one producer thread to one consumer thread, without locks. Messages are
// whole: the consumer sees all of one or nothing of it; order is kept; nothing is dropped.
//
//   | u32 length | u32 tag | bytes, padded to 8 | …   a length of RING_WRAP skips to the start
#ifndef KITH_CORE_RING_H
#define KITH_CORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ring {
    uint8_t *buf;          // 8-aligned, capacity bytes, owned by whoever made the ring
    uint32_t capacity;     // a power of two
    _Alignas(64) _Atomic uint64_t head; // bytes ever committed; written by the producer
    uint64_t head_local;   // reserved so far
    uint64_t tail_seen;    // the consumer's place as last read by the producer
    uint64_t looked, rested; // head when ring_rests was last asked, and when it last said so
    _Alignas(64) _Atomic uint64_t tail; // bytes ever consumed; written by the consumer
    uint64_t tail_local;
    uint64_t head_seen;
};

void ring_init(struct ring *r, void *buf, uint32_t capacity);
// Room for a message of n bytes, 8-aligned, or NULL when the queue is full. Not visible before
// commit; one reservation at a time. n <= capacity / 4.
void *ring_reserve(struct ring *r, uint32_t n, uint32_t tag);
void ring_commit(struct ring *r);
// Reserve, copy, commit. false when full.
bool ring_push(struct ring *r, const void *bytes, uint32_t n, uint32_t tag);
// The oldest message or NULL; stays valid until ring_pop.
const void *ring_peek(struct ring *r, uint32_t *n, uint32_t *tag);
void ring_pop(struct ring *r);
// For the producer, now and then: whether the queue is empty, nothing was put in since the last
// time, and `least` bytes since this last was true. What is in the buffer then is read by nobody.
bool ring_rests(struct ring *r, uint32_t least);
// Bytes waiting, as either side may ask.
uint32_t ring_used(const struct ring *r);

#endif
