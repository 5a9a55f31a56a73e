// Sums of hashes.
#include "store/digest.h"

void digest_add(struct digest *d, struct hash128 h)
{
    uint64_t lo = d->lo + h.lo;
    d->hi += h.hi + (lo < d->lo);
    d->lo = lo;
}

void digest_sub(struct digest *d, struct hash128 h)
{
    uint64_t borrow = d->lo < h.lo;
    d->lo -= h.lo;
    d->hi -= h.hi + borrow;
}

struct hash128 digest_bytes(const struct store *s, uint64_t what, const void *bytes, size_t n)
{
    return hash128(bytes, n, s->hash_key[0] ^ what * UINT64_C(0x9e3779b97f4a7c15));
}

struct hash128 digest_edge(const struct store *s, struct edge_at at, uint64_t other,
                           uint64_t stamp)
{
    uint64_t key[4] = {at.owner, at.list, other, stamp};
    return hash128(key, sizeof key, s->hash_key[1]);
}
