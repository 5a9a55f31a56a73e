// What reading a request costs in instructions: run under callgrind by tests/bench/test_budgets.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/fb_json_parse.h"
#include "core/fb_verify.h"
#include "kith_fb.h"
#include "tests/bench/cost.h"

enum { TIMES = 1000, BUFFER = 1 << 14 };

static const char body[] =
    "{\"caption\": \"Sunrise over the harbour, and nobody there but us two and the \\\"crew\\\". "
    "Coffee after. \\u2615 #sunrise #harbour @jane\", "
    "\"media_urls\": [\"https://cdn.example.org/2024/12/20/4711.jpg\"], "
    "\"hashtags\": [\"sunrise\", \"harbour\"], \"mentions\": [\"jane\"], "
    "\"location\": \"Lisbon\", \"user_id\": \"866843123456789\"}";

static uint64_t memory[BUFFER / 8];

int main(void)
{
    fb_builder b;
    fb_json_error err;
    size_t n = 0;
    cost_begin();
    for (unsigned i = 0; i < TIMES; i++) {
        fb_init(&b, memory, sizeof memory);
        n = fb_finish(&b, fb_json_parse(&b, body, sizeof body - 1, &kt_desc_PostCreate, &err));
    }
    cost_end("json_parse", TIMES);
    assert_in_range(n, 200, BUFFER);
    fb_limits strict = {.strict = true};
    fb_error bad = FB_OK;
    cost_begin();
    for (unsigned i = 0; i < TIMES && bad == FB_OK; i++)
        bad = fb_verify(fb_data(&b), n, &kt_desc_PostCreate, &strict);
    cost_end("verify", TIMES);
    assert_int_equal(bad, FB_OK);
    return 0;
}
