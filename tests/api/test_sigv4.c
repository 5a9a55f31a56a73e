// Signed addresses: the example that AWS publishes, and what each part of a request does to them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/sigv4.h"

static const struct sigv4_key key = {
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"};

static struct sigv4_request example(void)
{
    return (struct sigv4_request){
        .method = "GET",
        .origin = "https://examplebucket.s3.amazonaws.com",
        .host = "examplebucket.s3.amazonaws.com",
        .path = "/test.txt",
        .at_s = 1369353600, // 2013-05-24
        .ttl_s = 86400,
    };
}

// "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", of the S3 API
// reference.
static void the_published_example(void **state)
{
    (void)state;
    struct sigv4_day day = {0};
    struct sigv4_request what = example();
    char url[SIGV4_URL_MAX];
    size_t n = sigv4_presign(&key, &day, &what, url);
    assert_string_equal(
        url, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
             "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
             "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
             "&X-Amz-Signature="
             "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    assert_int_equal(n, strlen(url));
}

static void signature_of(char out[65], struct sigv4_day *day, const struct sigv4_request *what)
{
    char url[SIGV4_URL_MAX];
    sigv4_presign(&key, day, what, url);
    const char *at = strstr(url, "X-Amz-Signature=");
    assert_non_null(at);
    memcpy(out, at + strlen("X-Amz-Signature="), 64);
    out[64] = '\0';
}

static void everything_is_covered(void **state)
{
    (void)state;
    struct sigv4_request all[8];
    char seen[8][65];
    for (unsigned i = 0; i < 8; i++) all[i] = example();
    all[1].method = "PUT";
    all[2].host = "another.s3.amazonaws.com";
    all[3].path = "/test.txs";
    all[4].extra = "x-viewer=17";
    all[5].at_s += 1;
    all[6].ttl_s += 1;
    all[7].sized = true;
    all[7].size = 5;
    for (unsigned i = 0; i < 8; i++) {
        struct sigv4_day day = {0};
        signature_of(seen[i], &day, &all[i]);
        for (unsigned j = 0; j < i; j++) assert_string_not_equal(seen[i], seen[j]);
    }
}

static void a_size_and_more_stand_in_the_address(void **state)
{
    (void)state;
    struct sigv4_day day = {0};
    struct sigv4_request what = example();
    char url[SIGV4_URL_MAX], other[65], one[65];
    what.sized = true;
    what.size = UINT64_C(5) << 30;
    what.extra = "x-viewer=17";
    sigv4_presign(&key, &day, &what, url);
    assert_non_null(strstr(url, "&X-Amz-SignedHeaders=content-length%3Bhost&X-Amz-Signature="));
    assert_string_equal(url + strlen(url) - strlen("&x-viewer=17"), "&x-viewer=17");
    signature_of(one, &day, &what);
    what.size++;
    signature_of(other, &day, &what);
    assert_string_not_equal(one, other);
}

// The kept key is that of the day that is asked for, in any order.
static void each_day_has_its_key(void **state)
{
    (void)state;
    struct sigv4_day kept = {0};
    static const int order[] = {0, 1, 0, 2, 2, 1, 365};
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct sigv4_day fresh = {0};
        struct sigv4_request what = example();
        char a[65], b[65];
        what.at_s += (uint64_t)order[i] * 86400 + 86399;
        signature_of(a, &kept, &what);
        signature_of(b, &fresh, &what);
        assert_string_equal(a, b);
        assert_string_equal(kept.date, fresh.date);
    }
    assert_string_equal(kept.date, "20140524");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example),
        cmocka_unit_test(everything_is_covered),
        cmocka_unit_test(a_size_and_more_stand_in_the_address),
        cmocka_unit_test(each_day_has_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
