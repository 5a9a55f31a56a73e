// fuzz_json.c - any text as any of Kith's tables: never a buffer that the verifier refuses, and
// never one that changes when it is printed and read again.
#include "kith_fb.h"
#include <stdlib.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"

enum { TEXT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// The first byte chooses the type, the second how small the memory is; the rest is the text.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint64_t memory[TEXT_MAX / 8], other[TEXT_MAX / 8];
    static char text[TEXT_MAX];
    if (n < 2) return 0;
    const fb_type *type = kt_types[data[0] % kt_types_count];
    if (type->is_struct) return 0;
    fb_builder b;
    fb_json_error err;
    size_t cap = data[1] < 128 ? sizeof memory : (size_t)data[1] - 128;
    fb_init(&b, memory, cap);
    fb_ref ref = fb_json_parse(&b, (const char *)data + 2, n - 2, type, &err);
    if (ref == 0 && err.code == FB_JSON_OK) abort();
    if (ref == 0) return 0;
    if (!fb_json_valid((const char *)data + 2, n - 2)) abort();
    size_t bytes = fb_finish(&b, ref);
    if (bytes == 0) return 0;
    fb_limits limits = {.strict = true, .bytes_factor = 100};
    if (fb_verify(fb_data(&b), bytes, type, &limits) != FB_OK) abort();
    size_t printed = fb_json_print(text, sizeof text, fb_root(fb_data(&b)), type, 0);
    if (printed == 0) return 0;
    fb_init(&b, other, sizeof other);
    ref = fb_json_parse(&b, text, printed, type, &err);
    if (ref == 0) abort();
    size_t again = fb_finish(&b, ref);
    static char twice[TEXT_MAX];
    if (fb_json_print(twice, sizeof twice, fb_root(fb_data(&b)), type, 0) != printed) abort();
    if (memcmp(text, twice, printed) != 0 || again == 0) abort();
    return 0;
}
