// The log entry: a fixed head, then tails of the head (a key or a parent; who asked, where that is
// to be audited), then the body, a FlatBuffers table of the operation's entry type. The whole is a
// multiple of 8 bytes.
//
//   0      4    6  7  8       16      24      32      40                56
//   +------+----+--+--+-------+-------+-------+-------+-----------+-----------+-----------+------+
//   |length| op |n |fl| place | stamp | actor | ticket| slots[8]  | tail 0/24 | audit 0/32| body |
//   +------+----+--+--+-------+-------+-------+-------+-----------+-----------+-----------+------+
//
// slots[0] is the decider. place and stamp are zero until the writer gives them. Little-endian.
#ifndef KITH_CORE_ENTRY_H
#define KITH_CORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

enum entry_flag {
    ENTRY_ALL = 1,         // concerns every slot; slots[] is empty
    ENTRY_KEY = 2,         // tail is an idempotency key
    ENTRY_CONSEQUENCE = 4, // tail is the parent's place and ordinal
    ENTRY_AUDIT = 8,       // a further tail says who asked: the decider owes an audit_add
};

struct entry {
    uint32_t length;       // bytes with head, tail and body
    uint16_t op;           // enum op
    uint8_t slot_count;    // of slots[]
    uint8_t flags;         // enum entry_flag
    uint64_t place;        // position in the log, from 1, without gaps
    uint64_t stamp;        // strictly rising with the place (core/id.h)
    uint64_t actor;        // acting user, 0 = nobody (service, the server itself)
    uint64_t ticket;       // routes the outcome back; means nothing after the process has ended
    uint16_t slots[ENTRY_SLOTS_MAX]; // with ENTRY_ALL: slots[0] = rows - 1, each row takes a stamp
};

struct entry_key {
    uint64_t key_hi, key_lo; // XXH3-128 of (actor, key)
    uint64_t request;        // XXH3-64 of operation and body as sent
};

struct entry_parent {
    uint64_t place;        // of the entry that owes this one
    uint32_t ordinal;      // which of its consequences
    uint16_t decider;      // slot of the partition that owes
    uint16_t zero;
    uint64_t zero2;
};

// For the audit log: what the entry's other parts do not say.
enum audit_by { AUDIT_BY_NOBODY, AUDIT_BY_USER, AUDIT_BY_SERVICE };
struct entry_audit {
    uint64_t address_hi, address_lo; // IPv6 of the peer, big-endian as text has it; 0 = none
    uint64_t user;         // whom the act concerns, 0 = nobody known
    uint16_t act;          // enum op, as it was asked for
    uint8_t by;            // enum audit_by
    uint8_t zero;
    uint32_t value;        // what it was set to, as the operation has it
};

_Static_assert(sizeof(struct entry) == 56, "the head is a disk format");
_Static_assert(sizeof(struct entry_key) == 24, "the tail is a disk format");
_Static_assert(sizeof(struct entry_parent) == 24, "the tail is a disk format");
_Static_assert(sizeof(struct entry_audit) == 32, "the tail is a disk format");

static inline uint32_t entry_head_size(const struct entry *e)
{
    uint32_t tail = e->flags & (ENTRY_KEY | ENTRY_CONSEQUENCE) ? 24 : 0;
    uint32_t audit = e->flags & ENTRY_AUDIT ? 32 : 0;
    return (uint32_t)sizeof *e + tail + audit;
}
static inline const struct entry_key *entry_key(const struct entry *e)
{
    return e->flags & ENTRY_KEY ? (const struct entry_key *)(e + 1) : 0;
}
static inline const struct entry_parent *entry_parent(const struct entry *e)
{
    return e->flags & ENTRY_CONSEQUENCE ? (const struct entry_parent *)(e + 1) : 0;
}
static inline const struct entry_audit *entry_audit(const struct entry *e)
{
    if (!(e->flags & ENTRY_AUDIT)) return 0;
    uint32_t at = entry_head_size(e) - (uint32_t)sizeof(struct entry_audit);
    return (const struct entry_audit *)((const uint8_t *)e + at);
}
static inline const void *entry_body(const struct entry *e)
{
    return (const uint8_t *)e + entry_head_size(e);
}
static inline uint32_t entry_body_size(const struct entry *e)
{
    return e->length - entry_head_size(e);
}
// Stamps that the entry takes: stamp, stamp + 1, … The next entry's stamp lies above them all.
static inline uint32_t entry_stamps(const struct entry *e)
{
    return e->flags & ENTRY_ALL ? e->slots[0] + 1u : 1u;
}
// Whether the `n` bytes at `e` begin with an entry whose head is possible. The body is not looked
// at.
static inline bool entry_is_sound(const struct entry *e, uint64_t n)
{
    if (n < sizeof *e || e->length > n || e->length > ENTRY_MAX || e->length % 8 != 0)
        return false;
    if (e->length < entry_head_size(e) || e->slot_count > ENTRY_SLOTS_MAX)
        return false;
    if ((e->flags & ENTRY_KEY) && (e->flags & ENTRY_CONSEQUENCE))
        return false;
    for (unsigned i = 0; i < e->slot_count; i++)
        if (e->slots[i] >= SLOTS)
            return false;
    return (e->flags & ENTRY_ALL) ? e->slot_count == 0 : e->slot_count > 0;
}

// What applying an entry came to, as its decider says. Fixed size: it crosses cores by value and is
// what an idempotency key keeps.
struct outcome {
    uint16_t error;        // enum kith_error; ok = done
    uint16_t changed;      // 1 if the state moved, 0 if it was so already
    uint32_t count;        // the counter that the reply shows (likes, followers, rows applied)
    uint32_t count2;       // rows repeated
    uint32_t count3;       // rows refused
    uint64_t id;           // object made or changed
    uint64_t place;        // of the entry, for the reply
};
_Static_assert(sizeof(struct outcome) == 32, "kept in snapshots");

#endif
