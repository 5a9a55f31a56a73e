// Memory that must not be touched, for the address sanitizer to see; nothing without it.
#ifndef KITH_CORE_POISON_H
#define KITH_CORE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define KITH_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KITH_POISON 1
#endif
#endif
#ifdef KITH_POISON
#include <sanitizer/asan_interface.h>
#endif

static inline void poison(void *p, size_t n)
{
#ifdef KITH_POISON
    ASAN_POISON_MEMORY_REGION(p, n);
#endif
    (void)p, (void)n;
}

static inline void unpoison(void *p, size_t n)
{
#ifdef KITH_POISON
    ASAN_UNPOISON_MEMORY_REGION(p, n);
#endif
    (void)p, (void)n;
}

#endif
