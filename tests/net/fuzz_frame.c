// Any bytes on a connection that may speak either protocol: whole, byte by byte and cut in two they
// come to the same. A fuzz target is linked with the libraries alone, so its support is taken in
// here.
#include <string.h>

#include "tests/net/support_fake.c"
#include "tests/net/support_http.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void same(const struct http_outcome *want, struct http_outcome got)
{
    ASSERT(strcmp(want->text, got.text) == 0);
    ASSERT(want->out_n == got.out_n);
    ASSERT(memcmp(want->out, got.out, got.out_n) == 0);
    free(got.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct http_bench *b;
    if (!b) b = http_bench_open(false);
    const char *in = (const char *)bytes;
    struct http_outcome whole = http_bench_run(b, in, n, (struct http_cut){ HTTP_WHOLE, 0 });
    same(&whole, http_bench_run(b, in, n, (struct http_cut){ HTTP_BYTES, 0 }));
    size_t sum = n;
    for (size_t i = 0; i < n; i++) sum = sum * 31 + bytes[i];
    struct http_cut cut = { HTTP_SPLIT, n ? sum % n : 0 };
    same(&whole, http_bench_run(b, in, n, cut));
    free(whole.out);
    return 0;
}
