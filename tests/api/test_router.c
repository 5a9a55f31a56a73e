// Every route of ops.def leads to its operation, and nothing else does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/router.h"

static struct router *router;

static int setup(void **state)
{
    (void)state;
    router = router_new();
    return router != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    router_free(router);
    return 0;
}

static bool find(enum http_method m, const char *path, struct route_match *out)
{
    return router_find(router, m, (struct net_text){path, (uint32_t)strlen(path)}, out);
}

static const char *op_at(enum http_method m, const char *path)
{
    struct route_match match;
    if (!find(m, path, &match))
        return "no path";
    return match.row != NULL ? match.row->name : "no method";
}

static enum http_method method_of(const char *s)
{
    switch (s[1]) {
    case 'E':
        return s[0] == 'G' ? HTTP_GET : HTTP_DELETE;
    case 'O':
        return HTTP_POST;
    case 'U':
        return HTTP_PUT;
    default:
        return HTTP_PATCH;
    }
}

// The route with its parameters filled in with p0, p1 …
static unsigned fill(char *out, const char *s, const char *end)
{
    unsigned params = 0;
    while (s < end) {
        if (*s != '{') {
            *out++ = *s++;
            continue;
        }
        out += sprintf(out, "p%u", params++);
        s = strchr(s, '}') + 1;
    }
    *out = '\0';
    return params;
}

static void every_route_leads_home(void **state)
{
    (void)state;
    unsigned routes = 0;
    for (unsigned op = 0; op < OP_LIMIT; op++) {
        const struct op_row *row = op_row(op);
        const char *s = row != NULL ? row->http : NULL;
        while (s != NULL) {
            const char *bar = strstr(s, " | "), *path = strchr(s, ' ') + 1;
            char text[256];
            struct route_match m;
            unsigned params = fill(text, path, bar != NULL ? bar : s + strlen(s));
            assert_true(find(method_of(s), text, &m));
            assert_ptr_equal(m.row, row);
            assert_int_equal(m.params, params);
            for (unsigned i = 0; i < params; i++) {
                char want[8];
                snprintf(want, sizeof want, "p%u", i);
                assert_int_equal(m.param[i].value.n, 2);
                assert_memory_equal(m.param[i].value.s, want, 2);
                assert_null(strchr(m.param[i].name, '}'));
            }
            routes++;
            s = bar != NULL ? bar + 3 : NULL;
        }
    }
    assert_true(routes > 30);
}

static void text_goes_before_parameters(void **state)
{
    (void)state;
    assert_string_equal(op_at(HTTP_POST, "/api/user/follow/7"), "follow");
    assert_string_equal(op_at(HTTP_GET, "/api/user/7"), "user_get");
    assert_string_equal(op_at(HTTP_GET, "/api/user/follow"), "user_get");
    assert_string_equal(op_at(HTTP_GET, "/api/user/follow/followers"), "no method");
    assert_string_equal(op_at(HTTP_GET, "/api/posts"), "post_list");
    assert_string_equal(op_at(HTTP_HEAD, "/api/posts/7"), "post_get");
}

static void others_lead_nowhere(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "/", "/api", "/api/", "/api/posts/", "/api//posts",
                                        "/api/posts/7/like/8", "api/posts", "/API/posts",
                                        "/api/posts?x", "/api/user//followers"};
    struct route_match m;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_false(find(HTTP_GET, paths[i], &m));
}

static void methods_are_told(void **state)
{
    (void)state;
    struct route_match m;
    assert_true(find(HTTP_DELETE, "/api/feed", &m));
    assert_null(m.row);
    assert_string_equal(m.allow, "GET, HEAD, OPTIONS");
    assert_true(find(HTTP_OTHER, "/api/user/7", &m));
    assert_string_equal(m.allow, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
}

static void percent_encoding(void **state)
{
    (void)state;
    char s[32] = "a%20b%2Fc+d";
    size_t n = strlen(s);
    assert_true(router_decode(s, &n, false));
    assert_int_equal(n, 7);
    assert_memory_equal(s, "a b/c+d", 7);
    n = 3;
    assert_true(router_decode(s, &n, true));
    static const char *const bad[] = {"%", "%2", "%zz", "a%2", "%-1", "%%20"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        n = strlen(bad[i]);
        memcpy(s, bad[i], n);
        assert_false(router_decode(s, &n, true));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_leads_home),
        cmocka_unit_test(text_goes_before_parameters),
        cmocka_unit_test(others_lead_nowhere),
        cmocka_unit_test(methods_are_told),
        cmocka_unit_test(percent_encoding),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
