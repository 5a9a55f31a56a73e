// A store of bare shards and partitions for the tests of the primitives: no apply, no snapshots.
// What the primitives say to a snapshot is recorded.
#ifndef KITH_TESTS_STORE_SUPPORT_PRIM_H
#define KITH_TESTS_STORE_SUPPORT_PRIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

struct prim {
    struct store store;
    struct chunk *chunks;      // of memory that the pools took
    struct shard shard;
    struct part part;          // the only one
};

struct prim *prim_new(unsigned readers); // cores besides the owner, which is core 0
// Fails unless all memory came back but that of the tables, which never shrink (MEM_table,
// MEM_names).
void prim_free(struct prim *m);
// Frees what is retired: all cores are quiet, nobody reads.
void prim_drain(struct prim *m);

// What a snapshot under way hears. Set part.image to PRIM_IMAGE to have it under way. A test that
// listens compiles its primitive in, with these names in the place of the ones of image_hooks.h: so
// it does not matter what else the test is linked with.
void prim_before_list(struct part *p, void *list, bool is_seq);
void prim_before_names(struct part *p, uint64_t id);
uint8_t prim_generation(const struct part *p);
#define PRIM_IMAGE ((struct image *)(uintptr_t)64)
extern struct prim_heard {
    uint8_t generation;
    unsigned lists, seqs, names;
    void *list;                // of the last call
    uint64_t names_id;
    void (*on_list)(struct part *p, void *list);
} prim_heard;

// A generator of numbers for tests: the same ones on every run.
struct prim_random { uint64_t state; };
uint64_t prim_next(struct prim_random *r);
uint32_t prim_below(struct prim_random *r, uint32_t bound);

#endif
