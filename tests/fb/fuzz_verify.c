// fuzz_verify.c - any bytes as any of Kith's tables: what is verified can be read, printed, and
// what is printed can be read back into the same.
#include "kith_fb.h"
#include <stdlib.h>

#include "core/fb_json_parse.h"
#include "core/fb_json_print.h"
#include "core/fb_verify.h"

enum { TEXT_MAX = 1 << 20 };

static char text[TEXT_MAX], again[TEXT_MAX];
static uint64_t memory[TEXT_MAX / 8];

// Reads what `again` holds and prints it there anew; gives its length, 0 when it is refused.
static size_t reprint(const fb_type *type, size_t n, unsigned flags)
{
    fb_builder b;
    fb_json_error err;
    fb_init(&b, memory, sizeof memory);
    fb_ref ref = fb_json_parse(&b, again, n, type, &err);
    if (ref == 0) return 0;
    size_t bytes = fb_finish(&b, ref);
    fb_limits limits = {.strict = true, .bytes_factor = 100};
    if (bytes == 0 || fb_verify(fb_data(&b), bytes, type, &limits) != FB_OK) abort();
    return fb_json_print(again, sizeof again, fb_root(fb_data(&b)), type, flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// The first byte chooses the type, the second how strict; the rest is the payload.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2) return 0;
    const fb_type *type = kt_types[data[0] % kt_types_count];
    fb_limits limits = {.strict = data[1] & 1};
    const uint8_t *payload = data + 2;
    if (type->is_struct || fb_verify(payload, n - 2, type, &limits) != FB_OK) return 0;
    unsigned flags = data[1] & 2 ? FB_JSON_FULL : 0;
    size_t printed = fb_json_print(again, sizeof again, fb_root(payload), type, flags);
    if (printed == 0) return 0;
    if (!fb_json_valid(again, printed)) abort();
    // Empty raw JSON becomes null and null becomes absent; unknown enum values, absurd times and
    // required hidden fields do not read back. Past that, nothing changes any more.
    size_t once = reprint(type, printed, flags);
    if (once == 0) return 0;
    memcpy(text, again, once);
    size_t twice = reprint(type, once, flags);
    if (twice != once || memcmp(text, again, once) != 0) abort();
    return 0;
}
