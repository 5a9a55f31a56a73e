#include "store/trim.h"

#include "core/assert.h"
#include "core/id.h"
#include "store/doc.h"
#include "store/record.h"
#include "store/seq.h"

bool trim_may(enum list_kind list)
{
    return list == LIST_audits || list == LIST_searches;
}

uint32_t trim_records(struct part *p, struct edge_at at, uint64_t before)
{
    uint64_t id;
    uint32_t n = 0;
    ASSERT(trim_may(at.list));
    while (n < TRIM_RECORDS && seq_above(seqs_find(p, at), 0, &id, 1) == 1 &&
           id_stamp(id) < before) {
        struct object *o = record_find(p, id);
        ASSERT(o != NULL);
        if (at.list == LIST_searches) {
            doc_take_down(p, (struct doc *)o);
        } else {
            seqs_remove(p, at, id);
            record_remove(p, o);
        }
        n++;
    }
    return n;
}
