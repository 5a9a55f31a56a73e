// Import sources (sources.h): few, so a list.
#include "store/sources.h"

#include <string.h>

#include "core/assert.h"
#include "store/image_hooks.h"
#include "store/image_parts.h"
#include "store/store.h"

struct sources_table {
    struct source *first;
};

enum { WORDS_MIN = 4 };

static struct source *find(const struct part *p, const struct source *which)
{
    struct source *s = sources_first(p);
    while (s != NULL && (s->hi != which->hi || s->lo != which->lo)) s = s->next;
    return s;
}

bool sources_done(const struct part *p, const struct source *which, uint32_t chunk)
{
    const struct source *s = find(p, which);
    return s != NULL && chunk / 64 < s->words && (s->bits[chunk / 64] >> chunk % 64 & 1);
}

static void grow(struct part *p, struct source *s, uint32_t words)
{
    struct pool *pool = &p->shard->pool;
    uint32_t n = s->words > 0 ? s->words : WORDS_MIN;
    while (n < words) n *= 2;
    uint64_t *bits = pool_alloc_zero(pool, n * sizeof *bits, MEM_keys);
    if (s->words > 0) memcpy(bits, s->bits, s->words * sizeof *bits);
    pool_free(pool, s->bits, s->words * sizeof *bits, MEM_keys);
    s->bits = bits;
    s->words = n;
}

void sources_mark(struct part *p, const struct source *which, uint32_t chunk)
{
    ASSERT(chunk < SOURCE_CHUNKS_MAX);
    struct pool *pool = &p->shard->pool;
    if (p->sources == NULL) p->sources = pool_alloc_zero(pool, sizeof *p->sources, MEM_keys);
    struct source *s = find(p, which);
    if (s == NULL) {
        s = pool_alloc_zero(pool, sizeof *s, MEM_keys);
        s->hi = which->hi;
        s->lo = which->lo;
        s->image = part_image_generation(p);
        s->next = p->sources->first;
        p->sources->first = s;
    } else if (p->image != NULL) {
        image_before_source(p, s);
    }
    if (chunk / 64 >= s->words) grow(p, s, chunk / 64 + 1);
    s->bits[chunk / 64] |= UINT64_C(1) << chunk % 64;
}

struct source *sources_first(const struct part *p)
{
    return p->sources != NULL ? p->sources->first : NULL;
}
