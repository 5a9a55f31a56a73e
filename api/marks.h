// Entries without a client: marks and reports, through the server's own queue to the log.
#ifndef KITH_API_MARKS_H
#define KITH_API_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ring.h"
#include "store/store.h"

struct server;

// Logs a Mark of this operation; false when the queue is full. By the queue's one producer.
bool marks_log(const struct server *s, struct ring *queue, unsigned op, uint64_t number);
struct marks_report { uint64_t place; struct store_digest sum; };
bool marks_log_report(const struct server *s, struct ring *queue,
                      const struct marks_report *report);
// The number in a mark's entry.
uint64_t marks_number(const struct entry *e);

#endif
