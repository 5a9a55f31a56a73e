// Any bytes as a V2 histogram: refused whole, or read and written again without loss.
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/hist.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    enum { HIGHEST = 1000000 };
    static struct hist first, second;
    static uint8_t *out;
    static size_t max;
    if (out == NULL) {
        hist_init(&first, HIGHEST, malloc(hist_bytes(HIGHEST)));
        hist_init(&second, HIGHEST, malloc(hist_bytes(HIGHEST)));
        max = hist_encode_max(&first);
        out = malloc(max);
    }
    hist_reset(&first);
    hist_reset(&second);
    if (!hist_decode(&first, bytes, n)) {
        ASSERT(hist_count(&first) == 0);
        return 0;
    }
    size_t wrote = hist_encode(&first, out, max);
    ASSERT(wrote > 0);
    ASSERT(hist_decode(&second, out, wrote));
    ASSERT(hist_count(&second) == hist_count(&first));
    ASSERT(memcmp((void *)first.counts, (void *)second.counts, hist_bytes(HIGHEST)) == 0);
    return 0;
}
