// Sorting ids in linear time: for what is derived in bulk when a snapshot is loaded.
#ifndef KITH_STORE_IDSORT_H
#define KITH_STORE_IDSORT_H

#include <stddef.h>
#include <stdint.h>

// Ascending. `spare` has room for n ids, too; what it holds afterwards means nothing.
void idsort(uint64_t *id, uint64_t *spare, size_t n);

#endif
