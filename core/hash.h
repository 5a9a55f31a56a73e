// The hashes of Kith: XXH3 for bytes, and a mixer for 64-bit keys. Results are the same on every
// machine, for they reach the disk (checksums, digests) and the replicas (name tables).
#ifndef KITH_CORE_HASH_H
#define KITH_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash128 {
    uint64_t lo, hi;
};

uint64_t hash64(const void *bytes, size_t n, uint64_t seed);
struct hash128 hash128(const void *bytes, size_t n, uint64_t seed);

// A bijection of x for each seed ("moremur"): two keys never share all 64 bits, and any bits of the
// result will do for a table, the low ones too, although ids carry their slot there.
static inline uint64_t hash_u64(uint64_t x, uint64_t seed)
{
    x ^= seed;
    x ^= x >> 27;
    x *= UINT64_C(0x3c79ac492ba7b653);
    x ^= x >> 33;
    x *= UINT64_C(0x1c69b3f74ac4ae35);
    x ^= x >> 27;
    return x;
}

#endif
