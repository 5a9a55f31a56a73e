// The audit log: one record for each security-relevant act, in the slot of whom it concerns (of the
// accounts where nobody is known), appended and never changed. A slot keeps the newest
// AUDITS_PER_SLOT; older ones go in time (store/trim.h). They outlive their user, whose deletion is
// one of them.
//
//   entry with ENTRY_AUDIT ─► decided ─► owes audit_add ─► record, in the sequence of its slot
#ifndef KITH_STORE_AUDIT_H
#define KITH_STORE_AUDIT_H

#include <stdint.h>

#include "core/limits.h"
#include "store/apply.h"
#include "store/page.h"

// The sequence of a slot is found under an id that no object has audits under.
static inline uint64_t audit_ring(unsigned slot) { return UINT64_C(1) << SLOT_BITS | slot; }

// The entry was judged by the partition that is asked: it owes the record.
void audit_owe(struct apply *a);
extern const struct verb verb_audit_add;

// Acts that concern the user (0 = nobody known), newest first, ids below `before`. Owner's core.
struct audits_read { uint64_t user, before; };
void read_audits(const struct shard *s, struct audits_read what, struct page *page);

#endif
