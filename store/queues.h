// Queues: everybody's documents of one kind, on each core those of its partitions, by what one of
// their fields says (graph.def, .queue): for who works on them whosever they are. Derived.
#ifndef KITH_STORE_QUEUES_H
#define KITH_STORE_QUEUES_H

#include <stdbool.h>

#include "store/doc.h"

struct part;
struct seq;
struct shard;

// The document is published, or comes with an image; it is about to be replaced, or to go.
void queues_add(struct part *p, const struct doc *d);
void queues_remove(struct part *p, const struct doc *d);
// The one of the core that the document stands in, NULL = none.
struct seq *queues_of(struct shard *s, const struct doc *d);

#endif
