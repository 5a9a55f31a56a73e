// Queues (queues.h): one kind of document has them.
#include "store/queues.h"

#include "core/fb_copy.h"
#include "store/store.h"

struct seq *queues_of(struct shard *s, const struct doc *d)
{
    const struct doc_row *row = doc_row(d->o.kind);
    if (row->queue == NULL || d->o.flags & OBJECT_GONE) return NULL;
    uint64_t number = fb_number_of(row->content, doc_content(d), row->queue);
    return &s->queue[number < DOC_QUEUES ? number : DOC_QUEUES - 1];
}

void queues_add(struct part *p, const struct doc *d)
{
    struct seq *queue = queues_of(p->shard, d);
    if (queue != NULL) seq_insert(queue, &p->shard->pool, d->o.id);
}

void queues_remove(struct part *p, const struct doc *d)
{
    struct seq *queue = queues_of(p->shard, d);
    if (queue != NULL) seq_delete(queue, &p->shard->pool, d->o.id);
}
