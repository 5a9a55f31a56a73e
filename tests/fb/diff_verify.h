// diff_verify.h - the verifier that flatc generates for C++, as a function for diff.c.
#ifndef KITH_TESTS_FB_DIFF_VERIFY_H
#define KITH_TESTS_FB_DIFF_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Whether C++ accepts n bytes as tort::All, or as kith::PostCreate. buf is aligned to 8.
bool cxx_accepts_all(const uint8_t *buf, size_t n);
bool cxx_accepts_post(const uint8_t *buf, size_t n);

#ifdef __cplusplus
}
#endif

#endif
