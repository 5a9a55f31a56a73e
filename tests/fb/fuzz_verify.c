// fuzz_verify.c - any bytes as any of Kith's tables: what is verified can be read, printed, and
// what is printed can be read back into the same.
#include <stdlib.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"
#include "kith_fb.h"

enum { TEXT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// The first byte chooses the type, the second how strict; the rest is the payload.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char text[TEXT_MAX], again[TEXT_MAX];
    static uint64_t memory[TEXT_MAX / 8];
    if (n < 2) return 0;
    const fb_type *type = kt_types[data[0] % kt_types_count];
    fb_limits limits = {.strict = data[1] & 1};
    const uint8_t *payload = data + 2;
    if (type->is_struct || fb_verify(payload, n - 2, type, &limits) != FB_OK) return 0;
    unsigned flags = data[1] & 2 ? FB_JSON_FULL : 0;
    const void *root = fb_root(payload);
    size_t printed = fb_json_print(text, sizeof text, root, type, flags);
    if (printed == 0) return 0;
    if (!fb_json_valid(text, printed) && limits.strict) abort();
    fb_builder b;
    fb_json_error err;
    fb_init(&b, memory, sizeof memory);
    fb_ref ref = fb_json_parse(&b, text, printed, type, &err);
    // Hidden required fields, times past the year 9999 and unknown enum values do not read back.
    if (ref == 0) return 0;
    size_t bytes = fb_finish(&b, ref);
    limits.bytes_factor = 100;
    if (bytes == 0 || fb_verify(fb_data(&b), bytes, type, &limits) != FB_OK) abort();
    size_t twice = fb_json_print(again, sizeof again, fb_root(fb_data(&b)), type, flags);
    if (twice != printed || memcmp(text, again, printed) != 0) abort();
    return 0;
}
