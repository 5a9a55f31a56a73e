// Token buckets for any number of keys in memory that is fixed. A bucket is one moment: when it is
// full again. What is taken moves that moment on; a bucket that is full now is no different from
// one that is not there, so forgetting it loses nothing.
//
//   one cache line: | hash | full_ns | hash | full_ns | hash | full_ns | hash | full_ns |
//
// Every core takes from the same buckets, with a compare-and-swap and no lock, so a limit is exact
// over all connections. Where four keys of one line are all in debt and a fifth comes, the one that
// is full again soonest is forgotten: who owes most is kept, so an abuser is not forgiven in favour
// of the innocent. While a bucket is given to another key in the instant in which it is charged,
// one token may be charged to the wrong key, or to none; a new key is new to one core alone.
#ifndef KITH_API_BUCKETS_H
#define KITH_API_BUCKETS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bucket {
    _Atomic uint64_t hash;       // of its key, 0 = never used
    _Atomic uint64_t full_ns;    // full from then on
};

struct buckets {
    struct bucket *bucket;       // on a cache line; in `memory`
    void *memory;
    uint64_t lines;              // a power of two
    _Atomic uint64_t forgotten;  // debts given up for another key
};

enum { BUCKETS_IN_LINE = 4, BUCKETS_DEFAULT = 1 << 18 }; // 4 MiB, taken from the system as used

// n a power of two. false: no memory.
bool buckets_init(struct buckets *t, size_t n);
void buckets_free(struct buckets *t);

// What is asked of a bucket, and how large it is: burst * every_ns is until_full_ns.
struct bucket_ask {
    uint64_t hash;               // of key and limit, keyed: nobody can choose his neighbours
    uint64_t now_ns;
    uint64_t every_ns;           // a token comes back in this time
    uint64_t until_full_ns;      // an empty bucket is full after it
};
struct bucket_level {
    uint64_t debt_ns;            // until it is full
    uint64_t wait_ns;            // refused: until there is a token; 0 = not refused
};
// Takes a token, if there is one.
struct bucket_level buckets_take(struct buckets *t, const struct bucket_ask *ask);
// Only says what taking would.
struct bucket_level buckets_look(const struct buckets *t, const struct bucket_ask *ask);
// Takes a token, there or not: what was found out too late is paid back by waiting longer.
void buckets_owe(struct buckets *t, const struct bucket_ask *ask);
// Gives n tokens back that were taken for nothing.
void buckets_give(struct buckets *t, const struct bucket_ask *ask, uint32_t n);

#endif
