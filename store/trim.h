// What is kept for a time and lies in sequences of records: the audit log and searches made. That
// its time is over is known to who has a clock (api/retention.h); an entry says up to where.
#ifndef KITH_STORE_TRIM_H
#define KITH_STORE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

#include "store/edges.h"

struct part;

enum { TRIM_RECORDS = 1024 };  // that one entry takes out at most

bool trim_may(enum list_kind list);
// Erases the records of the list with stamps below `before`, oldest first; how many.
uint32_t trim_records(struct part *p, struct edge_at at, uint64_t before);

#endif
