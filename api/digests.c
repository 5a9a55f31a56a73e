// A mark's number tells it from those of earlier starts.
#include "api/digests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/marks.h"
#include "api/reactor.h"
#include "core/ops.h"

int digests_init(struct digests *d, const struct server *s)
{
    size_t bytes = s->cores * sizeof *d->slot;
    *d = (struct digests){.number = s->boot << 32};
    d->slot = aligned_alloc(64, bytes);
    if (d->slot == NULL)
        return ENOMEM;
    memset(d->slot, 0, bytes);
    return 0;
}

void digests_free(struct digests *d)
{
    free(d->slot);
    d->slot = NULL;
}

void digests_mark(struct reactor *r, const struct entry *e)
{
    struct digest_slot *slot = &r->server->digests.slot[r->core];
    slot->place = e->place;
    slot->sum = (struct store_digest){{0, 0}, {0, 0}};
    shard_digest(r->shard, &slot->sum);
    atomic_store_explicit(&slot->number, marks_number(e), memory_order_release);
}

bool digests_ask(struct digests *d, const struct server *s, struct ring *queue)
{
    if (d->pending || !marks_log(s, queue, OP_digest_mark, d->number + 1))
        return false;
    d->number++;
    d->pending = true;
    return true;
}

static void add(struct digest *to, const struct digest *from)
{
    uint64_t lo = to->lo + from->lo;
    to->hi += from->hi + (lo < from->lo);
    to->lo = lo;
}

bool digests_step(struct digests *d, const struct server *s, struct ring *queue)
{
    if (!d->pending)
        return false;
    struct marks_report report = {.place = 0};
    for (unsigned c = 0; c < s->cores; c++) {
        const struct digest_slot *slot = &d->slot[c];
        if (atomic_load_explicit(&slot->number, memory_order_acquire) != d->number)
            return false;
        report.place = slot->place;
        add(&report.sum.objects, &slot->sum.objects);
        add(&report.sum.edges, &slot->sum.edges);
    }
    if (!marks_log_report(s, queue, &report))
        return false;
    d->pending = false;
    d->place = report.place;
    d->sum = report.sum;
    return true;
}
