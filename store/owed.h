// Consequences that a partition owes: whole entries, by the place and ordinal of what they follow
// from, kept from the parent's apply until they are read back from the log. In images. And the
// entries of the shard that are not handed to the log yet.
//
//   owed_table: | first … last | → row[capacity]: | place | ordinal | item |
//   ascending; item 0 = hole
#ifndef KITH_STORE_OWED_H
#define KITH_STORE_OWED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/entry.h"
#include "store/edges.h"

struct part;
struct shard;

// Copies e, a whole entry with ENTRY_CONSEQUENCE; it stands at the end of the shard's queue, or
// where its parent's place wants it (after loading an image).
void owed_add(struct part *p, const struct entry *e);
// false: nothing of that name is owed (any more).
bool owed_clear(struct part *p, uint64_t place, uint32_t ordinal);
// Whether an undo of `other` in this list is owed: until it is read back, nothing may be added to
// this edge, or the undo would take that for what it has to take back.
bool owed_undo(const struct part *p, struct edge_at at, uint64_t other);
uint32_t owed_count(const struct part *p);
// The i-th of owed_count, in order, NULL where it is a hole: i runs to owed_rows.
uint32_t owed_rows(const struct part *p);
const struct entry *owed_row(const struct part *p, uint32_t i);

// The answer to e waits until n consequences of it are read back here. Not durable: who waited is
// gone after a restart.
void owed_wait(struct part *p, const struct entry *e, const struct outcome *o, uint32_t n);
// One of the consequences of `place` was read back: true when it was the last, and who waits.
bool owed_waited(struct part *p, uint64_t place, struct entry *head, struct outcome *o);

#endif
