// A clock that tests can put forward.
#ifndef KITH_TESTS_NET_SUPPORT_CLOCK_H
#define KITH_TESTS_NET_SUPPORT_CLOCK_H

void test_clock_skip(unsigned ms);

#endif
