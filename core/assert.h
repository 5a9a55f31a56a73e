// Assertions that stay in release builds: a programmer's error stops the process where it is seen,
// before it reaches the log.
#ifndef KITH_CORE_ASSERT_H
#define KITH_CORE_ASSERT_H

// Says on standard error what did not hold, and aborts.
_Noreturn void assert_failed(const char *cond, const char *file, int line);

// One condition each, so that the message names the one that failed. An expression without a value.
#define ASSERT(cond)                                                                               \
    (__builtin_expect(!!(cond), 1) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))

#endif
