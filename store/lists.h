// The private lists of a partition, found by (owner, list): one table for its edge sets, one for
// its sequences, one for its streams, one for the names of each id. Only the owner's core looks. It
// is a table of store/objects.h, for the sake of its growth in small steps: 8 bytes a list at full
// load.
//
//   list: | owner 8 | list 1 | image 1 | shape 2 | count 4 | what it is …
#ifndef KITH_STORE_LISTS_H
#define KITH_STORE_LISTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/edges.h"
#include "store/store.h"

// First bytes of every list.
struct list_head {
    uint64_t owner;
    uint8_t list;          // enum list_kind
    uint8_t image;         // generation of the last snapshot that has it
    uint16_t shape;        // the list's own matter
    uint32_t count;        // of what it holds
};

void *lists_find(const struct listtable *t, const struct store *s, struct edge_at at);
// Where a search for it begins (ptable_spot).
struct ptable_spot lists_spot(const struct listtable *t, const struct store *s, struct edge_at at);
// The list must not be there yet.
void lists_insert(struct part *p, struct listtable *t, void *list);
// Puts `with`, of the same owner and list, in the place of `list`.
void lists_replace(struct part *p, struct listtable *t, const void *list, void *with);
void lists_remove(struct part *p, struct listtable *t, const void *list);
// As ptable_walk: fn's false ends it, and that list comes first the next time. True = the end.
bool lists_walk(const struct listtable *t, uint64_t *at, bool (*fn)(void *ctx, void *list),
                void *ctx);

#endif
