// Addresses as they are written, and which of them count as one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/address.h"

static uint64_t key(const char *s)
{
    return address_read((struct net_text){s, (uint32_t)strlen(s)});
}

static void forms(void **state)
{
    (void)state;
    assert_int_equal(key("192.0.2.7"), UINT64_C(0xffffc0000207));
    assert_int_equal(key("192.0.2.7:8080"), key("192.0.2.7"));
    assert_int_equal(key("::ffff:192.0.2.7"), key("192.0.2.7"));
    assert_int_equal(key("2001:db8:1:2:3:4:5:6"), UINT64_C(0x20010db800010002));
    assert_int_equal(key("[2001:db8:1:2::9]:443"), UINT64_C(0x20010db800010002));
    assert_int_equal(key("[2001:db8:1:2::9]"), UINT64_C(0x20010db800010002));
    assert_int_equal(key("unix"), ADDRESS_UNIX);
    static const char *const wrong[] = {"", "unknown", "1.2.3", "1.2.3.256", "[::1", "[]", ":80",
        "2001:db8::g", "1.2.3.4 ", "a very long text that stands where an address should stand"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(key(wrong[i]), ADDRESS_NONE);
}

static void one_customer_is_one_key(void **state)
{
    (void)state;
    assert_int_equal(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
    assert_int_not_equal(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_int_not_equal(key("192.0.2.7"), key("192.0.2.8"));
}

static void this_machine(void **state)
{
    (void)state;
    static const char *const local[] = {"127.0.0.1", "127.255.0.9", "::1", "[::1]:5484", "unix"};
    static const char *const far[] = {"126.255.255.255", "128.0.0.1", "::2", "fe80::1", "10.0.0.1"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        assert_true(address_is_local(key(local[i])));
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        assert_false(address_is_local(key(far[i])));
    assert_false(address_is_local(ADDRESS_NONE));
}

static void the_last_of_a_list(void **state)
{
    (void)state;
    static const char *const lists[][2] = {
        {"192.0.2.7", "192.0.2.7"}, {"6.6.6.6, 192.0.2.7", "192.0.2.7"}, {"6.6.6.6,::1", "::1"},
        {"6.6.6.6,", ""}, {"", ""}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct net_text last = address_last((struct net_text){lists[i][0],
                                                              (uint32_t)strlen(lists[i][0])});
        assert_int_equal(last.n, strlen(lists[i][1]));
        assert_memory_equal(last.s, lists[i][1], last.n);
    }
    uint8_t ip[16];
    assert_false(address_parse(address_last((struct net_text){NULL, 0}), ip));
    assert_false(address_parse((struct net_text){"unix", 4}, ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(one_customer_is_one_key),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(the_last_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
